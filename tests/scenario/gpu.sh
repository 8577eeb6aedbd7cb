#!/usr/bin/env bash
# A job on a GPU beside the same on the CPU: equal losses, up to the order of sums; a run of the one goes on on the
# other; an evaluation gives the same answers. (ctest runs it on the emulated GPU.)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
small_data

# train RUN DEVICE OPTIONS...
train() { on_ranks 1 train --config "$1.yaml" --set "train.device=$2" "${@:3}" > "$1.out" 2> "$1.log" || { cat "$1.log"; die "train $*"; }; }
# close A B PARTS: losses that differ by one part of so many at most.
close() {
  paste <(losses "runs/$1") <(losses "runs/$2") |
    awk -v parts="$3" '{d = ($1 - $2) * parts / $2; if (NF != 2 || d > 1 || d < -1) bad = 1} END {exit bad || NR != 6}' ||
    { paste <(losses "runs/$1") <(losses "runs/$2"); die "losses of $1 and $2"; }
}

for mode in pretrain modr; do
  for dtype in f32 bf16; do
    run=$mode-$dtype parts=100000
    if [[ $dtype == bf16 ]]; then parts=50; fi
    for device in cpu cuda; do
      small_run $run-$device $mode $([[ $mode == modr ]] && echo 4 || echo 0) "steps: 6" "checkpoint_every: 3" \
        "dtype: $dtype"
      train $run-$device $device
    done
    expect grep -q "GiB predicted for a GPU's tensors" $run-cuda.log
    close $run-cpu $run-cuda $parts
    # The second half again, each on the other's device.
    for device in cpu cuda; do
      other=$([[ $device == cpu ]] && echo cuda || echo cpu)
      cp -r runs/$run-$device runs/$run-$device-before
      train $run-$device $other --resume runs/$run-$device/checkpoints/step_00000003.h5
      close $run-$device $run-$device-before $parts
    done
  done
done

for device in cpu cuda; do
  on_ranks 1 eval --device $device --data data --tasks gain,chain --num-steps 1,3 --limit 6 --max-new-tokens 8 \
    --batch 2 --checkpoint base=runs/pretrain-f32-cpu,modr=runs/modr-f32-cpu --output eval-$device \
    > $device.txt 2> eval.log || { cat eval.log; die "eval on $device"; }
  "$modr" generate --device $device --checkpoint runs/modr-f32-cpu --prompt "Tom has 3 apples." --num-steps 2 \
    --max-new-tokens 12 > generated-$device.txt 2> generate.log || { cat generate.log; die "generate on $device"; }
done
answers() { sed 's/"log_likelihoods":\[[^]]*\]//; s/"seconds":[^,}]*//' "$1/samples.jsonl"; }
expect cmp <(answers eval-cpu) <(answers eval-cuda)
expect cmp generated-cpu.txt generated-cuda.txt

# A device that is not there is one clear line.
if "$modr" generate --device cuda:7 --checkpoint runs/modr-f32-cpu --prompt x 2> none.txt; then die "cuda:7 was there"; fi
expect test "$(wc -l < none.txt)" = 1
expect grep -q "^modr generate: cuda:7: this process sees [0-9]* GPU" none.txt
code=0
"$modr" generate --device gpu --checkpoint runs/modr-f32-cpu --prompt x 2> none.txt || code=$?
expect test $code = 2
echo "passed"
