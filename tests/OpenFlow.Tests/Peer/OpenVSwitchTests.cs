using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Tests.Wire;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Peer;

/// <summary>Open vSwitch's decoder (<c>ovs-ofctl ofp-parse</c>) reads what we write.</summary>
[TestFixture]
[Category("Peer")]
internal sealed partial class OpenVSwitchTests
{
    private const string Ofctl = "/usr/bin/ovs-ofctl";

    // What Open vSwitch 3.1 doesn't have: PBB, copied TTLs, extension headers, unknown experimenters; nor can it set the fields
    // that decide on a packet's format, nor read table features that lack a property.
    // BAD_INSTRUCTION/DUP_INST it knows as ONF's error only. Nor does it take meter_mod and table_mod in bundles. Nor is its arp_op as wide as the wire's, and it judges groups and deletes when it reads them.
    private static readonly string[] _unknownToOvs =
    [
        "GroupMod(", "Command=Delete", "Message=MeterMod", "Message=TableMod", "ErrorMessage(ErrorType=3, Code=9,",
        "Pbb", "pbb_isid", "CopyTtl", "ipv6_exthdr", "in_phy_port", "xperimenter", "TableFeatures", "SetFieldAction(Field=eth_type",
        "SetFieldAction(Field=ip_proto", "SetFieldAction(Field=mpls_bos", "SetFieldAction(Field=icmp", "SetFieldAction(Field=arp_op",
    ];

    [Test]
    public void Messages_that_we_write_are_read_by_Open_vSwitch()
    {
        Tools.Require(Ofctl, "openvswitch-common");
        var random = new RandomMessages(3100);
        IEnumerable<OfMessage> all = WireFile.All.Where(file => file.Text is not null && file.Bytes[0] == 4).Select(file => OfCodec.Decode(file.Bytes))
            .Concat(Enumerable.Range(0, 40 * RandomMessages.Kinds).Select(i => random.Message(i % RandomMessages.Kinds)));
        List<OfMessage> sent = [.. all.Where(message => !_unknownToOvs.Any(MessageText.Of(message).Contains) && !WideArpOp().IsMatch(MessageText.Of(message)))];
        Assert.That(sent, Has.Count.GreaterThan(1000));

        if (Errors(sent) == 0)
            return;

        // which one?
        Assert.Multiple(() =>
        {
            foreach (OfMessage message in sent)
            {
                string[] output = Print([message]);
                Assert.That(output, Has.None.Contains("decode error"), MessageText.Of(message));
            }
        });
    }

    [GeneratedRegex("arp_op=0x...")]
    private static partial Regex WideArpOp();

    private static int Errors(IEnumerable<OfMessage> messages) =>
        Print(messages).Count(line => line.Contains("decode error", StringComparison.Ordinal));

    private static string[] Print(IEnumerable<OfMessage> messages)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, [.. messages.SelectMany(OfCodec.Encode)]);
            return Tools.Run(Ofctl, ["ofp-parse", file]);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
