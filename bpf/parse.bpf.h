/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * parse.bpf.h - frame -> flow_key and the places of its headers, by the rules of docs/packet-parsing.md, which
 * Datapath/PacketParser.cs follows too.
 *
 * Bytes are read by direct access.  A header may be in the packet but not in its linear part: then the parser gives
 * up with PARSE_PULL, and parse() below makes more of the packet linear and starts again.
 *
 * For the verifier: an offset that was computed on several paths goes through offset(), which makes it an unknown
 * number below MAX_OFFSET; so states of different paths are the same state, and are checked once.
 */
#ifndef OVSB_PARSE_H
#define OVSB_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "maps.bpf.h"

#define PARSE_OK    0
#define PARSE_SHORT 1 /* no Ethernet header */
#define PARSE_PULL  2 /* a header is beyond the linear part */

#define MAX_VLAN_TAGS	2
#define MAX_MPLS	3
#define MAX_EXT_HEADERS 8
#define MAX_ND_OPTIONS	8

/* Above any header: 34 bytes of layer 2, 40 of IPv6, eight extension headers of 2048 */
#define MAX_OFFSET    0x7fff
/* Options reach a little further, in packets larger than any interface's MTU; the verifier takes offsets up to 0xffff */
#define MAX_ND_OFFSET 0xff00

/* linux/in.h and linux/in6.h lack some as macros */
#define PROTO_HOPOPTS  0
#define PROTO_ICMP     1
#define PROTO_TCP      6
#define PROTO_UDP      17
#define PROTO_ROUTING  43
#define PROTO_FRAGMENT 44
#define PROTO_ESP      50
#define PROTO_AH       51
#define PROTO_ICMPV6   58
#define PROTO_NONE     59
#define PROTO_DSTOPTS  60
#define PROTO_SCTP     132

/* OFPIEH_*, OpenFlow 1.3.5 section 7.2.3.8 */
#define EXTHDR_NONEXT 0x001
#define EXTHDR_ESP    0x002
#define EXTHDR_AUTH   0x004
#define EXTHDR_DEST   0x008
#define EXTHDR_FRAG   0x010
#define EXTHDR_ROUTER 0x020
#define EXTHDR_HOP    0x040
#define EXTHDR_UNREP  0x080
#define EXTHDR_UNSEQ  0x100

#define LOAD8(p, at)  (*(const __u8 *)((p) + (at)))
#define LOAD16(p, at) (*(const __be16 *)((p) + (at)))
#define LOAD32(p, at) (*(const __be32 *)((p) + (at)))
#define LOAD64(p, at) (*(const __be64 *)((p) + (at)))

struct cursor {
	const void *data;
	const void *end; /* of the linear part */
	__u32 len;	 /* of the packet */
};

static __always_inline __u32 offset(__u64 at)
{
	asm volatile("%0 &= 0x7fff" : "+r"(at));
	return at;
}

/* A pointer to n bytes at `at`, or NULL; then *status says whether they are in the packet all the same. */
static __always_inline const void *header(const struct cursor *c, __u32 at, __u32 n, int *status)
{
	const void *p = c->data + at;

	if (p + n <= c->end)
		return p;
	if (at + n <= c->len)
		*status = PARSE_PULL;
	return NULL;
}

static __always_inline void copy6(__u8 *to, const void *from)
{
	*(__be32 *)to = LOAD32(from, 0);
	*(__be16 *)(to + 4) = LOAD16(from, 4);
}

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline int is_mpls(__be16 type)
{
	return type == bpf_htons(ETH_P_MPLS_UC) || type == bpf_htons(ETH_P_MPLS_MC);
}

/* ---- layer 4 ----------------------------------------------------------------------------------------------------- */

