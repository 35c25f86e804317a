/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * rewrite.bpf.h - changes the values of headers that a packet has.
 *
 * Each change is a global function, which the verifier checks once and not at every turn of the loop that runs actions.  It takes
 * the packet's pointers anew, and returns 0 or why the packet is dropped.  They have the same effect on the bytes as
 * Datapath/PacketRewriter.cs.
 *
 * Bytes are written in place: the loader makes the program start with an unshared packet head, and the helpers that
 * share it (bpf_clone_redirect) unshare it again.
 */
#ifndef OVSB_REWRITE_H
#define OVSB_REWRITE_H

#include "csum.bpf.h"
#include "drop.bpf.h"
#include "meter.bpf.h"
#include "parse.bpf.h"

struct set_eth {
	struct dp_action head;
	struct dp_set_eth value, mask;
};

struct set_ipv4 {
	struct dp_action head;
	struct dp_set_ipv4 value, mask;
};

struct set_ipv6 {
	struct dp_action head;
	struct dp_set_ipv6 value, mask;
};

struct set_arp {
	struct dp_action head;
	struct dp_set_arp value, mask;
};

struct set_tp {
	struct dp_action head;
	struct dp_set_tp value, mask;
};

struct set_nd {
	struct dp_action head;
	struct dp_set_nd value, mask;
};

struct set_tag {
	struct dp_action head;
	struct dp_set_mpls change;
};

#define MERGE(OLD, VALUE, MASK) (((OLD) & ~(MASK)) | ((VALUE) & (MASK)))

/* Finds the headers again when an action has changed where, or what, they are. */
__noinline int refresh(struct __sk_buff *skb, struct scratch *s)
{
	if (!s)
		return DROP_ACTION_ERROR;
	if (s->stale) {
		s->stale = 0;
		if (parse(skb, &s->again, &s->at) != PARSE_OK)
			return DROP_NO_MEMORY;
	}
	return 0;
}

static __always_inline int layout_of(struct __sk_buff *skb, struct scratch *s)
{
	return s->stale ? refresh(skb, s) : 0;
}

/*
 * n bytes of the packet at pos, writable, or NULL.  The assembler statement keeps the compiler from testing one register and adding
 * another: kernels before 6.2 don't see that they are equal.
 */
static __always_inline void *bytes_at(struct __sk_buff *skb, __u64 pos, __u32 n)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	asm volatile("" : "+r"(pos));
	if (pos > MAX_ND_OFFSET || data + pos + n > end)
		return NULL;
	return data + pos;
}

static __always_inline void merge6(void *to, const __u8 *value, const __u8 *mask)
{
	__u32 m32 = LOAD32(mask, 0);
	__u16 m16 = LOAD16(mask, 4);

	*(__u32 *)to = MERGE(*(__u32 *)to, LOAD32(value, 0), m32);
	*(__u16 *)(to + 4) = MERGE(*(__u16 *)(to + 4), LOAD16(value, 4), m16);
}

/* As merge6; returns what the change adds to a checksum. */
static __always_inline __u64 merge6_csum(void *to, const __u8 *value, const __u8 *mask)
{
	__u32 old32 = *(__u32 *)to;
	__u16 old16 = *(__u16 *)(to + 4);

	merge6(to, value, mask);
	return csum_replaced(old32, *(__u32 *)to) + csum_replaced(old16, *(__u16 *)(to + 4));
}

/* ---- Ethernet ---------------------------------------------------------------------------------------------------- */

