# What the scenario scripts share; sourced with the program's folder and the repository as arguments (by hand also
# without: the release build of the repository that the script is in).
# shellcheck shell=bash
set -euo pipefail
repository=$(realpath "${2:-$(dirname "${BASH_SOURCE[0]}")/../..}")
modr=$(realpath "${1:-$repository/build/release/bin}")/modr
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

die() { echo "FAILED: $*" >&2; exit 1; }
expect() { "$@" || die "$*"; }
# silently COMMAND...: what it says is shown only when it fails.
silently() { "$@" > said.txt 2>&1 || die "$*: $(< said.txt)"; }

# What is not every MPI's stands only here and in tests/CMakeLists.txt. One that does not know the flags says so now.
# Open MPI refuses to run as root unless it is told to (launch/common.sh).
if ((EUID == 0)); then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
mpirun=(mpirun --oversubscribe --bind-to none --mca btl ^tcp)  # (as tests/CMakeLists.txt)
silently "${mpirun[@]}" -n 1 true
on_ranks() { timeout 600 "${mpirun[@]}" -n "$1" "$modr" "${@:2}"; }

# rank_of JOB NUMBER: the process of a rank, a child of mpirun; nothing when it is not there.
rank_of() {
  local child children=()
  read -ra children < "/proc/$1/task/$1/children" || true  # the list has no end of line
  for child in "${children[@]}"; do
    if tr '\0' '\n' < "/proc/$child/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2"; then echo "$child"; return; fi
  done 2> /dev/null
}

# A small run over generated problems: small_run NAME MODE BRANCHES [LINES OF THE SECTION train].
small_run() {
  local backbone=
  if [[ $2 != pretrain && "${*:4}" != *init_from* ]]; then backbone='  init_from: scratch'; fi
  cat > "$1.yaml" <<YAML
name: $1
seed: 3
model:
  n_embd: 32
  n_heads: 2
  intermediate_size: 48
  vocab_size: 450
  block_size: 96
  mean_recurrence: 3
  mean_backprop_depth: 2
  branches: {n_branches: $3, lora_rank: 4, lora_alpha: 8}
data: {train: [data/pretrain.jsonl], tokenizer: $repository/data/demo/tokenizer.json, max_seq_len: 64}
optim: {lr: 3.0e-3, warmup_steps: 2}
train:
  mode: $2
  global_batch: 8
  microbatch: 4
$backbone
$(printf '  %s\n' "${@:4}")
YAML
}

# The losses of a run, one a line, to the last digit. That there are none is an error: two empty lists are equal.
losses() {
  local found
  found=$(sed -n 's/.*"loss":\([^,]*\),.*/\1/p' "$1/metrics.jsonl")
  [[ -n $found ]] || die "$1 recorded no losses"
  echo "$found"
}
has_steps() { [[ -e runs/$1/metrics.jsonl && $(wc -l < "runs/$1/metrics.jsonl") -ge $2 ]]; }
# under_way RUN COUNT JOB: waits until the run has recorded so many steps; fails when the job is over before. (That it
# comes to an end at all is up to ctest's time limit: how long a busy machine takes is nobody's business.)
under_way() {
  until has_steps "$1" "$2" || ! kill -0 "$3" 2> /dev/null; do sleep 0.02; done
  has_steps "$1" "$2"
}

small_data() { "$modr" make-data --output data --pretrain 400 --finetune 400 --test 10 > data.txt; }
