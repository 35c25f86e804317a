#!/bin/bash
# Three hosts, one bridge, one SDN controller, everything in network namespaces of our own: `sudo make demo`.
#
# Succeeds only if all hosts reach each other, traffic really went through the kernel's datapath, and at least 99.9 % of
# the iperf3 packets were served there without an upcall. Leaves nothing behind, however it ends.
#
#   OVSBRIDGE=FILE   the program (default artifacts/ovsbridge)
set -euo pipefail
cd "$(dirname "$0")/.."

program=${OVSBRIDGE:-artifacts/ovsbridge}
required_share=99.9
controller=tcp:127.0.0.1:6653

# ---- what it looks like ------------------------------------------------------------------------------------------------

if [[ -t 1 ]]; then bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else bold='' dim='' green='' red='' plain=''; fi
section() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
row() { printf '  %-34s %s\n' "$1" "$2"; }
shown() { printf '  %s$ %s%s\n' "$dim" "$1" "$plain"; }
fail() { printf '%sdemo: %s%s\n' "$red" "$1" "$plain" >&2; exit 1; }

# ---- what is undone at the end -------------------------------------------------------------------------------------------

[[ $(id -u) -eq 0 ]] || fail "root is needed to make network namespaces and load BPF programs: sudo make demo"
[[ -x $program ]] || fail "$program is not there; run 'make build' first"

work=$(mktemp -d /tmp/ovsbridge-demo.XXXXXX)
rundir=$work/run
mkdir "$rundir"
switch=ovsb$$-switch
hosts=(1 2 3)
host() { echo "ovsb$$-h$1"; }
namespaces=("$switch" "$(host 1)" "$(host 2)" "$(host 3)")
switch_pid='' controller_pid='' finished=no

