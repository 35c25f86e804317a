"""Frames before and after an action, built by scapy: one line "name before after" each, in hex."""
import logging

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.config import conf

conf.use_pcap = False

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, IPOption_NOP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.fields import BitField, X3BytesField
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet, Raw


class ITag(Packet):
    """The I-TAG of IEEE 802.1ah behind its ethertype; a whole frame follows."""

    name = "I-TAG"
    fields_desc = [BitField("prio", 0, 3), BitField("dei", 0, 1), BitField("uca", 0, 1), BitField("res", 0, 3), X3BytesField("isid", 0)]


A, B, C, D = ("02:00:00:00:00:0%d" % i for i in range(1, 5))
PAYLOAD = Raw(bytes(range(1, 48)))


def ether(**fields):
    return Ether(src=A, dst=B, **fields)


def ip(**fields):
    return IP(**{"src": "10.1.2.3", "dst": "10.4.5.6", "ttl": 64, "tos": 0x20, "id": 7, **fields})


def ip6(**fields):
    return IPv6(**{"src": "2001:db8::1", "dst": "2001:db8::2", "hlim": 64, "tc": 0x20, "fl": 0x12345, **fields})


def tcp(**fields):
    return TCP(**{"sport": 1111, "dport": 2222, "seq": 5, "ack": 6, "flags": "PA", **fields})


def udp(**fields):
    return UDP(**{"sport": 1111, "dport": 2222, **fields})


def sctp(**fields):
    return SCTP(**{"sport": 1111, "dport": 2222, "tag": 9, **fields}) / SCTPChunkData(data=b"sixteen bytes...", tsn=1)


def emit(name, before, after):
    print(name, bytes(before).hex(), bytes(after).hex())


# Ethernet and VLAN
emit("set_eth", ether() / ip() / udp() / PAYLOAD, Ether(src=C, dst=D) / ip() / udp() / PAYLOAD)
emit("push_vlan", ether() / ip() / tcp() / PAYLOAD, ether() / Dot1Q(vlan=100, prio=5) / ip() / tcp() / PAYLOAD)
emit("push_svlan", ether() / Dot1Q(vlan=7) / ip() / tcp() / PAYLOAD, ether(type=0x88A8) / Dot1AD(vlan=200, prio=1) / Dot1Q(vlan=7) / ip() / tcp() / PAYLOAD)
emit("pop_vlan", ether() / Dot1Q(vlan=7, prio=3) / ip() / udp() / PAYLOAD, ether() / ip() / udp() / PAYLOAD)
emit("set_vlan_vid", ether() / Dot1Q(vlan=7, prio=3, id=1) / ip() / udp() / PAYLOAD, ether() / Dot1Q(vlan=4000, prio=3, id=1) / ip() / udp() / PAYLOAD)
emit("set_vlan_pcp", ether() / Dot1Q(vlan=7, prio=3, id=1) / ip() / udp() / PAYLOAD, ether() / Dot1Q(vlan=7, prio=6, id=1) / ip() / udp() / PAYLOAD)

# IPv4 with each transport
for name, transport in (("tcp", tcp()), ("udp", udp()), ("udp_nosum", udp(chksum=0)), ("sctp", sctp()), ("icmp", ICMP(type=8, id=1, seq=2))):
    def frame(**fields):
        return ether() / ip(**fields) / transport / PAYLOAD

    emit("set_ipv4_src " + name, frame(), frame(src="192.0.2.99"))
    emit("set_ipv4_dst " + name, frame(), frame(dst="192.0.2.98"))
    emit("set_tos_ttl " + name, frame(), frame(tos=0xBB, ttl=3))
    emit("dec_ttl " + name, frame(), frame(ttl=63))
    emit("set_ipv4_options " + name, ether() / ip(options=[IPOption_NOP()] * 8) / transport / PAYLOAD, ether() / ip(src="192.0.2.99", options=[IPOption_NOP()] * 8) / transport / PAYLOAD)

emit("set_ipv4_src later_fragment", ether() / ip(frag=5, proto=17) / PAYLOAD, ether() / ip(frag=5, proto=17, src="192.0.2.99") / PAYLOAD)

