/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * encap.bpf.h - headers that come and go: tags, labels, I-TAGs.  As rewrite.bpf.h: global functions, 0 or why the packet is
 * dropped.
 */
#ifndef OVSB_ENCAP_H
#define OVSB_ENCAP_H

#include "rewrite.bpf.h"

struct push_mpls {
	struct dp_action head;
	struct dp_push_mpls push;
};

struct push_pbb {
	struct dp_action head;
	struct dp_push_pbb push;
};

/* ---- VLAN -------------------------------------------------------------------------------------------------------- */

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

/* The outer tags, while headers behind them come or go. */
struct taken_tags {
	__be16 tpid[MAX_VLAN_TAGS];
	__u16 tci[MAX_VLAN_TAGS];
};

static __always_inline int take_tags(struct __sk_buff *skb, struct taken_tags *tags)
{
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (!skb->vlan_present)
			break;
		tags->tpid[i] = skb->vlan_proto;
		tags->tci[i] = skb->vlan_tci;
		if (bpf_skb_vlan_pop(skb))
			return -1;
	}
	return 0;
}

static __always_inline int put_tags(struct __sk_buff *skb, const struct taken_tags *tags)
{
	for (int i = MAX_VLAN_TAGS - 1; i >= 0; i--) {
		if (tags->tpid[i] && bpf_skb_vlan_push(skb, tags->tpid[i], tags->tci[i]))
			return -1;
	}
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
	struct taken_tags tags = {};
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

	if (take_tags(skb, &tags))
		return DROP_ACTION_ERROR;
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0))
		return DROP_ACTION_ERROR;
	p = bytes_at(skb, 16, 6);
	if (!p)
		return DROP_ACTION_ERROR;
	*(__be16 *)p = bpf_htons(ETH_P_8021Q);
	*(__be16 *)(p + 4) = bpf_htons(type);
	if (bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb))
		return DROP_ACTION_ERROR;
	return put_tags(skb, &tags) ? DROP_ACTION_ERROR : 0;
}

#define FILL_TAG bpf_htonl(ETH_P_8021Q << 16)

/*
 * Inserts a label stack entry behind the addresses; the ethertype takes the place of the first TPID, or of the packet's type.  Tags go into the bytes by hand: a
 * helper would move the network header and name the tag as skb->protocol, which GSO and devices then go by.  Only a third tag, which
 * came up into the metadata when two were taken, goes down by pushing one of our own upon it.  That one is then popped with another, made behind the addresses.
 */
__noinline int push_mpls_front(struct __sk_buff *skb, struct scratch *s, const struct push_mpls *a)
{
	struct taken_tags tags = {};
	__u32 room = 4, at = 12, third, *p, *from;
	int err;

	if (!s || !a)
		return DROP_BAD_PROGRAM;
	err = layout_of(skb, s);
	if (err)
		return err;
	if ((!s->at.vlan_tags && !s->at.ethernet_ii) || take_tags(skb, &tags))
		return DROP_ACTION_ERROR;
	s->stale = 1;
	third = skb->vlan_present;
	if (third) {
		if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0))
			return DROP_ACTION_ERROR;
		room += 4;
	}
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (tags.tpid[i])
			room += 4;
	}
	if (bpf_skb_change_head(skb, room, 0))
		return DROP_ACTION_ERROR;

	p = bytes_at(skb, 0, 16);
	from = bytes_at(skb, room, 12);
	if (!p || !from)
		return DROP_ACTION_ERROR;
	p[0] = from[0];
	p[1] = from[1];
	p[2] = from[2];
	if (third) {
		p[3] = FILL_TAG;
		at += 4;
	}
	p = bytes_at(skb, at, 6);
	if (!p)
		return DROP_ACTION_ERROR;
	*(__be16 *)p = bpf_htons(a->head.arg);
	*(__be16 *)((void *)p + 2) = a->push.lse;
	*(__be16 *)((void *)p + 4) = a->push.lse >> 16;
	at += 6;
	if (tags.tpid[0]) {
		p = bytes_at(skb, at, 2);
		if (!p)
			return DROP_ACTION_ERROR;
		*(__be16 *)p = bpf_htons(tags.tci[0]);
		at += 2;
	}
	if (tags.tpid[1]) {
		p = bytes_at(skb, at, 4);
		if (!p)
			return DROP_ACTION_ERROR;
		*(__be16 *)p = tags.tpid[1];
		*(__be16 *)((void *)p + 2) = bpf_htons(tags.tci[1]);
	}
	return third && (bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb)) ? DROP_ACTION_ERROR : 0;
}