/* Neighbour discovery options from `pos` on. */
static __always_inline int parse_nd_options(const struct cursor *c, __u32 pos, struct flow_key *key, struct layout *at)
{
	int status = PARSE_OK;

	for (int i = 0; i < MAX_ND_OPTIONS; i++) {
		const __u8 *p;
		__u32 size;

		if (pos > MAX_ND_OFFSET || pos + 8 > at->payload_end)
			break;
		p = header(c, pos, 8, &status);
		if (!p)
			break;
		size = p[1] * 8;
		if (size == 0 || pos + size > at->payload_end)
			break;
		if (size == 8 && p[0] == 1 && !at->nd_source_at) {
			at->nd_source_at = pos + 2;
			copy6(key->arp_sha, p + 2);
		} else if (size == 8 && p[0] == 2 && !at->nd_dest_at) {
			at->nd_dest_at = pos + 2;
			copy6(key->arp_tha, p + 2);
		}
		pos += size;
	}
	return status;
}

/* The transport header at `pos`; icmp is the number that ICMP has with this network header. */
static __always_inline int parse_transport(const struct cursor *c, __u32 pos, __u8 icmp, struct flow_key *key,
					   struct layout *at)
{
	int status = PARSE_OK;
	__u8 proto = key->ip_proto;
	const void *p;
	__u32 needs;

	if (proto == PROTO_TCP)
		needs = 20;
	else if (proto == PROTO_UDP || proto == icmp)
		needs = 8;
	else if (proto == PROTO_SCTP)
		needs = 12;
	else
		return PARSE_OK;
	if ((key->ip_frag & OVSB_FRAG_LATER) || pos + needs > at->payload_end)
		return PARSE_OK;

	/* what is beyond the first eight bytes is checked below, where it is read */
	p = header(c, pos, 8, &status);
	if (!p)
		return status;
	if (proto == PROTO_TCP) {
		const void *tcp = header(c, pos, 20, &status);

		if (!tcp)
			return status;
		key->tcp_flags = LOAD16(tcp, 12) & bpf_htons(0x0fff);
	} else if (proto == PROTO_SCTP && !header(c, pos, 12, &status)) {
		return status;
	}

	at->transport_at = pos;
	at->protocol = proto;
	if (proto != icmp) {
		key->tp_src = LOAD16(p, 0);
		key->tp_dst = LOAD16(p, 2);
		return PARSE_OK;
	}

	key->tp_src = bpf_htons(LOAD8(p, 0));
	key->tp_dst = bpf_htons(LOAD8(p, 1));
	if (icmp != PROTO_ICMPV6 || (LOAD8(p, 0) != 135 && LOAD8(p, 0) != 136) || LOAD8(p, 1) != 0 ||
	    pos + 24 > at->payload_end)
		return PARSE_OK;
	p = header(c, pos, 24, &status);
	if (!p)
		return status;
	at->nd_target_at = pos + 8;
	key->nd_target[0] = LOAD64(p, 8);
	key->nd_target[1] = LOAD64(p, 16);
	return parse_nd_options(c, pos + 24, key, at);
}

/* ---- layer 3 ----------------------------------------------------------------------------------------------------- */

static __always_inline int parse_ipv4(struct __sk_buff *skb, const struct cursor *c, __u32 pos, struct flow_key *key,
				      struct layout *at)
{
	int status = PARSE_OK;
	const void *p = header(c, pos, 20, &status);
	__u32 room = c->len - pos, size, total;
	__be16 frag;

	if (!p)
		return status;
	size = (LOAD8(p, 0) & 0x0f) * 4;
	total = bpf_ntohs(LOAD16(p, 2));
	if (total == 0 && skb->gso_size)
		total = room; /* BIG TCP */
	if (LOAD8(p, 0) >> 4 != 4 || size < 20 || size > total || total > room)
		return PARSE_OK;

	at->network = NETWORK_IPV4;
	at->network_at = pos;
	at->payload_end = pos + total;
	key->ip_tos = LOAD8(p, 1);
	key->ip_ttl = LOAD8(p, 8);
	key->ip_proto = LOAD8(p, 9);
	key->ipv4_src = LOAD32(p, 12);
	key->ipv4_dst = LOAD32(p, 16);
	frag = LOAD16(p, 6);
	if (frag & bpf_htons(0x3fff)) {
		key->ip_frag = frag & bpf_htons(0x1fff) ? OVSB_FRAG_ANY | OVSB_FRAG_LATER : OVSB_FRAG_ANY;
		at->fragment = 1;
	}
	return parse_transport(c, offset(pos + size), PROTO_ICMP, key, at);
}

