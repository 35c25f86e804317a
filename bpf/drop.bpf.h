/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* drop.bpf.h - where a packet ends, or a copy of it, and is counted. */
#ifndef OVSB_DROP_H
#define OVSB_DROP_H

#include <linux/pkt_cls.h>
#include "maps.bpf.h"

/* Where this CPU's counters of a port's slot are. */
static __always_inline __u32 stats_index(const struct scratch *s, __u32 slot)
{
	__u32 cpu = s->cpu < table_head.stats_cpus ? s->cpu : 0;

	return cpu * OVSB_PORT_SLOTS + (slot & (OVSB_PORT_SLOTS - 1));
}

/* Counters of the port that the packet came in by. */
static __always_inline struct port_stats *port_counters(const struct scratch *s)
{
	__u32 index = stats_index(s, s->slot);

	return bpf_map_lookup_elem(&port_stats, &index);
}

static __always_inline void count_drop(__u32 cpu, __u32 reason)
{
	__u32 index = cpu * __DROP_MAX + (reason & (__DROP_MAX - 1));
	__u64 *count = bpf_map_lookup_elem(&drop_stats, &index);

	if (count)
		(*count)++;
}

/* The packet, or a copy, is over. */
static __noinline int drop(struct scratch *s, __u32 reason)
{
	struct port_stats *port = port_counters(s);

	count_drop(s->cpu, reason);
	if (port)
		port->drops[reason & (__DROP_MAX - 1)]++;
	s->dropped = reason;
	return TC_ACT_SHOT;
}

/* A copy of the packet is about to go somewhere, or to be dropped, and the packet goes on. */
static __always_inline void copied(struct scratch *s)
{
	__u32 cpu = s->cpu; /* a copy: before 6.2 a key can't be in a function's argument */
	struct dp_stats *stats = bpf_map_lookup_elem(&dp_stats, &cpu);

	s->handled = 1;
	if (stats)
		stats->copies++;
}

#endif /* OVSB_DROP_H */
