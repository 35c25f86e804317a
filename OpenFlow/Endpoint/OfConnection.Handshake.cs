using System.Numerics;
using System.Text;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.OpenFlow.Endpoint;

/// <summary>HELLO and the choice of a version (OpenFlow 1.3.5, 6.3.1 and 7.5.1). The same for both sides.</summary>
public sealed partial class OfConnection
{
    private byte _version;
    private volatile WireFormat _format = WireFormat.OpenFlow13;

    /// <summary>Wire version agreed on; 0 until the handshake is done.</summary>
    public byte Version => Volatile.Read(ref _version);

    /// <summary>
    /// The version that two HELLOs agree on: the highest that both bitmaps have, or, when one of them lacks a bitmap, the
    /// smaller of the version numbers, if we speak it.
    /// </summary>
    /// <param name="versions">What we offer; bit n is version n.</param>
    /// <param name="peer">The peer's HELLO.</param>
    /// <returns>0 when there is none.</returns>
    internal static byte Negotiate(uint versions, Hello peer)
    {
        if (peer.Bitmap is { } bitmap)
            return (byte)((versions & bitmap) == 0 ? 0 : BitOperations.Log2(versions & bitmap));
        byte version = Math.Min((byte)BitOperations.Log2(versions), peer.Version);
        return (versions >> version & 1) != 0 ? version : (byte)0;
    }

    private void SendHello() =>
        Send(new Hello((byte)BitOperations.Log2(_options.Versions), _options.Versions) { Xid = NextXid() });

    /// <summary>Takes the peer's first message.</summary>
    /// <exception cref="OfProtocolException">It ends the connection.</exception>
    private void ReceiveHello(ReadOnlySpan<byte> bytes)
    {
        MessageHeader header = MessageHeader.Read(bytes);
        Hello peer;
        try
        {
            switch ((OfType)header.Type)
            {
                case OfType.Hello:
                    peer = (Hello)OfCodec.Decode(bytes);
                    break;
                case OfType.Error:
                    var error = (ErrorMessage)OfCodec.Decode(bytes);
                    string name = OfError.Find(error.ErrorType, error.Code)?.Name ?? $"{error.ErrorType}/{error.Code}";
                    throw new OfProtocolException($"the peer refuses us: {name} {Encoding.UTF8.GetString(error.Data.Span)}".TrimEnd());
                default:
                    FailHandshake(header, "the first message must be HELLO");
                    return;
            }
        }
        catch (OfErrorException exception)
        {
            FailHandshake(header, exception.Message);
            return;
        }

        byte version = Negotiate(_options.Versions, peer);
        if (version == 0)
        {
            FailHandshake(header, $"version negotiation failed: we support {Names(_options.Versions)}, you support "
                + (peer.Bitmap is { } bitmap ? Names(bitmap) : $"version 0x{peer.Version:x2} and earlier"));
            return;
        }

        _format = WireFormat.For(version);
        Volatile.Write(ref _version, version);
        LogReady(ComingAndGoing, Name, version);
        if (_options.InactivityProbe > TimeSpan.Zero)
            ArmProbe(_options.InactivityProbe);
        StartWorker();

        static string Names(uint versions) => "version " + string.Join(", ", Enumerable.Range(0, 32)
            .Where(version => (versions >> version & 1) != 0)
            .Select(version => $"0x{version:x2}"));
    }

    /// <summary>Tells the peer in a version that it can read, then ends the connection.</summary>
    private void FailHandshake(MessageHeader header, string text)
    {
        OfError error = OfError.HelloFailedIncompatible; // one of the few that are the same in every version
        byte[] message = OfCodec.Encode(new ErrorMessage(error.Type, error.Code, Encoding.ASCII.GetBytes(text)) { Xid = header.Xid });
        // Type, code and layout of HELLO_FAILED are the same in every version.
        message[0] = Math.Clamp(header.Version, (byte)1, (byte)BitOperations.Log2(_options.Versions));
        SendBytes(message);
        throw new OfProtocolException(text);
    }
}