static __always_inline void exthdr_add(struct exthdr_walk *w, __u8 proto)
{
	__u16 bit;
	__u8 rank;

	if (proto == PROTO_HOPOPTS) {
		bit = EXTHDR_HOP;
		rank = 1;
	} else if (proto == PROTO_DSTOPTS) {
		bit = EXTHDR_DEST;
		rank = w->highest < 2 ? 2 : 7;
	} else if (proto == PROTO_ROUTING) {
		bit = EXTHDR_ROUTER;
		rank = 3;
	} else if (proto == PROTO_FRAGMENT) {
		bit = EXTHDR_FRAG;
		rank = 4;
	} else if (proto == PROTO_AH) {
		bit = EXTHDR_AUTH;
		rank = 5;
	} else {
		bit = EXTHDR_ESP;
		rank = 6;
	}

	if (bit == EXTHDR_DEST) {
		if (w->dest >= 2)
			w->bits |= EXTHDR_UNREP;
		else
			w->dest++;
	} else if (w->seen & bit) {
		w->bits |= EXTHDR_UNREP;
	}
	if (rank < w->highest)
		w->bits |= EXTHDR_UNSEQ;
	else
		w->highest = rank;
	if (bit != EXTHDR_HOP || !w->seen) /* HOP: present as the first header */
		w->bits |= bit;
	w->seen |= bit;
}

/* The next extension header.  A function of its own, so that the verifier does not try every sequence of eight. */
__noinline int parse_extension_header(struct __sk_buff *skb, struct flow_key *key, struct layout *at)
{
	struct exthdr_walk *w;
	struct cursor c;
	int status = PARSE_OK;
	__u32 pos, size;
	const __u8 *p;
	__u8 proto;

	if (!key || !at)
		return PARSE_OK;
	c.data = (const void *)(long)skb->data;
	c.end = (const void *)(long)skb->data_end;
	c.len = skb->len;
	w = &at->exthdrs;
	proto = key->ip_proto;

	w->over = 1;
	if (proto == PROTO_ESP) {
		exthdr_add(w, proto);
		return PARSE_OK;
	}
	if (proto == PROTO_NONE) {
		w->bits |= EXTHDR_NONEXT;
		return PARSE_OK;
	}
	pos = offset(w->pos);
	if ((proto != PROTO_HOPOPTS && proto != PROTO_DSTOPTS && proto != PROTO_ROUTING && proto != PROTO_FRAGMENT &&
	     proto != PROTO_AH) ||
	    pos + 8 > at->payload_end)
		return PARSE_OK;
	p = header(&c, pos, 8, &status);
	if (!p)
		return status;
	if (proto == PROTO_FRAGMENT)
		size = 8;
	else if (proto == PROTO_AH)
		size = (p[1] + 2) * 4;
	else
		size = (p[1] + 1) * 8;
	if (pos + size > at->payload_end)
		return PARSE_OK;

	exthdr_add(w, proto);
	at->ipv6_proto_at = pos;
	if (proto == PROTO_ROUTING && p[3] != 0)
		at->routing_at = pos;
	if (proto == PROTO_FRAGMENT && (LOAD16(p, 2) & bpf_htons(0xfff9))) {
		key->ip_frag |= LOAD16(p, 2) & bpf_htons(0xfff8) ? OVSB_FRAG_ANY | OVSB_FRAG_LATER : OVSB_FRAG_ANY;
		at->fragment = 1;
	}
	key->ip_proto = p[0];
	w->pos = pos + size;
	w->over = key->ip_frag & OVSB_FRAG_LATER ? 1 : 0;
	return PARSE_OK;
}