# IPv6 with each transport
for name, transport in (("tcp", tcp()), ("udp", udp()), ("sctp", sctp()), ("icmpv6", ICMPv6EchoRequest(id=1, seq=2))):
    def frame6(**fields):
        return ether() / ip6(**fields) / transport / PAYLOAD

    emit("set_ipv6_src " + name, frame6(), frame6(src="fd00::99"))
    emit("set_ipv6_dst " + name, frame6(), frame6(dst="fd00::98"))
    emit("set_ipv6_tos_ttl_label " + name, frame6(), frame6(tc=0xBB, hlim=3, fl=0xFEDCB))
    emit("dec_ttl " + name + "6", frame6(), frame6(hlim=63))


def chain(**fields):
    return ether() / ip6(**fields) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment() / udp() / PAYLOAD


emit("set_ipv6_src extension_headers", chain(), chain(src="fd00::99"))
emit("set_ipv6_dst extension_headers", chain(), chain(dst="fd00::98"))

# Ports
emit("set_tp tcp", ether() / ip() / tcp() / PAYLOAD, ether() / ip() / tcp(sport=9, dport=65535) / PAYLOAD)
emit("set_tp udp", ether() / ip() / udp() / PAYLOAD, ether() / ip() / udp(sport=9, dport=65535) / PAYLOAD)
emit("set_tp udp_nosum", ether() / ip() / udp(chksum=0) / PAYLOAD, ether() / ip() / udp(sport=9, dport=65535, chksum=0) / PAYLOAD)
emit("set_tp sctp", ether() / ip() / sctp(), ether() / ip() / sctp(sport=9, dport=65535))
emit("set_tp tcp6", ether() / ip6() / tcp() / PAYLOAD, ether() / ip6() / tcp(sport=9, dport=65535) / PAYLOAD)
emit("set_tp udp6", ether() / Dot1Q(vlan=9) / ip6() / udp() / PAYLOAD, ether() / Dot1Q(vlan=9) / ip6() / udp(sport=9, dport=65535) / PAYLOAD)
emit("set_tp sctp6", ether() / ip6() / sctp(), ether() / ip6() / sctp(sport=9, dport=65535))
emit("set_tp extension_headers", chain(), ether() / ip6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment() / udp(sport=9, dport=65535) / PAYLOAD)
emit("set_icmp", ether() / ip() / ICMP(type=8, code=0, id=1, seq=2) / PAYLOAD, ether() / ip() / ICMP(type=0, code=1, id=1, seq=2) / PAYLOAD)
emit("set_icmpv6", ether() / ip6() / ICMPv6EchoRequest(id=1, seq=2, data=b"abc"), ether() / ip6() / ICMPv6EchoRequest(type=129, code=1, id=1, seq=2, data=b"abc"))

# ARP and neighbour discovery
emit("set_arp", ether() / ARP(op=1, hwsrc=A, psrc="10.0.0.1", hwdst="00:00:00:00:00:00", pdst="10.0.0.2"), ether() / ARP(op=2, hwsrc=C, psrc="10.0.0.9", hwdst=D, pdst="10.0.0.8"))
emit("set_nd_ns", ether() / ip6() / ICMPv6ND_NS(tgt="fe80::1") / ICMPv6NDOptSrcLLAddr(lladdr=A), ether() / ip6() / ICMPv6ND_NS(tgt="fe80::99") / ICMPv6NDOptSrcLLAddr(lladdr=C))
emit("set_nd_na", ether() / ip6() / ICMPv6ND_NA(tgt="fe80::1") / ICMPv6NDOptDstLLAddr(lladdr=A), ether() / ip6() / ICMPv6ND_NA(tgt="fe80::99") / ICMPv6NDOptDstLLAddr(lladdr=D))

