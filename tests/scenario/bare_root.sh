#!/usr/bin/env bash
# Whether launch/demo and launch/test do everything on a system that has nothing yet: makes a bare root of SUITE
# (bookworm, trixie, noble) with a user who may sudo, clones this repository into it (what is committed), runs both
# there as that user, and prints how long they took and the tests' counts. By hand, as root, with debootstrap:
#   tests/scenario/bare_root.sh SUITE [--quick] [--keep] [--only demo|test] [--ccache DIR] [--keyring FILE]
# --quick: launch/demo --quick. --keep: leave the root where it is, without mounts. --ccache: what an earlier build in
# such a root left (compiled in /home/modr/modr with -Werror, as here), to be read only; the times say nothing then.
# --keyring: of who signs SUITE, where debootstrap has none (noble on Debian 12: Debian 13's package ubuntu-keyring).
# Mirrors and what else is set about fetching are the host's apt's. The root is made in TMPDIR (default: /var/tmp) and
# takes 4 GB; logs stay beside it. All processes and mounts are in namespaces that end with this script, however it ends.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() { echo "bare_root.sh: $*" >&2; exit 1; }
say() { echo "== $*"; }

# The mirror of DISTRIBUTION (Debian, Ubuntu) that the host's apt uses, or else the distribution's own.
mirror_of() {
  local found
  found=$(apt-get indextargets --format '$(REPO_URI)' "Origin: $1" "Label: $1" 2> /dev/null | head -n 1) || true
  if [[ -z $found && $1 == Debian ]]; then found=http://deb.debian.org/debian; fi
  echo "${found:-http://archive.ubuntu.com/ubuntu}"
}

# as_user COMMAND...: in the root, in the clone, as the user, with the environment of a login; warnings are errors.
as_user() { chroot "$root" su --login modr --command "${environment[*]} && cd modr && $*"; }

# timed NAME COMMAND...: what it says goes to NAME.log; a line about it to the terminal.
timed() {
  local log=$root.$1.log start=$SECONDS code=0
  say "$1: ${*:2} (log: $log)"
  as_user "${@:2}" > "$log" 2>&1 || code=$?
  grep -E '^== (build|main job|tests): done|tests passed|tests failed|^Total Test time' "$log" || true
  if ((code != 0)); then tail -n 40 "$log"; fi
  say "$1: exit code $code after $((SECONDS - start)) s"
  return "$code"
}

# show FOLDER PLACE: the folder, only to be read, at a place in the root.
show() {
  mkdir -p "$root$2"
  mount --bind "$(realpath "$1")" "$root$2"
  mount -o remount,ro,bind "$root$2"
}

# Everything that needs mounts; in namespaces of its own.
inside() {
  local code=0
  say "root: $suite from $mirror in $root"
  debootstrap --variant=minbase ${keyring:+--keyring="$keyring"} "$suite" "$root" "$mirror" \
    "${rules[@]}" > "$root.debootstrap.log" 2>&1 || { tail -n 5 "$root.debootstrap.log"; die "debootstrap failed"; }
  if [[ $distribution == Ubuntu ]]; then echo "deb $mirror $suite main universe" > "$root/etc/apt/sources.list"; fi
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  apt-config dump | grep -E '^Acquire::(http|https|ftp|Retries|Check-)' > "$root/etc/apt/apt.conf.d/90host" || true
  echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/unsafe"  # nobody's disk has to survive a crash of this one
  chroot "$root" apt-get update -qq
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends sudo \
    ${ccache:+ccache} > "$root.sudo.log" 2>&1 || { tail -n 5 "$root.sudo.log"; die "sudo cannot be installed"; }
  chroot "$root" useradd --create-home --shell /bin/bash modr
  echo 'modr ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/modr"
  git -c safe.directory='*' clone -q --no-hardlinks "$repository" "$root/home/modr/modr"
  chroot "$root" chown -R modr: /home/modr
  if [[ -d $repository/../shared ]]; then show "$repository/../shared" /home/modr/shared; fi
  if [[ -n $ccache ]]; then
    show "$ccache" /ccache
    environment+=(CCACHE_DIR=/ccache CCACHE_READONLY=1 CCACHE_NOSTATS=1 CCACHE_TEMPDIR=/tmp/ccache CCACHE_NOHASHDIR=1)
    environment+=(CCACHE_BASEDIR=/ CCACHE_SLOPPINESS=time_macros CMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  if [[ $only != test ]]; then timed demo launch/demo "${demo[@]}" || code=$?; fi
  if [[ $only != demo ]]; then timed test launch/test || code=$?; fi
  return "$code"
}

suite=${1:-} demo=() keep=false only='' keyring='' ccache='' environment=(export CI=1)
shift || true
while (($# > 0)); do
  case $1 in
    --quick) demo=(--quick); shift ;;
    --keep) keep=true; shift ;;
    --only) only=${2:?--only: expected demo or test}; shift 2 ;;
    --ccache) ccache=$(realpath "${2:?--ccache: expected a folder}"); shift 2 ;;
    --keyring) keyring=${2:?--keyring: expected a file}; shift 2 ;;
    *) die "unknown option '$1': expected --quick, --keep, --only, --ccache or --keyring" ;;
  esac
done
rules=()
case $suite in
  bookworm | trixie) distribution=Debian ;;
  noble)
    distribution=Ubuntu
    rules=(/usr/share/debootstrap/scripts/gutsy)  # all of Ubuntu's; older debootstraps do not know this suite's name
    keyring=${keyring:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}
    [[ -f $keyring ]] || die "expected Ubuntu's keyring in $keyring (package ubuntu-keyring), or --keyring FILE"
    ;;
  *) die "expected a suite, bookworm, trixie or noble, found '$suite'" ;;
esac
[[ $only =~ ^(demo|test|)$ ]] || die "--only: expected demo or test, found '$only'"
((EUID == 0)) || die "expected to be run as root"
command -v debootstrap > /dev/null || die "expected debootstrap (Debian: apt install debootstrap)"
mirror=$(mirror_of "$distribution")

if [[ -n ${BARE_ROOT:-} ]]; then  # the second time, in the namespaces
  root=$BARE_ROOT
  inside
  exit
fi

BARE_ROOT=$(mktemp -d -p "${TMPDIR:-/var/tmp}" "modr_$suite.XXXXXX")
export BARE_ROOT
chmod 755 "$BARE_ROOT"
job=
# shellcheck disable=SC2317  # called by the trap
tidy_up() {
  if [[ -n $job ]]; then
    kill -KILL "$job" 2> /dev/null || true
    wait "$job" 2> /dev/null || true
  fi
  if $keep; then say "kept: chroot $BARE_ROOT"; else rm -rf --one-file-system "$BARE_ROOT"; fi
}
trap tidy_up EXIT
trap 'exit 130' INT TERM HUP
unshare --mount --pid --fork --kill-child=KILL --mount-proc "${BASH_SOURCE[0]}" "$suite" "${demo[@]}" \
  ${only:+--only "$only"} ${ccache:+--ccache "$ccache"} ${keyring:+--keyring "$keyring"} < /dev/null &
job=$!
code=0
wait "$job" || code=$?
job=
exit "$code"
