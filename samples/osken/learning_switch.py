# SPDX-License-Identifier: Apache-2.0
"""A learning switch for os-ken, OpenFlow 1.3.

    osken-manager --ofp-tcp-listen-port 6653 learning_switch.py

Each switch gets one table-miss flow that sends packets to this application. From them it learns on which port an
address lives. As soon as both ends of a conversation are known, it installs a flow for the direction at hand, and the
switch forwards without asking again. VLAN tags are neither matched nor changed. There is no spanning tree: connect the
switches as a tree.

Nothing is kept that the network can't teach again. When a switch or this application reconnects, flows that are still
in the switch go on working, and what changed meanwhile is corrected by the first packet that shows it: flows match the
port a packet came in on, so a host that moved misses them.
"""
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import addrconv
from os_ken.ofproto import ofproto_v1_3

# Marks our flows, so that we never touch those of another application.
COOKIE = 0x4C53
COOKIE_MASK = 0xFFFFFFFFFFFFFFFF

FLOW_PRIORITY = 10
MISS_PRIORITY = 0
IDLE_TIMEOUT_SECONDS = 60

# 01:80:c2:00:00:00 to :0f belong to the link (spanning tree, LLDP, pause frames); a bridge does not pass them on.
LINK_LOCAL_PREFIX = bytes.fromhex("0180c20000")

mac_text = addrconv.mac.bin_to_text


def is_multicast(address):
    return bool(address[0] & 0x01)


class LearningSwitch(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ports = {}  # dpid -> {address: port}

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def switch_connected(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        self.ports[datapath.id] = {}
        to_us = [parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, ofproto.OFPCML_NO_BUFFER)]
        self.add_flow(datapath, MISS_PRIORITY, parser.OFPMatch(), to_us)
        self.logger.info("switch %016x connected", datapath.id)

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def switch_gone(self, event):
        datapath = event.datapath
        if event.state == DEAD_DISPATCHER and datapath.id is not None:
            self.ports.pop(datapath.id, None)
            self.logger.info("switch %016x disconnected", datapath.id)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event):
        message = event.msg
        datapath = message.datapath
        ofproto = datapath.ofproto
        frame = bytes(message.data)
        if len(frame) < 14 or frame.startswith(LINK_LOCAL_PREFIX):
            return
        destination, source = frame[0:6], frame[6:12]
        in_port = message.match["in_port"]

        ports = self.ports.setdefault(datapath.id, {})
        self.learn(datapath, ports, source, in_port)

        out_port = None if is_multicast(destination) else ports.get(destination)
        if out_port == in_port:
            return  # both ends are behind the same port: they have heard each other already
        if out_port is None:
            out_port = ofproto.OFPP_FLOOD
        elif not is_multicast(source):
            parser = datapath.ofproto_parser
            match = parser.OFPMatch(in_port=in_port, eth_src=mac_text(source), eth_dst=mac_text(destination))
            self.add_flow(datapath, FLOW_PRIORITY, match, [parser.OFPActionOutput(out_port)], IDLE_TIMEOUT_SECONDS)
        self.send(message, in_port, out_port)

    @set_ev_cls(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_changed(self, event):
        message = event.msg
        datapath, port = message.datapath, message.desc
        ofproto = datapath.ofproto
        gone = message.reason == ofproto.OFPPR_DELETE or port.state & ofproto.OFPPS_LINK_DOWN
        ports = self.ports.get(datapath.id, {})
        lost = [address for address, number in ports.items() if number == port.port_no]
        if gone and lost:
            for address in lost:
                del ports[address]
            self.delete_flows(datapath, datapath.ofproto_parser.OFPMatch(), out_port=port.port_no)
            self.logger.info("switch %016x: port %d is down, forgot %d addresses", datapath.id, port.port_no, len(lost))

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def refused(self, event):
        message = event.msg
        self.logger.error("switch %016x refused a message: type %d, code %d", message.datapath.id or 0, message.type, message.code)

    def learn(self, datapath, ports, source, in_port):
        if is_multicast(source) or ports.get(source) == in_port:
            return
        if source in ports:  # it moved: flows towards it lead to the old port
            match = datapath.ofproto_parser.OFPMatch(eth_dst=mac_text(source))
            self.delete_flows(datapath, match, out_port=datapath.ofproto.OFPP_ANY)
        ports[source] = in_port
        self.logger.info("switch %016x: %s is on port %d", datapath.id, mac_text(source), in_port)

    def add_flow(self, datapath, priority, match, actions, idle_timeout=0):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(parser.OFPFlowMod(
            datapath=datapath, command=ofproto.OFPFC_ADD, cookie=COOKIE, priority=priority, match=match,
            idle_timeout=idle_timeout, instructions=[parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)]))

    def delete_flows(self, datapath, match, out_port):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(parser.OFPFlowMod(
            datapath=datapath, command=ofproto.OFPFC_DELETE, cookie=COOKIE, cookie_mask=COOKIE_MASK,
            table_id=ofproto.OFPTT_ALL, out_port=out_port, out_group=ofproto.OFPG_ANY, match=match))

    def send(self, message, in_port, out_port):
        datapath = message.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        data = message.data if message.buffer_id == ofproto.OFP_NO_BUFFER else None
        datapath.send_msg(parser.OFPPacketOut(
            datapath=datapath, buffer_id=message.buffer_id, in_port=in_port,
            actions=[parser.OFPActionOutput(out_port)], data=data))
