using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>What the documents point to is there.</summary>
[TestFixture]
public sealed partial class DocumentTests
{
    private static IEnumerable<string> Documents =>
        Directory.EnumerateFiles(RepositoryRoot.Path, "*.md")
            .Concat(Directory.EnumerateFiles(RepositoryRoot.File("docs"), "*.md", SearchOption.AllDirectories))
            .Concat(Directory.EnumerateFiles(RepositoryRoot.File("samples"), "*.md", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(RepositoryRoot.Path, file));

    [TestCaseSource(nameof(Documents))]
    public void Links_lead_to_files_of_the_repository(string document)
    {
        string path = RepositoryRoot.File(document);
        foreach (Match link in Link().Matches(File.ReadAllText(path)))
        {
            string target = Path.GetFullPath(link.Groups["target"].Value, Path.GetDirectoryName(path)!);
            Assert.That(Path.Exists(target), $"{document} links to {link.Groups["target"].Value}");
        }
    }

    [TestCaseSource(nameof(Documents))]
    public void Make_targets_that_are_named_exist(string document)
    {
        HashSet<string> targets = [.. Target().Matches(File.ReadAllText(RepositoryRoot.File("Makefile"))).Select(match => match.Groups["name"].Value)];
        foreach (Match command in Make().Matches(File.ReadAllText(RepositoryRoot.File(document))))
        {
            Assert.That(targets, Does.Contain(command.Groups["name"].Value), $"{document} names 'make {command.Groups["name"].Value}'");
        }
    }

    [GeneratedRegex(@"\]\((?<target>(?!https?:)[^)#]+)(#[^)]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^(?<name>[a-z]+):", RegexOptions.Multiline)]
    private static partial Regex Target();

    /// <summary>In a code span or an indented block, so that "make" as an English word does not count.</summary>
    [GeneratedRegex(@"(?:`|^ {4})(?:sudo )?make (?<name>[a-z]+)", RegexOptions.Multiline)]
    private static partial Regex Make();
}
