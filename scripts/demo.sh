#!/bin/bash
# Three hosts, one bridge, one SDN controller, everything in network namespaces of our own: `sudo make demo`.
#
# Succeeds only if all hosts reach each other, traffic really went through the kernel's datapath, and at least 99.9 % of
# the iperf3 packets were served there without an upcall. Leaves nothing behind, however it ends.
set -euo pipefail
source "$(dirname "$0")/topology.sh"

required_share=99.9

table_miss_flow() { ofctl dump-flows "$mgmt" | grep -q CONTROLLER; }
listening() { in_host "$1" ss -Hltn "sport = :$2" | grep -q .; }

# "hit missed lost" of the datapath
lookups() { appctl dpctl/show | sed -n 's/.*lookups: hit:\([0-9]*\) missed:\([0-9]*\) lost:\([0-9]*\).*/\1 \2 \3/p'; }
# packets that the kernel's interfaces say they brought to the bridge: a count that is not ours
received() { in_switch cat /sys/class/net/h{1,2,3}/statistics/rx_packets | awk '{sum += $1} END {print sum}'; }

section "Three hosts on one bridge"
topology 3

section "A controller and the bridge"
controller samples/osken/learning_switch.py
bridge --dpid 1 --fail-mode secure --controller tcp:127.0.0.1:6653
wait_for 20 table_miss_flow || fail "the controller did not install its table-miss flow within 20 seconds"
row "ready" "the controller is connected and has installed its table-miss flow"

section "Everyone reaches everyone"
for from in 1 2 3; do
    for to in 1 2 3; do
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

section "The controller's flows"
shown "ovs-ofctl -O OpenFlow13 dump-flows $mgmt"
ofctl dump-flows "$mgmt" >"$work/flows"
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
stop_bridge
row "the bridge ended with status 0" "no filter, no socket left behind"
printf '\n%sdemo passed%s in %d seconds: real packets, a real controller, %s %% in the kernel\n' "$green" "$plain" "$SECONDS" "$share"
