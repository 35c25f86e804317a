/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * tunnel_out.bpf.h - puts a packet into a tunnel: outer Ethernet, IP, and VXLAN, GRE or Geneve; docs/tunnels.md has the rules.
 *
 * Room for the headers is made in one of two ways:
 *
 *   - bpf_skb_adjust_room, for what the kernel takes for IPv4 or IPv6: the packet may be one that is still to be segmented, and the kernel
 *     then knows which headers to repeat;
 *   - bpf_skb_change_head for everything else (ARP, MPLS, what is in a tunnel already).  It leaves skb->protocol, so two VLAN tags of
 *     our own are pushed and popped again, after which it says IP.
 *
 * What neither can do is an upcall: user space (TunnelSender) does the same in C#.
 */
#ifndef OVSB_TUNNEL_OUT_H
#define OVSB_TUNNEL_OUT_H

#include "encap.bpf.h"
#include "lookup.bpf.h"
#include "upcall.bpf.h"

/* Not a drop reason: user space is to send the packet. */
#define TUNNEL_UPCALL (__DROP_MAX + 2)

#define TUNNEL_WORDS 7 /* of a key, from tun_id on; the last half is dp_hash */

#define UDP_SOURCE_MIN 49152 /* RFC 7348, section 5: dynamic ports */
#define UDP_SOURCES    0x3fff

#define IP_DF	  0x4000
#define ECN_MASK  3
#define ECN_ECT_0 2
#define ECN_CE	  3

#define GRE_CSUM     0x8000
#define GRE_ROUTING  0x4000
#define GRE_KEY	     0x2000
#define GRE_SEQ	     0x1000
#define GRE_VERSION  0x0007
#define VXLAN_VNI    0x08000000 /* the flag "there is a VNI", with the rest of its word */
#define ETH_P_TEB_BE bpf_htons(0x6558)

#define V4_PREFIX bpf_htonl(0x0000ffff)

static __always_inline int is_v4(const __be64 *address)
{
	return !address[0] && (__u32)address[1] == V4_PREFIX;
}

static __always_inline __be64 mapped_v4(__be32 address)
{
	return (__u64)address << 32 | V4_PREFIX;
}

static __always_inline struct tunnel_stats *tunnel_counters(__u32 cpu, __u32 tunnel)
{
	__u32 index = cpu * OVSB_MAX_TUNNELS + tunnel;

	return bpf_map_lookup_elem(&tunnel_stats, &index);
}

/* The words of the key that the program's tunnel fills. */
static __always_inline void set_tunnel_key(struct scratch *s)
{
	/* the same layout but for what follows the addresses */
	__builtin_memcpy(&s->up.key.tun_id, &s->tunnel, __builtin_offsetof(struct dp_set_tunnel, _pad));
	s->wide |= WIDE_TUNNEL;
}

/* Hands the packet to user space, which is to put it into the tunnel of port `number`. */
__noinline int tunnel_upcall(struct __sk_buff *skb, struct scratch *s, __u32 number)
{
	struct flow_key *key;
	__u64 saved[TUNNEL_WORDS], *words;

	if (!s)
		return 0;
	key = &s->up.key;
	if (!s->tunnelled) {
		upcall(skb, s, UPCALL_TUNNEL, number, OVSB_UPCALL_MAX);
		return 0;
	}
	words = (__u64 *)&key->tun_id;
	for (int i = 0; i < TUNNEL_WORDS; i++)
		saved[i] = words[i];
	set_tunnel_key(s);
	/* bit 32: the tunnel is the program's, not the packet's own */
	upcall(skb, s, UPCALL_TUNNEL, 1ULL << 32 | number, OVSB_UPCALL_MAX);
	for (int i = 0; i < TUNNEL_WORDS; i++)
		words[i] = saved[i];
	return 0;
}

