using System.Globalization;

namespace OvsBridge.OpenFlow.Tests.Wire;

/// <summary>
/// One message of an annotated hex file. A file holds one or more, each ended by the line that says what it is:
/// <code>
/// ## a name (optional)
/// 04 0e 00 38 00 00 00 2a    # spaces don't matter; a comment to the end of the line
/// = FlowMod(Priority=1, ...)  what it decodes to, as MessageText
/// ~ why                       in place of the former's re-encoding check: it is written differently
/// ! BMC_BAD_PREREQ            instead of "=": the error that it is
/// </code>
/// A run of zeros may be written <c>00*24</c>.
/// </summary>
internal sealed record WireFile(string Name, byte[] Bytes, string? Text, string? Error, bool WrittenDifferently)
{
    private static readonly string _directory = Path.Combine(TestContext.CurrentContext.TestDirectory, "Wire");

    public static IReadOnlyList<WireFile> All { get; } =
        [.. Directory.EnumerateFiles(_directory, "*.hex").Order(StringComparer.Ordinal).SelectMany(Read)];

    /// <summary>Those of OpenFlow 1.0: what a controller says to a switch.</summary>
    public static IReadOnlyList<WireFile> Version10 { get; } =
        [.. Directory.EnumerateFiles(Path.Combine(_directory, "V10"), "*.hex").Order(StringComparer.Ordinal).SelectMany(Read)];

    public override string ToString() => Name;

    private static IEnumerable<WireFile> Read(string path)
    {
        string file = Path.GetFileNameWithoutExtension(path);
        var bytes = new List<byte>();
        string? name = null;
        int number = 0;
        WireFile? ready = null;
        foreach (string line in File.ReadLines(path))
        {
            if (line.StartsWith("##", StringComparison.Ordinal))
            {
                name = line[2..].Trim();
            }
            else if (line.StartsWith('~'))
            {
                ready = ready! with { WrittenDifferently = true };
            }
            else if (line.StartsWith('=') || line.StartsWith('!'))
            {
                if (ready is not null)
                    yield return ready;
                number++;
                string says = line[1..].Trim();
                ready = new WireFile(
                    $"{file}: {name ?? number.ToString(CultureInfo.InvariantCulture)}",
                    [.. bytes],
                    line[0] == '=' ? says : null,
                    line[0] == '!' ? says : null,
                    false);
                bytes.Clear();
                name = null;
            }
            else
            {
                foreach (string word in line.Split('#')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    string[] parts = word.Split('*');
                    byte[] value = Convert.FromHexString(parts[0]);
                    int times = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 1;
                    for (int i = 0; i < times; i++)
                        bytes.AddRange(value);
                }
            }
        }

        if (ready is not null)
            yield return ready;
        if (bytes.Count > 0)
            throw new InvalidDataException($"{path}: the last message has no line that says what it is");
    }
}