__noinline int set_eth(struct __sk_buff *skb, struct scratch *s, const struct set_eth *a)
{
	void *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	if (a->mask.type) {
		__u32 tags;

		err = layout_of(skb, s);
		if (err)
			return err;
		tags = s->at.vlan_tags - (skb->vlan_present ? 1 : 0);
		if (!s->at.ethernet_ii && s->at.type_at <= 12 + 4 * tags)
			return DROP_ACTION_ERROR; /* 802.3: that is a length */
		p = bytes_at(skb, s->at.type_at, 2);
		if (!p)
			return DROP_ACTION_ERROR;
		*(__u16 *)p = MERGE(*(__u16 *)p, a->value.type, a->mask.type);
		s->stale = 1;
		s->reshaped = 1;
	}
	p = bytes_at(skb, 0, 12);
	if (!p)
		return DROP_ACTION_ERROR;
	merge6(p, a->value.dst, a->mask.dst);
	merge6(p + 6, a->value.src, a->mask.src);
	return 0;
}

/* ---- network layer ----------------------------------------------------------------------------------------------- */

__noinline int set_ipv4(struct __sk_buff *skb, struct scratch *s, const struct set_ipv4 *a)
{
	__u32 old_src, old_dst, src, dst;
	__u64 diff, pseudo;
	__u8 proto, new_proto;
	__u16 tos_word, ttl_word;
	void *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.network_at, 20);
	if (s->at.network != NETWORK_IPV4 || !p)
		return DROP_ACTION_ERROR;

	tos_word = LOAD16(p, 0);
	ttl_word = LOAD16(p, 8);
	old_src = LOAD32(p, 12);
	old_dst = LOAD32(p, 16);
	proto = LOAD8(p, 9);
	new_proto = MERGE(proto, a->value.proto, a->mask.proto);
	src = MERGE(old_src, a->value.src, a->mask.src);
	dst = MERGE(old_dst, a->value.dst, a->mask.dst);
	*(__u32 *)(p + 12) = src;
	*(__u32 *)(p + 16) = dst;
	*(__u8 *)(p + 1) = MERGE(LOAD8(p, 1), a->value.tos, a->mask.tos);
	*(__u8 *)(p + 8) = MERGE(LOAD8(p, 8), a->value.ttl, a->mask.ttl);
	*(__u8 *)(p + 9) = new_proto;

	pseudo = csum_replaced(old_src, src) + csum_replaced(old_dst, dst);
	diff = pseudo + csum_replaced(tos_word, LOAD16(p, 0)) + csum_replaced(ttl_word, LOAD16(p, 8));
	*(__u16 *)(p + 10) = csum_update16(LOAD16(p, 10), diff);

	if (src == old_src && dst == old_dst && proto == new_proto)
		return 0;
	if (proto != new_proto)
		s->stale = 1;
	pseudo += csum_replaced(bpf_htons(proto), bpf_htons(new_proto));
	return csum_update_transport(skb, &s->at, pseudo, 1) ? DROP_ACTION_ERROR : 0;
}

__noinline int set_ipv6(struct __sk_buff *skb, struct scratch *s, const struct set_ipv6 *a)
{
	__u8 proto, new_proto;
	__be32 first, first_mask;
	__u64 pseudo = 0;
	__u32 changed = 0;
	__u8 *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	if (s->at.network != NETWORK_IPV6)
		return DROP_ACTION_ERROR;

	p = bytes_at(skb, s->at.ipv6_proto_at, 1);
	if (!p)
		return DROP_ACTION_ERROR;
	proto = *p;
	new_proto = MERGE(proto, a->value.proto, a->mask.proto);
	*p = new_proto;
	if (proto != new_proto) {
		changed = 1;
		pseudo = csum_replaced(bpf_htons(proto), bpf_htons(new_proto));
	}

	p = bytes_at(skb, s->at.network_at, 40);
	if (!p)
		return DROP_ACTION_ERROR;
	first = bpf_htonl((bpf_ntohl(a->value.label) & 0xfffff) | (__u32)a->value.tos << 20);
	first_mask = bpf_htonl((bpf_ntohl(a->mask.label) & 0xfffff) | (__u32)a->mask.tos << 20);
	*(__u32 *)p = MERGE(LOAD32(p, 0), first, first_mask);
	p[7] = MERGE(p[7], a->value.hlimit, a->mask.hlimit);

	for (int i = 0; i < 8; i++) {
		const __u32 *value = (const __u32 *)&a->value, *mask = (const __u32 *)&a->mask;
		__u32 old = LOAD32(p, 8 + 4 * i), new = MERGE(old, value[i], mask[i]);

		*(__u32 *)(p + 8 + 4 * i) = new;
		/* RFC 8200 8.1: with segments left, the pseudo header has the last address of the route */
		if (old != new && (i < 4 || !s->at.routing_at)) {
			changed = 1;
			pseudo += csum_replaced(old, new);
		}
	}

	if (!changed)
		return 0;
	if (proto != new_proto)
		s->stale = 1;
	return csum_update_transport(skb, &s->at, pseudo, 1) ? DROP_ACTION_ERROR : 0;
}

