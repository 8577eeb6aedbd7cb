#!/usr/bin/env bash
# machine_code.sh LIBRARY [FOLDER]: whether the machine code of the GPU's kernels is what kernels/README.md promises, by
# cuobjdump, of the toolkit or of FOLDER (NVIDIA's Python wheels): no kernel spills registers, those that go through
# memory in packs do so by loads and stores of 16 bytes, and few rows of a product ask for their weight ahead.
# Exit code 77 where there is no cuobjdump.
set -euo pipefail
library=$1
PATH=$PATH:/usr/local/cuda/bin:${2:-.}
if ! command -v cuobjdump >/dev/null || ! command -v nvdisasm >/dev/null; then
  echo "skipped: needs cuobjdump and nvdisasm (Python: nvidia-cuda-cuobjdump, nvidia-cuda-nvdisasm)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=false
complain() { echo "FAILED: $*" >&2; failed=true; }
# Names as in the source, without what is the same in all, and without arguments.
short() { c++filt | sed -E 's/modr::kernels::\(anonymous namespace\):://g; s/modr:://g; s/\(.*//; s/void //'; }

# A stack is what does not fit into registers. cos() of a double has a table of its own there, for large angles.
cuobjdump -res-usage "$library" 2>/dev/null |
  sed -nE '/Function/ { N; s/ *Function ([^:]*):\n *REG:([0-9]+) STACK:([0-9]+) .*LOCAL:([0-9]+) .*/\2 \3 \4 \1/p }' |
  short >"$work/usage"
with_cosine='^(draw_rows|draw_missing|write_accepted|count_accepted)(<|$)'
while read -r registers stack spilled kernel; do
  if [[ $kernel =~ $with_cosine ]]; then most=40; else most=0; fi
  ((stack <= most && spilled == 0)) || complain "$kernel: $registers registers, a stack of $stack bytes, $spilled spilled"
done <"$work/usage"
kernels=$(wc -l <"$work/usage")
((kernels > 200)) || complain "cuobjdump knows of $kernels kernels"

# Instructions of each kernel: NAME 16-BYTE-ACCESSES AHEAD WAITS
cuobjdump -sass -arch sm_90a "$library" 2>/dev/null | awk '
  /Function :/ { name = $3; wide[name] = ahead[name] = waits[name] = 0 }
  / (LD|ST)G?\.[A-Z0-9.]*128/ { wide[name]++ }
  /CCTL\.E\.PF2/ { ahead[name]++ }
  /ACQBULK/ { waits[name]++ }
  END { for (name in wide) print wide[name], ahead[name], waits[name], name }' | short >"$work/instructions"

# The first number of such a kernel is how many values are a pack; of narrow types a pack of another fills the 16 bytes.
packed=0
while read -r wide _ _ kernel; do
  [[ $kernel =~ ^[a-z_]+\<(2|4|8|16), && $kernel != rotate_*"false"* && $kernel != multiply\<* ]] || continue
  packed=$((packed + 1))
  ((wide > 0)) || complain "$kernel has packs, but no access of 16 bytes"
done <"$work/instructions"
((packed > 50)) || complain "there are $packed kernels with packs"

few=0
while read -r wide ahead waits kernel; do
  [[ $kernel =~ ^multiply\<[1-4], ]] || continue
  few=$((few + 1))
  ((wide >= 4 && ahead > 0 && waits == 1)) ||
    complain "$kernel: $wide accesses of 16 bytes, $ahead fetches ahead, $waits waits for the kernel before"
done <"$work/instructions"
((few == 8)) || complain "there are $few kernels for few rows, not 8"

! $failed || exit 1
echo "passed: $kernels kernels, none spills, at most $(sort -n "$work/usage" | tail -n 1 | cut -d ' ' -f 1) registers;" \
  "$packed with packs have accesses of 16 bytes"