/* Behind the IPv6 header, with its next header in key->ip_proto. */
__noinline int parse_extension_headers(struct __sk_buff *skb, struct flow_key *key, struct layout *at)
{
	struct cursor c;

	if (!key || !at)
		return PARSE_OK;
	__builtin_memset(&at->exthdrs, 0, sizeof(at->exthdrs));
	at->exthdrs.pos = at->network_at + 40;
	for (int i = 0; i < MAX_EXT_HEADERS && !at->exthdrs.over; i++) {
		if (parse_extension_header(skb, key, at) == PARSE_PULL)
			return PARSE_PULL;
	}
	key->ipv6_exthdr = bpf_htons(at->exthdrs.bits);

	c.data = (const void *)(long)skb->data;
	c.end = (const void *)(long)skb->data_end;
	c.len = skb->len;
	return parse_transport(&c, offset(at->exthdrs.pos), PROTO_ICMPV6, key, at);
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, const struct cursor *c, __u32 pos, struct flow_key *key,
				      struct layout *at)
{
	int status = PARSE_OK;
	const void *p = header(c, pos, 40, &status);
	__u32 room, payload, first;
	__u8 next;

	if (!p)
		return status;
	room = c->len - pos - 40;
	payload = bpf_ntohs(LOAD16(p, 4));
	next = LOAD8(p, 6);
	if (payload == 0 && (next == PROTO_HOPOPTS || skb->gso_size))
		payload = room; /* jumbogram, BIG TCP */
	if (LOAD8(p, 0) >> 4 != 6 || payload > room)
		return PARSE_OK;

	at->network = NETWORK_IPV6;
	at->network_at = pos;
	at->payload_end = pos + 40 + payload;
	at->ipv6_proto_at = pos + 6;
	first = bpf_ntohl(LOAD32(p, 0));
	key->ip_tos = first >> 20;
	key->ipv6_label = bpf_htonl(first & 0xfffff);
	key->ip_ttl = LOAD8(p, 7);
	key->ip_proto = next;
	key->ipv6_src[0] = LOAD64(p, 8);
	key->ipv6_src[1] = LOAD64(p, 16);
	key->ipv6_dst[0] = LOAD64(p, 24);
	key->ipv6_dst[1] = LOAD64(p, 32);

	if (next == PROTO_TCP || next == PROTO_UDP || next == PROTO_ICMPV6)
		return parse_transport(c, offset(pos + 40), PROTO_ICMPV6, key, at);
	return parse_extension_headers(skb, key, at);
}

static __always_inline int parse_arp(const struct cursor *c, __u32 pos, struct flow_key *key, struct layout *at)
{
	int status = PARSE_OK;
	const void *p = header(c, pos, 28, &status);

	if (!p)
		return status;
	/* Ethernet, IPv4, and the sizes of their addresses */
	if (LOAD32(p, 0) != bpf_htonl(0x00010800) || LOAD16(p, 4) != bpf_htons(0x0604))
		return PARSE_OK;
	at->network = NETWORK_ARP;
	at->network_at = pos;
	key->arp_op = LOAD16(p, 6);
	copy6(key->arp_sha, p + 8);
	key->ipv4_src = LOAD32(p, 14);
	copy6(key->arp_tha, p + 18);
	key->ipv4_dst = LOAD32(p, 24);
	return PARSE_OK;
}

static __always_inline int parse_mpls(const struct cursor *c, __u32 pos, struct flow_key *key, struct layout *at)
{
	int status = PARSE_OK;

	for (int i = 0; i < MAX_MPLS; i++) {
		const void *p = header(c, pos + i * 4, 4, &status);
		__be32 entry;

		if (!p)
			break;
		at->network = NETWORK_MPLS;
		at->network_at = pos;
		at->mpls_entries = i + 1;
		entry = LOAD32(p, 0);
		key->mpls_lse[i] = entry;
		if (entry & bpf_htonl(0x100))
			break;
	}
	return status;
}

static __always_inline int parse_pbb(const struct cursor *c, __u32 pos, struct flow_key *key, struct layout *at)
{
	int status = PARSE_OK;
	const void *p = header(c, pos, 4, &status);

	if (!p)
		return status;
	at->network = NETWORK_PBB;
	at->network_at = pos;
	key->pbb_itag = LOAD32(p, 0);
	return PARSE_OK;
}

/* ---- layer 2 ----------------------------------------------------------------------------------------------------- */