__noinline int set_arp(struct __sk_buff *skb, struct scratch *s, const struct set_arp *a)
{
	void *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.network_at, 28);
	if (s->at.network != NETWORK_ARP || !p)
		return DROP_ACTION_ERROR;
	*(__u16 *)(p + 6) = MERGE(LOAD16(p, 6), a->value.op, a->mask.op);
	merge6(p + 8, a->value.sha, a->mask.sha);
	*(__u32 *)(p + 14) = MERGE(LOAD32(p, 14), a->value.spa, a->mask.spa);
	merge6(p + 18, a->value.tha, a->mask.tha);
	*(__u32 *)(p + 24) = MERGE(LOAD32(p, 24), a->value.tpa, a->mask.tpa);
	return 0;
}

/* What a dscp_remark band does; a packet that is not IP (or that has a label in front) stays as it is. */
__noinline int remark(struct __sk_buff *skb, struct scratch *s, __u32 levels)
{
	__u16 old, tos;
	__u8 *p;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	if (s->at.network != NETWORK_IPV4 && s->at.network != NETWORK_IPV6)
		return 0;
	p = bytes_at(skb, s->at.network_at, 20);
	if (!p)
		return DROP_ACTION_ERROR;
	old = LOAD16(p, 0);
	if (s->at.network == NETWORK_IPV4) {
		p[1] = raised_tos(p[1], levels);
		*(__u16 *)(p + 10) = csum_update16(LOAD16(p, 10), csum_replaced(old, LOAD16(p, 0)));
		return 0;
	}
	tos = bpf_ntohs(old);
	*(__u16 *)p = bpf_htons((tos & 0xf00f) | raised_tos(tos >> 4, levels) << 4);
	return 0;
}

/* The top label stack entry, or the I-TAG. */
__noinline int set_tag(struct __sk_buff *skb, struct scratch *s, const struct set_tag *a, __u32 network)
{
	void *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.network_at, 4);
	if (s->at.network != network || !p)
		return DROP_ACTION_ERROR;
	*(__u32 *)p = MERGE(LOAD32(p, 0), a->change.lse, a->change.mask);
	if (network == NETWORK_MPLS)
		s->stale = 1; /* the bottom-of-stack bit */
	return 0;
}

static __always_inline void set_ipv4_ttl(__u8 *p, __u8 ttl)
{
	__u16 old = LOAD16(p, 8);

	p[8] = ttl;
	*(__u16 *)(p + 10) = csum_update16(LOAD16(p, 10), csum_replaced(old, LOAD16(p, 8)));
}

/* DROP_TTL: it is 0 or 1 and may not become less. */
__noinline int dec_ttl(struct __sk_buff *skb, struct scratch *s)
{
	__u8 *p;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.network_at, 20);
	if (!p)
		return DROP_ACTION_ERROR;
	if (s->at.network == NETWORK_IPV4) {
		if (p[8] <= 1)
			return DROP_TTL;
		set_ipv4_ttl(p, p[8] - 1);
		return 0;
	}
	if (s->at.network == NETWORK_IPV6) {
		if (p[7] <= 1)
			return DROP_TTL;
		p[7]--;
		return 0;
	}
	return DROP_ACTION_ERROR;
}

