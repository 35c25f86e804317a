/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * actions.bpf.h - runs an action program on a packet: one loop, one switch.  What an action does to the bytes is in rewrite.bpf.h and
 * encap.bpf.h.
 *
 * The last output must be a plain redirect, since a clone costs ten times as much.  So an output is kept pending
 * until the next action that needs the packet as it is; only then a clone goes out.
 */
#ifndef OVSB_ACTIONS_H
#define OVSB_ACTIONS_H

#include <linux/if_packet.h>
#include "encap.bpf.h"
#include "lookup.bpf.h"
#include "meter.bpf.h"
#include "rewrite.bpf.h"
#include "tunnel_out.bpf.h"
#include "upcall.bpf.h"

struct to_userspace {
	struct dp_action head;
	struct dp_userspace request;
};

struct set_tunnel {
	struct dp_action head;
	struct dp_set_tunnel tunnel;
};

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

/* Keeps an output pending, if the port is there and may send. */
static __always_inline void output(struct scratch *s, __u32 number)
{
	const struct out_port *port = bpf_map_lookup_elem(&out_ports, &number);

	if (!port || !(port->flags & OVSB_PORT_UP) || (port->flags & OVSB_PORT_NO_FWD)) {
		copied(s);
		drop(s, DROP_NO_OUT_PORT);
		return;
	}
	s->handled = 1;
	s->pending = port->flags & OVSB_PORT_TUNNEL ? number : port->ifindex;
	s->pending_port = number;
	s->pending_flags = port->flags;
}

/* Sends the pending output as a clone: the packet is still needed. */
__noinline int output_clone(struct __sk_buff *skb, struct scratch *s)
{
	struct dp_stats *stats;
	__u32 cpu;

	if (!s)
		return 0;
	cpu = s->cpu; /* a copy: before 6.2 a key can't be in a function's argument */
	stats = bpf_map_lookup_elem(&dp_stats, &cpu);
	copied(s);
	if (s->pending_flags & OVSB_PORT_TUNNEL)
		tunnel_upcall(skb, s, s->pending); /* a clone would leave the tunnel's headers on the packet */
	else if (bpf_clone_redirect(skb, s->pending, 0) < 0)
		drop(s, DROP_ACTION_ERROR);
	else if (stats)
		stats->tx++;
	s->pending = 0;
	return 0;
}

/* An output while one into a tunnel is pending: that waits, since it is the one that can't be a clone. */
__noinline int output_beside_tunnel(struct __sk_buff *skb, struct scratch *s, __u32 number)
{
	__u32 tunnel, port, flags;

	if (!s)
		return 0;
	tunnel = s->pending;
	port = s->pending_port;
	flags = s->pending_flags;
	s->pending = 0;
	output(s, number);
	if (s->pending)
		output_clone(skb, s);
	s->pending = tunnel;
	s->pending_port = port;
	s->pending_flags = flags;
	return 0;
}

/*
 * Whether the packet may go straight to the other end of the port's veth, around its queue.  The kernel hands it to the host there as
 * one for its own address, whatever stands in it, and as what it was when it came in.  So it has to be such a one.
 */
static __always_inline int fits_peer(struct __sk_buff *skb, const struct scratch *s, const struct out_port *port)
{
	const __u16 *dst, *mac = (const __u16 *)port->peer_mac;

	if (s->reshaped)
		return 0;
	dst = bytes_at(skb, 0, 6);
	return dst && dst[0] == mac[0] && dst[1] == mac[1] && dst[2] == mac[2];
}

/* The packet leaves by a port with OVSB_PORT_PEER. */
__noinline int redirect_peer(struct __sk_buff *skb, struct scratch *s, const struct out_port *port)
{
	struct port_stats *stats;
	__u32 index;

	if (!s || !port)
		return TC_ACT_SHOT;
	if (!fits_peer(skb, s, port))
		return bpf_redirect(port->ifindex, 0);
	index = stats_index(s, port->slot);
	stats = bpf_map_lookup_elem(&port_stats, &index);
	if (stats) {
		stats->peer_tx++;
		stats->peer_tx_bytes += skb->len;
	}
	/* before 6.16 it stays what it was for the interface that it came in by: somebody else's */
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(port->ifindex, 0);
}

