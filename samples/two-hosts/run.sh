#!/bin/bash
# Two hosts on a bridge without a controller; two flows join them. Run as root after `make build`.
set -euo pipefail
source "$(dirname "$0")/../../scripts/topology.sh"

section "Two hosts, no controller, no flows"
topology 2
bridge --fail-mode secure
in_host 1 ping -n -q -c 1 -W 1 10.0.0.2 >/dev/null && fail "h1 reaches h2 although no flow lets it"
row "h1 -> h2" "nothing gets through"

section "With the flows of flows.txt"
shown "ovs-ofctl -O OpenFlow13 add-flows br0 flows.txt"
ofctl add-flows "$mgmt" "$(dirname "$0")/flows.txt"
in_host 1 ping -n -c 3 -i 0.2 -W 2 10.0.0.2 | sed 's/^/  /'
in_host 2 ping -n -c 3 -i 0.2 -W 2 fd00::1 | sed 's/^/  /'

shown "ovs-ofctl -O OpenFlow13 dump-flows br0"
ofctl dump-flows "$mgmt" | sed 's/^ */  /'
shown "ovs-appctl dpctl/dump-flows --names"
appctl dpctl/dump-flows --names | sed 's/^/  /'
stop_bridge
