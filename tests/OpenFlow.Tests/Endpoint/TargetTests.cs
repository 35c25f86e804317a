using OvsBridge.OpenFlow.Endpoint;

namespace OvsBridge.OpenFlow.Tests.Endpoint;

[TestFixture]
public sealed class TargetTests
{
    [TestCase("tcp:127.0.0.1:6653", TargetTransport.Tcp, false, "127.0.0.1", 6653)]
    [TestCase("tcp:127.0.0.1", TargetTransport.Tcp, false, "127.0.0.1", 6653)]
    [TestCase("tcp:controller-1.example:6633", TargetTransport.Tcp, false, "controller-1.example", 6633)]
    [TestCase("tcp:[::1]:6653", TargetTransport.Tcp, false, "::1", 6653)]
    [TestCase("tcp:[fd00::2]", TargetTransport.Tcp, false, "fd00::2", 6653)]
    [TestCase("ssl:10.0.0.1:1", TargetTransport.Ssl, false, "10.0.0.1", 1)]
    [TestCase("ptcp:", TargetTransport.Tcp, true, null, 6653)]
    [TestCase("ptcp:6654", TargetTransport.Tcp, true, null, 6654)]
    [TestCase("ptcp:0", TargetTransport.Tcp, true, null, 0)]
    [TestCase("ptcp:6654:127.0.0.1", TargetTransport.Tcp, true, "127.0.0.1", 6654)]
    [TestCase("ptcp::127.0.0.1", TargetTransport.Tcp, true, "127.0.0.1", 6653)]
    [TestCase("ptcp:6654:[::1]", TargetTransport.Tcp, true, "::1", 6654)]
    [TestCase("pssl:6640", TargetTransport.Ssl, true, null, 6640)]
    public void Internet_targets(string text, TargetTransport transport, bool passive, string? host, int port) =>
        Assert.That(Target.Parse(text), Is.EqualTo(new Target(transport, passive, host, (ushort)port, null)));

    [TestCase("unix:/run/x.sock", false, "/run/x.sock")]
    [TestCase("punix:/run/a b:c.sock", true, "/run/a b:c.sock")]
    public void Unix_targets(string text, bool passive, string path) =>
        Assert.That(Target.Parse(text), Is.EqualTo(new Target(TargetTransport.Unix, passive, null, 0, path)));

    [TestCase("tcp:127.0.0.1:6653")]
    [TestCase("ssl:[::1]:1")]
    [TestCase("ptcp:6653")]
    [TestCase("ptcp:6653:[::1]")]
    [TestCase("unix:/run/x")]
    [TestCase("punix:x")]
    public void Text_comes_back(string text) => Assert.That(Target.Parse(text).ToString(), Is.EqualTo(text));

    [TestCase("", "must start with")]
    [TestCase("127.0.0.1:6653", "unknown kind '127.0.0.1'")]
    [TestCase("tcp", "followed by ':'")]
    [TestCase("udp:127.0.0.1:6653", "unknown kind 'udp'")]
    [TestCase("TCP:127.0.0.1", "unknown kind 'TCP'")]
    [TestCase("tcp:", "host is missing")]
    [TestCase("tcp::6653", "host is missing")]
    [TestCase("tcp:127.0.0.1:", "port is missing")]
    [TestCase("tcp:127.0.0.1:0", "'0' is not a port (1 to 65535)")]
    [TestCase("tcp:127.0.0.1:65536", "'65536' is not a port")]
    [TestCase("tcp:127.0.0.1:-1", "'-1' is not a port")]
    [TestCase("tcp:127.0.0.1:66x", "'66x' is not a port")]
    [TestCase("tcp:1.2.3:6653", "'1.2.3' is not a host")]
    [TestCase("tcp:1.2.3.256:6653", "'1.2.3.256' is not a host")]
    [TestCase("tcp:a host:6653", "'a host' is not a host")]
    [TestCase("tcp:::1:6653", "must stand in brackets")]
    [TestCase("tcp:fd00::1", "must stand in brackets")]
    [TestCase("tcp:[::1", "']' is missing")]
    [TestCase("tcp:[::1]6653", "unexpected '6653'")]
    [TestCase("tcp:[127.0.0.1]:6653", "not an IPv6 address")]
    [TestCase("ptcp:x", "'x' is not a port (0 to 65535)")]
    [TestCase("ptcp:6653:", "host is missing")]
    [TestCase("ptcp:6653:localhost", "not an IP address")]
    [TestCase("ptcp:6653:127.0.0.1:1", "unexpected ':1'")]
    [TestCase("unix:", "file name is missing")]
    [TestCase("punix:", "file name is missing")]
    public void Bad_target_is_refused_with_its_text_and_the_reason(string text, string reason) => Assert.That(
        () => Target.Parse(text), Throws.TypeOf<FormatException>().With.Message.Contains(reason).And.Message.Contains($"'{text}'"));

    [Test]
    public void Unix_path_is_limited_in_bytes()
    {
        Assert.That(() => Target.Parse("unix:/" + new string('x', 106)), Throws.Nothing);
        Assert.That(() => Target.Parse("unix:/" + new string('x', 107)), Throws.TypeOf<FormatException>().With.Message.Contains("108 bytes"));
        Assert.That(() => Target.Parse("unix:/" + new string('ä', 54)), Throws.TypeOf<FormatException>().With.Message.Contains("109 bytes"));
    }
}
