using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

[TestFixture]
public sealed class LifeCycleTests
{
    [TestCase("TERM")]
    [TestCase("INT")]
    public void Signal_ends_it_cleanly(string signal)
    {
        using var daemon = SwitchProcess.Start(null, "--datapath", "memory", "--controller", "unix:/nonexistent", "--listen", "ptcp:0:127.0.0.1");
        daemon.WaitForLog("unix:/nonexistent: not connected");

        daemon.Signal(signal);

        Assert.Multiple(() =>
        {
            Assert.That(daemon.WaitForExit(), Is.Zero);
            Assert.That(Directory.GetFileSystemEntries(daemon.RunDirectory), Is.Empty);
            Assert.That(daemon.Warnings.Count(), Is.EqualTo(1), daemon.Log);
        });
    }

    [Test]
    public void Exit_command_ends_it_cleanly()
    {
        using var daemon = SwitchProcess.Start(null, "--datapath", "memory");

        daemon.Appctl("exit");

        Assert.Multiple(() =>
        {
            Assert.That(daemon.WaitForExit(), Is.Zero);
            Assert.That(Directory.GetFileSystemEntries(daemon.RunDirectory), Is.Empty);
            Assert.That(daemon.Log, Is.Empty);
        });
    }

    [Test]
    public void What_a_killed_daemon_left_does_not_hinder_the_next()
    {
        string directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            using (var first = SwitchProcess.StartIn(directory, null, "--datapath", "memory"))
            {
                first.Signal("KILL");
                first.WaitForExit();
                Assert.That(Directory.GetFileSystemEntries(directory), Is.Not.Empty);
            }

            using var second = SwitchProcess.StartIn(directory, null, "--datapath", "memory");
            Assert.That(second.Appctl("version"), Does.StartWith("ovs-vswitchd (OvsBridge)"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    public void Configuration_file_and_command_line_add_up()
    {
        string directory = Directory.CreateTempSubdirectory("ovsbridge-run-").FullName;
        try
        {
            string file = Path.Combine(directory, "br.conf");
            File.WriteAllText(
                file,
                """
                # a switch
                datapath = memory
                port = eth1
                port = eth2 = 7
                dpid = 1
                desc = ovs
                """.Replace("eth2 = 7", "eth2=7", StringComparison.Ordinal));
            using var daemon = SwitchProcess.Start(null, "--config", file, "--dpid=0xab", "--port", "eth3", "--desc", "serial=42,dp=left switch");
            string show = daemon.Ofctl("show"), desc = daemon.Ofctl("dump-desc");

            Assert.Multiple(() =>
            {
                Assert.That(show, Does.Contain("dpid:00000000000000ab"));
                Assert.That(show, Does.Contain("1(eth1)").And.Contain("2(eth3)").And.Contain("7(eth2)"));
                Assert.That(desc, Does.Contain("Nicira, Inc.").And.Contain("Serial Num: 42").And.Contain("DP Description: left switch"));
            });
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
