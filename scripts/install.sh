#!/bin/bash
# usage: install.sh ARTIFACTS DESTDIR PREFIX   (called by `make install`)
set -euo pipefail
artifacts=$1 destdir=$2 prefix=$3

if [[ ! -x $artifacts/ovsbridge ]]; then
    echo "install: $artifacts/ovsbridge is not there; run 'make build' first" >&2
    exit 1
fi

lib=$destdir$prefix/lib/ovsbridge
bin=$destdir$prefix/bin
install -d "$lib" "$bin"
(cd "$artifacts" && find . -type f -print0) | while IFS= read -r -d '' file; do
    mode=644
    [[ $file == ./ovsbridge ]] && mode=755
    install -D -m "$mode" "$artifacts/$file" "$lib/$file"
done
ln -sfn "../lib/ovsbridge/ovsbridge" "$bin/ovsbridge"

unit=$destdir$prefix/lib/systemd/system/ovsbridge.service
install -d "$(dirname "$unit")"
cat >"$unit" <<UNIT
[Unit]
Description=OvsBridge, an OpenFlow 1.3 switch in eBPF
After=network-pre.target
Before=network.target

[Service]
Environment=OVSBRIDGE_OPTIONS=
EnvironmentFile=-/etc/default/ovsbridge
RuntimeDirectory=openvswitch
ExecStart=$prefix/bin/ovsbridge run --rundir /run/openvswitch \$OVSBRIDGE_OPTIONS
Restart=on-failure
LimitMEMLOCK=infinity

[Install]
WantedBy=multi-user.target
UNIT
chmod 644 "$unit"
echo "installed $bin/ovsbridge, $lib/, $unit"
