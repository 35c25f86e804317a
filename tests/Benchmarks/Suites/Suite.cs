using System.Globalization;
using System.Text;
using OvsBridge.Testing;

namespace OvsBridge.Benchmarks.Suites;

/// <summary>Measurements on real interfaces in network namespaces, our switch beside others in one run. Root.</summary>
internal static class Suite
{
    private static readonly SortedDictionary<string, (string What, Func<Table> Measure)> _suites = new(StringComparer.Ordinal)
    {
        ["attack"] = ("a flow's packets while others flood the switch", Attacks.Measure),
        ["packets"] = ("packets of one flow, as a share of a bare tc redirect", PacketRates.Measure),
        ["setups"] = ("flow set-ups: packets of which each needs a megaflow of its own", FlowSetups.Measure),
    };

    /// <summary>Runs the named suites, or all; prints their tables and writes them to artifacts/bench.</summary>
    internal static int Run(string[] names)
    {
        foreach (string name in names.Where(name => !_suites.ContainsKey(name)))
        {
            Console.Error.WriteLine($"there is no suite '{name}'; there are {string.Join(", ", _suites.Keys)}");
            return 2;
        }

        string directory = Path.Combine(RepositoryRoot.Path, "artifacts", "bench");
        Directory.CreateDirectory(directory);
        foreach ((string name, (string what, Func<Table> measure)) in _suites.Where(suite => names.Length == 0 || names.Contains(suite.Key)))
        {
            Console.WriteLine($"# {name}: {what}\n");
            string text = measure().ToMarkdown();
            Console.WriteLine(text);
            File.WriteAllText(Path.Combine(directory, name + ".md"), $"# {what}\n\n{Machine()}\n\n{text}");
        }

        return 0;
    }

    /// <summary>How many rounds a suite makes: so many, or as many as <c>OVSBRIDGE_BENCH_ROUNDS</c> says.</summary>
    internal static int Rounds(int standard) =>
        Environment.GetEnvironmentVariable("OVSBRIDGE_BENCH_ROUNDS") is { } given ? int.Parse(given, CultureInfo.InvariantCulture) : standard;

    private static string Machine()
    {
        string cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "?";
        string kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} CPUs ({cpu}), Linux {kernel}, .NET {Environment.Version}, {TimeProvider.System.GetUtcNow():yyyy-MM-dd}");
    }
}

/// <summary>A table of results.</summary>
internal sealed class Table(params string[] head)
{
    private readonly List<string[]> _rows = [];

    /// <summary>What is to be known about it.</summary>
    internal string Note { get; init; } = "";

    /// <summary>Adds a row.</summary>
    internal void Add(params string[] cells) => _rows.Add(cells);

    /// <summary>As Markdown, in columns that can be read as they are.</summary>
    internal string ToMarkdown()
    {
        int[] widths = [.. head.Select((cell, i) => _rows.Select(row => row[i].Length).Append(cell.Length).Max())];
        StringBuilder text = new();
        Line(head);
        text.Append("|-").AppendJoin("-|-", widths.Select(width => new string('-', width))).Append("-|\n");
        foreach (string[] row in _rows)
        {
            Line(row);
        }

        return Note.Length == 0 ? text.ToString() : text.Append('\n').Append(Note).Append('\n').ToString();

        void Line(string[] cells) => text.Append("| ").AppendJoin(" | ", cells.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).Append(" |\n");
    }
}
