using System.Text;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests.Ofctl;

/// <summary>commands.txt, which says itself what its lines mean.</summary>
internal static class CommandFile
{
    private static readonly Lazy<string[]> _lines =
        new(() => File.ReadAllLines(Path.Combine(RepositoryRoot.Path, "tests/System.Tests/Ofctl/commands.txt")));

    /// <summary>The commands with a mark, in order.</summary>
    public static IEnumerable<string> Marked(char mark) => _lines.Value.Where(line => line.StartsWith(mark + " ", StringComparison.Ordinal)).Select(line => line[2..]);

    /// <summary>Writes the files into a folder.</summary>
    public static void WriteFiles(string folder)
    {
        string? name = null;
        foreach (string line in _lines.Value)
        {
            if (line.StartsWith("| ", StringComparison.Ordinal))
                File.WriteAllText(Path.Combine(folder, name = line[2..]), "");
            else if (line.StartsWith("> ", StringComparison.Ordinal))
                name = null;
            else if (name is not null)
                File.AppendAllText(Path.Combine(folder, name), line + "\n");
        }
    }

    /// <summary>The words of a command, as a shell makes them of quotes; BR and @FILE are replaced.</summary>
    public static List<string> Words(string command, string target, string folder)
    {
        List<string> words = [];
        StringBuilder word = new();
        bool quoted = false, any = false;
        foreach (char c in command + " ")
        {
            if (c == '"')
            {
                (quoted, any) = (!quoted, true);
            }
            else if (c != ' ' || quoted)
            {
                (_, any) = (word.Append(c), true);
            }
            else if (any)
            {
                string text = word.ToString();
                words.Add(text == "BR" ? target : text.StartsWith('@') ? Path.Combine(folder, text[1..]) : text);
                (_, any) = (word.Clear(), false);
            }
        }

        return words;
    }
}
