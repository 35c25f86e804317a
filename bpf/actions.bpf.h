/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * actions.bpf.h - runs an action program on a packet: one loop, one switch.
 *
 * Each action that changes bytes is a global function, which the verifier checks once and not at every turn of the
 * loop.  It takes the packet's pointers anew, and returns 0 or why the packet is dropped.  They have the same effect
 * on the bytes as Datapath/PacketRewriter.cs.
 *
 * The last output must be a plain redirect, since a clone costs ten times as much.  So an output is kept pending
 * until the next action that needs the packet as it is; only then a clone goes out.
 *
 * Bytes are written in place: the loader makes the program start with an unshared packet head, and the helpers that
 * share it (bpf_clone_redirect) unshare it again.
 */
#ifndef OVSB_ACTIONS_H
#define OVSB_ACTIONS_H

#include "csum.bpf.h"
#include "drop.bpf.h"
#include "lookup.bpf.h"
#include "meter.bpf.h"
#include "parse.bpf.h"
#include "upcall.bpf.h"

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

struct push_mpls {
	struct dp_action head;
	struct dp_push_mpls push;
};

struct push_pbb {
	struct dp_action head;
	struct dp_push_pbb push;
};

struct to_userspace {
	struct dp_action head;
	struct dp_userspace request;
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

/* ---- Ethernet and VLAN ------------------------------------------------------------------------------------------- */

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
	}
	p = bytes_at(skb, 0, 12);
	if (!p)
		return DROP_ACTION_ERROR;
	merge6(p, a->value.dst, a->mask.dst);
	merge6(p + 6, a->value.src, a->mask.src);
	return 0;
}

static __always_inline void shift(__u16 *at, __u32 delta)
{
	if (*at)
		*at += delta;
}

/*
 * The headers behind the VLAN tags moved by delta bytes (maybe none).  That is all there is to it if the parser had
 * taken every tag, and takes every tag now.
 */
static __always_inline void tags_changed(struct scratch *s, __u32 delta, int tags)
{
	if (s->stale)
		return;
	if (s->at.network == NETWORK_NONE || s->at.vlan_tags + tags > MAX_VLAN_TAGS) {
		s->stale = 1;
		return;
	}
	s->at.vlan_tags += tags;
	if (!delta)
		return;
	s->at.payload_end += delta;
	s->at.type_at += delta;
	s->at.network_at += delta;
	shift(&s->at.transport_at, delta);
	shift(&s->at.ipv6_proto_at, delta);
	shift(&s->at.routing_at, delta);
	shift(&s->at.nd_target_at, delta);
	shift(&s->at.nd_source_at, delta);
	shift(&s->at.nd_dest_at, delta);
}

__noinline int push_vlan(struct __sk_buff *skb, struct scratch *s, __u32 tpid_tci)
{
	__u32 len = skb->len;

	if (!s)
		return DROP_BAD_PROGRAM;
	if (bpf_skb_vlan_push(skb, bpf_htons(tpid_tci >> 16), tpid_tci & 0xffff))
		return DROP_ACTION_ERROR;
	tags_changed(s, skb->len - len, 1);
	return 0;
}

__noinline int pop_vlan(struct __sk_buff *skb, struct scratch *s)
{
	__u32 len = skb->len;
	int err, present = skb->vlan_present ? 4 : 0;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	if (!s->at.vlan_tags || bpf_skb_vlan_pop(skb))
		return DROP_ACTION_ERROR;
	/* the helper says yes and does nothing when skb->protocol does not name a tag */
	if (skb->len + (skb->vlan_present ? 4 : 0) != len + present - 4)
		return DROP_ACTION_ERROR;
	tags_changed(s, skb->len - len, -1);
	return 0;
}

