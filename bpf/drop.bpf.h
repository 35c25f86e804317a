/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* drop.bpf.h - where a packet ends, and is counted. */
#ifndef OVSB_DROP_H
#define OVSB_DROP_H

#include <linux/pkt_cls.h>
#include "maps.bpf.h"

static __noinline int drop(__u32 cpu, __u32 reason)
{
	__u32 index = cpu * __DROP_MAX + (reason & (__DROP_MAX - 1));
	__u64 *count = bpf_map_lookup_elem(&drop_stats, &index);

	if (count)
		(*count)++;
	if (table_head.sample_rate && reason != DROP_NESTED) {
		struct scratch *s = bpf_map_lookup_elem(&scratch, &cpu);

		if (s)
			s->dropped = reason;
	}
	return TC_ACT_SHOT;
}

#endif /* OVSB_DROP_H */
