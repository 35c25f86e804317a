using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>TLS with the real tools of others: <c>ovs-ofctl ssl:</c> and os-ken, both with the PEM files that they take.</summary>
[TestFixture]
public sealed partial class TlsTests
{
    private string _directory = "";
    private TestAuthority _authority = null!;
    private TestCertificate _switch = null!;

    [OneTimeSetUp]
    public void MakeCertificates()
    {
        _directory = Directory.CreateTempSubdirectory("ovsbridge-tls-").FullName;
        _authority = new TestAuthority(_directory, "ca");
        _switch = _authority.Issue("switch");
    }

    [OneTimeTearDown]
    public void RemoveCertificates()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public void Ovs_ofctl_talks_to_a_pssl_target([Values] bool traditionalKeys)
    {
        TestCertificate own = _authority.Issue("switch-" + traditionalKeys, traditionalKeys), client = _authority.Issue("ofctl-" + traditionalKeys, traditionalKeys);
        int port = FreePort();
        using SwitchProcess daemon = Start(own, "--listen", $"pssl:{port}:127.0.0.1");

        Ofctl(client, port, "add-flow", "in_port=1,actions=drop");
        CommandResult flows = Ofctl(client, port, "dump-flows");

        Assert.Multiple(() =>
        {
            Assert.That(flows.Output, Does.Contain("in_port=1 actions=drop"), flows + daemon.Log);
            Assert.That(daemon.Warnings, Is.Empty);
        });
    }

    [Test]
    public void Ovs_ofctl_with_a_foreign_certificate_is_refused_and_the_next_is_served()
    {
        using var other = new TestAuthority(_directory, "stranger-ca");
        TestCertificate stranger = other.Issue("stranger");
        int port = FreePort();
        using SwitchProcess daemon = Start(_switch, "--listen", $"pssl:{port}:127.0.0.1");

        // It trusts us, so that it is we who refuse.
        CommandResult refused = Ofctl(stranger with { AuthorityCertificate = _switch.AuthorityCertificate }, port, "dump-flows");
        daemon.WaitForLog("a peer failed before the handshake");

        Assert.Multiple(() =>
        {
            Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString());
            Assert.That(refused.Output, Does.Not.Contain("NXST_FLOW").And.Not.Contain("OFPST_FLOW"));
            Assert.That(Ofctl(_authority.Issue("friend"), port, "dump-flows").ExitCode, Is.Zero);
        });
    }

    [Test]
    public void Client_without_a_certificate_or_without_TLS_is_refused()
    {
        int port = FreePort();
        using SwitchProcess daemon = Start(_switch, "--listen", $"pssl:{port}:127.0.0.1");

        CommandResult anonymous = Command.Try("openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-CAfile", _switch.AuthorityCertificate, "-quiet");
        using (FakePeer plain = FakePeer.Connect(OpenFlow.Endpoint.Target.Parse($"tcp:127.0.0.1:{port}")))
        {
            plain.SendRaw([4, 0, 0, 8, 0, 0, 0, 1]);
            plain.Socket.Shutdown(SocketShutdown.Send);
            Assert.That(() => plain.Receive(), Is.Null.Or.Property("Type").EqualTo(-1).Or.Message.Contains("not OpenFlow"));
        }

        Assert.That(anonymous.Output, Is.Empty, "no HELLO for it");
        Assert.That(() => NotServed().Count(daemon.Log), Is.EqualTo(2).After(10_000, 50), daemon.Log);
    }

    [Test]
    public void Os_ken_is_the_controller_over_ssl()
    {
        TestCertificate controller = _authority.Issue("controller");
        int port = FreePort();
        using BackgroundProcess manager = OsKen.Start(null, ["--ofp-listen-host", "127.0.0.1", "--ofp-ssl-listen-port", $"{port}", "--ofp-tcp-listen-port", "0", .. controller.OsKenOptions, OsKen.LearningSwitch]);
        using SwitchProcess daemon = Start(_switch, "--max-backoff", "1", "--controller", $"ssl:127.0.0.1:{port}");

        Assert.That(() => daemon.Ofctl("dump-flows"), Does.Contain("priority=0 actions=CONTROLLER").After(30_000, 250), daemon.Log + manager.Log);
    }

    [Test]
    public void Controller_with_a_foreign_certificate_is_refused()
    {
        using var other = new TestAuthority(_directory, "foreign-ca");
        TestCertificate controller = other.Issue("foreign-controller") with { AuthorityCertificate = _switch.AuthorityCertificate };
        int port = FreePort();
        using BackgroundProcess manager = OsKen.Start(null, ["--ofp-listen-host", "127.0.0.1", "--ofp-ssl-listen-port", $"{port}", "--ofp-tcp-listen-port", "0", .. controller.OsKenOptions, OsKen.LearningSwitch]);
        using SwitchProcess daemon = Start(_switch, "--max-backoff", "1", "--controller", $"ssl:127.0.0.1:{port}");

        daemon.WaitForLog("certificate"); // after "Connection refused", until os-ken listens
        Assert.That(daemon.Ofctl("dump-flows"), Does.Not.Contain("actions="));
    }

    [TestCase("private-key")]
    [TestCase("certificate")]
    [TestCase("ca-cert")]
    public void Missing_or_garbage_file_is_one_line_that_names_it(string option)
    {
        string garbage = Path.Combine(_directory, "garbage.pem"), missing = Path.Combine(_directory, "missing.pem");
        File.WriteAllText(garbage, "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n");
        foreach (string bad in new[] { garbage, missing })
        {
            List<string> options = [.. _switch.RunOptions];
            options[options.IndexOf("--" + option) + 1] = bad;
            CommandResult result = Command.Try(
                SwitchProcess.Program, ["run", "--rundir", _directory, "--datapath", "memory", "--listen", "pssl:0:127.0.0.1", .. options]);
            Assert.Multiple(() =>
            {
                Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
                Assert.That(result.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), result.Error);
                Assert.That(result.Error, Does.StartWith("ovsbridge: ").And.Contain(bad));
            });
        }
    }

    [Test]
    public void Key_of_another_certificate_is_one_line_that_names_it()
    {
        TestCertificate other = _authority.Issue("another");
        CommandResult result = Command.Try(
            SwitchProcess.Program,
            ["run", "--rundir", _directory, "--datapath", "memory", "--listen", "pssl:0", .. (_switch with { PrivateKey = other.PrivateKey }).RunOptions]);
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
            Assert.That(result.Error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), result.Error);
            Assert.That(result.Error, Does.Contain(other.PrivateKey));
        });
    }

    /// <summary>A port that nobody uses just now; the system does not give it to another for a while.</summary>
    internal static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static SwitchProcess Start(TestCertificate certificate, params IEnumerable<string> options) =>
        SwitchProcess.Start(null, ["--datapath", "memory", "--port", "eth1", .. certificate.RunOptions, .. options]);

    private static CommandResult Ofctl(TestCertificate certificate, int port, string command, params IEnumerable<string> arguments) => Command.Try(
        "ovs-ofctl", ["-O", "OpenFlow13", "--timeout=10", .. certificate.OvsOptions, command, $"ssl:127.0.0.1:{port}", .. arguments]);

    [GeneratedRegex("a peer failed before the handshake")]
    private static partial Regex NotServed();
}