/* Where the packet comes from and goes to, as far as the port and the flow say: way->remote, local, key. */
static __always_inline int tunnel_ends(const struct scratch *s, const struct tunnel *t, struct tunnel_way *way)
{
	way->remote[0] = t->remote[0];
	way->remote[1] = t->remote[1];
	way->local[0] = t->local[0];
	way->local[1] = t->local[1];
	way->flags = 0;
	way->key = 0;
	if (t->flags & OVSB_TUNNEL_OUT_KEY_FLOW) {
		way->key = s->tunnelled ? s->tunnel.id : s->up.key.tun_id;
		way->flags |= OVSB_TUN_KEY;
	} else if (t->flags & OVSB_TUNNEL_OUT_KEY) {
		way->key = t->out_key;
		way->flags |= OVSB_TUN_KEY;
	}
	if (t->flags & OVSB_TUNNEL_DF)
		way->flags |= OVSB_TUN_DF;
	if (t->flags & OVSB_TUNNEL_CSUM)
		way->flags |= OVSB_TUN_CSUM;
	if (t->flags & OVSB_TUNNEL_REMOTE_FLOW &&
	    (!s->tunnelled || !(s->tunnel.dst || s->tunnel.ipv6_dst[0] || s->tunnel.ipv6_dst[1])))
		return DROP_TUNNEL_NO_REMOTE;
	return 0;
}

/* TOS and TTL of the outer header.  ECN is always the packet's own, as RFC 3168 has it: "experienced" becomes "capable". */
static __always_inline int tunnel_inherit(struct __sk_buff *skb, struct scratch *s, const struct tunnel *t,
					  struct tunnel_way *way)
{
	__u8 *ip, tos, ttl;
	int err = layout_of(skb, s);

	if (err)
		return err;
	way->tos = t->tos;
	way->ttl = t->ttl;
	if (s->at.network != NETWORK_IPV4 && s->at.network != NETWORK_IPV6)
		return 0;
	ip = bytes_at(skb, s->at.network_at, 20);
	if (!ip)
		return 0;
	if (s->at.network == NETWORK_IPV4) {
		tos = ip[1];
		ttl = ip[8];
	} else {
		tos = bpf_ntohs(*(__be16 *)ip) >> 4;
		ttl = ip[7];
	}
	if (t->flags & OVSB_TUNNEL_TOS_INHERIT)
		way->tos = tos;
	if (t->flags & OVSB_TUNNEL_TTL_INHERIT)
		way->ttl = ttl;
	tos &= ECN_MASK;
	way->tos = (way->tos & ~ECN_MASK) | (tos == ECN_CE ? ECN_ECT_0 : tos);
	return 0;
}

/*
 * Finds out how the packet goes into the tunnel of port `number`: fills s->way.  0, a drop reason, or TUNNEL_UPCALL; then the packet is as
 * it was.
 */
__noinline int tunnel_resolve(struct __sk_buff *skb, struct scratch *s, __u32 number)
{
	const struct tunnel_route *route;
	const struct tunnel *t;
	struct tunnel_way *way;
	const __u64 *found;
	__u32 index, at;
	int err;

	if (!s)
		return DROP_BAD_PROGRAM;
	way = &s->way;
	index = number;
	way->number = number;
	found = bpf_map_lookup_elem(&tunnel_index, &index);
	at = found ? *found - 1 : ~0u;
	t = bpf_map_lookup_elem(&tunnels, &at);
	if (!t || !t->port)
		return DROP_NO_OUT_PORT;
	way->tunnel = at;
	err = tunnel_ends(s, t, way);
	if (err)
		return err;
	if (t->flags & (OVSB_TUNNEL_REMOTE_FLOW | OVSB_TUNNEL_LOCAL_FLOW) || way->flags & OVSB_TUN_CSUM)
		return TUNNEL_UPCALL;
	at = *(volatile const __u32 *)&t->route;
	way->route = at;
	route = at ? bpf_map_lookup_elem(&tunnel_routes, &at) : NULL;
	if (!route)
		return TUNNEL_UPCALL;
	if (route->flags & OVSB_ROUTE_UNREACHABLE)
		return DROP_TUNNEL_NO_ROUTE;
	if (!way->local[0] && !way->local[1]) {
		way->local[0] = route->local[0];
		way->local[1] = route->local[1];
	}
	err = tunnel_inherit(skb, s, t, way);
	if (err)
		return err;

	way->type = t->type;
	way->dst_port = t->dst_port;
	way->network_size = is_v4(way->remote) ? 20 : 40;
	way->tunnel_size = t->type == TUNNEL_GRE ? (way->flags & OVSB_TUN_KEY ? 8 : 4) : 16;
	if (t->type != TUNNEL_GRE)
		way->source_port = UDP_SOURCE_MIN + (flow_hash(0, &s->up.key) & UDP_SOURCES);
	way->length = skb->len + (skb->vlan_present ? 4 : 0);
	if (!skb->gso_size && way->length + way->tunnel_size + way->network_size > route->mtu)
		return way->network_size == 20 && !(way->flags & OVSB_TUN_DF) ? TUNNEL_UPCALL : DROP_TUNNEL_MTU;
	return 0;
}

