#!/bin/bash
# A stateless firewall of two tables in front of a server. Run as root after `make build`.
set -euo pipefail
source "$(dirname "$0")/../../scripts/topology.sh"

listens() { in_host 2 ss -Hltn "sport = :$1" | grep -q .; }
fetch() { in_host 1 timeout --foreground 3 /usr/bin/python3 -c "
import sys, urllib.request
print(urllib.request.urlopen('http://10.0.0.2:$1/', timeout=2).status)" 2>/dev/null; }

section "A client h1 and a server h2"
topology 2
bridge --fail-mode secure
shown "ovs-ofctl -O OpenFlow13 add-flows br0 flows.txt"
ofctl add-flows "$mgmt" "$(dirname "$0")/flows.txt"

for port in 8080 8081; do
    ip netns exec "$(host 2)" /usr/bin/python3 -m http.server --directory "$rundir" "$port" >/dev/null 2>&1 &
    disown
    wait_for 10 listens "$port" || fail "the web server on port $port did not start"
done

section "What gets through"
in_host 1 ping -n -q -c 2 -i 0.2 -W 2 10.0.0.2 >/dev/null || fail "ping does not get through"
row "ping" "answered"
[[ $(fetch 8080) == 200 ]] || fail "port 8080 does not answer"
row "http on port 8080" "answered"
[[ -z $(fetch 8081) ]] || fail "port 8081 answers although no flow lets it"
row "http on port 8081" "dropped"

shown "ovs-ofctl -O OpenFlow13 dump-flows br0"
ofctl dump-flows "$mgmt" | sed 's/^ */  /'
shown "ovs-appctl dpctl/dump-flows --names"
appctl dpctl/dump-flows --names | sed 's/^/  /'
stop_bridge
