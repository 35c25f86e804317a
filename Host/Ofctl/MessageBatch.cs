using System.Buffers;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Host.Ofctl;

/// <summary>
/// Many changes, encoded as they are read, so that a hundred thousand flows cost their bytes only. Nothing is sent before all of a
/// file could be read.
/// </summary>
/// <remarks>
/// As a bundle, all take effect or none. Else they are sent without a wait between them, a barrier behind each <see cref="Slice"/>, while
/// another thread reads the answers; at the first error that comes nothing more is sent.
/// </remarks>
internal sealed class MessageBatch(OfctlSession session, bool bundle)
{
    private const int Slice = 1000;
    private const uint BundleId = 0;
    private const BundleFlags Flags = BundleFlags.Atomic | BundleFlags.Ordered;

    private readonly ArrayBufferWriter<byte> _bytes = new(64 * 1024);
    private readonly List<int> _ends = [];
    private readonly List<string?> _places = [];
    private uint _firstXid;

    /// <summary>How many there are.</summary>
    public int Count => _ends.Count;

    /// <summary>Adds a change.</summary>
    /// <param name="message">The message.</param>
    /// <param name="place">Where it was written, for errors; null: on the command line.</param>
    public void Add(OfMessage message, string? place = null)
    {
        uint xid = session.NextXid();
        if (Count == 0)
            _firstXid = xid;
        message = message with { Xid = xid };
        OfCodec.Encode(bundle ? new BundleAdd(BundleId, Flags, message) { Xid = xid } : message, _bytes);
        _ends.Add(_bytes.WrittenCount);
        _places.Add(place);
    }

    /// <summary>Sends all; the exit status is 1 when something was refused.</summary>
    public void Send(string name)
    {
        using SwitchConnection connection = session.Connect(name);
        if (bundle)
            SendBundle(connection, name);
        else if (!SendPlain(connection, name))
            session.Status = 1;
    }

    private bool SendPlain(SwitchConnection connection, string name)
    {
        MessagePrinter printer = session.Printer(name);
        uint lastBarrier = 0;
        bool refused = false;
        Exception? broken = null;
        using ManualResetEventSlim done = new();
        Thread reader = new(Read) { IsBackground = true };
        reader.Start();
        try
        {
            int start = 0;
            for (int first = 0; first < Count && !Volatile.Read(ref refused); first += Slice)
            {
                int last = int.Min(first + Slice, Count) - 1;
                connection.Send(_bytes.WrittenSpan[start.._ends[last]]);
                start = _ends[last];
                if (last + 1 < Count)
                    connection.Send(new BarrierRequest { Xid = session.NextXid() });
            }

            BarrierRequest end = new() { Xid = session.NextXid() };
            Volatile.Write(ref lastBarrier, end.Xid);
            connection.Send(end);
            connection.Flush();
        }
        catch (OfctlException) when (Volatile.Read(ref refused))
        {
            return false; // the switch said why before it closed
        }

        done.Wait();
        return broken is null ? !refused : throw new OfctlException(broken.Message);

        void Read()
        {
            try
            {
                while (true)
                {
                    ReadOnlySpan<byte> reply = connection.Receive();
                    uint xid = SwitchConnection.XidOf(reply);
                    if (reply[1] == (byte)OfType.Error)
                    {
                        if (!refused)
                            Report(printer.Print(reply), xid);
                        Volatile.Write(ref refused, true);
                    }
                    else if (reply[1] == (byte)OfType.BarrierReply && xid == Volatile.Read(ref lastBarrier))
                    {
                        break;
                    }
                }
            }
            catch (Exception problem) when (problem is OfctlException or ObjectDisposedException)
            {
                broken = problem;
            }

            done.Set();
        }
    }

    private void Report(string text, uint xid)
    {
        session.Error.Write(text);
        if (PlaceOf(xid) is { } place)
            session.Warn($"{place}: refused by the switch; what stands before it is in effect, what follows may be in part");
    }

    private string? PlaceOf(uint xid) => xid - _firstXid < Count ? _places[(int)(xid - _firstXid)] : null;

    private void SendBundle(SwitchConnection connection, string name)
    {
        MessagePrinter printer = session.Printer(name);
        bool good = Control(BundleControlType.OpenRequest);
        if (good)
        {
            // Errors may come while we still send.
            BarrierRequest barrier = new() { Xid = session.NextXid() };
            Thread writer = new(() => Write(barrier)) { IsBackground = true };
            writer.Start();
            good = ReadErrors(barrier.Xid);
            writer.Join();
            good = Control(good ? BundleControlType.CommitRequest : BundleControlType.DiscardRequest) && good;
        }

        if (!good)
            throw new OfctlException($"talking to {name} (Protocol error): nothing of the bundle has taken effect");

        void Write(BarrierRequest barrier)
        {
            try
            {
                for (int start = 0; start < _bytes.WrittenCount;)
                {
                    int end = int.Min(start + (64 * 1024), _bytes.WrittenCount);
                    connection.Send(_bytes.WrittenSpan[start..end]);
                    start = end;
                }

                connection.Send(barrier);
                connection.Flush();
            }
            catch (OfctlException)
            {
                // The reader sees the end of the connection too, and says so.
            }
        }

        bool Control(BundleControlType type)
        {
            BundleControl request = new(BundleId, type, Flags) { Xid = session.NextXid() };
            connection.Send(request);
            bool without = true;
            while (true)
            {
                ReadOnlySpan<byte> reply = connection.Receive();
                if (reply[1] == (byte)OfType.Error)
                {
                    without = false;
                    PrintError(reply);
                }

                if (SwitchConnection.XidOf(reply) == request.Xid)
                    return without;
            }
        }

        bool ReadErrors(uint barrier)
        {
            bool without = true;
            while (true)
            {
                ReadOnlySpan<byte> reply = connection.Receive();
                if (SwitchConnection.XidOf(reply) == barrier)
                    return without;
                if (reply[1] == (byte)OfType.Error)
                {
                    without = false;
                    PrintError(reply);
                }
            }
        }

        void PrintError(ReadOnlySpan<byte> reply)
        {
            ErrorMessage error = (ErrorMessage)Transactions.Decode(reply);
            string word = OpenFlow.Errors.OfError.Find(error.ErrorType, error.Code, error.Experimenter) is { } row ? ErrorNames.Print(row) : $"{error.ErrorType}/{error.Code}";
            string request = printer.Print(Inner(error.Data.Span));
            session.Error.Write($"Error {word} for: {request}");
            if (PlaceOf(error.Xid) is { } place)
                session.Warn($"{place}: refused by the switch");
        }
    }

    // Of a message that was to be added to the bundle, the message itself tells more.
    private static ReadOnlySpan<byte> Inner(ReadOnlySpan<byte> request)
    {
        const int AddHeader = 24;
        bool added = request.Length > AddHeader && request[1] == (byte)OfType.Experimenter
            && System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(request[8..]) == ExperimenterMessage.Onf
            && System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(request[12..]) == BundleAdd.ExperimenterType;
        return added ? request[AddHeader..] : request;
    }
}