# MPLS
emit("push_mpls", ether() / ip() / tcp() / PAYLOAD, ether(type=0x8847) / MPLS(label=77, cos=3, s=1, ttl=64) / ip() / tcp() / PAYLOAD)
emit("push_mpls again", ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip() / tcp() / PAYLOAD, ether(type=0x8847) / MPLS(label=77, cos=3, s=0, ttl=64) / MPLS(label=5, s=1, ttl=9) / ip() / tcp() / PAYLOAD)
TAGGED = Dot1Q(vlan=7, prio=3) / ip() / tcp() / PAYLOAD
emit("push_mpls_front", ether() / TAGGED, ether(type=0x8847) / MPLS(label=77, cos=3, s=1, ttl=64) / Raw(bytes(TAGGED)))
emit("push_mpls_front two tags", ether(type=0x88A8) / Dot1AD(vlan=200, prio=1) / TAGGED, ether(type=0x8847) / MPLS(label=77, cos=3, s=1, ttl=64) / Raw(bytes(Dot1AD(vlan=200, prio=1) / TAGGED)))
emit("pop_mpls_tag", ether(type=0x8847) / MPLS(label=77, s=1, ttl=64) / Raw(bytes(TAGGED)), ether() / TAGGED)
emit("pop_mpls", ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip() / tcp() / PAYLOAD, ether() / ip() / tcp() / PAYLOAD)
emit("set_mpls", ether(type=0x8847) / MPLS(label=5, cos=0, s=1, ttl=9) / ip() / tcp() / PAYLOAD, ether(type=0x8847) / MPLS(label=0xFFFFE, cos=7, s=1, ttl=9) / ip() / tcp() / PAYLOAD)
emit("dec_mpls_ttl", ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip() / tcp() / PAYLOAD, ether(type=0x8847) / MPLS(label=5, s=1, ttl=8) / ip() / tcp() / PAYLOAD)
emit("copy_ttl_out ip", ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip() / tcp(), ether(type=0x8847) / MPLS(label=5, s=1, ttl=64) / ip() / tcp())
emit("copy_ttl_out tag", ether(type=0x8847) / MPLS(label=77, s=1, ttl=9) / Raw(bytes(TAGGED)), ether(type=0x8847) / MPLS(label=77, s=1, ttl=64) / Raw(bytes(TAGGED)))
emit("copy_ttl_in tag", ether(type=0x8847) / MPLS(label=77, s=1, ttl=9) / Raw(bytes(TAGGED)), ether(type=0x8847) / MPLS(label=77, s=1, ttl=9) / Raw(bytes(Dot1Q(vlan=7, prio=3) / ip(ttl=9) / tcp() / PAYLOAD)))
emit("copy_ttl_in ip", ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip() / tcp(), ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip(ttl=9) / tcp())
emit("copy_ttl_in ipv6", ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip6() / tcp(), ether(type=0x8847) / MPLS(label=5, s=1, ttl=9) / ip6(hlim=9) / tcp())
emit("copy_ttl_out mpls", ether(type=0x8847) / MPLS(label=5, s=0, ttl=9) / MPLS(label=6, s=1, ttl=33) / ip(), ether(type=0x8847) / MPLS(label=5, s=0, ttl=33) / MPLS(label=6, s=1, ttl=33) / ip())
emit("copy_ttl_in mpls", ether(type=0x8847) / MPLS(label=5, s=0, ttl=9) / MPLS(label=6, s=1, ttl=33) / ip(), ether(type=0x8847) / MPLS(label=5, s=0, ttl=9) / MPLS(label=6, s=1, ttl=9) / ip())

# PBB
inner = ether() / Dot1Q(vlan=5) / ip() / udp()
emit("push_pbb", inner, ether(type=0x88E7) / ITag(prio=2, isid=0xABCDEF) / inner)
emit("pop_pbb", Ether(src=C, dst=D, type=0x88E7) / ITag(prio=2, isid=0xABCDEF) / inner, inner)
emit("set_pbb_isid", ether(type=0x88E7) / ITag(prio=2, isid=1) / inner, ether(type=0x88E7) / ITag(prio=2, isid=0x123456) / inner)

# Together
emit(
    "nat",
    ether() / Dot1Q(vlan=5) / ip() / tcp() / PAYLOAD,
    Ether(src=C, dst=D) / ip(src="192.0.2.1", dst="192.0.2.2", ttl=63) / tcp(sport=40000, dport=80) / PAYLOAD,
)