/*
 * Whether segments of a packet that is still to be cut get smaller by the size of the new headers.  Only TCP's may, and they need it when they
 * would not fit otherwise.  Less than 0: they don't fit in any case.
 */
static __always_inline int smaller_segments(struct __sk_buff *skb, struct scratch *s, __u32 mtu, __u32 grows)
{
	__u32 size = skb->gso_size, rest;
	__u8 *tcp;

	if (!s->at.transport_at)
		return -1;
	rest = s->at.transport_at - s->at.network_at + grows;
	if (s->at.protocol != PROTO_TCP)
		return size + rest + 8 > mtu ? -1 : 0;
	tcp = bytes_at(skb, s->at.transport_at, 13);
	if (!tcp)
		return -1;
	rest += (tcp[12] >> 4) * 4;
	if (size + rest <= mtu)
		return 0;
	return size > grows && size - grows + rest <= mtu ? 1 : -1;
}

/* Takes the VLAN tags off, which come back behind the inner addresses.  Less than 0: there are more than we keep. */
static __always_inline int take_inner_tags(struct __sk_buff *skb, struct tunnel_way *way)
{
	way->tags = 0;
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		if (!skb->vlan_present)
			break;
		way->tag_tpid[i] = skb->vlan_proto;
		way->tag_tci[i] = skb->vlan_tci;
		way->tags++;
		if (bpf_skb_vlan_pop(skb))
			return -1;
	}
	way->inner_size = 14 + 4 * way->tags;
	return skb->vlan_present ? -1 : 0;
}

static __always_inline int put_inner_tags(struct __sk_buff *skb, const struct tunnel_way *way)
{
	for (int i = MAX_VLAN_TAGS - 1; i >= 0; i--) {
		if (i < way->tags && bpf_skb_vlan_push(skb, way->tag_tpid[i], way->tag_tci[i]))
			return -1;
	}
	return 0;
}

/* Addresses, tags and type of the inner frame, at pos. */
static __always_inline int write_inner(struct __sk_buff *skb, const struct tunnel_way *way, __u32 pos,
				       const __u32 *addresses, __be16 type)
{
	__u32 *p = bytes_at(skb, pos, 14);

	if (!p)
		return -1;
	p[0] = addresses[0];
	p[1] = addresses[1];
	p[2] = addresses[2];
	pos += 12;
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		__be16 *tag;

		if (i >= way->tags)
			break;
		tag = bytes_at(skb, pos, 6);
		if (!tag)
			return -1;
		tag[0] = way->tag_tpid[i];
		tag[1] = bpf_htons(way->tag_tci[i]);
		pos += 4;
	}
	p = bytes_at(skb, pos, 2);
	if (!p)
		return -1;
	*(__be16 *)p = type;
	return 0;
}

