using OvsBridge.Testing;

namespace OvsBridge.SystemTests;

[TestFixture]
[Category("Topology")]
public sealed class NetnsTests
{
    [Test]
    public void Topology_is_wired_and_leaves_nothing_behind()
    {
        string @switch;
        using (var net = new Netns("h1", "h2"))
        {
            @switch = net.Switch;
            // The test plays the switch: an address on the port answers.
            net.InSwitch("ip", "address", "add", "10.0.0.254/24", "dev", "h2");

            Assert.Multiple(() =>
            {
                Assert.That(net.Ping("h2", "10.0.0.254"), Is.True);
                Assert.That(net.Ping("h1", net.Ipv4("h2"), count: 1), Is.False, "nothing connects the hosts yet");
                Assert.That(net.InHost("h2", "cat", "/sys/class/net/eth0/address").Trim(), Is.EqualTo("02:00:00:00:00:02"));
            });
        }

        Assert.That(File.Exists("/run/netns/" + @switch), Is.False);
    }

    [Test]
    public void A_thread_can_act_inside_and_its_failure_comes_out()
    {
        using var net = new Netns();
        string inode = "";
        net.Inside(() => inode = new FileInfo("/proc/thread-self/ns/net").LinkTarget!);

        Assert.Multiple(() =>
        {
            Assert.That(inode, Is.Not.Empty.And.Not.EqualTo(new FileInfo("/proc/self/ns/net").LinkTarget));
            Assert.That(() => net.Inside(() => throw new InvalidDataException("inner")), Throws.TypeOf<InvalidDataException>());
        });
    }
}
