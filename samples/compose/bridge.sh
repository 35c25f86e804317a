#!/bin/bash
# The bridge's container: lays a cable to each of N hosts, then becomes ovsbridge.   usage: bridge.sh N
# Each host says in $CABLES/N which process has its network namespace; see host.sh.
set -euo pipefail
count=$1
cables=${CABLES:-/cables}
rundir=${OVS_RUNDIR:-/run/ovsbridge}
program=${OVSBRIDGE:-ovsbridge}
mkdir -p "$rundir"
rm -f "$cables"/* # of an earlier life; the hosts say it again until they have a cable

ports=()
for ((n = 1; n <= count; n++)); do
    until [[ -s $cables/$n ]]; do sleep 0.2; done
    ip link del "h$n" 2>/dev/null || true # of an earlier life of this container
    ip link add "h$n" type veth peer name eth0 netns "$(<"$cables/$n")"
    ip link set "h$n" up
    ports+=(--port "h$n=$n")
done

read -r address _ < <(getent ahostsv4 "${CONTROLLER%:*}") || { echo "bridge: no address for the controller '${CONTROLLER%:*}'" >&2; exit 1; }
exec "$program" run "${ports[@]}" --controller "tcp:$address:${CONTROLLER##*:}" --rundir "$rundir"
