using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using OvsBridge.OpenFlow.Wire;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>
/// A controller's side of a conversation as bytes (<c>Controllers/*.script</c>).
/// <code>
/// > 04 05 00 08 00 00 00 02     # a message that the controller sends; its length field is checked when the script is read
/// &lt; 04 06 00 20 00 00 00 02      # the next message that must come
///   00 00 .. .f "text" ..x5 *    # goes on; a dot is any digit, ..x5 five bytes, * any rest
/// ? 04 03 *                      # neighbouring ones must all come, in any order, and others between them
/// repeat 0 253                   # what follows, up to "end", for NN from 0 to 253 (two digits)
/// </code>
/// </summary>
internal sealed partial class ControllerScript
{
    private readonly string _name;
    private readonly List<Step> _steps = [];

    private ControllerScript(string name) => _name = name;

    /// <summary>All scripts.</summary>
    public static IEnumerable<string> Names =>
        Directory.GetFiles(Folder, "*.script").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal);

    private static string Folder => Path.Combine(RepositoryRoot.Path, "tests", "System.Tests", "Controllers");

    /// <summary>Reads a script.</summary>
    /// <exception cref="FormatException">A line is wrong: says which.</exception>
    public static ControllerScript Read(string name)
    {
        var script = new ControllerScript(name);
        script.Parse(File.ReadAllLines(Path.Combine(Folder, name + ".script")));
        return script;
    }

    /// <summary>Reads a script's text, for tests of the reader.</summary>
    public static ControllerScript Of(params string[] lines)
    {
        var script = new ControllerScript("test");
        script.Parse(lines);
        return script;
    }

    /// <summary>Number of messages, both ways.</summary>
    public int Count => _steps.Count;

    /// <summary>Plays the controller.</summary>
    public void Play(FakePeer peer)
    {
        for (int i = 0; i < _steps.Count; i++)
        {
            Step step = _steps[i];
            if (step.Kind == '>')
            {
                peer.SendRaw(Convert.FromHexString(step.Text));
                continue;
            }

            if (step.Kind == '<')
            {
                string got = Receive(peer, step);
                if (!Regex.IsMatch(got, step.Text))
                    throw new AssertionException($"{_name}.script:{step.Line}: expected {step.Text}\ngot {got}");
                continue;
            }

            List<Step> wanted = [.. _steps.Skip(i).TakeWhile(next => next.Kind == '?')];
            i += wanted.Count - 1;
            while (wanted.Count > 0)
            {
                string got = Receive(peer, wanted[0]);
                wanted.RemoveAll(next => Regex.IsMatch(got, next.Text));
            }
        }
    }

    private string Receive(FakePeer peer, Step step) => peer.Receive() is null
        ? throw new AssertionException($"{_name}.script:{step.Line}: the switch closed the connection")
        : Convert.ToHexStringLower(peer.LastRaw);

    private void Parse(string[] lines)
    {
        int repeatLine = 0, from = 0, to = 0;
        List<Step> target = _steps, block = [];
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Split('#')[0].TrimEnd();
            if (line.Length == 0)
                continue;
            if (Repeat().Match(line) is { Success: true } repeat)
            {
                (repeatLine, from, to) = (i + 1, Number(repeat.Groups[1].Value), Number(repeat.Groups[2].Value));
                target = block = [];
            }
            else if (line == "end" && repeatLine != 0)
            {
                for (int n = from; n <= to; n++)
                    _steps.AddRange(block.Select(step => step with { Text = step.Text.Replace("NN", n.ToString("x2", CultureInfo.InvariantCulture), StringComparison.Ordinal) }));
                target = _steps;
                repeatLine = 0;
            }
            else if (line[0] is '>' or '<' or '?')
            {
                target.Add(new Step(i + 1, line[0], line[1..]));
            }
            else if (line[0] == ' ' && target.Count > 0)
            {
                target[^1] = target[^1] with { Text = target[^1].Text + line };
            }
            else
            {
                throw new FormatException($"{_name}.script:{i + 1}: '{line}'");
            }
        }

        if (repeatLine != 0)
            throw new FormatException($"{_name}.script:{repeatLine}: no 'end'");
        for (int i = 0; i < _steps.Count; i++)
            _steps[i] = _steps[i] with { Text = _steps[i].Kind == '>' ? Bytes(_steps[i]) : Pattern(_steps[i]) };
    }

    private string Bytes(Step step)
    {
        string hex = string.Concat(Tokens(step).Select(token => token.Value[0] == '"' ? Ascii(token.Value) : token.Value));
        byte[] bytes;
        try
        {
            bytes = Convert.FromHexString(hex);
        }
        catch (FormatException)
        {
            throw new FormatException($"{_name}.script:{step.Line}: not hexadecimal: {hex}");
        }

        if (bytes.Length < MessageHeader.Size || MessageHeader.Read(bytes).Length != bytes.Length)
            throw new FormatException($"{_name}.script:{step.Line}: the message has {bytes.Length} bytes, its header says 0x{hex[4..8]}");
        return hex;
    }

    private string Pattern(Step step) => "^" + string.Concat(Tokens(step).Select(token => token.Value switch
    {
        "*" => ".*",
        ['"', ..] => Ascii(token.Value),
        ['.', '.', 'x', .. string count] => $"(..){{{count}}}",
        string digits => digits,
    })) + "$";

    private MatchCollection Tokens(Step step)
    {
        string rest = Token().Replace(step.Text, "").Trim();
        return rest.Length == 0 ? Token().Matches(step.Text) : throw new FormatException($"{_name}.script:{step.Line}: '{rest}'");
    }

    private static string Ascii(string quoted) => Convert.ToHexStringLower(Encoding.ASCII.GetBytes(quoted[1..^1]));

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^repeat (\d+) (\d+)$")]
    private static partial Regex Repeat();

    [GeneratedRegex(@"""[^""]*""|\.\.x\d+|\*|[0-9a-f.]{2}(?![0-9a-zA-Z.])")]
    private static partial Regex Token();

    private sealed record Step(int Line, char Kind, string Text);
}