__noinline int set_vlan(struct __sk_buff *skb, struct scratch *s, __u32 mask_tci)
{
	__u16 mask = mask_tci >> 16, tci;
	__be16 tpid;
	void *p;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	if (skb->vlan_present) {
		/* a tag in metadata can't be written; one below it comes up and goes down again */
		tci = MERGE(skb->vlan_tci, mask_tci, mask);
		tpid = skb->vlan_proto;
		if (bpf_skb_vlan_pop(skb) || bpf_skb_vlan_push(skb, tpid, tci))
			return DROP_ACTION_ERROR;
		return 0;
	}
	err = layout_of(skb, s);
	if (err)
		return err;
	p = bytes_at(skb, 14, 2);
	if (!s->at.vlan_tags || !p)
		return DROP_ACTION_ERROR;
	*(__be16 *)p = bpf_htons(MERGE(bpf_ntohs(*(__be16 *)p), mask_tci, mask));
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

/* ---- MPLS -------------------------------------------------------------------------------------------------------- */

/*
 * Inserts a label stack entry behind the ethertype.  Room is made in front, where a helper can, and what is before the ethertype
 * (addresses and tags) moves up.
 */
__noinline int push_mpls(struct __sk_buff *skb, struct scratch *s, const struct push_mpls *a)
{
	__u32 *p, type_at;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	type_at = s->at.type_at;
	if (!s->at.ethernet_ii || bpf_skb_change_head(skb, 4, 0))
		return DROP_ACTION_ERROR;
	s->stale = 1;

	/* the type is behind no, one or two tags; five words hold addresses and two tags */
	p = bytes_at(skb, 0, 18);
	if (!p)
		return DROP_ACTION_ERROR;
	p[0] = p[1];
	p[1] = p[2];
	p[2] = p[3];
	if (type_at > 12) {
		p = bytes_at(skb, 0, 26);
		if (!p)
			return DROP_ACTION_ERROR;
		p[3] = p[4];
		if (type_at > 16)
			p[4] = p[5];
	}
	p = bytes_at(skb, type_at, 6);
	if (!p)
		return DROP_ACTION_ERROR;
	*(__be16 *)p = bpf_htons(a->head.arg);
	*(__be16 *)((void *)p + 2) = a->push.lse;
	*(__be16 *)((void *)p + 4) = a->push.lse >> 16;
	return 0;
}

/*
 * Removes the top entry.  No helper removes bytes there from a packet that is not IP, but one removes a VLAN tag: two more tags
 * are pushed, so that the entry is behind an ethertype of our own; this is made to say "tag", and the entry's last two bytes
 * the type that follows; then three tags are popped, the entry as the last.  So skb->protocol ends right, too.
 */
__noinline int pop_mpls(struct __sk_buff *skb, struct scratch *s, __u32 type)
{
	__be16 tpid[MAX_VLAN_TAGS] = {};
	__u16 tci[MAX_VLAN_TAGS] = {};
	void *p;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	if (s->at.network != NETWORK_MPLS || !s->at.ethernet_ii)
		return DROP_ACTION_ERROR;
	s->stale = 1;

	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (!skb->vlan_present)
			break;
		tpid[i] = skb->vlan_proto;
		tci[i] = skb->vlan_tci;
		if (bpf_skb_vlan_pop(skb))
			return DROP_ACTION_ERROR;
	}
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0))
		return DROP_ACTION_ERROR;
	p = bytes_at(skb, 16, 6);
	if (!p)
		return DROP_ACTION_ERROR;
	*(__be16 *)p = bpf_htons(ETH_P_8021Q);
	*(__be16 *)(p + 4) = bpf_htons(type);
	if (bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb))
		return DROP_ACTION_ERROR;
	for (int i = MAX_VLAN_TAGS - 1; i >= 0; i--) {
		if (tpid[i] && bpf_skb_vlan_push(skb, tpid[i], tci[i]))
			return DROP_ACTION_ERROR;
	}
	return 0;
}

/* ---- PBB --------------------------------------------------------------------------------------------------------- */

#define FILL_TAG bpf_htonl(ETH_P_8021Q << 16)

/*
 * Puts addresses, type and I-TAG in front of the packet, tags and all.  Two tags of our own come first, one of which ends in the bytes,
 * behind the addresses: popped at the end, it leaves skb->protocol as the new type, and no tag in metadata.
 */
__noinline int push_pbb(struct __sk_buff *skb, struct scratch *s, const struct push_pbb *a)
{
	__u32 *p;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	s->stale = 1;
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) ||
	    bpf_skb_change_head(skb, 18, 0))
		return DROP_ACTION_ERROR;
	p = bytes_at(skb, 0, 34);
	if (!p)
		return DROP_ACTION_ERROR;
	/* the addresses are at 18 now: to 0, and to 22 */
	for (int i = 2; i >= 0; i--) {
		__u32 word = LOAD32((void *)p, 18 + 4 * i);

		p[i] = word;
		*(__u32 *)((void *)p + 22 + 4 * i) = word;
	}
	p[3] = FILL_TAG;
	*(__be16 *)((void *)p + 16) = bpf_htons(a->head.arg);
	*(__be16 *)((void *)p + 18) = a->push.itag;
	*(__be16 *)((void *)p + 20) = a->push.itag >> 16;
	return bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb) ? DROP_ACTION_ERROR : 0;
}

/*
 * Removes what push_pbb puts there, behind the outer tags, which stay.  As pop_mpls: the 18 bytes, those of a tag of ours, and two more
 * are made to be six tags.
 */
__noinline int pop_pbb(struct __sk_buff *skb, struct scratch *s)
{
	__be16 tpid[MAX_VLAN_TAGS] = {};
	__u16 tci[MAX_VLAN_TAGS] = {};
	__u32 *p;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	if (s->at.network != NETWORK_PBB || !s->at.ethernet_ii || s->at.type_at + 20 > skb->len)
		return DROP_ACTION_ERROR;
	s->stale = 1;

	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (!skb->vlan_present)
			break;
		tpid[i] = skb->vlan_proto;
		tci[i] = skb->vlan_tci;
		if (bpf_skb_vlan_pop(skb))
			return DROP_ACTION_ERROR;
	}
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) ||
	    bpf_skb_change_head(skb, 2, 0) || bpf_skb_pull_data(skb, 38))
		return DROP_ACTION_ERROR;
	p = bytes_at(skb, 0, 38);
	if (!p)
		return DROP_ACTION_ERROR;
	/* the inner addresses are at 24, the inner type at 36 */
	p[0] = p[6];
	p[1] = p[7];
	p[2] = p[8];
	for (int i = 3; i < 9; i++)
		p[i] = FILL_TAG;
	for (int i = 0; i < 7; i++) {
		if (bpf_skb_vlan_pop(skb))
			return DROP_ACTION_ERROR;
	}
	for (int i = MAX_VLAN_TAGS - 1; i >= 0; i--) {
		if (tpid[i] && bpf_skb_vlan_push(skb, tpid[i], tci[i]))
			return DROP_ACTION_ERROR;
	}
	return 0;
}