cleanup() {
    local status=$? namespace pid
    trap '' INT TERM HUP
    set +e
    if [[ $finished == no && $status -ne 0 && $status -lt 128 ]]; then
        for log in ovsbridge controller; do
            [[ -s $work/$log.log ]] || continue
            printf '\nthe end of the log of %s:\n' "$log" >&2
            tail -n 20 "$work/$log.log" | sed 's/^/  /' >&2
        done
    fi
    # First the bridge, by the clean way; then whatever else runs in our namespaces.
    if [[ -n $switch_pid ]]; then
        kill -TERM "$switch_pid" 2>/dev/null
        wait_for 5 gone "$switch_pid"
    fi
    for namespace in "${namespaces[@]}"; do
        for pid in $(ip netns pids "$namespace" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
    done
    wait 2>/dev/null
    for namespace in "${namespaces[@]}"; do ip netns del "$namespace" 2>/dev/null; done
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- helpers -------------------------------------------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [[ $SECONDS -lt $deadline ]] || return 1
        sleep 0.1
    done
}
gone() { ! kill -0 "$1"; }
in_host() { ip netns exec "$(host "$1")" "${@:2}"; }
in_switch() { ip netns exec "$switch" "$@"; }
ofctl() { ovs-ofctl -O OpenFlow13 "$@"; }
appctl() { ovs-appctl -t "$rundir/ovs-vswitchd.$switch_pid.ctl" "$@"; }

ready() { grep -qx ready "$work/ovsbridge.log"; }
ready_or_dead() { ready || gone "$switch_pid"; }
table_miss_flow() { ofctl dump-flows "unix:$rundir/br0.mgmt" | grep -q 'CONTROLLER'; }
listening() { in_host "$1" ss -Hltn "sport = :$2" | grep -q .; }

# "hit missed lost" of the datapath
lookups() { appctl dpctl/show | sed -n 's/.*lookups: hit:\([0-9]*\) missed:\([0-9]*\) lost:\([0-9]*\).*/\1 \2 \3/p'; }
# packets that the kernel's interfaces say they brought to the bridge: a count that is not ours
received() { in_switch cat /sys/class/net/h{1,2,3}/statistics/rx_packets | awk '{sum += $1} END {print sum}'; }

# ---- topology ------------------------------------------------------------------------------------------------------------

section "Three hosts on one bridge"
for namespace in "${namespaces[@]}"; do
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
done
# The bridge's own side of the cables says nothing by itself.
in_switch sysctl -qw net.ipv6.conf.default.disable_ipv6=1
for n in "${hosts[@]}"; do
    ip link add h"$n" netns "$switch" type veth peer name eth0 netns "$(host "$n")"
    ip -n "$(host "$n")" link set eth0 address 02:00:00:00:00:0"$n"
    ip -n "$(host "$n")" address add 10.0.0."$n"/24 dev eth0
    ip -n "$(host "$n")" address add fd00::"$n"/64 dev eth0 nodad
    ip -n "$(host "$n")" link set eth0 up
    ip -n "$switch" link set h"$n" up
    row "h$n" "10.0.0.$n  fd00::$n  02:00:00:00:00:0$n  on port $n"
done

section "A controller and the bridge"
# (not by in_switch: a function in the background is a shell of its own, and $! its process)
ip netns exec "$switch" /usr/bin/python3 /usr/bin/osken-manager --ofp-listen-host 127.0.0.1 --ofp-tcp-listen-port 6653 \
    samples/osken/learning_switch.py >"$work/controller.log" 2>&1 &
controller_pid=$!
disown # the shell needs not tell that it was killed
shown "osken-manager samples/osken/learning_switch.py"

arguments=(run --dpid 1 --port h1=1 --port h2=2 --port h3=3 --fail-mode secure --controller "$controller" --rundir "$rundir")
ip netns exec "$switch" "$program" "${arguments[@]}" >"$work/ovsbridge.log" 2>&1 &
switch_pid=$!
shown "ovsbridge ${arguments[*]}"

wait_for 30 ready_or_dead || fail "the bridge was not ready after 30 seconds"
ready || fail "the bridge ended before it was ready"
wait_for 20 table_miss_flow || fail "the controller did not install its table-miss flow within 20 seconds"
gone "$controller_pid" && fail "the controller ended"
row "ready" "the controller is connected and has installed its table-miss flow"

# ---- traffic -------------------------------------------------------------------------------------------------------------

section "Everyone reaches everyone"
for from in "${hosts[@]}"; do
    for to in "${hosts[@]}"; do
        [[ $from != "$to" ]] || continue
        for address in 10.0.0."$to" fd00::"$to"; do
            in_host "$from" ping -n -q -c 3 -i 0.1 -W 2 "$address" >"$work/ping.log" 2>&1 ||
                fail "h$from does not reach $address: $(grep -E 'transmitted|error' "$work/ping.log" || tail -n 1 "$work/ping.log")"
            grep -q ' 0% packet loss' "$work/ping.log" || fail "h$from to $address: $(grep transmitted "$work/ping.log")"
            printf '  %-4s -> %-10s %s\n' "h$from" "$address" \
                "$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\2 of \1 answered/p' "$work/ping.log"), $(
                    sed -n 's/^rtt.* = \([0-9.]*\).*/fastest \1 ms/p' "$work/ping.log")"
        done
    done
done

section "And fast"
ip netns exec "$(host 2)" iperf3 --server >"$work/iperf-server.log" 2>&1 &
disown
wait_for 5 listening 2 5201 || fail "the iperf3 server did not start"

