#!/bin/bash
# A host's container: says which process has its network namespace, waits for the cable, then stays.   usage: host.sh N
set -euo pipefail
n=$1
cables=${CABLES:-/cables}

trap 'rm -f "$cables/$n"; exit 0' TERM INT
while true; do
    until [[ -e /sys/class/net/eth0 ]]; do
        echo $$ >"$cables/.$n" && mv "$cables/.$n" "$cables/$n"
        sleep 0.2
    done
    ip link set eth0 address "02:00:00:00:00:0$n"
    ip address add "10.0.0.$n/24" dev eth0
    ip address add "fd00::$n/64" dev eth0 nodad
    ip link set eth0 up
    echo "h$n: 10.0.0.$n, fd00::$n"
    # The cable goes when the bridge's container goes; a new one is laid when that is back.
    while [[ -e /sys/class/net/eth0 ]]; do
        sleep 1 &
        wait $!
    done
done
