#!/usr/bin/env python3
"""OpenFlow 1.3 messages by os-ken, the controller framework of Debian's python3-os-ken.

  osken_peer.py make    prints messages that os-ken writes, one a line in hex, all that it can write
  osken_peer.py read    reads such lines and prints for each, as JSON, what os-ken understood, the bytes that it makes of that
                        again (null when it can't write such a message) and its error; null for what controllers don't read
"""
import json
import logging
import sys

from os_ken.ofproto import ofproto_parser
from os_ken.ofproto import ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofp
from os_ken.ofproto import ofproto_v1_3_parser as p

DP = ofproto_protocol.ProtocolDesc(version=ofp.OFP_VERSION)

IPV4, IPV6, ARP = dict(eth_type=0x0800), dict(eth_type=0x86DD), dict(eth_type=0x0806)
MPLS, PBB = dict(eth_type=0x8847), dict(eth_type=0x88E7)
ND_SOL = dict(IPV6, ip_proto=58, icmpv6_type=135)
ND_ADV = dict(IPV6, ip_proto=58, icmpv6_type=136)

MATCHES = [
    {}, dict(in_port=1), dict(in_port=ofp.OFPP_LOCAL), dict(in_port=1, in_phy_port=1),
    dict(metadata=0x123456789ABCDEF0), dict(metadata=(0x10, 0xF0)),
    dict(eth_dst="01:02:03:04:05:06"), dict(eth_dst=("01:00:00:00:00:00", "01:00:00:00:00:00")),
    dict(eth_src="0a:0b:0c:0d:0e:0f"), dict(eth_src=("0a:0b:0c:00:00:00", "ff:ff:ff:00:00:00")),
    dict(eth_type=0x88CC), dict(vlan_vid=0), dict(vlan_vid=(0x1000, 0x1000)), dict(vlan_vid=0x1005),
    dict(vlan_vid=(0x1004, 0x1FFE)), dict(vlan_vid=0x1005, vlan_pcp=3),
    dict(IPV4, ip_dscp=46), dict(IPV6, ip_ecn=2), dict(IPV4, ip_proto=89),
    dict(IPV4, ipv4_src="10.0.0.1", ipv4_dst=("192.168.0.0", "255.255.0.0")),
    dict(IPV4, ip_proto=6, tcp_src=80, tcp_dst=8080), dict(IPV6, ip_proto=17, udp_src=53, udp_dst=5353),
    dict(IPV4, ip_proto=132, sctp_src=1, sctp_dst=2), dict(IPV4, ip_proto=1, icmpv4_type=8, icmpv4_code=0),
    dict(ARP, arp_op=1, arp_spa="10.0.0.1", arp_tpa=("10.0.0.0", "255.0.0.0"), arp_sha="02:00:00:00:00:01",
         arp_tha=("02:00:00:00:00:00", "ff:00:00:00:00:00")),
    dict(IPV6, ipv6_src="2001:db8::1", ipv6_dst=("2001:db8::", "ffff:ffff::")),
    dict(IPV6, ipv6_flabel=0xFFFFF), dict(IPV6, ipv6_flabel=(0x10000, 0xF0000)),
    dict(IPV6, ip_proto=58, icmpv6_type=128, icmpv6_code=0),
    dict(ND_SOL, ipv6_nd_target="fe80::1", ipv6_nd_sll="02:00:00:00:00:01"),
    dict(ND_ADV, ipv6_nd_target="fe80::2", ipv6_nd_tll="02:00:00:00:00:02"),
    dict(MPLS, mpls_label=0xFFFFF, mpls_tc=7, mpls_bos=1), dict(PBB, pbb_isid=0xABCDEF),
    dict(PBB, pbb_isid=(0xAB0000, 0xFF0000)), dict(tunnel_id=5), dict(tunnel_id=(5, 0xFF)),
    dict(IPV6, ipv6_exthdr=0x1FF), dict(IPV6, ipv6_exthdr=(1, 1)),
]

