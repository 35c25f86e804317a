using System.Diagnostics;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>The sample controller in C# under a switch of ours and under Open vSwitch (userspace datapath).</summary>
[TestFixture]
[Category("Topology")]
public sealed class LearningSwitchTests
{
    [Test]
    public void Learning_switch_controls_our_bridge()
    {
        using var net = new Netns("h1", "h2", "h3");
        using Process controller = StartController(net);
        try
        {
            using var daemon = SwitchProcess.Start(
                net.Switch, "--port", "h1", "--port", "h2", "--port", "h3", "--fail-mode", "secure", "--max-backoff", "1", "--controller", "tcp:127.0.0.1:6653");
            Everyone_reaches_everyone(net, () => daemon.Ofctl("dump-flows"));
        }
        finally
        {
            End(controller);
        }
    }

    [Test]
    public void Learning_switch_controls_Open_vSwitch()
    {
        if (!OpenVSwitch.IsInstalled)
            Assert.Ignore("Open vSwitch is not installed (Debian: openvswitch-switch)");
        using var net = new Netns("h1", "h2", "h3");
        using Process controller = StartController(net);
        try
        {
            using var peer = new OpenVSwitch(net, "tcp:127.0.0.1:6653");
            Everyone_reaches_everyone(net, () => peer.Ofctl("dump-flows"));
        }
        finally
        {
            End(controller);
        }
    }

    private static void Everyone_reaches_everyone(Netns net, Func<string> flows)
    {
        Assert.That(() => flows(), Does.Contain("priority=0 actions=CONTROLLER").After(30_000, 100));
        foreach (string from in net.Hosts)
        {
            // The userspace datapath of Open vSwitch breaks checksums that a network card should complete; ours doesn't mind.
            net.InHost(from, "ethtool", "-K", "eth0", "tx", "off");
        }

        Assert.Multiple(() =>
        {
            foreach (string from in net.Hosts)
            {
                foreach (string to in net.Hosts.Where(host => host != from))
                    Assert.That(net.Ping(from, net.Ipv4(to), count: 5), Is.True, $"{from} to {to}");
            }

            string text = flows();
            Assert.That(text, Does.Match($"priority=10,in_port=\"?(1|h1)\"?,dl_src={net.Mac("h1")},dl_dst={net.Mac("h2")} actions=output:"));
            Assert.That(text, Does.Match($"priority=10,in_port=\"?(3|h3)\"?,dl_src={net.Mac("h3")},dl_dst={net.Mac("h1")} actions=output:"));
        });
    }

    private static Process StartController(Netns net)
    {
        ProcessStartInfo start = new("ip", Netns.InNamespace(
            net.Switch, "dotnet", [Path.Combine(AppContext.BaseDirectory, "learning-switch.dll"), "ptcp:6653:127.0.0.1"]))
        {
            RedirectStandardOutput = true,
        };
        Process process = Process.Start(start)!;
        string? line = process.StandardOutput.ReadLine();
        if (line != "listening on ptcp:6653:127.0.0.1")
        {
            End(process);
            Assert.Fail($"the controller says '{line}'");
        }

        _ = process.StandardOutput.ReadToEndAsync(); // or it would wait for a reader
        return process;
    }

    private static void End(Process process)
    {
        Command.Try("kill", "-TERM", $"{process.Id}");
        if (!process.WaitForExit(TimeSpan.FromSeconds(10)))
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
    }
}
