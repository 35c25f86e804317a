#!/bin/bash
# Loads each object into the kernel, and prints how many instructions the verifier processed of the million that it allows.
# Without root only the sizes are printed. Leaves nothing behind.
set -euo pipefail

bpftool=${BPFTOOL:-/usr/sbin/bpftool}
for object in "$@"; do
    size=$(llvm-size "$object" | awk 'NR == 2 {print $1}')
    printf '%s: %s instructions' "$(basename "$object")" $((size / 8))
    if [[ $EUID -eq 0 && -x $bpftool ]]; then
        # A private bpffs: where /sys/fs/bpf is not mounted, and so that a pin can't outlive us.
        processed=$(unshare --mount bash -c '
            mount -t bpf bpf /mnt && "$0" prog loadall -d "$1" /mnt/show 2>&1 | grep -E "^processed" ' "$bpftool" "$object" || true)
        printf ', %s' "${processed:-the kernel refuses it}"
    fi
    echo
done