/* Makes room in a packet that is IP to the kernel.  0, or less: it refuses, and the packet is as it was, but for its tags. */
static __always_inline int grow_ip(struct __sk_buff *skb, struct tunnel_way *way, __u64 gso)
{
	__u32 outer = way->network_size + way->tunnel_size, addresses[3];
	__u64 flags = BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2((__u64)way->inner_size) | gso;
	__u32 *p = bytes_at(skb, 0, 14);
	__be16 type;

	if (!p)
		return -1;
	addresses[0] = p[0];
	addresses[1] = p[1];
	addresses[2] = p[2];
	type = *(__be16 *)((void *)p + 12);
	flags |= way->network_size == 20 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	flags |= way->type == TUNNEL_GRE ? BPF_F_ADJ_ROOM_ENCAP_L4_GRE : BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	if (bpf_skb_adjust_room(skb, outer + way->inner_size, BPF_ADJ_ROOM_MAC, flags))
		return -1;
	return write_inner(skb, way, 14 + outer, addresses, type);
}

/*
 * Makes room in front of any packet.  Behind two tags of ours, of which one is in the packet, the new front gets such a tag too; when both are popped
 * again, the kernel takes the packet for what the type behind it says.
 */
__noinline int grow_any(struct __sk_buff *skb, struct scratch *s)
{
	struct tunnel_way *way;
	__u32 outer, addresses[3], *p;
	__be16 type;

	if (!s)
		return -1;
	way = &s->way;
	outer = way->network_size + way->tunnel_size;
	p = bytes_at(skb, 0, 14);
	if (!p)
		return -1;
	addresses[0] = p[0];
	addresses[1] = p[1];
	addresses[2] = p[2];
	type = *(__be16 *)((void *)p + 12);
	/* of the room that is needed four bytes are those of the tag that ends in the packet */
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) || bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 0) ||
	    bpf_skb_change_head(skb, outer + way->inner_size, 0))
		return -1;
	if (write_inner(skb, way, 18 + outer, addresses, type))
		return -1;
	p = bytes_at(skb, 0, 18);
	if (!p)
		return -1;
	p[3] = FILL_TAG;
	*(__be16 *)(p + 4) = way->network_size == 20 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	return bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb) ? -1 : 0;
}

static __always_inline void write_ipv4(__u8 *p, const struct tunnel_way *way, __u32 payload, __u16 id)
{
	__u32 *words = (void *)p;
	__u64 sum = 0;

	words[0] = bpf_htonl(0x45000000 | way->tos << 16 | (20 + payload));
	words[1] = bpf_htonl((__u32)id << 16 | (way->flags & OVSB_TUN_DF ? IP_DF : 0));
	words[2] = bpf_htonl(way->ttl << 24 | (way->type == TUNNEL_GRE ? IPPROTO_GRE : IPPROTO_UDP) << 16);
	words[3] = way->local[1] >> 32;
	words[4] = way->remote[1] >> 32;
	for (int i = 0; i < 5; i++)
		sum += words[i];
	*(__u16 *)(p + 10) = csum_update16(0xffff, sum);
}

static __always_inline void write_ipv6(__u8 *p, const struct tunnel_way *way, __u32 payload)
{
	__u32 *words = (void *)p;
	__u64 *addresses = (void *)(p + 8);

	words[0] = bpf_htonl(0x60000000 | way->tos << 20);
	words[1] = bpf_htonl(payload << 16 | (way->type == TUNNEL_GRE ? IPPROTO_GRE : IPPROTO_UDP) << 8 | way->ttl);
	addresses[0] = way->local[0];
	addresses[1] = way->local[1];
	addresses[2] = way->remote[0];
	addresses[3] = way->remote[1];
}

