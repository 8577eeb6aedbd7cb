#!/usr/bin/env bash
# What launch/demo and launch/test build, and what they say where there is no dpkg: with a cmake that only notes how it
# is called, and a PATH of its own.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mkdir tools
for tool in bash env dirname mkdir cat grep; do ln -s "$(command -v $tool)" tools/; done
cat > tools/cmake <<FAKE
#!/usr/bin/env bash
echo "\$*" >> $work/calls.txt
[[ \$1 != --build ]]
FAKE
printf '#!/usr/bin/env bash\necho installed\n' > tools/dpkg-query
chmod +x tools/cmake tools/dpkg-query
# calls SCRIPT: ends when it comes to build; how it asked for that is in calls.txt.
calls() {
  rm -f calls.txt
  if CI='' MODR_BUILD=$work/build PATH=$work/tools "$repository/launch/$1" > out.txt 2>&1; then die "$1 went on"; fi
  [[ -e calls.txt ]] || die "$1 does not come to build: $(< out.txt)"
}
calls demo
expect grep -qx -- "--build $work/build --target modr" calls.txt
calls test
expect grep -qx -- "--build $work/build" calls.txt

rm tools/dpkg-query
for script in demo test; do
  PATH=$work/tools "$repository/launch/$script" > out.txt 2> said.txt && die "$script: went on without dpkg-query"
  expect test "$(wc -l < said.txt)" = 1
  expect grep -q "^$script: expected a Debian or Ubuntu system (dpkg-query)" said.txt
done

# Scripts that the README names are called as it names them.
mapfile -t scripts < <(grep -o 'tests/[a-z_/]*\.sh' "$repository/README.md" | sort -u)
((${#scripts[@]} > 0)) || die "the README names no script"
for script in "${scripts[@]}"; do expect test -x "$repository/$script"; done
echo "passed"
