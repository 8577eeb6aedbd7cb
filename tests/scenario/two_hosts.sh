#!/usr/bin/env bash
# Two hosts joined by one link: network namespaces with host names of their own, entered by Open MPI's launch agent.
# A job trains with branches on both; one whose folder they do not share ends before its first step; when the link is
# cut a job ends within its limit, with one message and exit code 3.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
skip() { echo "skipped: $*"; exit 77; }
command -v ip > /dev/null || skip "needs ip (Debian: iproute2)"
a=modr$$a b=modr$$b
ip netns add "$a" 2> /dev/null || skip "needs the right to make network namespaces"
timeout_s=6

tidy_up() {
  for host in "$a" "$b"; do
    for pid in $(ip netns pids "$host" 2> /dev/null); do kill -KILL "$pid" 2> /dev/null || true; done
    ip netns del "$host" 2> /dev/null || true
  done
  rm -rf "$work"
}
trap tidy_up EXIT
trap "exit 1" TERM INT
ip netns add "$b"
ip link add "v$$a" netns "$a" type veth peer name "v$$b" netns "$b"
ip -n "$a" addr add 10.77.0.1/24 dev "v$$a"
ip -n "$b" addr add 10.77.0.2/24 dev "v$$b"
for host in "$a" "$b"; do
  ip -n "$host" link set lo up
  ip netns exec "$host" bash -c 'echo 5 > /proc/sys/net/ipv4/tcp_retries2' || skip "needs to set how often TCP tries"
  ip -n "$host" link set "v${host#modr}" up
done

# What mpirun calls to start its daemon on another host: agent HOST COMMAND...
cat > agent <<AGENT
#!/bin/bash
shift
exec ip netns exec $b unshare --uts --mount bash -c 'hostname hostb; mount -t tmpfs none own; eval "\$*"' _ "\$@"
AGENT
chmod +x agent
mkdir own
# Runs modr on both hosts, mpirun itself on the first: on_hosts ARGUMENTS... A daemon that has lost mpirun leaves when
# TCP gives its connection up: here after few tries (25 s) and 12 s of silence, elsewhere as the system is set. As
# everywhere that is later than the job's own limit: before it, Open MPI 5 would end the job without a word of modr's.
# (Open MPI 5 leaves its daemons to PRRTE.)
export MPIRUN_ARGS="--oversubscribe --bind-to none -H 10.77.0.1:1,10.77.0.2:1 --mca btl_tcp_if_include 10.77.0.0/24"
export OMPI_MCA_plm_rsh_agent=$work/agent PRTE_MCA_plm_ssh_agent=$work/agent
for daemons in OMPI PRTE; do
  export "${daemons}_MCA_oob_tcp_if_include=10.77.0.0/24" "${daemons}_MCA_oob_tcp_keepalive_time=12"
  export "${daemons}_MCA_oob_tcp_keepalive_intvl=2" "${daemons}_MCA_oob_tcp_keepalive_probes=2"
done
export MODR_BUILD
MODR_BUILD=$(cd "$(dirname "$modr")/.." && pwd)
on_hosts() {
  ip netns exec "$a" unshare --uts bash -c 'hostname hosta; exec "$@"' _ "$repository/launch/local" 2 "$@"
}

small_data
small_run one modr 4 "steps: 6"
small_run both modr 4 "steps: 6"
small_run cut modr 4 "steps: 100000"
exchange=(--set parallel.branch=2 --set parallel.placement=exchange --set "parallel.timeout_s=$timeout_s")
silently "$modr" train --config one.yaml

code=0
on_hosts train --config both.yaml --set train.output=own/run > own.out 2> own.log || code=$?
[[ $code == 1 ]] || { cat own.log; die "hosts with folders of their own: exit code $code instead of 1"; }
expect grep -q "^modr train: rank 1: own/run: host hostb does not see what rank 0 has written there on host hosta: " \
  own.log
expect test -z "$(ls -A own/run)"

on_hosts train --config both.yaml "${exchange[@]}" > both.log 2>&1 || { cat both.log; die "training on two hosts"; }
paste <(losses runs/one) <(losses runs/both) |
  awk '{ d = ($1 - $2) / $1; if (d > 1e-5 || d < -1e-5 || NF != 2) exit 1; ++n } END { exit n != 6 }' ||
  die "losses differ from those of one rank: $(paste <(losses runs/one) <(losses runs/both))"

on_hosts train --config cut.yaml "${exchange[@]}" > cut.out 2> cut.log &
job=$!
under_way cut 3 "$job" || { cat cut.log; die "the job to be cut did not start"; }
ip -n "$b" link set "v$$b" down
start=$SECONDS
code=0
wait "$job" || code=$?
took=$((SECONDS - start))
grep -a "modr train:" cut.log > messages.txt || true
[[ $code == 3 ]] || { cat cut.log; die "exit code $code instead of 3"; }
# Without the job's own limit it would be TCP's, a quarter of an hour: no claim on how fast a busy machine is.
((took <= timeout_s + 60)) || die "the job ended $took s after the link was cut, its limit being $timeout_s s"
[[ $(wc -l < messages.txt) == 1 ]] || { cat cut.log; die "expected one message"; }
grep -q "rank 1 " messages.txt || { cat messages.txt; die "the message does not name rank 1"; }
for ((i = 0; i < 300; ++i)); do
  left=$(ip netns pids "$a"; ip netns pids "$b")
  [[ -z $left ]] && break
  sleep 0.2
done
[[ -z $left ]] || { ps -fp $left; die "processes were left behind"; }
echo "passed: ended $took s after the link was cut, with: $(cat messages.txt)"