/* The program is over: the pending output takes the packet with it. */
static __always_inline int finish(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats)
{
	const struct out_port *port;
	__u32 number;

	if (!s->pending) {
		if (!s->handled)
			return drop(s, DROP_ACTION);
		stats->consumed++;
		return TC_ACT_SHOT;
	}
	if (s->pending_flags & OVSB_PORT_TUNNEL)
		return tunnel_output(skb, s, stats, s->pending);
	stats->tx++;
	number = s->pending_port;
	port = bpf_map_lookup_elem(&out_ports, &number);
	if (port && port->flags & OVSB_PORT_PEER && port->ifindex == s->pending)
		return redirect_peer(skb, s, port);
	return bpf_redirect(s->pending, 0);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* Not a drop reason: the program is over, and the packet goes where the pending output says. */
#define STEP_FINISHED __DROP_MAX
/* Nor this: the packet is to be looked up again. */
#define STEP_RECIRC   (__DROP_MAX + 1)

/* What run_program returns besides TC_ACT_*. */
#define VERDICT_RECIRC 0x100

/* Actions that leave the packet as it is, or end the program: a pending output may wait. */
static __always_inline int leaves_packet(__u16 type)
{
	return type == DP_ACT_USERSPACE || type == DP_ACT_SAMPLE || type == DP_ACT_DROP;
}

/*
 * Actions behind which a packet may still go straight to a peer: fields written in place at most.  Others move headers, or change what the
 * kernel knows of them; an interface's way of receiving finds that out anew.  (SET_ETH knows whether it wrote the type.)
 */
#define IN_PLACE                                                                                                               \
	(1ULL << DP_ACT_OUTPUT | 1ULL << DP_ACT_USERSPACE | 1ULL << DP_ACT_SET_ETH | 1ULL << DP_ACT_SET_IPV4 |                \
	 1ULL << DP_ACT_SET_IPV6 | 1ULL << DP_ACT_SET_ARP | 1ULL << DP_ACT_SET_TP | 1ULL << DP_ACT_SET_ND |                   \
	 1ULL << DP_ACT_DEC_TTL | 1ULL << DP_ACT_METER | 1ULL << DP_ACT_HASH | 1ULL << DP_ACT_RECIRC |                        \
	 1ULL << DP_ACT_SET_PRIORITY | 1ULL << DP_ACT_SAMPLE | 1ULL << DP_ACT_DROP)

/*
 * The action at `at` with all of TYPE, or the program is bad.  The second condition follows from the first, but the
 * verifier wants it, on the very register that the pointer is made from.
 */
#define PAYLOAD(TYPE)                                                               \
	({                                                                          \
		__u64 _at = at;                                                     \
                                                                                    \
		asm volatile("" : "+r"(_at));                                       \
		if (a->len < sizeof(TYPE) || _at > OVSB_ACTION_DATA - sizeof(TYPE)) \
			return DROP_BAD_PROGRAM;                                    \
		(const TYPE *)((const void *)b->data + _at);                        \
	})

static __always_inline __u32 length_of(struct __sk_buff *skb)
{
	return skb->len + (skb->vlan_present ? 4 : 0);
}

/* Hands a copy to user space, if it passes the meter for that; the packet itself goes on in any case. */
static __always_inline void to_userspace(struct __sk_buff *skb, struct scratch *s, __u32 reason,
					 const struct dp_userspace *request)
{
	copied(s);
	if (request->meter && meter(request->meter - 1, length_of(skb)) == METER_EXCEEDED) {
		drop(s, DROP_METER);
		return;
	}
	upcall(skb, s, reason, request->cookie, request->max_len);
}

/*
 * Runs the action at `at` of block b, any but an output.  Returns 0 to go on, a drop reason, or STEP_*.  A
 * global function, or the verifier would go through all of it at each of the loop's turns.
 */
__noinline int run_action(struct __sk_buff *skb, struct scratch *s, const struct action_block *b, __u32 at)
{
	const struct to_userspace *u;
	const struct dp_action *a;
	int reason;

	if (!s || !b || at > OVSB_ACTION_DATA - sizeof(struct dp_action))
		return DROP_BAD_PROGRAM;
	a = (const void *)b->data + at;

	switch (a->type) {
	case DP_ACT_USERSPACE:
		u = PAYLOAD(struct to_userspace);
		to_userspace(skb, s, a->arg, &u->request);
		return 0;
	case DP_ACT_SAMPLE:
		u = PAYLOAD(struct to_userspace);
		s->handled = 1;
		if (bpf_get_prandom_u32() < a->arg)
			to_userspace(skb, s, UPCALL_SAMPLE, &u->request);
		return 0;
	case DP_ACT_PUSH_VLAN:
		return push_vlan(skb, s, a->arg);
	case DP_ACT_POP_VLAN:
		return pop_vlan(skb, s);
	case DP_ACT_SET_VLAN:
		return set_vlan(skb, s, a->arg);
	case DP_ACT_SET_ETH:
		return set_eth(skb, s, PAYLOAD(struct set_eth));
	case DP_ACT_SET_IPV4:
		return set_ipv4(skb, s, PAYLOAD(struct set_ipv4));
	case DP_ACT_SET_IPV6:
		return set_ipv6(skb, s, PAYLOAD(struct set_ipv6));
	case DP_ACT_SET_ARP:
		return set_arp(skb, s, PAYLOAD(struct set_arp));
	case DP_ACT_SET_TP:
		return set_tp(skb, s, PAYLOAD(struct set_tp));
	case DP_ACT_SET_ND:
		return set_nd(skb, s, PAYLOAD(struct set_nd));
	case DP_ACT_SET_MPLS:
		return set_tag(skb, s, PAYLOAD(struct set_tag), NETWORK_MPLS);
	case DP_ACT_SET_PBB:
		return set_tag(skb, s, PAYLOAD(struct set_tag), NETWORK_PBB);
	case DP_ACT_PUSH_MPLS:
		return push_mpls(skb, s, PAYLOAD(struct push_mpls));
	case DP_ACT_PUSH_MPLS_FRONT:
		return push_mpls_front(skb, s, PAYLOAD(struct push_mpls));
	case DP_ACT_POP_MPLS:
		return pop_mpls(skb, s, a->arg);
	case DP_ACT_PUSH_PBB:
		return push_pbb(skb, s, PAYLOAD(struct push_pbb));
	case DP_ACT_POP_PBB:
		return pop_pbb(skb, s);
	case DP_ACT_COPY_TTL_OUT:
	case DP_ACT_COPY_TTL_IN:
		return copy_ttl(skb, s, a->type == DP_ACT_COPY_TTL_OUT);
	case DP_ACT_DEC_TTL:
	case DP_ACT_DEC_MPLS_TTL:
		reason = a->type == DP_ACT_DEC_TTL ? dec_ttl(skb, s) : dec_mpls_ttl(skb, s);
		if (reason != DROP_TTL || a->len < sizeof(struct to_userspace))
			return reason;
		u = PAYLOAD(struct to_userspace);
		to_userspace(skb, s, UPCALL_INVALID_TTL, &u->request);
		return STEP_FINISHED;
	case DP_ACT_METER:
		reason = meter(a->arg, length_of(skb));
		if (reason == METER_EXCEEDED)
			return DROP_METER;
		return reason ? remark(skb, s, reason) : 0;
	case DP_ACT_SET_PRIORITY:
		skb->priority = a->arg;
		return 0;
	case DP_ACT_HASH:
		/* of the packet as it is now */
		if (parse(skb, &s->again, &s->at) != PARSE_OK)
			return DROP_NO_MEMORY;
		s->stale = 0;
		s->hash = flow_hash(a->arg, &s->again);
		return 0;
	case DP_ACT_RECIRC:
		s->recirc_id = a->arg;
		if (s->tunnelled)
			set_tunnel_key(s);
		return STEP_RECIRC;
	case DP_ACT_SET_TUNNEL:
		s->tunnel = PAYLOAD(struct set_tunnel)->tunnel;
		s->tunnelled = 1;
		return 0;
	case DP_ACT_DROP:
		copied(s);
		drop(s, a->arg && a->arg < __DROP_MAX ? a->arg : DROP_EXPLICIT);
		return STEP_FINISHED;
	default:
		return DROP_BAD_PROGRAM;
	}
}

/* Runs the program that starts in block `first`, from byte `at` of it on; returns TC_ACT_*, or VERDICT_RECIRC. */
__noinline int run_program(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats, __u32 first, __u32 at)
{
	const struct action_block *b = bpf_map_lookup_elem(&action_blocks, &first);
	int reason = DROP_BAD_PROGRAM; /* unknown, malformed or endless: user space wrote it, so this is its bug */

	if (!s || !stats)
		return TC_ACT_SHOT;
	s->pending = 0;
	s->handled = 0;
	s->stale = 0;
	s->hash = 0;
	s->tunnelled = 0;
	if (!first || !b)
		return drop(s, first ? DROP_BAD_PROGRAM : DROP_ACTION);

	for (int i = 0; i <= OVSB_MAX_ACTIONS; i++) {
		const struct dp_action *a;

		if (at >= b->len) {
			__u32 next = b->next;

			if (!next)
				return finish(skb, s, stats);
			at = 0;
			b = bpf_map_lookup_elem(&action_blocks, &next);
			if (!b || !b->len)
				break;
		}
		if (at > OVSB_ACTION_DATA - sizeof(struct dp_action))
			break;
		a = (const void *)b->data + at;
		if (a->len < sizeof(struct dp_action))
			break;
		at += a->len;
		if (s->pending && !leaves_packet(a->type)) {
			if (a->type == DP_ACT_OUTPUT && s->pending_flags & OVSB_PORT_TUNNEL) {
				output_beside_tunnel(skb, s, a->arg);
				continue;
			}
			output_clone(skb, s);
		}
		if (a->type == DP_ACT_OUTPUT) {
			output(s, a->arg);
			continue;
		}
		if (!(IN_PLACE >> (a->type & 63) & 1))
			s->reshaped = 1;
		reason = run_action(skb, s, b, at - a->len);
		if (reason == STEP_FINISHED)
			return finish(skb, s, stats);
		if (reason == STEP_RECIRC)
			return VERDICT_RECIRC;
		if (reason)
			break;
		reason = DROP_BAD_PROGRAM;
	}
	return drop(s, reason);
}

/*
 * As run_program.  An output, alone or behind new addresses, is what most flows are: without a call, and without what only longer
 * programs need.
 */
static __always_inline int run_usual(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats, __u32 first)
{
	const struct action_block *b = bpf_map_lookup_elem(&action_blocks, &first);
	const struct dp_action *a;
	const struct out_port *port;
	__u32 at = 0, number;

	if (!b)
		return drop(s, DROP_BAD_PROGRAM);
	a = (const void *)b->data;
	if (a->type == DP_ACT_SET_ETH) {
		const struct set_eth *set = (const void *)b->data;
		void *p = bytes_at(skb, 0, 12);

		if (a->len == sizeof(*set) && !set->mask.type && p) {
			merge6(p, set->value.dst, set->mask.dst);
			merge6(p + 6, set->value.src, set->mask.src);
			at = sizeof(*set);
			a = (const void *)b->data + sizeof(*set);
		}
	}
	if (a->type != DP_ACT_OUTPUT || b->next || b->len != at + sizeof(*a))
		return run_program(skb, s, stats, first, at);
	number = a->arg;
	port = bpf_map_lookup_elem(&out_ports, &number);
	if (!port || (port->flags & (OVSB_PORT_UP | OVSB_PORT_NO_FWD | OVSB_PORT_TUNNEL)) != OVSB_PORT_UP) {
		if (port && (port->flags & (OVSB_PORT_UP | OVSB_PORT_NO_FWD)) == OVSB_PORT_UP)
			return run_program(skb, s, stats, first, at);
		return drop(s, DROP_NO_OUT_PORT);
	}
	stats->tx++;
	if (port->flags & OVSB_PORT_PEER)
		return redirect_peer(skb, s, port);
	return bpf_redirect(port->ifindex, 0);
}

#endif /* OVSB_ACTIONS_H */