__noinline int dec_mpls_ttl(struct __sk_buff *skb, struct scratch *s)
{
	__u8 *p;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.network_at, 4);
	if (s->at.network != NETWORK_MPLS || !p)
		return DROP_ACTION_ERROR;
	if (p[3] <= 1)
		return DROP_TTL;
	p[3]--;
	return 0;
}

/* ---- transport layer --------------------------------------------------------------------------------------------- */

/*
 * The ports changed by `diff`.  The CRC is over the whole message, so that of a fragment is left as it is; zero means
 * that the device is to fill it in (partial).
 */
__noinline int set_sctp_checksum(struct __sk_buff *skb, struct scratch *s, __u32 diff)
{
	__u32 change;
	void *p;

	if (!s || s->at.fragment)
		return 0;
	change = crc32c_change(diff, s->at.payload_end - s->at.transport_at);
	p = bytes_at(skb, s->at.transport_at, 12);
	if (!p)
		return DROP_ACTION_ERROR;
	if (LOAD32(p, 8))
		*(__u32 *)(p + 8) ^= change;
	return 0;
}

__noinline int set_tp(struct __sk_buff *skb, struct scratch *s, const struct set_tp *a)
{
	__u32 old, new;
	__u16 src, dst;
	void *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.transport_at, 8);
	if (!s->at.transport_at || !p)
		return DROP_ACTION_ERROR;

	if (s->at.protocol == PROTO_TCP || s->at.protocol == PROTO_UDP || s->at.protocol == PROTO_SCTP) {
		old = LOAD32(p, 0);
		src = MERGE(LOAD16(p, 0), a->value.src, a->mask.src);
		dst = MERGE(LOAD16(p, 2), a->value.dst, a->mask.dst);
		*(__u16 *)p = src;
		*(__u16 *)(p + 2) = dst;
		new = LOAD32(p, 0);
	} else {
		/* type and code, which may make another kind of message of it */
		old = LOAD16(p, 0);
		*(__u8 *)p = MERGE(LOAD8(p, 0), bpf_ntohs(a->value.src), bpf_ntohs(a->mask.src));
		*(__u8 *)(p + 1) = MERGE(LOAD8(p, 1), bpf_ntohs(a->value.dst), bpf_ntohs(a->mask.dst));
		new = LOAD16(p, 0);
		s->stale = 1;
	}
	if (old == new)
		return 0;
	if (s->at.protocol == PROTO_SCTP)
		return set_sctp_checksum(skb, s, old ^ new);
	return csum_update_transport(skb, &s->at, csum_replaced(old, new), 0) ? DROP_ACTION_ERROR : 0;
}

/* An address whose option is not in the packet is left alone: a solicitation for duplicate detection has none. */
__noinline int set_nd(struct __sk_buff *skb, struct scratch *s, const struct set_nd *a)
{
	__u64 diff = 0;
	void *p;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, s->at.nd_target_at, 16);
	if (!s->at.nd_target_at || !p)
		return DROP_ACTION_ERROR;
	for (int i = 0; i < 4; i++) {
		const __u32 *value = (const __u32 *)a->value.target, *mask = (const __u32 *)a->mask.target;
		__u32 old = LOAD32(p, 4 * i), new = MERGE(old, value[i], mask[i]);

		*(__u32 *)(p + 4 * i) = new;
		diff += csum_replaced(old, new);
	}
	if (s->at.nd_source_at) {
		p = bytes_at(skb, s->at.nd_source_at, 6);
		if (!p)
			return DROP_ACTION_ERROR;
		diff += merge6_csum(p, a->value.sll, a->mask.sll);
	}
	if (s->at.nd_dest_at) {
		p = bytes_at(skb, s->at.nd_dest_at, 6);
		if (!p)
			return DROP_ACTION_ERROR;
		diff += merge6_csum(p, a->value.tll, a->mask.tll);
	}
	return csum_update_transport(skb, &s->at, diff, 0) ? DROP_ACTION_ERROR : 0;
}

#endif /* OVSB_REWRITE_H */
