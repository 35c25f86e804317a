using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Translator.Tables;

namespace OvsBridge.Translator.Switch;

/// <summary>
/// Bundles (ONF EXT-230): changes that a controller collects and then commits as one. Whatever the flags, all take effect or none,
/// in the order in which they came, and no packet sees some of them without the others.
/// </summary>
/// <remarks>
/// A large bundle takes a second to work out. That is done beside the lock, on an edit of the state as it was, which nobody else
/// sees; under the lock it is only published, if the state is still that one. After <see cref="CommitsBesideLock"/> attempts that another
/// change overtook, it is worked out under the lock.
/// </remarks>
public sealed partial class OfSwitch
{
    private const int CommitsBesideLock = 2;

    private void OnBundle(Controller peer, BundleControl control, ReadOnlySpan<byte> raw)
    {
        RequireWriter(peer, "a bundle"); // to publish it, it is asked again under the lock
        RequireNoProperties(control.Properties.AsSpan());
        BundleControlType reply;
        switch (control.ControlType)
        {
            case BundleControlType.OpenRequest:
                peer.Bundles.Open(control.BundleId, control.Flags, raw);
                reply = BundleControlType.OpenReply;
                break;
            case BundleControlType.CloseRequest:
                peer.Bundles.Close(control.BundleId, control.Flags);
                reply = BundleControlType.CloseReply;
                break;
            case BundleControlType.CommitRequest:
                CommitBundle(peer, peer.Bundles.Take(control.BundleId, control.Flags));
                reply = BundleControlType.CommitReply;
                break;
            case BundleControlType.DiscardRequest:
                peer.Bundles.Discard(control.BundleId);
                reply = BundleControlType.DiscardReply;
                break;
            default:
                throw new OfErrorException(OfError.BundleFailedBadType, $"type {(ushort)control.ControlType}");
        }

        Reply(peer.Connection, control, new BundleControl(control.BundleId, reply, control.Flags));
    }

    private static void OnBundleAdd(Controller peer, BundleAdd add, ReadOnlySpan<byte> raw)
    {
        RequireWriter(peer, "a bundle");
        RequireNoProperties(add.Properties.AsSpan());
        peer.Bundles.Add(add, raw);
    }

    private static void RequireNoProperties(ReadOnlySpan<BundleProperty> properties)
    {
        if (properties is [var first, ..])
        {
            throw new OfErrorException(
                first.Type == BundleProperty.Experimenter ? OfError.BadRequestBadExperimenter : OfError.BundleFailedUnknown,
                $"bundle property of type {first.Type}");
        }
    }

    private void CommitBundle(Controller peer, Bundle bundle)
    {
        BundleRun run = Publish(peer, bundle);

        // What the packets meet now is what comes behind the whole bundle.
        foreach (PacketOut packet in run.Packets)
            _forwarding.PacketOut(PacketInPort(packet), packet.Actions, packet.Data);

        // ovs-ofctl --bundle ends with the commit's reply, without a barrier.
        _forwarding.EndRestart();
        if (!_removals.Flush())
            _forwarding.CatchUp();
    }

    private BundleRun Publish(Controller peer, Bundle bundle)
    {
        for (int attempt = 0; ; attempt++)
        {
            BundleRun? run = attempt < CommitsBesideLock ? Run(peer, bundle) : null;
            lock (_gate)
            {
                RequireWriter(peer, "a bundle");
                run ??= Run(peer, bundle);
                if (TryPublish(peer, run))
                    return run;
            }
        }
    }

    /// <summary>Works the bundle out on the state as it is.</summary>
    /// <exception cref="OfErrorException">A message can't be done: the peer has been told which, and why.</exception>
    private BundleRun Run(Controller peer, Bundle bundle)
    {
        BundleRun run = new(new PipelineEdit(State));
        foreach (ReadOnlyMemory<byte> bytes in bundle.Messages)
        {
            try
            {
                switch (OfCodec.Decode(bytes.Span))
                {
                    case PortMod mod:
                        run.Ports.Add((bytes, EditPort(mod, run.Edit)));
                        break;
                    case PacketOut packet:
                        Check(packet, run.Edit.Snapshot);
                        if (packet.Actions.Count > 0)
                            run.Packets.Add(packet);
                        break;
                    case var message:
                        if (message is MeterMod meter)
                            run.Meters[meter.MeterId] = bytes;
                        Apply(message, run.Edit);
                        break;
                }
            }
            catch (OfErrorException e)
            {
                throw Failed(peer, bytes, e);
            }
        }

        return run;
    }

    /// <summary>Publishes what was worked out. Under the lock.</summary>
    /// <returns>False when the state is not the one that it was worked out from.</returns>
    /// <exception cref="OfErrorException">The kernel refuses: nothing was published, and what it had taken is undone.</exception>
    private bool TryPublish(Controller peer, BundleRun run)
    {
        if (!ReferenceEquals(run.Edit.Before, State))
            return false;

        int done = 0;
        try
        {
            for (; done < run.Ports.Count; done++)
            {
                try
                {
                    SetPort(run.Ports[done].Change.Old, run.Ports[done].Change.New);
                }
                catch (OfErrorException e)
                {
                    throw Failed(peer, run.Ports[done].Bytes, e);
                }
            }

            Commit(run.Edit, (meter, error) => Failed(peer, run.Meters[meter.MeterId], error));
        }
        catch
        {
            while (--done >= 0)
                RestorePort(run.Ports[done].Change.New, run.Ports[done].Change.Old);
            throw;
        }

        foreach ((_, PortChange change) in run.Ports)
        {
            if (change.New != change.Old)
                _controllers.Deliver(new PortStatus(PortReason.Modify, change.New.Description), peer);
        }

        return true;
    }

    /// <summary>EXT-230: the message that failed gets its own error, with its own xid; then the commit fails.</summary>
    private static OfErrorException Failed(Controller peer, ReadOnlyMemory<byte> message, OfErrorException why)
    {
        peer.Connection.Send(ErrorMessage.For(why.Error, message.Span));
        return new OfErrorException(OfError.BundleFailedMsgFailed, why.Message);
    }

    /// <summary>One attempt at a bundle.</summary>
    private sealed class BundleRun(PipelineEdit edit)
    {
        public PipelineEdit Edit => edit;

        public List<(ReadOnlyMemory<byte> Bytes, PortChange Change)> Ports { get; } = [];

        /// <summary>The last message about each meter.</summary>
        public Dictionary<uint, ReadOnlyMemory<byte>> Meters { get; } = [];

        public List<PacketOut> Packets { get; } = [];
    }
}
