using System.Text;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Tests.Wire;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Peer;

/// <summary>tshark dissects everything that we write.</summary>
[TestFixture]
[Category("Peer")]
internal sealed class TsharkTests
{
    private const string Tshark = "/usr/bin/tshark";
    private const string Text2Pcap = "/usr/bin/text2pcap";

    /// <summary>Remarks on what only experimenters know.</summary>
    private static readonly string[] _harmless =
    [
        "Experimenter body.", "Experimenter error body.", "Experimenter action body.", "Experimenter instruction body.",
        "Experimenter meter band body.", "Experimenter queue property body.", "Experimenter table property body.",
        "Experimenter multipart request body.", "Unknown OXM body.",
    ];

    // dst, src, and an ethertype for experiments, which tshark leaves alone
    private static readonly byte[] _frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, .. new byte[46]];

    private static readonly byte[] _request = OfCodec.Encode(new BarrierRequest());

    [Test]
    public void Messages_that_we_write_are_dissected_without_complaint()
    {
        Tools.Require(Tshark, "tshark");
        Tools.Require(Text2Pcap, "wireshark-common");
        var random = new RandomMessages(4);
        List<OfMessage> sent = [.. WireFile.All.Where(file => file.Text is not null && file.Bytes[0] == 4).Select(file => OfCodec.Decode(file.Bytes))];
        sent.AddRange(Enumerable.Range(0, 10 * RandomMessages.Kinds).Select(i => random.Message(i % RandomMessages.Kinds)));

        sent = [.. sent.Where(message => !TsharkCannot(message)).Select(WithSaneContent)];
        string[] lines = Dissect(sent.Select(OfCodec.Encode));
        Assert.That(lines, Has.Length.EqualTo(sent.Count));
        Assert.Multiple(() =>
        {
            foreach ((OfMessage message, string line) in sent.Zip(lines))
            {
                string[] columns = line.Split('\t');
                string text = MessageText.Of(message);
                Assert.That(columns[0].Split(';')[0], Is.EqualTo($"{(int)message.Type}"), $"type of {text}");
                Assert.That(columns[1].Split(';')[0], Is.EqualTo($"{message.Xid}"), $"xid of {text}");
                Assert.That(columns[2].Split(';', StringSplitOptions.RemoveEmptyEntries).Except(_harmless), Is.Empty, $"complaint about {text}");
            }
        });
    }

    [Test]
    public void Malformed_message_would_be_noticed()
    {
        Tools.Require(Tshark, "tshark");
        Tools.Require(Text2Pcap, "wireshark-common");
        byte[] message = OfCodec.Encode(new PortStatus(PortReason.Add, new PortDescription()));
        byte[] cut = message[..^8];
        cut[3] -= 8;
        string[] lines = Dissect([message, cut]);
        Assert.That(lines[0].Split('\t')[2], Is.Empty);
        Assert.That(lines[1].Split('\t')[2], Does.Contain("Malformed"));
    }

    /// <summary>tshark 4.0 takes the bodies of these to be longer than they are.</summary>
    private static bool TsharkCannot(OfMessage message) => message is MultipartReply { Answer: var answer }
        && (answer is ExperimenterAnswer || MessageText.Of(answer).Contains("MeterBand(Type=Experimenter", StringComparison.Ordinal));

    /// <summary>tshark looks into frames and quoted requests too, so these must not be random.</summary>
    private static OfMessage WithSaneContent(OfMessage message) => message switch
    {
        PacketIn packet => packet with { Data = _frame },
        PacketOut packet => packet with { Data = _frame },
        ErrorMessage { ErrorType: 0 } error => error with { Data = "no common version"u8.ToArray() },
        ErrorMessage { ErrorType: not 0xffff } error => error with { Data = _request },
        _ => message,
    };

    private static string[] Dissect(IEnumerable<byte[]> messages)
    {
        string text = Path.GetTempFileName(), pcap = Path.GetTempFileName();
        try
        {
            var dump = new StringBuilder();
            foreach (byte[] bytes in messages)
            {
                dump.AppendLine();
                for (int at = 0; at < bytes.Length; at += 16)
                    dump.Append($"{at:x6} ").AppendJoin(' ', bytes.Skip(at).Take(16).Select(b => b.ToString("x2"))).AppendLine();
            }

            File.WriteAllText(text, dump.ToString());
            Tools.Run(Text2Pcap, ["-q", "-T", "6653,40000", text, pcap]);
            return Tools.Run(
                Tshark,
                [
                    "-r", pcap, "-d", "tcp.port==6653,openflow", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;",
                    "-e", "openflow_v4.type", "-e", "openflow_v4.xid", "-e", "_ws.expert.message",
                ]);
        }
        finally
        {
            File.Delete(text);
            File.Delete(pcap);
        }
    }
}