SET_FIELDS = [
    ({}, dict(eth_dst="01:02:03:04:05:06")), ({}, dict(eth_src="01:02:03:04:05:06")), ({}, dict(eth_type=0x0800)),
    (dict(vlan_vid=(0x1000, 0x1000)), dict(vlan_vid=0x1064)), (dict(vlan_vid=0x1001), dict(vlan_pcp=5)),
    (IPV4, dict(ip_dscp=1)), (IPV6, dict(ip_ecn=1)), (IPV4, dict(ip_proto=6)),
    (IPV4, dict(ipv4_src="10.0.0.1")), (IPV4, dict(ipv4_dst="10.0.0.2")),
    (dict(IPV4, ip_proto=6), dict(tcp_src=1)), (dict(IPV6, ip_proto=6), dict(tcp_dst=2)),
    (dict(IPV4, ip_proto=17), dict(udp_src=3)), (dict(IPV4, ip_proto=17), dict(udp_dst=4)),
    (dict(IPV4, ip_proto=132), dict(sctp_src=5)), (dict(IPV4, ip_proto=132), dict(sctp_dst=6)),
    (dict(IPV4, ip_proto=1), dict(icmpv4_type=0)), (dict(IPV4, ip_proto=1), dict(icmpv4_code=1)),
    (ARP, dict(arp_op=2)), (ARP, dict(arp_spa="10.0.0.3")), (ARP, dict(arp_tpa="10.0.0.4")),
    (ARP, dict(arp_sha="02:00:00:00:00:03")), (ARP, dict(arp_tha="02:00:00:00:00:04")),
    (IPV6, dict(ipv6_src="2001:db8::5")), (IPV6, dict(ipv6_dst="2001:db8::6")), (IPV6, dict(ipv6_flabel=0x12345)),
    (dict(IPV6, ip_proto=58), dict(icmpv6_type=129)), (dict(IPV6, ip_proto=58), dict(icmpv6_code=2)),
    (ND_SOL, dict(ipv6_nd_target="fe80::7")), (ND_SOL, dict(ipv6_nd_sll="02:00:00:00:00:05")),
    (ND_ADV, dict(ipv6_nd_tll="02:00:00:00:00:06")), (MPLS, dict(mpls_label=16)), (MPLS, dict(mpls_tc=3)),
    (MPLS, dict(mpls_bos=1)), (PBB, dict(pbb_isid=0x010203)), ({}, dict(tunnel_id=0x1234)),
]

ACTIONS = [
    ({}, p.OFPActionOutput(1, 128)), ({}, p.OFPActionOutput(ofp.OFPP_CONTROLLER, ofp.OFPCML_NO_BUFFER)),
    ({}, p.OFPActionOutput(ofp.OFPP_IN_PORT)), ({}, p.OFPActionOutput(ofp.OFPP_NORMAL)),
    ({}, p.OFPActionOutput(ofp.OFPP_FLOOD)), ({}, p.OFPActionOutput(ofp.OFPP_ALL)), ({}, p.OFPActionOutput(ofp.OFPP_LOCAL)),
    (MPLS, p.OFPActionCopyTtlOut()), (MPLS, p.OFPActionCopyTtlIn()), (MPLS, p.OFPActionSetMplsTtl(64)), (MPLS, p.OFPActionDecMplsTtl()),
    ({}, p.OFPActionPushVlan(0x8100)), ({}, p.OFPActionPushVlan(0x88A8)), (dict(vlan_vid=0x1001), p.OFPActionPopVlan()),
    (IPV4, p.OFPActionPushMpls(0x8847)), ({}, p.OFPActionPushMpls(0x8848)), (MPLS, p.OFPActionPopMpls(0x0800)),
    ({}, p.OFPActionSetQueue(3)), ({}, p.OFPActionGroup(7)), (IPV4, p.OFPActionSetNwTtl(9)), (IPV6, p.OFPActionDecNwTtl()),
    ({}, p.OFPActionPushPbb(0x88E7)), (PBB, p.OFPActionPopPbb()),
] + [(match, p.OFPActionSetField(**field)) for match, field in SET_FIELDS]


