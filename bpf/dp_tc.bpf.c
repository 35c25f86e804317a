/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * dp_tc.bpf.c - the datapath at tc ingress of every port: parse, look up, run the megaflow's program.
 *
 * Whatever comes in ends in an output, an upcall or a counted drop; nothing goes on to the host's own stack.
 * docs/datapath-abi.md has the design.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "maps.bpf.h"
#include "drop.bpf.h"
#include "parse.bpf.h"
#include "lookup.bpf.h"
#include "upcall.bpf.h"
#include "sample.bpf.h"
#include "actions.bpf.h"
#include "tunnel_in.bpf.h"

/* Checked by user space when it loads the object. */
const volatile __u32 abi_version = OVSB_ABI_VERSION;

/*
 * Names what programs use by value only, or as locals, so that the object's BTF has it and AbiTests can compare.
 * Nobody reads it.
 */
struct abi_types {
	union {
		struct dp_userspace userspace;
		struct dp_set_mpls set_mpls;
		struct dp_push_mpls push_mpls;
		struct dp_push_pbb push_pbb;
		struct dp_set_tunnel set_tunnel;
		struct packet_sample sample;
		enum dp_action_type action;
		enum upcall_reason reason;
		enum drop_reason drop;
		enum tunnel_type tunnel_type;
		struct tunnel_listen tunnel_listen;
	} u;
};

const volatile struct abi_types abi_types = {};

static __always_inline const struct in_port *find_in_port(__u32 ifindex)
{
	for (__u32 i = 0; i < OVSB_IN_PORT_PROBES; i++) {
		__u32 slot = (ifindex + i) & (OVSB_IN_PORT_SLOTS - 1);
		const struct in_port *port = bpf_map_lookup_elem(&in_ports, &slot);

		if (port && port->ifindex == ifindex)
			return port;
	}
	return NULL;
}

/* The clock that changes with jiffies is read when they change: a call costs as much as half a mask. */
static __always_inline __u64 coarse_ns(struct scratch *s)
{
	__u64 jiffies = bpf_jiffies64();

	if (s->jiffies != jiffies) {
		s->jiffies = jiffies;
		s->now_ns = bpf_ktime_get_coarse_ns();
	}
	return s->now_ns;
}

static __always_inline void count_flow(struct scratch *s, __u32 flow)
{
	__u32 cpu = s->cpu < table_head.stats_cpus ? s->cpu : 0;
	__u32 index = cpu * table_head.max_flows + flow;
	struct flow_stats *stats = bpf_map_lookup_elem(&flow_stats, &index);

	if (!stats)
		return;
	stats->packets++;
	stats->bytes += s->len;
	stats->used_ns = coarse_ns(s);
	if (s->up.key.tcp_flags)
		stats->tcp_flags |= bpf_ntohs(s->up.key.tcp_flags);
}

/* A packet that came to no lookup. */
__noinline int drop_unparsed(struct __sk_buff *skb, struct scratch *s, __u32 port, __u32 reason)
{
	struct dp_stats *stats;
	__u32 cpu;

	if (!s)
		return TC_ACT_SHOT;
	cpu = s->cpu; /* a copy: before 6.2 a key can't be in a function's argument */
	stats = bpf_map_lookup_elem(&dp_stats, &cpu);
	if (stats)
		stats->unparsed++;
	drop(s, reason);
	if (table_head.sample_rate) {
		__builtin_memset(&s->up.key, 0, sizeof(s->up.key));
		s->up.key.in_port = port;
		sample(skb, s, FOUND_FLOW(NO_FLOW));
	}
	return TC_ACT_SHOT;
}

/* Parses into s->up.key with all that may have to be done for it. */
__noinline int parse_again(struct __sk_buff *skb, struct scratch *s)
{
	if (!s)
		return PARSE_SHORT;
	s->wide |= WIDE_HEADERS;
	return parse(skb, &s->up.key, &s->at);
}

