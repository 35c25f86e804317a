using System.Collections.Concurrent;
using OvsBridge.Datapath.Links;
using OvsBridge.Testing;

namespace OvsBridge.Datapath.Tests.Links;

[TestFixture]
[Category("Kernel")]
public sealed class LinkTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    [Test]
    public void Lists_what_ip_link_shows() => InNamespace((net, table) =>
    {
        Link port = table.Find("h1")!;
        string[] row = net.InSwitch("cat", "/sys/class/net/h1/ifindex", "/sys/class/net/h1/address", "/sys/class/net/h1/mtu").Trim().Split('\n');

        Assert.Multiple(() =>
        {
            Assert.That(table.List().Select(link => link.Name), Is.EquivalentTo(new[] { "lo", "h1" }));
            Assert.That($"{port.IfIndex}", Is.EqualTo(row[0]));
            Assert.That($"{port.Mac:x12}", Is.EqualTo(row[1].Replace(":", "", StringComparison.Ordinal)));
            Assert.That($"{port.Mtu}", Is.EqualTo(row[2]));
            Assert.That((port.Kind, port.IsUp, port.HasCarrier, port.IsEthernet), Is.EqualTo(("veth", true, true, true)));
            Assert.That(table.Find("lo")!.IsEthernet, Is.False);
            Assert.That(table.Find("nosuch"), Is.Null);
            Assert.That(table.Find(9999), Is.Null);
            Assert.That(table.ReadSettings("h1"), Is.EqualTo(new EthernetSettings(10_000, true, 0, 0, 0, 0)));
            Assert.That(table.ReadSettings("lo"), Is.Null);
            Assert.That(table.ReadSettings("a-name-that-is-far-too-long"), Is.Null);
        });
    });

    [Test]
    public void Sets_up_and_down() => InNamespace((net, table) =>
    {
        int index = table.Find("h1")!.IfIndex;

        table.SetUp(index, false);
        Assert.That(table.Find(index)!.Value.Link.IsUp, Is.False);
        table.SetUp(index, true);
        Assert.That(table.Find(index)!.Value.Link.IsUp, Is.True);

        Assert.That(() => table.SetUp(9999, true), Throws.TypeOf<DatapathException>().With.Message.Contains("ENODEV"));
    });

    [Test]
    public void Counts_what_passes() => InNamespace((net, table) =>
    {
        net.InSwitch("ip", "address", "add", "10.0.0.254/24", "dev", "h1");
        int index = table.Find("h1")!.IfIndex;
        LinkCounters before = table.Find(index)!.Value.Counters;

        Assert.That(net.Ping("h1", "10.0.0.254", count: 5), Is.True);

        LinkCounters after = table.Find(index)!.Value.Counters;
        Assert.Multiple(() =>
        {
            Assert.That(after.RxPackets - before.RxPackets, Is.GreaterThanOrEqualTo(5));
            Assert.That(after.TxBytes - before.TxBytes, Is.GreaterThanOrEqualTo(5 * 98));
        });
    });

    [Test]
    public void Queues_are_the_leaf_classes_of_the_root_discipline() => InNamespace((net, table) =>
    {
        int index = table.Find("h1")!.IfIndex;
        Assert.That(table.ReadQueues(index), Is.Empty, "noqueue");
        net.InSwitch("tc", "qdisc", "add", "dev", "h1", "root", "handle", "1:", "tbf", "rate", "1gbit", "burst", "1mb", "latency", "1ms");
        Assert.That(table.ReadQueues(index), Is.Empty, "tbf has one class, which is no queue");
        net.InSwitch("tc", "qdisc", "replace", "dev", "h1", "root", "handle", "5:", "htb", "default", "1");
        Assert.That(table.ReadQueues(index), Is.Empty);
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "5:", "classid", "5:fffe", "htb", "rate", "80gbit");
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "5:fffe", "classid", "5:10", "htb", "rate", "8kbit", "ceil", "40gbit");
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "5:fffe", "classid", "5:1", "htb", "rate", "1mbit");
        net.InSwitch("tc", "qdisc", "add", "dev", "h1", "parent", "5:10", "handle", "6:", "htb");
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "6:", "classid", "6:7", "htb", "rate", "1mbit");
        net.InSwitch("ip", "address", "add", "10.0.0.254/24", "dev", "h1");
        Assert.That(net.Ping("h1", "10.0.0.254", count: 5), Is.True);

        IReadOnlyList<LinkQueue> queues = table.ReadQueues(index);
        Assert.Multiple(() =>
        {
            Assert.That(queues.Select(queue => (queue.Minor, queue.MinBytesPerSecond, queue.MaxBytesPerSecond)), Is.EqualTo(
                new[] { ((ushort)1, 125_000ul, 125_000ul), ((ushort)0x10, 1000ul, 5_000_000_000ul) }));
            Assert.That(queues[0].TxPackets, Is.GreaterThanOrEqualTo(5));
            Assert.That(queues[0].TxBytes, Is.GreaterThanOrEqualTo(5 * 98));
            Assert.That(queues[1].TxPackets, Is.Zero);
            Assert.That(table.ReadQueues(9999), Is.Empty);
        });
    });

    [Test]
    public void Packets_that_find_a_queue_full_are_counted() => InNamespace((net, table) =>
    {
        net.InSwitch("tc", "qdisc", "add", "dev", "h1", "root", "handle", "1:", "htb", "default", "1");
        net.InSwitch("tc", "class", "add", "dev", "h1", "parent", "1:", "classid", "1:1", "htb", "rate", "8kbit", "burst", "1600");
        net.InSwitch("tc", "qdisc", "add", "dev", "h1", "parent", "1:1", "pfifo", "limit", "1");
        net.InSwitch("ip", "address", "add", "10.0.0.254/24", "dev", "h1");
        net.TryInSwitch("ping", "-f", "-c", "20", "-s", "1000", "-W", "1", net.Ipv4("h1"));

        Assert.That(table.ReadQueues(table.Find("h1")!.IfIndex).Single().Drops, Is.Positive);
    });

    [Test]
    public void Monitor_tells_of_each_change() => InNamespace((net, table) =>
    {
        using BlockingCollection<LinkChange> changes = [];
        using var monitor = new LinkMonitor(table, changes.Add, exception => Assert.Fail(exception.ToString()));
        monitor.Start();
        Assert.That(changes.Select(change => change.After!.Name), Is.EquivalentTo(new[] { "lo", "h1" }));
        while (changes.TryTake(out _))
        {
        }

        net.InSwitch("ip", "link", "set", "h1", "down");
        Wait(changes, change => change is { Before.IsUp: true, After.IsUp: false });
        net.InSwitch("ip", "link", "set", "h1", "up");
        Wait(changes, change => change is { Before.HasCarrier: false, After.HasCarrier: true });
        net.InHost("h1", "ip", "link", "set", "eth0", "down");
        Wait(changes, change => change.After is { Name: "h1", IsUp: true, HasCarrier: false });
        net.InSwitch("ip", "link", "set", "h1", "down");
        net.InSwitch("ip", "link", "set", "h1", "name", "other");
        Wait(changes, change => change is { Before.Name: "h1", After.Name: "other" });
        net.InSwitch("ip", "link", "delete", "other");
        Wait(changes, change => change is { Before.Name: "other", After: null });
        net.AddHost("h1");
        Wait(changes, change => change is { Before: null, After.Name: "h1" });
    });

    /// <summary>The bridge module's own messages say DELLINK when an interface only leaves a Linux bridge.</summary>
    [Test]
    public void Leaving_a_linux_bridge_is_not_the_end_of_an_interface() => InNamespace((net, table) =>
    {
        using BlockingCollection<LinkChange> changes = [];
        using var monitor = new LinkMonitor(table, changes.Add, exception => Assert.Fail(exception.ToString()));
        monitor.Start();
        net.InSwitch("ip", "link", "add", "lb", "type", "bridge");
        net.InSwitch("ip", "link", "set", "h1", "master", "lb");
        net.InSwitch("ip", "link", "set", "h1", "nomaster");
        net.InSwitch("ip", "link", "delete", "lb");

        Wait(changes, change => change is { Before.Name: "lb", After: null });
        Assert.That(changes.Where(change => change.After is null), Is.Empty);
    });

    [Test]
    public void After_lost_notifications_everything_is_read_again() => InNamespace((net, table) =>
    {
        using ManualResetEventSlim release = new();
        using BlockingCollection<LinkChange> changes = [];
        using var monitor = new LinkMonitor(
            table,
            change =>
            {
                if (change.Before is not null)
                    release.Wait(_patience); // the reader stands still from the first change on
                changes.Add(change);
            },
            exception => Assert.Fail(exception.ToString()));
        monitor.Start();
        string batch = Path.GetTempFileName();
        File.WriteAllLines(batch, Enumerable.Range(0, 4000).Select(i => $"link set dev h1 mtu {1400 + i % 2}").Append("link delete dev h1"));
        net.InSwitch("ip", "-batch", batch);
        File.Delete(batch);

        release.Set();

        Wait(changes, change => change is { Before.Name: "h1", After: null });
        Assert.That(monitor.Overruns, Is.Positive);
    });

    [Test]
    public void A_listener_that_throws_is_reported_and_the_monitor_goes_on() => InNamespace((net, table) =>
    {
        using BlockingCollection<Exception> failures = [];
        using var monitor = new LinkMonitor(table, change => throw new InvalidDataException(change.After?.Name), failures.Add);
        monitor.Start();
        net.InSwitch("ip", "link", "add", "x", "type", "veth", "peer", "name", "y");

        foreach (string name in new[] { "lo", "h1", "y", "x" })
        {
            Assert.That(failures.TryTake(out Exception? failure, _patience), Is.True);
            Assert.That(failure!.Message, Is.EqualTo(name));
        }
    });

    private static void Wait(BlockingCollection<LinkChange> changes, Func<LinkChange, bool> wanted)
    {
        while (changes.TryTake(out LinkChange? change, _patience))
        {
            if (wanted(change))
                return;
        }

        Assert.Fail("the change did not come");
    }

    private static void InNamespace(Action<Netns, LinkTable> test)
    {
        using var net = new Netns("h1");
        net.Inside(() =>
        {
            using var table = new LinkTable();
            test(net, table);
        });
    }
}