def flow_mod(match=None, instructions=(), **rest):
    return p.OFPFlowMod(DP, match=p.OFPMatch(**(match or {})), instructions=list(instructions), **rest)


def apply(*actions):
    return p.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, list(actions))


def write(*actions):
    return p.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, list(actions))


def bucket(*actions, weight=0, port=ofp.OFPP_ANY, group=ofp.OFPG_ANY):
    return p.OFPBucket(weight=weight, watch_port=port, watch_group=group, actions=list(actions))


def messages():
    out = p.OFPActionOutput(2)
    yield p.OFPHello(DP)
    yield p.OFPHello(DP, elements=[p.OFPHelloElemVersionBitmap([1, 4])])
    yield p.OFPErrorMsg(DP, type_=ofp.OFPET_BAD_MATCH, code=ofp.OFPBMC_BAD_PREREQ, data=b"0123456789")
    yield p.OFPEchoRequest(DP, b"ping")
    yield p.OFPEchoReply(DP, b"pong")
    yield p.OFPExperimenter(DP, 0x00002320, 7, b"data")
    yield p.OFPFeaturesRequest(DP)
    yield p.OFPGetConfigRequest(DP)
    yield p.OFPSetConfig(DP, ofp.OFPC_FRAG_NORMAL, 128)
    yield p.OFPBarrierRequest(DP)
    yield p.OFPRoleRequest(DP, ofp.OFPCR_ROLE_MASTER, 5)
    yield p.OFPGetAsyncRequest(DP)
    yield p.OFPSetAsync(DP, [1, 2], [3, 4], [5, 6])
    yield p.OFPQueueGetConfigRequest(DP, 4)
    yield p.OFPPortMod(DP, port_no=3, hw_addr="02:00:00:00:00:03", config=1, mask=0x65, advertise=0x2840)
    yield p.OFPTableMod(DP, 1, 3)

    for match in MATCHES:
        yield flow_mod(match, [apply(out)], priority=7, cookie=1, table_id=2, flags=1)
        yield p.OFPFlowStatsRequest(DP, 0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 1, 2, p.OFPMatch(**match))
    for match, action in ACTIONS:
        yield flow_mod(match, [apply(action, out)])
        yield flow_mod(match, [write(action)], table_id=9)
        yield p.OFPPacketOut(DP, buffer_id=ofp.OFP_NO_BUFFER, in_port=ofp.OFPP_CONTROLLER, actions=[action, out], data=b"frame")
        yield p.OFPGroupMod(DP, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 1, [bucket(action), bucket(out)])
    for command in range(5):
        yield flow_mod(dict(in_port=1), [], command=command, out_port=5, out_group=6, idle_timeout=1, hard_timeout=2)
    yield flow_mod({}, [p.OFPInstructionGotoTable(3), p.OFPInstructionWriteMetadata(5, 0xFF), p.OFPInstructionMeter(1),
                        p.OFPInstructionActions(ofp.OFPIT_CLEAR_ACTIONS, []), write(out), apply(out)])
    yield flow_mod({}, [p.OFPInstructionMeter(1)], buffer_id=4)
    yield p.OFPPacketOut(DP, buffer_id=ofp.OFP_NO_BUFFER, in_port=1, actions=[p.OFPActionOutput(ofp.OFPP_TABLE)], data=b"x" * 1500)

    for kind in range(4):
        yield p.OFPGroupMod(DP, ofp.OFPGC_MODIFY, kind, 8, [bucket(out, weight=3, port=1, group=2)])
    yield p.OFPGroupMod(DP, ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL, [])
    bands = [p.OFPMeterBandDrop(1000, 10), p.OFPMeterBandDscpRemark(500, 5, 1)]
    yield p.OFPMeterMod(DP, ofp.OFPMC_ADD, ofp.OFPMF_KBPS | ofp.OFPMF_BURST | ofp.OFPMF_STATS, 1, bands)
    yield p.OFPMeterMod(DP, ofp.OFPMC_MODIFY, ofp.OFPMF_PKTPS, ofp.OFPM_CONTROLLER, bands[:1])
    yield p.OFPMeterMod(DP, ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL, [])

    yield p.OFPDescStatsRequest(DP, 0)
    yield p.OFPAggregateStatsRequest(DP, 0, 3, 1, 2, 4, 5, p.OFPMatch(in_port=1))
    yield p.OFPTableStatsRequest(DP, 0)
    yield p.OFPPortStatsRequest(DP, 0, ofp.OFPP_ANY)
    yield p.OFPQueueStatsRequest(DP, 0, ofp.OFPP_ANY, ofp.OFPQ_ALL)
    yield p.OFPGroupStatsRequest(DP, 0, ofp.OFPG_ALL)
    yield p.OFPGroupDescStatsRequest(DP, 0)
    yield p.OFPGroupFeaturesStatsRequest(DP, 0)
    yield p.OFPMeterStatsRequest(DP, 0, ofp.OFPM_ALL)
    yield p.OFPMeterConfigStatsRequest(DP, 0, 1)
    yield p.OFPMeterFeaturesStatsRequest(DP, 0)
    yield p.OFPPortDescStatsRequest(DP, 0)
    yield p.OFPExperimenterStatsRequest(DP, 0, 0x00002320, 1, b"body")
    yield p.OFPTableFeaturesStatsRequest(DP, 0, [])
    yield p.OFPTableFeaturesStatsRequest(DP, ofp.OFPMPF_REQ_MORE, [p.OFPTableFeaturesStats(
        table_id=1, name=b"acl", metadata_match=1, metadata_write=2, config=3, max_entries=4, properties=[
            p.OFPTableFeaturePropInstructions(type_=ofp.OFPTFPT_INSTRUCTIONS, instruction_ids=[p.OFPInstructionId(1), p.OFPInstructionId(4)]),
            p.OFPTableFeaturePropNextTables(type_=ofp.OFPTFPT_NEXT_TABLES, table_ids=[2, 3, 4]),
            p.OFPTableFeaturePropActions(type_=ofp.OFPTFPT_APPLY_ACTIONS, action_ids=[p.OFPActionId(0), p.OFPActionId(25)]),
            p.OFPTableFeaturePropOxm(type_=ofp.OFPTFPT_MATCH, oxm_ids=[p.OFPOxmId("in_port", hasmask=False), p.OFPOxmId("eth_dst", hasmask=True)]),
        ])])


def make():
    for number, message in enumerate(messages(), 1):
        message.set_xid(number)
        message.serialize()
        print(bytes(message.buf).hex())


def read():
    logging.disable()
    for line in sys.stdin:
        data = bytes.fromhex(line)
        version, kind, length, xid = ofproto_parser.header(data)
        if kind not in p._MSG_PARSERS:
            print("null")
            continue
        understood = again = error = None
        try:
            message = ofproto_parser.msg(DP, version, kind, length, xid, data)
            understood = message.to_jsondict()
        except Exception as exception:  # whatever it is, it is the answer
            error = f"{type(exception).__name__}: {exception}"
        # What os-ken can't write it leaves out silently, or it stumbles (2.5.0 over the padding of a masked set-field).
        if understood and type(message)._serialize_body is not ofproto_parser.MsgBase._serialize_body:
            try:
                message.serialize()
                again = bytes(message.buf).hex()
            except Exception:
                pass
        print(json.dumps({"json": understood, "again": again, "error": error}, default=str))


if __name__ == "__main__":
    {"make": make, "read": read}[sys.argv[1]]()
