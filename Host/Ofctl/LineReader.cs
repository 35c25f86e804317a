using System.Text;
using OvsBridge.OpenFlow.Text;

namespace OvsBridge.Host.Ofctl;

/// <summary>
/// The lines of a file or of standard input (<c>-</c>) that say something: without comments (#) and blank lines, those that end
/// in a backslash joined with the next.
/// </summary>
internal static class LineReader
{
    /// <summary>Reads each and hands it on.</summary>
    /// <param name="file">File name, or -.</param>
    /// <param name="take">Receives a line and its place, FILE:LINE.</param>
    /// <exception cref="OfctlException">The file can't be read, or <paramref name="take"/> threw a <see cref="FlowSyntaxException"/>: says where.</exception>
    public static void ForEach(string file, Action<string, string> take)
    {
        using StreamReader reader = Open(file);
        int number = 0;
        StringBuilder joined = new();
        int first = 0;
        while (reader.ReadLine() is { } line)
        {
            number++;
            int comment = line.IndexOf('#', StringComparison.Ordinal);
            if (comment >= 0)
                line = line[..comment];
            if (joined.Length == 0)
                first = number;
            if (comment < 0 && line.EndsWith('\\'))
            {
                joined.Append(line, 0, line.Length - 1);
                continue;
            }

            if (joined.Length > 0)
            {
                line = joined.Append(line).ToString();
                joined.Clear();
            }

            Take(line);
        }

        Take(joined.ToString());

        void Take(string line)
        {
            if (string.IsNullOrWhiteSpace(line))
                return;
            string place = $"{file}:{first}";
            try
            {
                take(line, place);
            }
            catch (Exception problem) when (problem is FlowSyntaxException or OfctlException)
            {
                throw new OfctlException($"{place}: {problem.Message}");
            }
        }
    }

    private static StreamReader Open(string file)
    {
        if (file == "-")
            return new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        try
        {
            return new StreamReader(file, Encoding.UTF8, false, 64 * 1024);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            string reason = problem is FileNotFoundException or DirectoryNotFoundException ? "No such file or directory"
                : problem is UnauthorizedAccessException ? Directory.Exists(file) ? "Is a directory" : "Permission denied"
                : problem.Message;
            throw new OfctlException($"{file}: open failed ({reason})");
        }
    }
}
