using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests.Ofctl;

/// <summary>
/// Each command of commands.txt by <c>ovsbridge ofctl</c> and by the real <c>ovs-ofctl -O OpenFlow13</c>: the same output, exit status and
/// effect, but for xids and times. What Open vSwitch's tool says in words of its own about a wrong command line is ours to say
/// otherwise.
/// </summary>
[TestFixture("ours")]
[TestFixture("Open vSwitch")]
[Category("Peer")]
public sealed partial class OfctlComparisonTests(string kind)
{
    private string _folder = null!;
    private string _target = null!;
    private IDisposable _switch = null!;

    [OneTimeSetUp]
    public void Start()
    {
        if (OvsSwitch.Missing() is { } missing)
            Assert.Ignore(missing);
        _folder = Directory.CreateTempSubdirectory("ovsbridge-ofctl-").FullName;
        CommandFile.WriteFiles(_folder);
        if (kind == "ours")
        {
            SwitchProcess daemon = SwitchProcess.Start(null, "--datapath", "memory", "--port", "p1", "--port", "p2", "--dpid", "1");
            (_switch, _target) = (daemon, "unix:" + Path.Combine(daemon.RunDirectory, "br0.mgmt"));
        }
        else
        {
            OvsSwitch other = OvsSwitch.Start(2);
            (_switch, _target) = (other, other.Management);
        }

        Reset();
    }

    [OneTimeTearDown]
    public void Stop()
    {
        _switch?.Dispose();
        if (_folder is not null)
            Directory.Delete(_folder, recursive: true);
    }

    private static IEnumerable<string> Questions() => CommandFile.Marked('=');

    private static IEnumerable<string> Changes() => CommandFile.Marked('~');

    private static IEnumerable<string> ChangesByOwnMessages() => CommandFile.Marked('^');

    [TestCaseSource(nameof(Questions))]
    public void Prints_what_ovs_ofctl_prints(string command)
    {
        (string theirs, string ours) = (Outcome(Theirs(command)), Outcome(Ours(command)));
        Assert.That(ours, Is.EqualTo(theirs));
    }

    [TestCaseSource(nameof(ChangesByOwnMessages))]
    public void Does_without_Open_vSwitchs_own_messages(string command)
    {
        if (_switch is not SwitchProcess)
        {
            Does_what_ovs_ofctl_does(command);
            return;
        }

        try
        {
            Assert.Multiple(() =>
            {
                Assert.That(Theirs(command).Output + Theirs(command).Error, Does.Contain("OFPGMFC_BAD_COMMAND"));
                Assert.That(Ours(command).ExitCode, Is.Zero);
            });
        }
        finally
        {
            Reset();
        }
    }

    [TestCaseSource(nameof(Changes))]
    public void Does_what_ovs_ofctl_does(string command)
    {
        try
        {
            CommandResult result = Theirs(command);
            (string theirs, string theirState) = (Outcome(result), State());
            Reset();
            (string ours, string ourState) = (Outcome(Ours(command)), State());
            Assert.Multiple(() =>
            {
                Assert.That(ours, Is.EqualTo(theirs));
                // Of many flows that are not a bundle, those behind a refused one may have arrived.
                Assert.That(ourState, Is.EqualTo(theirState));
            });
        }
        finally
        {
            Reset();
        }
    }

    private CommandResult Theirs(string command) => Command.Try("ovs-ofctl", ["-O", "OpenFlow13", .. CommandFile.Words(command, _target, _folder)]);

    private CommandResult Ours(string command) => Command.Try(SwitchProcess.Program, ["ofctl", .. CommandFile.Words(command, _target, _folder)]);

    private void Reset()
    {
        foreach (string command in (string[])["del-flows BR", "del-groups BR", "del-meters BR", .. CommandFile.Marked('>')])
        {
            CommandResult result = Theirs(command);
            Assert.That(result.ExitCode, Is.Zero, $"{command}: {result}");
        }
    }

    private string State() => string.Concat(((string[])["--sort --no-stats dump-flows BR", "dump-groups BR", "dump-meters BR", "dump-ports-desc BR", "get-frags BR"])
        .Select(command => Sorted(Normal(Theirs(command).Output))));

    private static string Sorted(string text) => string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));

    // Of stderr, the messages of the switch; the words of a tool about its command line are its own.
    private static string Outcome(CommandResult result) =>
        $"{Normal(result.Output)}-- {Normal(Dumps(result.Error))}-- exit status {result.ExitCode}";

    private static string Dumps(string error) => string.Concat(error.Split('\n').Where(line => Message().IsMatch(line)).Select(line => line + "\n"));

    private static string Normal(string text) => Times().Replace(Xids().Replace(text, "xid=X"), "$1T");

    [GeneratedRegex("^(OF|NX|ONF|Error |000|[ ]|type=)")]
    private static partial Regex Message();

    [GeneratedRegex("xid=0x[0-9a-f]+")]
    private static partial Regex Xids();

    [GeneratedRegex("(duration[=:]|time=)[0-9.]+( ?m?s)?")]
    private static partial Regex Times();
}
