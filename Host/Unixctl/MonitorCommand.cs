using System.Globalization;
using System.Text;
using System.Text.Json;
using OvsBridge.Datapath;
using OvsBridge.OpenFlow.Actions;
using OvsBridge.OpenFlow.Fields;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Unixctl;

/// <summary>
/// monitor/packets: packets as they go, each with what became of it. One reply a call, since the protocol has no others: with --count
/// when so many came or the time is over, else as soon as there are some, or after a second; a client that goes on asking misses
/// nothing in between, as its connection goes on watching.
/// </summary>
internal sealed class MonitorCommand
{
    private const int Most = 1000;

    private static readonly TimeSpan _whileNone = TimeSpan.FromSeconds(1);

    private readonly BridgeView _view;
    private readonly PacketMonitor _monitor;

    private MonitorCommand(BridgeView view, PacketMonitor monitor)
    {
        _view = view;
        _monitor = monitor;
    }

    /// <summary>Adds the commands.</summary>
    public static void Register(UnixctlCommands commands, BridgeView view)
    {
        PacketMonitor monitor = new(view.Datapath, view.Time);
        commands.AddWaiting(
            "monitor/packets", "[bridge] [--count N] [--timeout SECS] [--sample 1/N] [filter]", 0, 8, new MonitorCommand(view, monitor).RunAsync);
        commands.Add("monitor/show", "", 0, 0, _ => string.Create(CultureInfo.InvariantCulture, $"watchers: {monitor.Count}\n"));
    }

    private async Task<string> RunAsync(IReadOnlyList<string> arguments, UnixctlSession session, Utf8JsonWriter? json, CancellationToken gone)
    {
        (int? count, TimeSpan patience, uint oneIn, Match filter) = Read(arguments);
        string request = string.Join(' ', arguments);
        if (session.Kept is not PacketMonitor.Watcher watcher || watcher.Request != request)
        {
            watcher = _monitor.Watch(oneIn, filter, request);
            session.Kept = watcher;
        }

        var samples = await watcher.TakeAsync(count ?? 1, count ?? Most, count is null ? _whileNone : patience, gone);
        if (count is not null)
            session.Kept = null;
        long missed = watcher.TakeMissed();
        if (json is not null)
        {
            Write(json, samples, missed);
            return "";
        }

        var text = new StringBuilder();
        foreach ((DateTimeOffset when, PacketSample sample) in samples)
        {
            text.Append(CultureInfo.InvariantCulture, $"{when:HH:mm:ss.ffffff} {Port(sample.Key.InPort)} {sample.Length} bytes: ");
            text.Append(Describe(sample)).Append('\n');
        }

        if (missed > 0)
            text.Append(CultureInfo.InvariantCulture, $"({missed} more were too many to show; --sample 1/N takes fewer)\n");
        return text.ToString();
    }

    private (int? Count, TimeSpan Patience, uint OneIn, Match Filter) Read(IReadOnlyList<string> arguments)
    {
        int? count = null;
        TimeSpan patience = TimeSpan.FromSeconds(10);
        uint oneIn = 1;
        List<string> words = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            string word = arguments[i], value = "";
            if (!word.StartsWith("--", StringComparison.Ordinal))
            {
                words.Add(word);
                continue;
            }

            if (word.IndexOf('=', StringComparison.Ordinal) is > 0 and int equals)
                (word, value) = (word[..equals], word[(equals + 1)..]);
            else if (i + 1 < arguments.Count)
                value = arguments[++i];
            else
                throw new UnixctlException($"option requires an argument -- {word}");
            switch (word)
            {
                case "--count":
                    count = (int)Number(word, value, 1, Most);
                    break;
                case "--timeout":
                    patience = TimeSpan.FromSeconds(Number(word, value, 1, 3600));
                    break;
                case "--sample":
                    oneIn = Number(word, value.StartsWith("1/", StringComparison.Ordinal) ? value[2..] : "", 1, uint.MaxValue);
                    break;
                default:
                    throw new UnixctlException($"{word}: option not supported");
            }
        }

        if (words.Count > 0 && words[0] == _view.Bridge)
            words.RemoveAt(0);
        else if (words.Count > 1)
            throw new UnixctlException("no such bridge");
        if (words.Count > 1)
            throw new UnixctlException("one filter is wanted, its words joined by commas");
        try
        {
            return (count, patience, oneIn, words.Count == 0 ? Match.Any : _view.Filter(words[0]));
        }
        catch (FlowSyntaxException exception)
        {
            throw new UnixctlException($"Failed to parse filter ({exception.Message})");
        }
    }

    private static uint Number(string option, string text, uint least, uint most) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number >= least && number <= most
            ? number
            : throw new UnixctlException(
                string.Create(CultureInfo.InvariantCulture, $"{option}: {(option == "--sample" ? "1/N" : "a number")} is wanted, from {least} to {most}"));

    private string Port(uint number) => number == OfPorts.DatapathLocal ? "LOCAL" : _view.PortName(number) ?? number.ToString(CultureInfo.InvariantCulture);

    private string Describe(PacketSample sample)
    {
        var text = new StringBuilder();
        // Without a lookup there is no key.
        bool looked = sample.Hit || sample.Upcall != UpcallReason.Unspec || sample.Drop is DropReason.UpcallLost;
        text.Append(looked ? FlowKeyText.Print(sample.Key) : string.Create(CultureInfo.InvariantCulture, $"in_port={sample.Key.InPort}"));
        if (sample.Mask is { } mask)
            text.Append(CultureInfo.InvariantCulture, $"; megaflow ufid:{ForwardingCommands.Ufid(sample.Key.Masked(mask), mask)}, actions:{Actions(sample)}");
        else if (sample.Hit)
            text.Append("; a megaflow that is gone by now");
        else if (looked)
            text.Append("; no megaflow");
        if (sample.Upcall != UpcallReason.Unspec)
            text.Append(CultureInfo.InvariantCulture, $"; upcall ({DatapathCommands.ReasonName(sample.Upcall)})");
        if (sample.Drop != DropReason.Unspec)
            text.Append(CultureInfo.InvariantCulture, $"; dropped ({DatapathCommands.ReasonName(sample.Drop)})");
        return text.ToString();
    }

    private string Actions(PacketSample sample) => DpActionsText.Print(
        sample.Actions!, null, sample.Key, (_, request) => _view.Forwarding.DescribeUserspace(request.Cookie));

    private void Write(Utf8JsonWriter json, List<(DateTimeOffset When, PacketSample Sample)> samples, long missed)
    {
        json.WriteStartObject();
        json.WriteStartArray("samples");
        foreach ((DateTimeOffset when, PacketSample sample) in samples)
        {
            json.WriteStartObject();
            json.WriteString("time", when.ToString("O", CultureInfo.InvariantCulture));
            json.WriteNumber("in_port", sample.Key.InPort);
            json.WriteString("name", Port(sample.Key.InPort));
            json.WriteNumber("bytes", sample.Length);
            json.WriteString("flow", FlowKeyText.Print(sample.Key));
            json.WriteBoolean("hit", sample.Hit);
            json.WriteString("ufid", sample.Mask is { } mask ? ForwardingCommands.Ufid(sample.Key.Masked(mask), mask) : null);
            json.WriteString("actions", sample.Actions is null ? null : Actions(sample));
            json.WriteString("upcall", sample.Upcall == UpcallReason.Unspec ? null : DatapathCommands.ReasonName(sample.Upcall));
            json.WriteString("dropped", sample.Drop == DropReason.Unspec ? null : DatapathCommands.ReasonName(sample.Drop));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("not_shown", missed);
        json.WriteEndObject();
    }
}
