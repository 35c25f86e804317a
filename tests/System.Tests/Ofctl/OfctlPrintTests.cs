using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests.Ofctl;

/// <summary><c>ofctl ofp-parse</c> prints random messages of every kind as the real ovs-ofctl prints them.</summary>
[TestFixture]
[Category("Peer")]
public sealed partial class OfctlPrintTests
{
    // What Open vSwitch 3.1 does not decode, or shows in other words since it keeps it in another form: see OpenVSwitchTests of the library.
    private static readonly string[] _unknownToOvs =
    [
        "GroupMod(", "Command=Delete", "Message=MeterMod", "Message=TableMod", "ErrorMessage(ErrorType=3, Code=9,",
        "Pbb", "pbb_isid", "CopyTtl", "ipv6_exthdr", "in_phy_port", "xperimenter", "TableFeatures", "SetFieldAction(Field=eth_type",
        "SetFieldAction(Field=ip_proto", "SetFieldAction(Field=mpls_bos", "SetFieldAction(Field=icmp", "SetFieldAction(Field=arp_op",
    ];

    [Test]
    public void Random_messages_are_printed_alike()
    {
        if (OvsSwitch.Missing() is { } missing)
            Assert.Ignore(missing);
        RandomMessages random = new(2718);
        List<OfMessage> all = [.. Enumerable.Range(0, 40 * RandomMessages.Kinds).Select(i => random.Message(i % RandomMessages.Kinds))
            .Where(m => !_unknownToOvs.Any(MessageText.Of(m).Contains) && !WideArpOp().IsMatch(MessageText.Of(m)))];
        Assert.That(all, Has.Count.GreaterThan(1000));
        int shown = 0;
        Assert.Multiple(() => Compare(all));

        // Cuts a list in halves until the messages that differ are alone.
        void Compare(List<OfMessage> messages)
        {
            string theirs = Print("ovs-ofctl", [], messages), ours = Print(SwitchProcess.Program, ["ofctl"], messages);
            if (theirs == ours || shown == 10)
                return;
            if (messages is [var only])
            {
                shown++;
                Assert.That(ours, Is.EqualTo(theirs), MessageText.Of(only));
                return;
            }

            Compare(messages[..(messages.Count / 2)]);
            Compare(messages[(messages.Count / 2)..]);
        }
    }

    private static string Print(string program, string[] before, IEnumerable<OfMessage> messages)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, [.. messages.SelectMany(OfCodec.Encode)]);
            return Command.Run(program, [.. before, "ofp-parse", file]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex("arp_op=0x...")]
    private static partial Regex WideArpOp();
}
