/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * tunnel_in.bpf.h - takes packets out of tunnels: told by outer headers and tunnel_ins whose they are, then stripped.
 *
 * This runs on interfaces that are the machine's own.  What is not for one of our ports goes on to the host's stack as it came.
 */
#ifndef OVSB_TUNNEL_IN_H
#define OVSB_TUNNEL_IN_H

#include "lookup.bpf.h"
#include "tunnel_out.bpf.h"

/* What tunnel_parse and tunnel_owner say besides a drop reason. */
#define TUNNEL_OURS	0
#define TUNNEL_NOT_OURS (__DROP_MAX + 3)

#define GENEVE_VERSION	0xc0
#define GENEVE_OPTIONS	0x3f
#define GENEVE_CONTROL	0x80
#define GENEVE_CRITICAL 0x40

/* n bytes at pos, made linear if they are in the packet but not in its linear part. */
static __always_inline __u8 *outer_at(struct __sk_buff *skb, __u64 pos, __u32 n)
{
	__u8 *p = bytes_at(skb, pos, n);

	if (p || pos > MAX_OFFSET || pos + n > skb->len)
		return p;
	if (bpf_skb_pull_data(skb, pos + n))
		return NULL;
	return bytes_at(skb, pos, n);
}

/* Behind the outer IP header, at pos: which tunnel, how long is its header, which key.  The same results as tunnel_parse. */
static __always_inline int parse_gre(struct __sk_buff *skb, struct tunnel_way *way, __u32 pos)
{
	__u8 *p = tunnel_head.gre ? outer_at(skb, pos, 4) : NULL;
	__u32 size = 4;
	__u16 flags;

	/* other versions (PPTP) and protocols (IP in GRE) are not ours */
	if (!p || LOAD16(p, 2) != ETH_P_TEB_BE)
		return TUNNEL_NOT_OURS;
	flags = bpf_ntohs(LOAD16(p, 0));
	if (flags & GRE_VERSION)
		return TUNNEL_NOT_OURS;
	/* RFC 2784, section 2.3: what RFC 1701 had in these bits, routing above all, is refused */
	if (flags & ~(GRE_CSUM | GRE_KEY | GRE_SEQ) & 0xfc00)
		return DROP_TUNNEL_HEADER;
	if (flags & GRE_CSUM) {
		size += 4;
		way->flags |= OVSB_TUN_CSUM;
	}
	if (flags & GRE_KEY) {
		p = outer_at(skb, pos + size, 4);
		if (!p)
			return DROP_TUNNEL_HEADER;
		way->key = (__u64)LOAD32(p, 0) << 32;
		way->flags |= OVSB_TUN_KEY;
		size += 4;
	}
	if (flags & GRE_SEQ)
		size += 4;
	way->type = TUNNEL_GRE;
	way->dst_port = 0;
	way->tunnel_size = size;
	return TUNNEL_OURS;
}

/* As parse_gre, behind UDP's port and with room for both headers. */
static __always_inline int parse_udp(struct __sk_buff *skb, struct tunnel_way *way, __u32 pos)
{
	__u8 *p = outer_at(skb, pos, 8);

	if (!p)
		return TUNNEL_NOT_OURS;
	way->dst_port = LOAD16(p, 2);
	way->type = TUNNEL_NONE;
	for (int i = 0; i < OVSB_MAX_UDP_PORTS; i++) {
		if (!tunnel_head.udp[i].type)
			break;
		if (tunnel_head.udp[i].port == way->dst_port)
			way->type = tunnel_head.udp[i].type;
	}
	if (way->type == TUNNEL_NONE)
		return TUNNEL_NOT_OURS;
	p = outer_at(skb, pos, 16);
	/* a packet that is still to be segmented may have no right length */
	if (!p || (!skb->gso_size && pos + bpf_ntohs(LOAD16(p, 4)) > skb->len))
		return DROP_TUNNEL_HEADER;
	if (LOAD16(p, 6))
		way->flags |= OVSB_TUN_CSUM;
	way->flags |= OVSB_TUN_KEY;
	way->key = (__u64)(LOAD32(p, 12) & 0x00ffffff) << 40;
	way->tunnel_size = 16;
	if (way->type == TUNNEL_VXLAN)
		return p[8] & 0x08 ? TUNNEL_OURS : DROP_TUNNEL_HEADER;
	/* RFC 8926, 3.4 and 3.5: control packets, and options that have to be understood, are not for us */
	if (p[8] & GENEVE_VERSION || p[9] & (GENEVE_CONTROL | GENEVE_CRITICAL) || LOAD16(p, 10) != ETH_P_TEB_BE)
		return DROP_TUNNEL_HEADER;
	way->tunnel_size += (p[8] & GENEVE_OPTIONS) * 4;
	return TUNNEL_OURS;
}