/* The outer headers. */
static __always_inline int write_outer(struct __sk_buff *skb, const struct tunnel_way *way,
				       const struct tunnel_route *route)
{
	__u32 payload = skb->len - 14 - way->network_size, *words;
	__u8 *p;

	if (way->network_size == 20) {
		p = bytes_at(skb, 0, 34);
		if (!p)
			return -1;
		*(__be16 *)(p + 12) = bpf_htons(ETH_P_IP);
		/* RFC 6864: what is never fragmented needs no number */
		write_ipv4(p + 14, way, payload, way->flags & OVSB_TUN_DF ? 0 : bpf_get_prandom_u32());
	} else {
		p = bytes_at(skb, 0, 54);
		if (!p)
			return -1;
		*(__be16 *)(p + 12) = bpf_htons(ETH_P_IPV6);
		write_ipv6(p + 14, way, payload);
	}
	copy6(p, route->dmac);
	copy6(p + 6, route->smac);

	words = bytes_at(skb, 14 + way->network_size, 16);
	if (!words)
		return -1;
	if (way->type == TUNNEL_GRE) {
		/* OVSB_TUN_CSUM came to user space */
		words[0] = (way->flags & OVSB_TUN_KEY ? bpf_htons(GRE_KEY) : 0) | (__u32)ETH_P_TEB_BE << 16;
		if (way->flags & OVSB_TUN_KEY)
			words[1] = way->key >> 32;
		return 0;
	}
	words[0] = bpf_htonl((__u32)way->source_port << 16) | (__u32)way->dst_port << 16;
	words[1] = bpf_htonl(payload << 16);
	words[2] = way->type == TUNNEL_VXLAN ? bpf_htonl(VXLAN_VNI) : (__u32)ETH_P_TEB_BE << 16;
	/* the low 24 bits, in front of a byte */
	words[3] = (way->key >> 40) & 0x00ffffff;
	return 0;
}

/* Puts the packet into the tunnel of port `number`, and sends it: what the program returns. */
__noinline int tunnel_output(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats, __u32 number)
{
	const struct tunnel_route *route;
	struct bpf_redir_neigh hop = {};
	struct tunnel_stats *counters;
	struct tunnel_way *way;
	__u64 gso = 0;
	__u32 at;
	int err;

	if (!s || !stats)
		return TC_ACT_SHOT;
	way = &s->way;
	err = tunnel_resolve(skb, s, number);
	if (err == TUNNEL_UPCALL) {
		tunnel_upcall(skb, s, number);
		return TC_ACT_SHOT;
	}
	counters = err == DROP_NO_OUT_PORT ? NULL : tunnel_counters(s->cpu, way->tunnel);
	at = way->route;
	route = bpf_map_lookup_elem(&tunnel_routes, &at);
	if (err || !route)
		goto dropped;

	if (skb->gso_size) {
		int smaller = smaller_segments(skb, s, route->mtu,
					       way->network_size + way->tunnel_size + 14 + s->at.vlan_tags * 4);

		err = DROP_TUNNEL_MTU;
		if (smaller < 0)
			goto dropped;
		gso = smaller ? 0 : BPF_F_ADJ_ROOM_FIXED_GSO;
	}
	err = DROP_TUNNEL_ENCAP;
	if (take_inner_tags(skb, way))
		goto dropped;
	if ((skb->protocol != bpf_htons(ETH_P_IP) && skb->protocol != bpf_htons(ETH_P_IPV6)) ||
	    grow_ip(skb, way, gso)) {
		if (skb->gso_size) {
			if (put_inner_tags(skb, way))
				goto dropped;
			tunnel_upcall(skb, s, number);
			return TC_ACT_SHOT;
		}
		if (grow_any(skb, s))
			goto dropped;
	}
	if (write_outer(skb, way, route))
		goto dropped;

	stats->tx++;
	if (counters) {
		counters->tx_packets++;
		counters->tx_bytes += way->length;
	}
	if (route->flags & OVSB_ROUTE_NEIGHBOUR)
		return bpf_redirect(route->ifindex, 0);
	hop.nh_family = route->family;
	if (route->family == 2)
		hop.ipv4_nh = route->next_hop[0];
	else
		__builtin_memcpy(hop.ipv6_nh, route->next_hop, sizeof(hop.ipv6_nh));
	return bpf_redirect_neigh(route->ifindex, &hop, sizeof(hop), 0);

dropped:
	if (counters)
		counters->tx_dropped++;
	return drop(s, err);
}

#endif /* OVSB_TUNNEL_OUT_H */
