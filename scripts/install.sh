#!/bin/bash
# usage: install.sh ARTIFACTS DESTDIR PREFIX [OVS_NAMES]   (called by `make install`)
# OVS_NAMES: whether links named ovs-ofctl and ovs-appctl are made: yes, no, or auto (the default): unless this machine has such tools.
set -euo pipefail
artifacts=$1 destdir=$2 prefix=$3 ovs_names=${4:-auto}
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

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

man=$destdir$prefix/share/man/man8
completions=$destdir$prefix/share/bash-completion/completions
install -d "$man" "$completions"
install -m 644 "$source_dir"/man/*.8 "$man/"
install -m 644 "$source_dir/scripts/completion/ovsbridge.bash" "$completions/ovsbridge"

# Somebody else's tool of that name is neither replaced nor put behind ours.
has_other() {
    local found
    found=$(command -v "$1") || return 1
    [[ $(basename "$(readlink -f "$found")") != ovsbridge ]]
}
for tool in ofctl appctl; do
    name=ovs-$tool
    [[ $ovs_names == no ]] && continue
    [[ $ovs_names == auto ]] && has_other "$name" && continue
    ln -sfn "../lib/ovsbridge/ovsbridge" "$bin/$name"
    ln -sfn "ovsbridge-$tool.8" "$man/$name.8"
    ln -sfn ovsbridge "$completions/$name"
    sed -i "\$a complete -F _ovsbridge $name" "$completions/ovsbridge"
done

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
echo "installed $bin/ovsbridge, $lib/, $man/, $completions/, $unit"
