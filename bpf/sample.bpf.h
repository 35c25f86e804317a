/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * sample.bpf.h - tells user space what became of some packets (ovs-appctl monitor/packets).
 *
 * Off unless table_head.sample_rate is set; then the cost is a word that lies in a cache line which each packet needs
 * anyway.  A budget for each CPU keeps samples from getting in the way of upcalls.
 */
#ifndef OVSB_SAMPLE_H
#define OVSB_SAMPLE_H

#include "maps.bpf.h"

/* The packet's way begins: is it one that user space is told of? */
__noinline int choose_sample(struct scratch *s)
{
	__u32 rate = table_head.sample_rate;
	__u64 now;

	if (!s || !rate)
		return 0;
	s->sampled = 0;
	s->upcalled = 0;
	s->dropped = 0;
	if (rate > 1 && bpf_get_prandom_u32() % rate)
		return 0;
	now = bpf_ktime_get_coarse_ns();
	if (now - s->sample_window >= OVSB_SAMPLE_WINDOW_NS) {
		s->sample_window = now;
		s->sample_count = 0;
	}
	if (s->sample_count >= OVSB_SAMPLE_BUDGET) {
		s->sample_missed++;
		return 0;
	}
	s->sampled = 1;
	return 0;
}

/* A round is over.  flow: its megaflow, or 0xffffffff. */
__noinline int sample(struct __sk_buff *skb, struct scratch *s, __u32 flow)
{
	const struct flow_entry *entry = bpf_map_lookup_elem(&flows, &flow);
	struct packet_sample *record;
	__u32 cpu, index;

	if (!s || !s->sampled)
		return 0;
	/* the same bytes: the key is in place, and of the rest of the upcall's record nobody needs anything any more */
	record = (struct packet_sample *)&s->up;
	record->reason = UPCALL_SAMPLE;
	record->flags = OVSB_UPCALL_RUN;
	record->len = s->len;
	record->cap_len = 0;
	record->ifindex = skb->ifindex;
	record->upcall = s->upcalled;
	record->drop = s->dropped;
	record->missed = s->sample_missed;
	record->ufid = entry ? entry->ufid : 0;
	s->upcalled = 0;
	s->dropped = 0;
	s->sample_missed = 0;

	cpu = s->cpu; /* a copy: before 6.2 a key can't be in a function's argument */
	index = cpu;
	if (!upcall_reader.asleep)
		index += table_head.n_cpus;
	if (bpf_perf_event_output(skb, &upcalls, index, record, sizeof(*record)))
		s->sample_missed++;
	/* as in upcall(): a full barrier between the record and the second look */
	__sync_fetch_and_add(&s->sample_count, 1);
	if (index != cpu && upcall_reader.asleep)
		bpf_perf_event_output(skb, &upcalls, cpu, record, sizeof(__u64));
	return 0;
}

#endif /* OVSB_SAMPLE_H */