/* The outer headers, into s->way.  TUNNEL_OURS: whoever's it is, it is in a tunnel of a kind that we have. */
__noinline int tunnel_parse(struct __sk_buff *skb, struct scratch *s)
{
	struct tunnel_way *way;
	__u32 pos, total;
	__u8 *p, proto;
	int err;

	if (!s || skb->vlan_present)
		return TUNNEL_NOT_OURS;
	way = &s->way;
	way->flags = 0;
	way->key = 0;
	p = outer_at(skb, 0, 34);
	if (!p)
		return TUNNEL_NOT_OURS;
	if (LOAD16(p, 12) == bpf_htons(ETH_P_IP)) {
		proto = p[23];
		/* fragments go to the host, too */
		if (p[14] >> 4 != 4 || (p[14] & 15) < 5 || (proto != IPPROTO_UDP && proto != IPPROTO_GRE) ||
		    LOAD16(p, 20) & bpf_htons(0x3fff))
			return TUNNEL_NOT_OURS;
		way->network_size = (p[14] & 15) * 4;
		way->tos = p[15];
		way->ttl = p[22];
		way->remote[0] = 0;
		way->remote[1] = mapped_v4(LOAD32(p, 26));
		way->local[0] = 0;
		way->local[1] = mapped_v4(LOAD32(p, 30));
		total = 14 + bpf_ntohs(LOAD16(p, 16));
	} else if (LOAD16(p, 12) == bpf_htons(ETH_P_IPV6)) {
		p = outer_at(skb, 0, 54);
		if (!p || p[14] >> 4 != 6 || (p[20] != IPPROTO_UDP && p[20] != IPPROTO_GRE))
			return TUNNEL_NOT_OURS;
		proto = p[20];
		way->network_size = 40;
		way->tos = bpf_ntohs(LOAD16(p, 14)) >> 4;
		way->ttl = p[21];
		way->remote[0] = LOAD64(p, 22);
		way->remote[1] = LOAD64(p, 30);
		way->local[0] = LOAD64(p, 38);
		way->local[1] = LOAD64(p, 46);
		total = 54 + bpf_ntohs(LOAD16(p, 18));
	} else {
		return TUNNEL_NOT_OURS;
	}

	pos = 14 + way->network_size;
	err = proto == IPPROTO_GRE ? parse_gre(skb, way, pos) : parse_udp(skb, way, pos);
	if (err)
		return err;
	/* the inner Ethernet header is in the packet, and in what the outer one says is the packet */
	pos += way->tunnel_size + 14;
	if (pos > skb->len || (!skb->gso_size && (total > skb->len || pos > total)))
		return DROP_TUNNEL_HEADER;
	way->length = total;
	return outer_at(skb, pos - 14, 14) ? TUNNEL_OURS : DROP_NO_MEMORY;
}

static __always_inline const struct tunnel_in *find_tunnel(const struct tunnel_way *way, __u8 pattern)
{
	__u64 remote0 = 0, remote1 = 0, key = 0, kind, hash;

	if (pattern & OVSB_PATTERN_REMOTE) {
		remote0 = way->remote[0];
		remote1 = way->remote[1];
	}
	if (pattern & OVSB_PATTERN_KEY)
		key = way->key;
	kind = (__u64)way->dst_port | (__u64)way->type << 16 | (__u64)pattern << 24;
	hash = way->local[0] * hash_key.word[0] + way->local[1] * hash_key.word[1] + remote0 * hash_key.word[2] +
	       remote1 * hash_key.word[3] + key * hash_key.word[4] + kind * hash_key.word[5];
	hash = hash_finish(hash);
	for (__u32 i = 0; i < OVSB_TUNNEL_PROBES; i++) {
		__u32 slot = (hash + i) & (OVSB_TUNNEL_SLOTS - 1);
		const struct tunnel_in *in = bpf_map_lookup_elem(&tunnel_ins, &slot);

		if (!in)
			return NULL;
		if (in->tunnel && in->dst_port == way->dst_port && in->type == way->type && in->pattern == pattern &&
		    in->local[0] == way->local[0] && in->local[1] == way->local[1] && in->remote[0] == remote0 &&
		    in->remote[1] == remote1 && in->key == key)
			return in;
	}
	return NULL;
}