/* ---- PBB --------------------------------------------------------------------------------------------------------- */

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
	struct taken_tags tags = {};
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

	if (take_tags(skb, &tags))
		return DROP_ACTION_ERROR;
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
	return put_tags(skb, &tags) ? DROP_ACTION_ERROR : 0;
}

/* ---- TTL copies -------------------------------------------------------------------------------------------------- */

#define INNER_IPV4 0x10000

/* Where the TTL of an IP header at `at` is; `version` 0: either's, and whatever its lengths say. */
static __always_inline __u32 ip_ttl_at(struct __sk_buff *skb, __u32 at, __u32 version)
{
	const __u8 *p = bytes_at(skb, at, 20);
	__u32 room = skb->len - at, total, size;

	if (!p || (version && p[0] >> 4 != version))
		return 0;
	if (p[0] >> 4 == 4) {
		total = bpf_ntohs(LOAD16(p, 2));
		size = (p[0] & 15) * 4;
		if (version && (size < 20 || total < size || total > room))
			return 0;
		return (at + 8) | INNER_IPV4;
	}
	p = bytes_at(skb, at, 40);
	if (!p || p[0] >> 4 != 6 || (version && bpf_ntohs(LOAD16(p, 4)) > room - 40))
		return 0;
	return at + 7;
}

/*
 * Where the TTL behind the bottom of the stack is, | INNER_IPV4; 0: nowhere.  Nothing says what follows.  There are VLAN tags when they name
 * an IP header which really is behind them, or a label where no IP header could start at once; else it is an IP header, told
 * by its first four bits.
 */
__noinline int ttl_behind(struct __sk_buff *skb, __u32 at)
{
	__u32 direct = ip_ttl_at(skb, at, 0);

	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		const void *p = bytes_at(skb, at, 5);
		__u32 found = 0;
		__be16 type;

		if (!p)
			break;
		type = LOAD16(p, 2);
		at += 4;
		if (type == bpf_htons(ETH_P_IP))
			found = ip_ttl_at(skb, at, 4);
		else if (type == bpf_htons(ETH_P_IPV6))
			found = ip_ttl_at(skb, at, 6);
		else if (!direct && is_mpls(type) && bytes_at(skb, at, 4))
			found = at + 3;
		if (found)
			return found;
		if (!is_vlan(type))
			break;
	}
	return direct;
}

/* Between the top label and the header with a TTL that is next below it. */
__noinline int copy_ttl(struct __sk_buff *skb, struct scratch *s, __u32 out)
{
	__u8 *top, *below;
	__u32 pos, inner;
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
	bpf_skb_pull_data(skb, pos + 52 < skb->len ? pos + 52 : skb->len);
	inner = ttl_behind(skb, pos + 4);
	top = bytes_at(skb, pos, 4);
	below = bytes_at(skb, inner & 0xffff, 1);
	if (!inner || !top || !below)
		return DROP_ACTION_ERROR;
	if (out) {
		top[3] = *below;
		return 0;
	}
	if (!(inner & INNER_IPV4)) {
		*below = top[3];
		return 0;
	}
	below = bytes_at(skb, (inner & 0xffff) - 8, 20);
	if (!below)
		return DROP_ACTION_ERROR;
	set_ipv4_ttl(below, top[3]);
	return 0;
}

#endif /* OVSB_ENCAP_H */
