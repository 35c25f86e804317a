# For scripts that make a bridge with hosts in network namespaces; `source` it. What it makes is undone when the script ends,
# however it ends, and carries the script's process id in its name, so that runs go on side by side.
#
#   topology NUMBER          namespaces and cables: hosts h1.. (10.0.0.N, fd00::N, MAC 02:00:00:00:00:0N), a switch with ports h1..
#   controller APP           os-ken with the application, at tcp:127.0.0.1:6653 of the switch's namespace
#   bridge OPTION...         `ovsbridge run` in the switch's namespace with these options and the hosts as ports 1..; returns when ready
#   stop_bridge              ends it by SIGTERM; fails if it leaves something behind
#   in_host N CMD..., in_switch CMD...     a command in a namespace
#   ofctl CMD..., appctl CMD...            the real tools, pointed at this bridge ($mgmt is its OpenFlow socket)
#   wait_for SECONDS CMD..., gone PID, section TITLE, row LEFT RIGHT, shown COMMAND, fail MESSAGE
#
# OVSBRIDGE=FILE is the program, default artifacts/ovsbridge.
# shellcheck shell=bash

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${OVSBRIDGE:-$repository/artifacts/ovsbridge}

if [[ -t 1 ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi
section() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
row() { printf '  %-34s %s\n' "$1" "$2"; }
shown() { printf '  %s$ %s%s\n' "$dim" "$1" "$plain"; }
fail() { printf '%s%s: %s%s\n' "$red" "$(basename "$0")" "$1" "$plain" >&2; exit 1; }

[[ $(id -u) -eq 0 ]] || fail "root is needed to make network namespaces and load BPF programs; use sudo"
[[ -x $program ]] || fail "$program is not there; run 'make build' first"

work=$(mktemp -d /tmp/ovsbridge.XXXXXX)
rundir=$work/run
mgmt=unix:$rundir/br0.mgmt
mkdir "$rundir"
switch=ovsb$$-switch
namespaces=()
host_count=0
bridge_pid='' controller_pid=''

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

undo() {
    local status=$? namespace pid log
    trap '' INT TERM HUP
    set +e
    if [[ $status -ne 0 && $status -lt 128 ]]; then
        for log in bridge controller; do
            [[ -s $work/$log.log ]] || continue
            printf '\nthe end of the log of the %s:\n' "$log" >&2
            tail -n 20 "$work/$log.log" | sed 's/^/  /' >&2
        done
    fi
    # First the bridge, by the clean way; then whatever else runs in our namespaces.
    if [[ -n $bridge_pid ]]; then
        kill -TERM "$bridge_pid" 2>/dev/null
        wait_for 5 gone "$bridge_pid"
    fi
    for namespace in "${namespaces[@]}"; do
        for pid in $(ip netns pids "$namespace" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
    done
    wait 2>/dev/null
    for namespace in "${namespaces[@]}"; do ip netns del "$namespace" 2>/dev/null; done
    rm -rf "$work"
    exit "$status"
}
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

host() { echo "ovsb$$-h$1"; }
in_host() { ip netns exec "$(host "$1")" "${@:2}"; }
in_switch() { ip netns exec "$switch" "$@"; }
ofctl() { ovs-ofctl -O OpenFlow13 "$@"; }
appctl() { ovs-appctl -t "$rundir/ovs-vswitchd.$bridge_pid.ctl" "$@"; }

add_namespace() {
    ip netns add "$1"
    namespaces+=("$1")
    ip -n "$1" link set lo up
}

topology() {
    local n
    host_count=$1
    add_namespace "$switch"
    # The bridge's own side of the cables says nothing by itself.
    in_switch sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    for ((n = 1; n <= host_count; n++)); do
        add_namespace "$(host "$n")"
        ip link add "h$n" netns "$switch" type veth peer name eth0 netns "$(host "$n")"
        ip -n "$(host "$n")" link set eth0 address "02:00:00:00:00:0$n"
        ip -n "$(host "$n")" address add "10.0.0.$n/24" dev eth0
        ip -n "$(host "$n")" address add "fd00::$n/64" dev eth0 nodad
        ip -n "$(host "$n")" link set eth0 up
        ip -n "$switch" link set "h$n" up
        row "h$n" "10.0.0.$n  fd00::$n  02:00:00:00:00:0$n  on port $n"
    done
}

# In the background, `ip netns exec` itself and not in_switch: a function there is a shell of its own, and $! its process.
controller() {
    shown "osken-manager $1"
    ip netns exec "$switch" /usr/bin/python3 /usr/bin/osken-manager --ofp-listen-host 127.0.0.1 --ofp-tcp-listen-port 6653 \
        "$repository/$1" >"$work/controller.log" 2>&1 &
    controller_pid=$!
    disown # the shell needs not tell that it was killed
    wait_for 20 controller_listens_or_is_gone || fail "the controller did not listen within 20 seconds"
    ! gone "$controller_pid" 2>/dev/null || fail "the controller ended"
}
controller_listens_or_is_gone() { gone "$controller_pid" || in_switch ss -Hltn 'sport = :6653' | grep -q .; }

bridge() {
    local n arguments=(run)
    for ((n = 1; n <= host_count; n++)); do arguments+=(--port "h$n=$n"); done
    arguments+=("$@" --rundir "$rundir")
    shown "ovsbridge ${arguments[*]}"
    ip netns exec "$switch" "$program" "${arguments[@]}" >"$work/bridge.log" 2>&1 &
    bridge_pid=$!
    wait_for 30 bridge_is_ready_or_gone || fail "the bridge was not ready after 30 seconds"
    bridge_is_ready || fail "the bridge ended before it was ready"
}
bridge_is_ready() { grep -qx ready "$work/bridge.log"; }
bridge_is_ready_or_gone() { bridge_is_ready || gone "$bridge_pid"; }

stop_bridge() {
    local n status=0 filters left
    kill -TERM "$bridge_pid"
    wait "$bridge_pid" || status=$?
    bridge_pid=
    [[ $status -eq 0 ]] || fail "the bridge ended with status $status after SIGTERM"
    for ((n = 1; n <= host_count; n++)); do
        filters=$(in_switch tc filter show dev "h$n" ingress 2>/dev/null || true)
        [[ -z $filters ]] || fail "the bridge left a filter on h$n: $filters"
    done
    ! in_switch ip link show br0 >/dev/null 2>&1 || fail "the bridge left its own device br0"
    left=$(find "$rundir" -type s -o -name '*.pid')
    [[ -z $left ]] || fail "the bridge left $left"
}