/* ---- TTL copies -------------------------------------------------------------------------------------------------- */

/*
 * Between the top label and what is below it: another label, or behind the bottom of the stack an IPv4 or IPv6 header, told by
 * its first four bits.
 */
__noinline int copy_ttl(struct __sk_buff *skb, struct scratch *s, __u32 out)
{
	__u8 *top, *below, *ttl;
	__u32 pos;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	pos = s->at.network_at;
	top = bytes_at(skb, pos, 4);
	if (s->at.network != NETWORK_MPLS || !top)
		return DROP_ACTION_ERROR;
	if (!(top[2] & 1)) {
		below = bytes_at(skb, pos, 8);
		if (s->at.mpls_entries < 2 || !below)
			return DROP_ACTION_ERROR;
		if (out)
			below[3] = below[7];
		else
			below[7] = below[3];
		return 0;
	}

	/* the parser did not look here: it may not be in the linear part yet */
	if (pos + 44 <= skb->len)
		bpf_skb_pull_data(skb, pos + 44);
	else if (pos + 24 <= skb->len)
		bpf_skb_pull_data(skb, pos + 24);
	top = bytes_at(skb, pos, 24);
	if (!top)
		return DROP_ACTION_ERROR;
	below = top + 4;
	if (below[0] >> 4 == 4) {
		if (out)
			top[3] = below[8];
		else
			set_ipv4_ttl(below, top[3]);
		return 0;
	}
	ttl = bytes_at(skb, pos, 44);
	if (!ttl || ttl[4] >> 4 != 6)
		return DROP_ACTION_ERROR;
	if (out)
		ttl[3] = ttl[11];
	else
		ttl[11] = ttl[3];
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

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

/* Keeps an output pending, if the port is there and may send. */
static __always_inline void output(struct scratch *s, __u32 number)
{
	const struct out_port *port = bpf_map_lookup_elem(&out_ports, &number);

	s->handled = 1;
	if (!port || !(port->flags & OVSB_PORT_UP) || (port->flags & OVSB_PORT_NO_FWD)) {
		drop(s->cpu, DROP_NO_OUT_PORT);
		return;
	}
	s->pending = port->ifindex;
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
	if (bpf_clone_redirect(skb, s->pending, 0) < 0)
		drop(s->cpu, DROP_ACTION_ERROR);
	else if (stats)
		stats->tx++;
	s->pending = 0;
	return 0;
}

/* The program is over: the pending output takes the packet with it. */
static __always_inline int finish(struct scratch *s, struct dp_stats *stats)
{
	if (!s->pending)
		return s->handled ? TC_ACT_SHOT : drop(s->cpu, DROP_ACTION);
	stats->tx++;
	if (s->pending_flags & OVSB_PORT_PEER)
		return bpf_redirect_peer(s->pending, 0);
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
	if (request->meter && meter(request->meter - 1, length_of(skb)) == METER_EXCEEDED) {
		s->handled = 1;
		drop(s->cpu, DROP_METER);
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
		return STEP_RECIRC;
	case DP_ACT_DROP:
		drop(s->cpu, a->arg && a->arg < __DROP_MAX ? a->arg : DROP_EXPLICIT);
		s->handled = 1;
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
	if (!first || !b)
		return drop(s->cpu, first ? DROP_BAD_PROGRAM : DROP_ACTION);

	for (int i = 0; i <= OVSB_MAX_ACTIONS; i++) {
		const struct dp_action *a;

		if (at >= b->len) {
			__u32 next = b->next;

			if (!next)
				return finish(s, stats);
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
		if (s->pending && !leaves_packet(a->type))
			output_clone(skb, s);
		if (a->type == DP_ACT_OUTPUT) {
			output(s, a->arg);
			continue;
		}
		reason = run_action(skb, s, b, at - a->len);
		if (reason == STEP_FINISHED)
			return finish(s, stats);
		if (reason == STEP_RECIRC)
			return VERDICT_RECIRC;
		if (reason)
			break;
		reason = DROP_BAD_PROGRAM;
	}
	return drop(s->cpu, reason);
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
		return drop(s->cpu, DROP_BAD_PROGRAM);
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
	if (!port || (port->flags & (OVSB_PORT_UP | OVSB_PORT_NO_FWD)) != OVSB_PORT_UP)
		return drop(s->cpu, DROP_NO_OUT_PORT);
	stats->tx++;
	if (port->flags & OVSB_PORT_PEER)
		return bpf_redirect_peer(port->ifindex, 0);
	return bpf_redirect(port->ifindex, 0);
}

#endif /* OVSB_ACTIONS_H */
