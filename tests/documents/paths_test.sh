#!/usr/bin/env bash
# That paths.sh finds what is missing, and takes what is not.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/paths.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src/base launch
touch src/base/a.hpp src/base/b.cpp launch/demo
refused() {  # TEXT WHAT IT SAYS
  echo "$1" > page.md
  if bash "$check" . page.md 2> said.txt > /dev/null; then echo "FAILED: taken: $1"; exit 1; fi
  [[ -z ${2:-} ]] || grep -qF "$2" said.txt || { cat said.txt; echo "FAILED: not said: $2"; exit 1; }
}
taken() {
  echo "$1" > page.md
  bash "$check" . page.md > /dev/null || { echo "FAILED: refused: $1"; exit 1; }
}
taken 'See `src/base/a.hpp`, `base/b.cpp`, `launch/demo`, `src/base/{a.hpp,b.cpp}`, `src/base/*.cpp` and `other/x.cpp`.'
refused $'# Title\nSee `launch/demo` and `src/base/c.hpp`.' 'page.md:2: src/base/c.hpp: no such file'
refused 'See `base/c.hpp`.' 'base/c.hpp'
refused 'See `src/base/{a,c}.hpp`.' 'src/base/{a,c}.hpp'
refused 'See `src/base/*.cu`.' 'src/base/*.cu'
refused 'See `launch/demo` and [this](launch/none).' 'launch/none'
refused 'Nothing that is named.'
echo "passed"
