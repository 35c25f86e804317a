using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Xlate;

/// <content>
/// NORMAL: the switch's own forwarding, that of a learning bridge: by VLAN and destination address, flooding what it
/// does not know. Also what a standalone switch does.
/// </content>
internal sealed partial class Xlator
{
    private const ulong Multicast = 1ul << 40;

    private void Normal()
    {
        ulong destination = (ulong)_flow.Read(FieldTable.EthDst);
        ulong source = (ulong)_flow.Read(FieldTable.EthSrc);
        ushort vlan = _flow.VlanVid;
        if (_flow.NeedsReparse)
        {
            return;
        }

        // IEEE 802.1Q, table 8-1: never forwarded by a bridge. As Open vSwitch without forward-bpdu.
        if (destination >> 4 == 0x0180c200000)
        {
            Note("reserved multicast address, dropping");
            return;
        }

        _macs = true;
        _flow.BeginSearch();
        bool learns = (source & Multicast) == 0 && _switch.Port(_flow.InPort) is not null;
        if (learns)
        {
            _sightings.Add(new MacSighting(vlan, source, _flow.InPort));
        }

        if ((destination & Multicast) != 0)
        {
            Note("multicast or broadcast, flooding");
            Flood();
            return;
        }

        // A packet to its own source: learned before it is looked up, whenever the table hears of it.
        uint port = learns && destination == source ? _flow.InPort : _environment.Macs.Find(vlan, destination);
        if (port == 0 || _switch.Port(port) is not { } to)
        {
            Note("no learned MAC for destination, flooding");
            Flood();
        }
        else if (port == _flow.InPort)
        {
            Note("learned port is input port, dropping");
        }
        else
        {
            Note($"forwarding to learned port {to.Description.Name}");
            OutputTo(to);
        }
    }
}