/* The megaflow of a packet that asked to be looked up again, or NO_FLOW; then it is done with. */
__noinline __u64 lookup_again(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats, __u32 in_port)
{
	__u64 found;

	if (!s || !stats)
		return NO_FLOW;
	stats->recirc++;
	if (parse_again(skb, s) != PARSE_OK) {
		drop_unparsed(skb, s, in_port, DROP_NO_MEMORY);
		return NO_FLOW;
	}
	s->up.key.in_port = in_port;
	s->up.key.recirc_id = s->recirc_id;
	s->up.key.dp_hash = s->hash;
	s->len = length_of(skb);

	found = search_masks(&s->up.key, stats, s->cpu, table_head.active_list, 0);
	if (found == NO_FLOW) {
		stats->miss++;
		upcall(skb, s, UPCALL_MISS, 0, OVSB_UPCALL_MAX);
		if (table_head.sample_rate)
			sample(skb, s, FOUND_FLOW(found));
		return NO_FLOW;
	}
	stats->hit++;
	count_flow(s, FOUND_FLOW(found));
	return found;
}

/* The packet has its port: looks it up, and does what the megaflow says.  tunnel: it came out of one, of which s->way tells. */
static __always_inline int classify(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats, __u32 number,
				    int tunnel)
{
	int status, verdict;
	__u64 found;

	/* most packets are IPv4, and leave the words behind that as they are: zero */
	__builtin_memset(&s->up.key, 0, __builtin_offsetof(struct flow_key, ipv6_src));
	if (s->wide) {
		__builtin_memset(&s->up.key.ipv6_src, 0,
				 __builtin_offsetof(struct flow_key, tun_id) -
					 __builtin_offsetof(struct flow_key, ipv6_src));
		if (!tunnel && s->wide & WIDE_TUNNEL)
			__builtin_memset(&s->up.key.tun_id, 0,
					 __builtin_offsetof(struct flow_key, dp_hash) -
						 __builtin_offsetof(struct flow_key, tun_id));
	}
	if (tunnel)
		tunnel_key(s);
	s->up.key.dp_hash = 0;
	status = parse_packet(skb, &s->up.key, &s->at);
	s->wide = (s->at.network != NETWORK_IPV4 ? WIDE_HEADERS : 0) | (tunnel ? WIDE_TUNNEL : 0);
	if (status == PARSE_PULL)
		status = parse_again(skb, s);
	if (status != PARSE_OK)
		return drop_unparsed(skb, s, number, status == PARSE_SHORT ? DROP_TOO_SHORT : DROP_NO_MEMORY);
	s->up.key.in_port = number;
	if (tunnel && (s->way.tos & ECN_MASK) == ECN_CE) {
		status = tunnel_congested(skb, s);
		if (status)
			return drop_unparsed(skb, s, number, status);
	}

	found = lookup_flow(s, stats);
	if (found == NO_FLOW) {
		stats->miss++;
		upcall(skb, s, UPCALL_MISS, 0, OVSB_UPCALL_MAX);
		if (table_head.sample_rate)
			sample(skb, s, FOUND_FLOW(found));
		return TC_ACT_SHOT;
	}
	stats->hit++;
	count_flow(s, FOUND_FLOW(found));
	verdict = run_usual(skb, s, stats, FOUND_ACTIONS(found));
	if (table_head.sample_rate)
		sample(skb, s, FOUND_FLOW(found));
	for (int round = 0; verdict == VERDICT_RECIRC; round++) {
		if (round == OVSB_MAX_RECIRC)
			return drop(s, DROP_RECIRC_LIMIT);
		found = lookup_again(skb, s, stats, number);
		if (found == NO_FLOW)
			return TC_ACT_SHOT;
		verdict = run_program(skb, s, stats, FOUND_ACTIONS(found), 0);
		if (table_head.sample_rate)
			sample(skb, s, FOUND_FLOW(found));
	}
	return verdict;
}

