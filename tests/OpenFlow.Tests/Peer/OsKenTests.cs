using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using OvsBridge.OpenFlow.Errors;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Messages;
using OvsBridge.OpenFlow.Messages.Multipart;
using OvsBridge.OpenFlow.Tests.Wire;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.OpenFlow.Tests.Peer;

/// <summary>os-ken, an independent implementation, on the other side.</summary>
[TestFixture]
internal sealed class OsKenTests
{
    private static readonly string _directory = Path.Combine(TestContext.CurrentContext.TestDirectory, "Peer");

    /// <summary>What os-ken writes, as recorded: the decoder must read it on machines without os-ken too.</summary>
    public static IReadOnlyList<byte[]> Recorded { get; } =
        [.. File.ReadLines(Path.Combine(_directory, "osken_messages.txt")).Where(line => line[0] != '#').Select(Convert.FromHexString)];

    [Test]
    public void Recorded_messages_are_read_and_written_back()
    {
        Assert.That(Recorded, Has.Count.GreaterThan(300));
        ReadAndWriteBack(Recorded);
    }

    [Test]
    [Category("Peer")]
    public void Messages_that_os_ken_writes_are_read_and_written_back()
    {
        string[] lines = Run("make", []);
        Assert.That(lines, Has.Length.GreaterThan(300));
        ReadAndWriteBack([.. lines.Select(Convert.FromHexString)]);
    }

    [Test]
    [Category("Peer")]
    public void Messages_that_we_write_are_read_by_os_ken()
    {
        var random = new RandomMessages(2024);
        List<byte[]> sent = [.. Recorded];
        sent.AddRange(WireFile.All.Where(file => file.Text is not null && file.Bytes[0] == 4).Select(file => OfCodec.Encode(OfCodec.Decode(file.Bytes))));
        sent.AddRange(Enumerable.Range(0, 20 * RandomMessages.Kinds).Select(i => OfCodec.Encode(random.Message(i % RandomMessages.Kinds))));
        string[] answers = Run("read", sent.Select(Convert.ToHexStringLower));
        Assert.That(answers, Has.Length.EqualTo(sent.Count));

        int read = 0, again = 0, values = 0;
        Assert.Multiple(() =>
        {
            foreach ((byte[] bytes, string answer) in sent.Zip(answers))
            {
                OfMessage message = OfCodec.Decode(bytes);
                if (answer == "null" || OsKenCannot(message))
                    continue;
                read++;
                using JsonDocument json = JsonDocument.Parse(answer);
                string text = MessageText.Of(message);
                Assert.That(json.RootElement.GetProperty("error").GetString(), Is.Null, text);
                if (json.RootElement.GetProperty("again").GetString() is { } written)
                {
                    again++;
                    Assert.That(written, Is.EqualTo(Convert.ToHexStringLower(bytes)), text);
                }

                foreach (string value in Values(message))
                {
                    values++;
                    Assert.That(answer, Does.Contain(value), text);
                }
            }
        });
        TestContext.Out.WriteLine($"{sent.Count} messages, {read} read by os-ken, {again} written back, {values} values compared");
        Assert.That((read, again), Is.GreaterThan((700, 250)));
    }

    private static void ReadAndWriteBack(IEnumerable<byte[]> messages)
    {
        Assert.Multiple(() =>
        {
            foreach (byte[] bytes in messages)
            {
                string hex = Convert.ToHexStringLower(bytes);
                try
                {
                    OfMessage message = OfCodec.Decode(bytes);
                    Assert.That(Convert.ToHexStringLower(OfCodec.Encode(message)), Is.EqualTo(hex), MessageText.Of(message));
                }
                catch (OfErrorException e)
                {
                    Assert.Fail($"{hex}: {e.Message}");
                }
            }
        });
    }

    /// <summary>os-ken 2.5 does not read what experimenters put inside other structures.</summary>
    // It keeps a bundle's message as bytes, and properties not at all.
    private static bool OsKenCannot(OfMessage message) =>
        message is BundleAdd or BundleControl { Properties.Count: > 0 } || MessageText.Of(message).Contains("Experimenter", StringComparison.Ordinal);

    /// <summary>The large numbers of a message, which os-ken's reading must show too.</summary>
    private static IEnumerable<string> Values(object record)
    {
        foreach (PropertyInfo property in record.GetType().GetProperties().Where(p => p.CanWrite && p.Name is not ("DurationNs" or "Xid" or "Bitmap" or "HwAddr")))
        {
            switch (property.GetValue(record))
            {
                case uint n when n > ushort.MaxValue:
                    yield return n.ToString(CultureInfo.InvariantCulture);
                    break;
                case ulong n when n > ushort.MaxValue:
                    yield return n.ToString(CultureInfo.InvariantCulture);
                    break;
                case Match or Field or null or string or ReadOnlyMemory<byte> or ValueList<byte>:
                    break;
                case IEnumerable list:
                    foreach (string value in list.Cast<object>().SelectMany(Values))
                        yield return value;
                    break;
                case var inner when inner.GetType().Namespace!.StartsWith("OvsBridge", StringComparison.Ordinal) && !inner.GetType().IsEnum:
                    foreach (string value in Values(inner))
                        yield return value;
                    break;
            }
        }
    }

    private static string[] Run(string mode, IEnumerable<string> lines)
    {
        Tools.Require("/usr/bin/python3", "python3");
        if (!Directory.Exists("/usr/lib/python3/dist-packages/os_ken"))
            Assert.Ignore("os-ken is not installed (Debian package python3-os-ken)");
        return Tools.Run("/usr/bin/python3", [Path.Combine(_directory, "osken_peer.py"), mode], string.Join('\n', lines));
    }
}
