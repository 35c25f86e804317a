#!/bin/bash
# Installs the Debian packages that build, tests and demo use and that are missing. Starts no service, and leaves those
# that are there alone.
set -euo pipefail

packages=(
    clang llvm libbpf-dev make                                # build
    bpftool iproute2 ethtool iputils-ping                     # to run and to look
    tcpdump tshark iperf3 python3-scapy                       # tests
    openvswitch-common                                        # ovs-ofctl and ovs-appctl: the clients that we must please
    openvswitch-switch                                        # a peer in the tests and benchmarks, never a service
    openvswitch-testcontroller                                # ovs-testcontroller, a controller in the tests, never a service
    python3-os-ken                                            # the controller of the demo
)

missing=()
for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "installing: ${missing[*]}"
if [[ $(id -u) -ne 0 ]]; then
    echo "install-deps: root is needed to install them: sudo make deps" >&2
    exit 1
fi

# Package scripts ask this file whether they may start a service.
guard=/usr/sbin/policy-rc.d
if [[ ! -e $guard ]]; then
    trap 'rm -f "$guard"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    echo "install-deps: apt-get failed; the end of its output:" >&2
    tail -n 20 "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

# Installed by us just now, so ours to keep from starting at the next boot.
if [[ " ${missing[*]} " == *" openvswitch-switch "* ]] && command -v systemctl >/dev/null; then
    systemctl disable openvswitch-switch ovs-vswitchd ovsdb-server >/dev/null 2>&1 || true
fi
if [[ " ${missing[*]} " == *" openvswitch-testcontroller "* ]] && command -v systemctl >/dev/null; then
    systemctl disable openvswitch-testcontroller >/dev/null 2>&1 || true # a script of init.d
fi
if [[ " ${missing[*]} " == *" iperf3 "* ]] && command -v systemctl >/dev/null; then
    systemctl disable iperf3 >/dev/null 2>&1 || true
fi