# iperf FROM TITLE OPTIONS...
iperf() {
    local from=$1 title=$2
    shift 2
    in_host "$from" timeout --foreground 30 iperf3 --json "$@" >"$work/iperf.json" || fail "iperf3 $title: $(
        /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin).get("error", "failed"))' <"$work/iperf.json")"
    local outcome
    outcome=$(/usr/bin/python3 - "$work/iperf.json" <<'PYTHON'
import json
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
end = report["end"]
if report["start"]["test_start"]["protocol"] == "TCP":
    moved = end["sum_received"]["bytes"]
    print(f"{end['sum_received']['bits_per_second'] / 1e9:.2f} Gbit/s, {end['sum_sent'].get('retransmits', 0)} retransmitted")
else:
    total = end["sum"]
    moved = total["packets"] - total["lost_packets"]
    print(f"{total['bits_per_second'] / 1e6:.0f} Mbit/s, {total['lost_packets']} of {total['packets']} lost")
sys.exit(moved <= 0)
PYTHON
    ) || fail "iperf3 $title: nothing arrived"
    row "$title" "$outcome"
}
read -r hit_before missed_before lost_before <<<"$(lookups)"
[[ -n ${lost_before:-} ]] || fail "dpctl/show says nothing about lookups: $(appctl dpctl/show 2>&1 | head -n 3)"
received_before=$(received)
iperf 1 "TCP  h1 -> h2, IPv4" --client 10.0.0.2 --time 3
iperf 3 "TCP  h3 -> h2, IPv6" --client fd00::2 --time 2
iperf 1 "UDP  h1 -> h2, IPv4" --client 10.0.0.2 --time 3 --udp --bitrate 200M --length 1400
received_after=$(received)
read -r hit_after missed_after lost_after <<<"$(lookups)"

# ---- what happened -------------------------------------------------------------------------------------------------------

section "The controller's flows"
shown "ovs-ofctl -O OpenFlow13 dump-flows unix:$rundir/br0.mgmt"
ofctl dump-flows "unix:$rundir/br0.mgmt" >"$work/flows"
sed 's/^ *\(.\)/  \1/' "$work/flows"
grep -q 'actions=output' "$work/flows" || fail "the controller has installed no forwarding flow"

section "What the kernel runs for them: megaflows, the busiest first"
shown "ovs-appctl dpctl/dump-flows --names"
appctl dpctl/dump-flows --names >"$work/megaflows"
grep 'packets:' "$work/megaflows" | sed 's/.*packets:\([0-9]*\).*/\1 &/' | sort -rn | cut -d' ' -f2- | head -n 12 | sed 's/^/  /'
megaflows=$(grep -c 'packets:' "$work/megaflows" || true)
[[ $megaflows -gt 0 ]] || fail "there is no megaflow"
[[ $megaflows -le 12 ]] || row "" "... and $((megaflows - 12)) more"

section "Who served the iperf3 packets"
shown "ovs-appctl dpctl/show"
appctl dpctl/show | sed 's/^/  /'
hit=$((hit_after - hit_before)) missed=$((missed_after - missed_before)) lost=$((lost_after - lost_before))
brought=$((received_after - received_before))
share=$(awk -v hit=$hit -v all=$((hit + missed)) 'BEGIN {printf "%.3f", all ? int(1e5 * hit / all) / 1e3 : 0}')
echo
row "packets brought by the interfaces" "$brought"
row "served by the kernel alone" "$hit"
row "sent up for translation" "$missed"
row "lost on the way up" "$lost"
row "share of the kernel" "${bold}$share %${plain} (at least $required_share % is asked for)"

awk -v share="$share" -v required="$required_share" 'BEGIN {exit !(share >= required)}' ||
    fail "only $share % of the iperf3 packets were served by the kernel alone; $required_share % is asked for"
# The interfaces' own counters are the witness that the datapath's are right.
awk -v hit=$hit -v brought=$brought 'BEGIN {exit !(brought > 1000 && hit >= 0.999 * brought && hit <= 1.001 * brought + 100)}' ||
    fail "the datapath counts $hit packets, but the interfaces brought $brought"

section "And away again"
kill -TERM "$switch_pid"
status=0
wait "$switch_pid" || status=$?
switch_pid=
[[ $status -eq 0 ]] || fail "the bridge ended with status $status after SIGTERM"
for n in "${hosts[@]}"; do
    filters=$(in_switch tc filter show dev h"$n" ingress 2>/dev/null || true)
    [[ -z $filters ]] || fail "the bridge left a filter on h$n: $filters"
done
left=$(find "$rundir" -type s -o -name '*.pid')
[[ -z $left ]] || fail "the bridge left $left"
finished=yes
row "the bridge ended with status 0" "no filter, no socket left behind"
printf '\n%sdemo passed%s in %d seconds: real packets, a real controller, %s %% in the kernel\n' "$green" "$plain" "$SECONDS" "$share"
