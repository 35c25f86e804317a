#!/bin/bash
# Loads each object into the kernel, and prints how many instructions of each program the verifier processed, of the million
# that it allows. Without root only sizes are printed. Leaves nothing behind.
set -euo pipefail

bpftool=${BPFTOOL:-/usr/sbin/bpftool}
for object in "$@"; do
    size=$(llvm-size "$object" | awk 'NR == 2 {print $1}')
    echo "$(basename "$object"): $((size / 8)) instructions"
    [[ $EUID -eq 0 && -x $bpftool ]] || continue
    # A private bpffs: /sys/fs/bpf may not be mounted, and no pin can outlive us.
    # shellcheck disable=SC2016
    unshare --mount bash -c 'mount -t bpf bpf /mnt && exec "$0" prog loadall -d "$1" /mnt/show 2>&1' "$bpftool" "$object" |
        awk -F "'" '/BEGIN PROG LOAD LOG/ {program = $2} /^processed/ {print "  " program ": " $0}'
done