/* Whose the packet is: s->way.tunnel and number.  False: not one of our ports'. */
__noinline int tunnel_owner(struct scratch *s)
{
	struct tunnel_way *way;

	if (!s)
		return 0;
	way = &s->way;
	for (__u32 i = 0; i < OVSB_PATTERNS; i++) {
		const struct tunnel_in *in;
		const struct tunnel *t;
		__u32 at;

		if (i >= tunnel_head.patterns)
			break;
		in = find_tunnel(way, tunnel_head.pattern[i]);
		if (!in)
			continue;
		at = in->tunnel - 1;
		t = bpf_map_lookup_elem(&tunnels, &at);
		if (!t || !t->port)
			return 0;
		way->tunnel = at;
		way->number = t->port;
		return 1;
	}
	return 0;
}

/*
 * Removes the outer headers.  The helper removes bytes behind the Ethernet header, so the inner one is written over the outer one, and leaves a
 * packet that is to the kernel what the outer one was; where it is something else, two tags of our own correct that, as in pop_mpls.
 */
__noinline int tunnel_strip(struct __sk_buff *skb, struct scratch *s)
{
	__u32 *p, addresses[3], outer, short_by, wanted;
	__be16 type;

	if (!s)
		return DROP_BAD_PROGRAM;
	outer = s->way.network_size + s->way.tunnel_size;
	/* padding of the outer frame */
	if (!skb->gso_size && s->way.length < skb->len && bpf_skb_change_tail(skb, s->way.length, 0))
		return DROP_NO_MEMORY;
	p = bytes_at(skb, 14 + outer, 14);
	if (!p)
		return DROP_TUNNEL_HEADER;
	addresses[0] = p[0];
	addresses[1] = p[1];
	addresses[2] = p[2];
	type = *(__be16 *)((void *)p + 12);
	wanted = skb->len - outer - 14;
	/* the helper wants to leave an IP header */
	short_by = 14 + outer + 14 + (skb->protocol == bpf_htons(ETH_P_IPV6) ? 40 : 20);
	if (skb->len < short_by && bpf_skb_change_tail(skb, short_by, 0))
		return DROP_NO_MEMORY;
	/* flags that would say what is left are of Linux 6.3 */
	if (bpf_skb_adjust_room(skb, -(__s32)(outer + 14), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return DROP_TUNNEL_ENCAP;
	p = bytes_at(skb, 0, 14);
	if (!p)
		return DROP_TUNNEL_ENCAP;
	p[0] = addresses[0];
	p[1] = addresses[1];
	p[2] = addresses[2];
	*(__be16 *)(p + 3) = type;
	if (skb->len > wanted && bpf_skb_change_tail(skb, wanted, 0))
		return DROP_TUNNEL_ENCAP;
	if (type == skb->protocol)
		return 0;
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) ||
	    bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb))
		return DROP_TUNNEL_ENCAP;
	return 0;
}

/* "Congestion experienced" on the way is the inner packet's from now on; one that can't say so is dropped (RFC 6040, 4.2). */
__noinline int tunnel_congested(struct __sk_buff *skb, struct scratch *s)
{
	__u16 old;
	__u8 *p;

	if (!s)
		return DROP_BAD_PROGRAM;
	if (s->at.network != NETWORK_IPV4 && s->at.network != NETWORK_IPV6)
		return 0;
	if (!(s->up.key.ip_tos & ECN_MASK))
		return DROP_TUNNEL_ECN;
	p = bytes_at(skb, s->at.network_at, 20);
	if (!p)
		return DROP_ACTION_ERROR;
	s->up.key.ip_tos |= ECN_CE;
	if (s->at.network == NETWORK_IPV6) {
		p[1] |= ECN_CE << 4;
		return 0;
	}
	old = LOAD16(p, 0);
	p[1] |= ECN_CE;
	*(__u16 *)(p + 10) = csum_update16(LOAD16(p, 10), csum_replaced(old, LOAD16(p, 0)));
	return 0;
}

/* The key's words that the outer headers fill. */
static __always_inline void tunnel_key(struct scratch *s)
{
	const struct tunnel_way *way = &s->way;
	struct flow_key *key = &s->up.key;

	__builtin_memset(&key->tun_id, 0,
			 __builtin_offsetof(struct flow_key, dp_hash) - __builtin_offsetof(struct flow_key, tun_id));
	key->tun_id = way->key;
	if (is_v4(way->remote)) {
		key->tun_src = way->remote[1] >> 32;
		key->tun_dst = way->local[1] >> 32;
	} else {
		key->tun_ipv6_src[0] = way->remote[0];
		key->tun_ipv6_src[1] = way->remote[1];
		key->tun_ipv6_dst[0] = way->local[0];
		key->tun_ipv6_dst[1] = way->local[1];
	}
	key->tun_flags = bpf_htons(way->flags);
	key->tun_tos = way->tos;
	key->tun_ttl = way->ttl;
}

#endif /* OVSB_TUNNEL_IN_H */
