/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * upcall.bpf.h - hands a copy of the packet, with its key, to user space.
 *
 * Waking the reader costs ten times what the record costs, so it is woken only when it sleeps: two perf events share
 * a ring, and only the first of them wakes.  The reader says in map upcall_reader that it goes to sleep, then looks
 * at the rings once more.  The program looks whether it sleeps, writes, and looks again: if it went to sleep
 * meanwhile, an empty record wakes it.
 *
 * Each port has a budget, so that a storm at one of them can't take rings and reader from the others.
 */
#ifndef OVSB_UPCALL_H
#define OVSB_UPCALL_H

#include "bucket.bpf.h"
#include "drop.bpf.h"
#include "maps.bpf.h"

static __always_inline int within_budget(const struct scratch *s)
{
	__u32 slot = s->slot; /* a copy, as cpu below */
	struct upcall_budget *budget = bpf_map_lookup_elem(&upcall_budgets, &slot);

	if (!budget || !budget->cost)
		return 1;
	return take_tokens(&budget->full_at, bpf_ktime_get_ns() << OVSB_METER_TIME_SHIFT, budget->cost, budget->burst);
}

__noinline int upcall(struct __sk_buff *skb, struct scratch *s, __u32 reason, __u64 cookie, __u32 max_len)
{
	struct port_stats *port;
	struct dp_stats *stats;
	__u32 cap, index, cpu;

	if (!s)
		return 0;
	if (!within_budget(s)) {
		drop(s, DROP_UPCALL_LIMIT);
		return 0;
	}
	s->upcalled = reason;
	cap = skb->len;
	if (cap > max_len)
		cap = max_len;
	if (cap > OVSB_UPCALL_MAX)
		cap = OVSB_UPCALL_MAX;

	s->up.reason = reason;
	s->up.flags = 0;
	s->up.len = skb->len;
	s->up.cap_len = cap;
	s->up.ifindex = skb->ifindex;
	s->up.gso_size = skb->gso_size;
	s->up.gso_segs = skb->gso_segs;
	s->up.vlan_tpid = 0;
	s->up.vlan_tci = 0;
	s->up.cookie = cookie;
	if (skb->vlan_present) {
		s->up.flags = OVSB_UPCALL_VLAN;
		s->up.vlan_tpid = (__be16)skb->vlan_proto;
		s->up.vlan_tci = bpf_htons(skb->vlan_tci);
	}

	/* a copy: before 6.2 a key can't be in a function's argument */
	cpu = s->cpu;
	stats = bpf_map_lookup_elem(&dp_stats, &cpu);
	if (!stats)
		return 0;
	index = cpu;
	if (!upcall_reader.asleep)
		index += table_head.n_cpus;
	if (bpf_perf_event_output(skb, &upcalls, index | (__u64)cap << 32, &s->up, sizeof(s->up))) {
		stats->lost++;
		drop(s, DROP_UPCALL_LOST);
		return 0;
	}
	port = port_counters(s);
	if (port)
		port->upcalls++;
	/* a full barrier between the record and the second look */
	__sync_fetch_and_add(&stats->upcalls, 1);
	if (index != cpu && upcall_reader.asleep)
		bpf_perf_event_output(skb, &upcalls, cpu, &s->up, sizeof(__u64));
	return 0;
}

#endif /* OVSB_UPCALL_H */