static __always_inline int forward(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats)
{
	const struct in_port *port = find_in_port(skb->ifindex);

	s->len = length_of(skb);
	stats->rx++;
	stats->rx_bytes += s->len;
	if (table_head.sample_rate)
		choose_sample(s);
	s->slot = 0;
	s->reshaped = 0;
	if (!port)
		return drop_unparsed(skb, s, 0, DROP_BAD_PORT);
	s->slot = port->slot;
	if (port->flags & OVSB_PORT_NO_RECV)
		return drop_unparsed(skb, s, port->port, DROP_PORT_NO_RECV);
	return classify(skb, s, stats, port->port, 0);
}

/* A packet that tunnel_parse has found to be in a tunnel, or to contradict itself (reason). */
static __always_inline int receive(struct __sk_buff *skb, struct scratch *s, struct dp_stats *stats, int reason)
{
	const struct out_port *port;
	struct tunnel_stats *counters;
	__u32 number;

	/* what contradicts itself has no key that would tell whose it is */
	if (reason == TUNNEL_OURS && !tunnel_owner(s))
		return TC_ACT_UNSPEC;
	s->len = length_of(skb);
	stats->rx++;
	stats->rx_bytes += s->len;
	if (table_head.sample_rate)
		choose_sample(s);
	s->slot = 0;
	s->reshaped = 1; /* by tunnel_strip */
	if (reason != TUNNEL_OURS)
		return drop_unparsed(skb, s, 0, reason);
	number = s->way.number;
	counters = tunnel_counters(s->cpu, s->way.tunnel);
	port = bpf_map_lookup_elem(&out_ports, &number);
	if (!port || !counters)
		return drop_unparsed(skb, s, number, DROP_BAD_PORT);
	s->slot = port->slot;
	reason = port->flags & OVSB_PORT_NO_RECV ? DROP_PORT_NO_RECV : tunnel_strip(skb, s);
	if (reason) {
		counters->rx_dropped++;
		return drop_unparsed(skb, s, number, reason);
	}
	s->len = length_of(skb);
	counters->rx_packets++;
	counters->rx_bytes += s->len;
	return classify(skb, s, stats, s->way.number, 1);
}

SEC("tc")
int dp_tc_ingress(struct __sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct dp_stats *stats = bpf_map_lookup_elem(&dp_stats, &cpu);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &cpu);
	__u64 turn;
	int verdict;

	if (!stats || !s)
		return TC_ACT_SHOT;
	/* A full barrier: user space sees this before the program reads any of the table (grace periods). */
	turn = __sync_fetch_and_add(&stats->running, 1);
	if (turn & 1) {
		/* On this CPU a run is not over yet (a device that delivers at once; PREEMPT_RT): scratch is taken. */
		__sync_fetch_and_add(&stats->running, -1);
		count_drop(cpu, DROP_NESTED);
		return TC_ACT_SHOT;
	}
	s->cpu = cpu;
	verdict = forward(skb, s, stats);

	if (weak_memory)
		__sync_fetch_and_add(&stats->running, 1);
	else
		*(volatile __u64 *)&stats->running = turn + 2;
	return verdict;
}

/* On interfaces of the machine that packets from tunnels may come in by. */
SEC("tc")
int dp_tunnel_ingress(struct __sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct dp_stats *stats = bpf_map_lookup_elem(&dp_stats, &cpu);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &cpu);
	int verdict;
	__u64 turn;

	if (!stats || !s || !tunnel_head.patterns)
		return TC_ACT_UNSPEC;
	turn = __sync_fetch_and_add(&stats->running, 1);
	if (turn & 1) {
		/* whose the packet is can't be told without the scratch; the host's stack is not for packets in tunnels, but most are none */
		__sync_fetch_and_add(&stats->running, -1);
		return TC_ACT_UNSPEC;
	}
	s->cpu = cpu;
	verdict = tunnel_parse(skb, s);
	verdict = verdict == TUNNEL_NOT_OURS ? TC_ACT_UNSPEC : receive(skb, s, stats, verdict);

	if (weak_memory)
		__sync_fetch_and_add(&stats->running, 1);
	else
		*(volatile __u64 *)&stats->running = turn + 2;
	return verdict;
}

/* Of the two licences the one that the kernel asks for. */
char LICENSE[] SEC("license") = "GPL";
