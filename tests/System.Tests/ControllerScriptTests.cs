using System.Net.Sockets;
using OvsBridge.OpenFlow.Endpoint;
using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

/// <summary>What controllers in the field say to a switch that is new to them, byte by byte, to the real daemon.</summary>
[TestFixture]
public sealed class ControllerScriptTests
{
    [TestCaseSource(typeof(ControllerScript), nameof(ControllerScript.Names))]
    public void Controller_is_served(string name)
    {
        ControllerScript script = ControllerScript.Read(name);
        string socket = Path.Combine(Path.GetTempPath(), $"ovsbridge-{name}-{Environment.ProcessId}");
        using Socket listener = UnixSocket.Listen(socket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        try
        {
            using var daemon = SwitchProcess.Start(
                null, "--datapath", "memory", "--dpid", "aa", "--port", "eth1=1", "--port", "eth2=7", "--desc", "ovs", "--controller", "unix:" + socket);
            using var peer = new FakePeer(listener.Accept());

            script.Play(peer);

            Assert.Multiple(() =>
            {
                Assert.That(daemon.Warnings, Is.Empty);
                Assert.That(script.Count, Is.GreaterThan(20));
            });
        }
        finally
        {
            UnixSocket.Remove(socket);
        }
    }

    [Test]
    public void Controllers_of_the_field_have_scripts() =>
        Assert.That(ControllerScript.Names, Is.EqualTo(new[] { "faucet", "floodlight", "onos", "opendaylight" }));

    [TestCase("> 04 05 00 09 00 00 00 01", "its header says 0x0009")]
    [TestCase("> 04 05 00 08 00 00 00 .1", "not hexadecimal")]
    [TestCase("< 04 05 zz", "zz")]
    [TestCase("hello", "'hello'")]
    [TestCase("repeat 1 2", "no 'end'")]
    public void Wrong_line_is_named(string line, string message) =>
        Assert.That(() => ControllerScript.Of(line), Throws.TypeOf<FormatException>().With.Message.Contains(message).And.Message.Contains("test.script:1"));

    [Test]
    public void Wrong_answer_fails()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        listener.Listen();
        using FakePeer near = FakePeer.Connect(Target.Parse($"tcp:127.0.0.1:{((System.Net.IPEndPoint)listener.LocalEndPoint!).Port}"));
        using var far = new FakePeer(listener.Accept());
        far.SendRaw([4, 21, 0, 8, 0, 0, 0, 1]);
        far.SendRaw([4, 21, 0, 8, 0, 0, 0, 2]);

        Assert.Multiple(() =>
        {
            Assert.That(() => ControllerScript.Of("< 04 15 00 08 00 00 .. .1").Play(near), Throws.Nothing);
            Assert.That(() => ControllerScript.Of("< 04 15 00 08 00 00 00 01").Play(near), Throws.TypeOf<AssertionException>().With.Message.Contains("0415000800000002"));
        });
    }
}
