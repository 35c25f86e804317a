using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>Ports: what the host's port manager reports, and OFPT_PORT_MOD (OpenFlow 1.3.5, 7.3.4.3).</summary>
public sealed partial class OfSwitch
{
    /// <summary>Settings that only OpenFlow makes; PORT_DOWN is the kernel's IFF_UP and comes with each port event.</summary>
    private const PortConfig OwnConfig =
        PortConfig.NoStp | PortConfig.NoRecv | PortConfig.NoRecvStp | PortConfig.NoFlood | PortConfig.NoFwd | PortConfig.NoPacketIn;

    /// <summary>A port came. The host numbers ports; <see cref="PortState.Live"/> is filled in here.</summary>
    /// <exception cref="ArgumentException">There is a port of this number.</exception>
    public void PortAdded(SwitchPort port)
    {
        lock (_gate)
        {
            uint number = port.Description.PortNo;
            if (State.Snapshot.Ports.ContainsKey(number))
                throw new ArgumentException($"there is a port {number} already", nameof(port));
            SwitchPort added = WithConfig(port, port.Description.Config & PortConfig.PortDown);
            if (FlagsOf(added) != DpPortFlags.None)
                _portControl.SetFlags(added, FlagsOf(added));
            Publish(added, PortReason.Add);
        }
    }

    /// <summary>Something of a port changed: link, IFF_UP, name, address, speed. Tells controllers when they can see it.</summary>
    /// <exception cref="ArgumentException">There is no such port.</exception>
    public void PortChanged(SwitchPort port)
    {
        lock (_gate)
        {
            SwitchPort old = Known(port.Description.PortNo);
            PortConfig config = (old.Description.Config & OwnConfig) | (port.Description.Config & PortConfig.PortDown);
            SwitchPort changed = WithConfig(port with { CreatedNs = old.CreatedNs }, config);
            if (changed == old)
                return;
            if (FlagsOf(changed) != FlagsOf(old))
                _portControl.SetFlags(changed, FlagsOf(changed));
            Publish(changed, changed.Description == old.Description ? null : PortReason.Modify);
        }
    }

    /// <summary>A port went.</summary>
    /// <exception cref="ArgumentException">There is no such port.</exception>
    public void PortRemoved(uint number)
    {
        lock (_gate)
        {
            SwitchPort old = Known(number);
            PipelineEdit edit = new(State);
            edit.Snapshot = edit.Snapshot with { Ports = edit.Snapshot.Ports.Remove(number) };
            Commit(edit);
            _controllers.Deliver(new PortStatus(PortReason.Delete, old.Description));
        }
    }

    private SwitchPort Known(uint number) =>
        State.Snapshot.Ports.TryGetValue(number, out SwitchPort? port) ? port : throw new ArgumentException($"there is no port {number}", nameof(number));

    private void ChangePort(Controller peer, PortMod mod)
    {
        lock (_gate)
        {
            RequireWriter(peer, "port_mod");
            PipelineEdit edit = new(State);
            PortChange change = EditPort(mod, edit);
            if (change.New == change.Old)
                return;
            SetPort(change.Old, change.New);
            Commit(edit);

            // As Open vSwitch before OpenFlow 1.5: the others are told, the one who did it knows.
            _controllers.Deliver(new PortStatus(PortReason.Modify, change.New.Description), peer);
        }
    }

    /// <summary>What OFPT_PORT_MOD makes of a port, on <paramref name="edit"/>; the kernel is yet to be asked.</summary>
    /// <exception cref="OfErrorException">PORT_MOD_FAILED.</exception>
    private static PortChange EditPort(PortMod mod, PipelineEdit edit)
    {
        if (!edit.Snapshot.Ports.TryGetValue(mod.PortNo, out SwitchPort? old))
            throw new OfErrorException(OfError.PortModFailedBadPort, $"there is no port 0x{mod.PortNo:x}");
        if (mod.HwAddr != old.Description.HwAddr)
            throw new OfErrorException(OfError.PortModFailedBadHwAddr, $"port {mod.PortNo} has another address");
        if (((mod.Config | mod.Mask) & ~(OwnConfig | PortConfig.PortDown)) != 0)
            throw new OfErrorException(OfError.PortModFailedBadConfig, $"config 0x{(uint)mod.Config:x}, mask 0x{(uint)mod.Mask:x}");
        if (mod.Advertise != 0 && mod.Advertise != old.Description.Advertised)
            throw new OfErrorException(OfError.PortModFailedBadAdvertise, $"advertise 0x{(uint)mod.Advertise:x}: the link's features are not ours to set");

        SwitchPort port = WithConfig(old, (old.Description.Config & ~mod.Mask) | (mod.Config & mod.Mask));
        if (port != old)
            edit.Snapshot = edit.Snapshot with { Ports = edit.Snapshot.Ports.SetItem(mod.PortNo, port) };
        return new PortChange(old, port);
    }

    /// <summary>Tells datapath and kernel what changed of a port.</summary>
    /// <exception cref="OfErrorException">PORT_MOD_FAILED/EPERM: the kernel refuses; what it had taken is undone.</exception>
    private void SetPort(SwitchPort old, SwitchPort port)
    {
        bool wasDown = old.Description.Config.HasFlag(PortConfig.PortDown), isDown = port.Description.Config.HasFlag(PortConfig.PortDown);
        try
        {
            if (FlagsOf(port) != FlagsOf(old))
                _portControl.SetFlags(port, FlagsOf(port));
            if (wasDown != isDown)
                _portControl.SetUp(port, !isDown);
        }
        catch (DatapathException e)
        {
            _portControl.SetFlags(old, FlagsOf(old));
            throw new OfErrorException(OfError.PortModFailedEperm, e.Message);
        }
    }

    /// <summary>Takes back what <see cref="SetPort"/> did, since another message of the bundle failed.</summary>
    private void RestorePort(SwitchPort port, SwitchPort old)
    {
        try
        {
            SetPort(port, old);
        }
        catch (OfErrorException)
        {
            // The interface is probably gone; the port's next event tells what it is.
        }
    }

    private void Publish(SwitchPort port, PortReason? reason)
    {
        PipelineEdit edit = new(State);
        edit.Snapshot = edit.Snapshot with { Ports = edit.Snapshot.Ports.SetItem(port.Description.PortNo, port) };
        Commit(edit);
        if (reason is { } why)
            _controllers.Deliver(new PortStatus(why, port.Description));
    }

    private static SwitchPort WithConfig(SwitchPort port, PortConfig config)
    {
        PortState state = port.Description.State & ~PortState.Live;
        if (!config.HasFlag(PortConfig.PortDown) && (state & (PortState.LinkDown | PortState.Blocked)) == 0)
            state |= PortState.Live;
        return port with { Description = port.Description with { Config = config, State = state } };
    }

    private static DpPortFlags FlagsOf(SwitchPort port)
    {
        PortConfig config = port.Description.Config;
        DpPortFlags flags = DpPortFlags.None;
        if ((config & (PortConfig.PortDown | PortConfig.NoRecv)) != 0)
            flags |= DpPortFlags.NoRecv;
        if ((config & (PortConfig.PortDown | PortConfig.NoFwd)) != 0)
            flags |= DpPortFlags.NoFwd;
        return flags;
    }

    /// <summary>A port before and behind a port_mod.</summary>
    private readonly record struct PortChange(SwitchPort Old, SwitchPort New);
}
