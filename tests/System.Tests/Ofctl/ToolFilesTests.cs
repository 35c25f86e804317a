using OvsBridge.Host.Ofctl;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests.Ofctl;

/// <summary>Man pages, completion and links of the tools.</summary>
[TestFixture]
public sealed class ToolFilesTests
{
    private string _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("ovsbridge-tools-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Man_page_and_help_name_every_command()
    {
        string page = File.ReadAllText(RepositoryRoot.File("man/ovsbridge-ofctl.8")).Replace("\\-", "-", StringComparison.Ordinal);
        string help = Command.Run(SwitchProcess.Program, "ofctl", "--help");
        Assert.Multiple(() =>
        {
            foreach (CommandRow command in CommandTable.All.Where(c => c.Name != "help"))
                Assert.That(page, Does.Contain(command.Name), "man page");
            foreach (string word in (string[])["add-flow", "dump-group-stats", "meter-features", "ofp-parse-pcap", "--may-create"])
                Assert.That(help, Does.Contain(word), "--help");
        });
    }

    [TestCase("ovsbridge.8")]
    [TestCase("ovsbridge-ofctl.8")]
    [TestCase("ovsbridge-appctl.8")]
    public void Man_page_is_well_formed(string page)
    {
        if (!File.Exists("/usr/bin/groff"))
            Assert.Ignore("groff is not installed (Debian package groff)");
        CommandResult result = Command.Try("groff", "-ww", "-man", "-Tascii", RepositoryRoot.File("man/" + page));
        Assert.Multiple(() =>
        {
            Assert.That(result.Error, Is.Empty);
            Assert.That(result.ExitCode, Is.Zero);
        });
    }

    [Test]
    public void Completion_offers_every_command_and_option()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Complete("ofctl", ""), Is.EquivalentTo(CommandTable.All.Select(c => c.Name)));
            Assert.That(Complete("ofctl", "--"), Is.EquivalentTo(OptionReader.Rows.Select(row => "--" + row.Name)));
            Assert.That(Complete("ofctl", "dump-gr"), Is.EquivalentTo((string[])["dump-groups", "dump-group-stats", "dump-group-features"]));
            Assert.That(Complete("ofctl", "set-frags", "br0", "n"), Is.EquivalentTo((string[])["normal", "nx-match"]));
            Assert.That(Complete("run", "--rest"), Is.EqualTo((string[])["--restart-grace"]));
        });
    }

    [TestCase("ovs-ofctl")]
    [TestCase("ovs-appctl")]
    public void By_the_name_of_a_tool_it_is_that_tool(string name)
    {
        string link = Path.Combine(_folder, name);
        File.CreateSymbolicLink(link, SwitchProcess.Program);
        CommandResult result = Command.Try(link, "--version");
        Assert.That(result.Output, Does.StartWith(name + " (OvsBridge) "), result.ToString());
    }

    [TestCase("yes", true)]
    [TestCase("no", false)]
    public void Install_puts_pages_completion_and_links(string names, bool links)
    {
        string artifacts = Directory.CreateDirectory(Path.Combine(_folder, "artifacts")).FullName;
        string program = Path.Combine(artifacts, "ovsbridge");
        File.WriteAllText(program, "#!/bin/sh\necho $0\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string root = Path.Combine(_folder, "root");
        Command.Run(RepositoryRoot.File("scripts/install.sh"), artifacts, root, "/usr", names);
        Assert.Multiple(() =>
        {
            foreach (string file in (string[])["bin/ovsbridge", "share/man/man8/ovsbridge.8", "share/man/man8/ovsbridge-ofctl.8", "share/bash-completion/completions/ovsbridge"])
                Assert.That(Path.Combine(root, "usr", file), Does.Exist);
            foreach (string file in (string[])["bin/ovs-ofctl", "bin/ovs-appctl", "share/man/man8/ovs-ofctl.8", "share/bash-completion/completions/ovs-appctl"])
                Assert.That(File.Exists(Path.Combine(root, "usr", file)), Is.EqualTo(links), file);
            Assert.That(Command.Run("bash", "-n", Path.Combine(root, "usr/share/bash-completion/completions/ovsbridge")), Is.Empty);
        });
    }

    private static string[] Complete(params string[] words)
    {
        string script = RepositoryRoot.File("scripts/completion/ovsbridge.bash");
        string list = string.Join(' ', words.Prepend(SwitchProcess.Program).Select(word => $"'{word}'"));
        string line = $"source '{script}'; COMP_WORDS=({list}); COMP_CWORD={words.Length}; _ovsbridge '{SwitchProcess.Program}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"";
        return [.. Command.Run("bash", "-c", line).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }
}
