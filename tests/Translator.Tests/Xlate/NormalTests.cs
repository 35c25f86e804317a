using OvsBridge.Translator.Xlate;

namespace OvsBridge.Translator.Tests.Xlate;

[TestFixture]
public sealed class NormalTests
{
    private const long Second = 1_000_000_000;

    [Test]
    public void Known_address_is_forwarded_and_unknown_flooded()
    {
        Given normal = Given.Flows("actions=normal").Knows("02:00:00:00:00:02", 2);
        normal.Packet("in_port=1,udp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02")
            .Yields("2", "in_port=1,vlan_tci=0x0000/0x1000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02");
        normal.Packet("in_port=1,udp,dl_dst=02:00:00:00:00:03").Yields("2,3,4,5,6,65534");
        normal.Packet("in_port=1,udp,dl_dst=ff:ff:ff:ff:ff:ff").Yields("2,3,4,5,6,65534");
    }

    [Test]
    public void Address_behind_the_ingress_port_is_dropped() =>
        Given.Flows("actions=normal").Knows("02:00:00:00:00:02", 1).Packet("in_port=1,udp,dl_dst=02:00:00:00:00:02").Yields("drop");

    /// <summary>Learned before it is looked up, also where another port was known; as Open vSwitch.</summary>
    [Test]
    public void Packet_to_its_own_source_is_dropped()
    {
        Given.Flows("actions=normal").Packet("in_port=1,udp,dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:02").Yields("drop");
        Given.Flows("actions=normal").Knows("02:00:00:00:00:02", 2).Packet("in_port=1,udp,dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:02").Yields("drop");
    }

    [Test]
    public void Addresses_are_known_by_VLAN()
    {
        Given normal = Given.Flows("actions=normal").Knows("02:00:00:00:00:02", 2, 7);
        normal.Packet("in_port=1,dl_vlan=7,dl_type=0x88cc,dl_dst=02:00:00:00:00:02").Yields("2");
        normal.Packet("in_port=1,dl_vlan=8,dl_type=0x88cc,dl_dst=02:00:00:00:00:02").Yields("2,3,4,5,6,65534");
    }

    [TestCase("01:80:c2:00:00:00", "drop")]
    [TestCase("01:80:c2:00:00:0f", "drop")]
    [TestCase("01:80:c2:00:00:10", "2,3,4,5,6,65534")]
    public void Reserved_addresses_are_not_forwarded(string destination, string actions)
    {
        XlateResult result = Given.Flows("actions=normal").Packet($"in_port=1,dl_type=0x88cc,dl_src=02:00:00:00:00:01,dl_dst={destination}").Yields(actions).Result;

        Assert.That(result.Credits.Sightings.Length, Is.EqualTo(actions == "drop" ? 0 : 1));
    }

    [Test]
    public void Multicast_sources_and_packets_from_no_port_teach_nothing()
    {
        Given normal = Given.Flows("actions=normal");
        Assert.That(normal.Packet("in_port=1,udp,dl_src=03:00:00:00:00:01").Result.Credits.Sightings.Length, Is.Zero);
        Assert.That(normal.PacketOut("udp,dl_src=02:00:00:00:00:01", "normal").Result.Credits.Sightings.Length, Is.Zero);
        Assert.That(normal.Packet("in_port=1,udp,dl_src=02:00:00:00:00:01").Result.Credits.Sightings.ToArray(), Is.EqualTo(new[] { new MacSighting(0, 0x020000000001, 1) }));
    }

    [Test]
    public void Address_is_forgotten_when_it_was_not_seen_for_five_minutes()
    {
        MacTable macs = new();
        macs.Learn(new MacSighting(0, 1, 1), 0);
        macs.Learn(new MacSighting(0, 2, 1), 10 * Second);
        macs.Age(299 * Second);
        Assert.That(macs.Count, Is.EqualTo(2));
        macs.Learn(new MacSighting(0, 2, 1), 299 * Second);

        long version = macs.Version;
        macs.Age(300 * Second);

        Assert.That(macs.Entries(300 * Second), Is.EqualTo(new[] { new MacEntry(1, 0, 2, 1) }));
        Assert.That(macs.Version, Is.GreaterThan(version));
    }

    [Test]
    public void Moved_address_is_behind_its_new_port_and_a_late_count_does_not_bring_it_back()
    {
        MacTable macs = new();
        macs.Learn(new MacSighting(0, 1, 1), 10);
        long version = macs.Version;
        macs.Learn(new MacSighting(0, 1, 1), 20);
        Assert.That(macs.Version, Is.EqualTo(version), "seen again: nothing that a translation would notice");

        macs.Learn(new MacSighting(0, 1, 2), 30);
        macs.Learn(new MacSighting(0, 1, 1), 25);

        Assert.That(macs.Find(0, 1), Is.EqualTo(2));
        Assert.That(macs.Version, Is.GreaterThan(version));
    }

    [Test]
    public void Full_table_forgets_the_oldest_address_of_the_port_that_has_most()
    {
        MacTable macs = new(capacity: 4);
        macs.Learn(new MacSighting(0, 1, 1), 1);
        for (ulong mac = 10; mac < 13; mac++)
        {
            macs.Learn(new MacSighting(0, mac, 2), (long)mac);
        }

        macs.Learn(new MacSighting(0, 2, 1), 20);

        Assert.That(macs.Entries(20).Select(e => e.Mac), Is.EqualTo(new ulong[] { 1, 11, 12, 2 }));
    }

    [Test]
    public void Port_that_has_its_share_forgets_its_own_oldest_address()
    {
        MacTable macs = new(capacityOfPort: 2);
        macs.Learn(new MacSighting(0, 9, 2), 1);
        for (ulong mac = 1; mac <= 3; mac++)
        {
            macs.Learn(new MacSighting(0, mac, 1), (long)mac + 1);
        }

        Assert.That(macs.Entries(9).Select(e => e.Mac), Is.EqualTo(new ulong[] { 9, 2, 3 }));
    }

    [Test]
    public void Flushing_a_port_leaves_the_others()
    {
        MacTable macs = new();
        macs.Learn(new MacSighting(0, 1, 1), 1);
        macs.Learn(new MacSighting(0, 2, 2), 1);
        macs.FlushPort(1);
        Assert.That(macs.Entries(1).Select(e => e.Mac), Is.EqualTo(new ulong[] { 2 }));
        macs.Flush();
        Assert.That(macs.Count, Is.Zero);
    }
}
