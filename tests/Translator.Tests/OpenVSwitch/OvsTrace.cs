using System.Globalization;
using System.Text.RegularExpressions;
using OvsBridge.Datapath;
using OvsBridge.Datapath.Text;
using OvsBridge.OpenFlow;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Messages;

namespace OvsBridge.Translator.Tests.OpenVSwitch;

/// <summary>What Open vSwitch's ofproto/trace says, with the datapath actions as a program that our executor can run.</summary>
internal sealed partial class OvsTrace
{
    private readonly List<string> _packetIns = [];

    private OvsTrace(string text)
    {
        Text = text;
        string[] lines = text.Split('\n');
        Megaflow = lines.First(l => l.StartsWith("Megaflow: ", StringComparison.Ordinal))["Megaflow: ".Length..];
        ActionText = lines.First(l => l.StartsWith("Datapath actions: ", StringComparison.Ordinal))["Datapath actions: ".Length..];
        Final = lines.First(l => l.StartsWith("Final flow: ", StringComparison.Ordinal));
        Recirculates = ActionText.Contains("recirc(", StringComparison.Ordinal);
    }

    internal string Text { get; }

    internal string Megaflow { get; }

    internal string ActionText { get; }

    internal string Final { get; }

    /// <summary>Where the trace ends and a packet would go on.</summary>
    internal bool Recirculates { get; }

    internal static OvsTrace Of(Testing.OvsSwitch ovs, uint port, byte[] frame) => new(ovs.Ask(
        "ofproto/trace", "br0", "in_port=" + (port == OfPorts.Local ? "LOCAL" : port.ToString(CultureInfo.InvariantCulture)), Convert.ToHexStringLower(frame)));

    /// <summary>Runs the actions on a frame.</summary>
    internal ProgramRun Run(byte[] frame, uint dpPort)
    {
        string text = Controller().Replace(ActionText, match =>
        {
            // Its own numbers; in 1.3 an action set and a group are actions, and a table-miss flow is "no match".
            PacketInReason reason = match.Groups["reason"].Value switch
            {
                "0" or "6" or "7" => PacketInReason.NoMatch,
                "1" or "3" or "4" => PacketInReason.Action,
                "2" => PacketInReason.InvalidTtl,
                string other => throw new FormatException($"packet_in reason {other}"),
            };
            string cookie = match.Groups["cookie"].Value;
            ulong number = cookie.StartsWith("0x", StringComparison.Ordinal) ? ulong.Parse(cookie.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : ulong.Parse(cookie, CultureInfo.InvariantCulture);
            _packetIns.Add(PacketInText(reason, number, match.Groups["length"].Value));
            return $"userspace(pid=0,controller(cookie=0x{_packetIns.Count - 1:x}))";
        });
        DpActions actions = DpActionsText.Parse(text);
        ProgramRun run = new() { PacketIn = id => _packetIns[(int)id] };
        run.Run(actions, frame, dpPort);
        return run;
    }

    internal static string PacketInText(PacketInReason reason, ulong cookie, string maxLength) => $"{reason} cookie=0x{cookie:x} max_len={maxLength}";

    [GeneratedRegex(@"userspace\(pid=\d+,controller\(reason=(?<reason>\d+),dont_send=\d,continuation=\d,recirc_id=\d+,rule_cookie=(?<cookie>\w+),controller_id=\d+,max_len=(?<length>\d+)\)\)")]
    private static partial Regex Controller();
}
