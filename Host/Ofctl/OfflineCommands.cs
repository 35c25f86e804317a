using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Text;
using OvsBridge.OpenFlow.Wire;

namespace OvsBridge.Host.Ofctl;

/// <summary>Commands that need no switch: messages and texts, one into the other.</summary>
internal static class OfflineCommands
{
    /// <summary>ofp-print HEX [VERBOSITY]</summary>
    public static void Print(OfctlSession session, string[] arguments)
    {
        byte[] message = Hex.Parse(arguments[0]) ?? throw new OfctlException("trailing garbage following hex bytes");
        int verbosity = 2;
        if (arguments.Length > 1 && !int.TryParse(arguments[1], NumberStyles.None, CultureInfo.InvariantCulture, out verbosity))
            throw new OfctlException($"{arguments[1]}: the verbosity is a number");
        session.Out.Write(Printer(verbosity).Print(message));
    }

    /// <summary>ofp-parse FILE: the messages of a stream, as one side of a connection has them.</summary>
    public static void ParseFile(OfctlSession session, string[] arguments)
    {
        string name = arguments[0];
        byte[] all = ReadFile(name);
        MessagePrinter printer = Printer(session.Options.Verbosity + 2);
        for (int at = 0; at < all.Length;)
        {
            int left = all.Length - at;
            if (left < MessageHeader.Size)
                throw new OfctlException($"{name}: unexpected end of file mid-message");
            int length = BinaryPrimitives.ReadUInt16BigEndian(all.AsSpan(at + 2));
            if (length < MessageHeader.Size)
                throw new OfctlException($"{name}: {length}-byte message is too short for OpenFlow");
            if (length > left)
                throw new OfctlException($"{name}: unexpected end of file mid-message");
            session.Out.Write(printer.Print(all.AsSpan(at, length)));
            at += length;
        }
    }

    /// <summary>ofp-parse-pcap PCAP [PORT...]</summary>
    public static void ParsePcap(OfctlSession session, string[] arguments) => PcapMessages.Print(session, arguments, Printer(session.Options.Verbosity + 2));

    /// <summary>parse-flow FLOW</summary>
    public static void ParseFlow(OfctlSession session, string[] arguments) =>
        PrintFlows(session, [FlowCommands.Parse(session, arguments[0], FlowModCommand.Add, null)]);

    /// <summary>parse-flows FILE</summary>
    public static void ParseFlows(OfctlSession session, string[] arguments)
    {
        List<FlowMod> flows = [];
        LineReader.ForEach(arguments[0], (line, _) => flows.Add(FlowCommands.Parse(session, line, FlowModCommand.Add, null)));
        PrintFlows(session, flows);
    }

    /// <summary>parse-group GROUP</summary>
    public static void ParseGroup(OfctlSession session, string[] arguments)
    {
        GroupMod group = FlowSyntax.ParseGroup(arguments[0]);
        session.Out.WriteLine("usable protocols: any\nchosen version: OpenFlow13");
        session.Out.Write(Printer(1).Print(group with { Xid = session.NextXid() }));
    }

    /// <summary>print-error NAME: the numbers of an error.</summary>
    public static void PrintError(OfctlSession session, string[] arguments)
    {
        OfError error = ErrorNames.Find(arguments[0]) ?? throw new OfctlException($"unknown error \"{arguments[0]}\"");
        session.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"OpenFlow 1.3: vendor {(error.Experimenter == 0 ? "0" : $"0x{error.Experimenter:x}")}, type {error.Type}, code {error.Code}"));
    }

    /// <summary>encode-error-reply NAME HEX: the message that answers a request with an error.</summary>
    public static void EncodeError(OfctlSession session, string[] arguments)
    {
        OfError error = ErrorNames.Find(arguments[0]) ?? throw new OfctlException($"unknown error \"{arguments[0]}\"");
        byte[] request = Hex.Parse(arguments[1]) ?? throw new OfctlException("trailing garbage following hex bytes");
        if (request.Length < MessageHeader.Size)
            throw new OfctlException("a request has 8 bytes at least");
        WriteBytes(session, OfCodec.Encode(ErrorMessage.For(error, request)));
    }

    /// <summary>encode-hello BITMAP</summary>
    public static void EncodeHello(OfctlSession session, string[] arguments)
    {
        string digits = arguments[0].StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? arguments[0][2..] : arguments[0];
        if (!uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint bitmap) || bitmap == 0)
            throw new OfctlException($"{arguments[0]}: a bitmap of versions is a number in hexadecimal");
        byte version = (byte)(31 - int.LeadingZeroCount((int)bitmap));
        byte[] hello = OfCodec.Encode(new Hello(version, bitmap) { Xid = session.NextXid() });
        WriteBytes(session, hello);
        session.Out.Write(Printer(1).Print(hello));
    }

    private static void PrintFlows(OfctlSession session, IEnumerable<FlowMod> flows)
    {
        session.Out.WriteLine("usable protocols: any\nchosen protocol: OXM-OpenFlow13");
        MessagePrinter printer = Printer(1);
        foreach (FlowMod flow in flows)
            session.Out.Write(printer.Print(flow with { Xid = session.NextXid() }));
    }

    private static void WriteBytes(OfctlSession session, ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new();
        HexDump.Append(text, bytes, characters: false);
        session.Out.Write(text);
    }

    /// <summary>A whole file, or standard input (-).</summary>
    public static byte[] ReadFile(string name)
    {
        try
        {
            if (name != "-")
                return File.ReadAllBytes(name);
            using Stream input = Console.OpenStandardInput();
            using MemoryStream all = new();
            input.CopyTo(all);
            return all.ToArray();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new OfctlException($"{name}: open failed ({(problem is FileNotFoundException ? "No such file or directory" : problem.Message)})");
        }
    }

    private static MessagePrinter Printer(int verbosity) => new() { Verbosity = verbosity, PacketText = PacketText.Print };
}