static __always_inline void add_tag(struct flow_key *key, struct layout *at, __be16 tpid, __be16 tci)
{
	tci |= bpf_htons(OVSB_VLAN_PRESENT);
	if (at->vlan_tags == 0) {
		key->vlan_tpid = tpid;
		key->vlan_tci = tci;
	} else {
		key->inner_tpid = tpid;
		key->inner_tci = tci;
	}
	at->vlan_tags++;
}

/* Fills the fields of key that come from the packet and are not zero, and at.  What is behind arp_tha (tunnel, dp_hash) is the caller's. */
static __always_inline int parse_packet(struct __sk_buff *skb, struct flow_key *key, struct layout *at)
{
	struct cursor c;
	int status = PARSE_OK;
	const void *p;
	__be16 type;
	__u32 pos = 12;

	__builtin_memset(at, 0, __builtin_offsetof(struct layout, exthdrs));
	c.data = (const void *)(long)skb->data;
	c.end = (const void *)(long)skb->data_end;
	c.len = skb->len;

	p = header(&c, 0, 14, &status);
	if (!p)
		return status == PARSE_PULL ? PARSE_PULL : PARSE_SHORT;
	copy6(key->eth_dst, p);
	copy6(key->eth_src, p + 6);
	type = LOAD16(p, 12);

	if (skb->vlan_present)
		add_tag(key, at, (__be16)skb->vlan_proto, bpf_htons(skb->vlan_tci));
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (!is_vlan(type) || at->vlan_tags >= MAX_VLAN_TAGS)
			break;
		p = header(&c, pos + 2, 4, &status);
		if (!p)
			break;
		add_tag(key, at, type, LOAD16(p, 0));
		pos += 4;
		type = LOAD16(p, 2);
	}
	if (status == PARSE_PULL)
		return status;

	if (bpf_ntohs(type) >= ETH_P_802_3_MIN) {
		at->ethernet_ii = 1;
	} else {
		p = header(&c, pos + 2, 8, &status);
		if (!p && status == PARSE_PULL)
			return status;
		if (!p || LOAD32(p, 0) != bpf_htonl(0xaaaa0300) || LOAD16(p, 4) != 0 ||
		    bpf_ntohs(LOAD16(p, 6)) < ETH_P_802_3_MIN) {
			at->type_at = pos;
			key->eth_type = bpf_htons(OVSB_ETH_TYPE_NONE);
			return PARSE_OK;
		}
		pos += 8;
		type = LOAD16(p, 6);
	}
	at->type_at = pos;
	key->eth_type = type;

	pos = offset(pos + 2);
	if (type == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, &c, pos, key, at);
	if (type == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, &c, pos, key, at);
	if (type == bpf_htons(ETH_P_ARP) || type == bpf_htons(ETH_P_RARP))
		return parse_arp(&c, pos, key, at);
	if (is_mpls(type))
		return parse_mpls(&c, pos, key, at);
	if (type == bpf_htons(ETH_P_8021AH))
		return parse_pbb(&c, pos, key, at);
	return PARSE_OK;
}

/*
 * parse_packet for a key with anything in it.  A global function: the verifier checks it once, wherever it is called from.
 */
__noinline int parse_frame(struct __sk_buff *skb, struct flow_key *key, struct layout *at)
{
	if (!key || !at)
		return PARSE_SHORT;
	__builtin_memset(key, 0, __builtin_offsetof(struct flow_key, tun_id));
	return parse_packet(skb, key, at);
}

/* parse_frame, with as much of the packet made linear as it takes.  PARSE_PULL: there was no memory for that. */
static __always_inline int parse(struct __sk_buff *skb, struct flow_key *key, struct layout *at)
{
	int status = parse_frame(skb, key, at);

	for (int i = 0; i < 2 && status == PARSE_PULL; i++) {
		__u32 len = skb->len, want = i == 0 ? 256 : MAX_OFFSET;

		if (bpf_skb_pull_data(skb, len < want ? len : want))
			break;
		status = parse_frame(skb, key, at);
	}
	return status;
}

#endif /* OVSB_PARSE_H */
