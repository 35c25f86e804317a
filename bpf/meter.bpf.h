/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * meter.bpf.h - token buckets.  struct meter and struct meter_band in abi.h say how they work; Datapath/MeterTable.cs runs
 * the same ones for packets in user space.
 */
#ifndef OVSB_METER_H
#define OVSB_METER_H

#include "bucket.bpf.h"
#include "csum.bpf.h"
#include "drop.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"

/* What meter() returns besides this: 0, the packet passes; a number of drop precedences by which it is to be remarked. */
#define METER_EXCEEDED (-1)

/* Whether the packet conforms, which takes its tokens. */
static __always_inline int conforms(struct meter_band *band, __u64 now, __u64 units)
{
	__u64 cost = (units * band->cost) >> (OVSB_METER_COST_SHIFT - OVSB_METER_TIME_SHIFT);

	return take_tokens(&band->full_at, now, cost, band->burst);
}

/* Counts the packet, takes its tokens, and says what becomes of it.  len as flow statistics count it. */
__noinline int meter(__u32 slot, __u32 len)
{
	struct meter *m = bpf_map_lookup_elem(&meters, &slot);
	__u32 first, n;
	__u64 word, now, units;

	if (!m)
		return 0;
	/* one load: the meter may be replaced meanwhile */
	word = *(const volatile __u64 *)&m->bands;
	first = word;
	n = (word >> 32) & 0xffff;
	if (!(word >> 48 & OVSB_METER_ACTIVE))
		return 0;
	units = word >> 48 & OVSB_METER_PACKETS ? 1 : len;
	__sync_fetch_and_add(&m->packets, 1);
	__sync_fetch_and_add(&m->bytes, len);

	now = bpf_ktime_get_ns() << OVSB_METER_TIME_SHIFT;
	for (__u32 i = 0; i < OVSB_MAX_BANDS; i++) {
		struct meter_band *band;
		__u32 index = first + i;

		if (i >= n)
			break;
		band = bpf_map_lookup_elem(&meter_bands, &index);
		if (!band)
			break;
		if (conforms(band, now, units))
			continue;
		__sync_fetch_and_add(&band->packets, 1);
		__sync_fetch_and_add(&band->bytes, len);
		return band->type == OVSB_BAND_DSCP_REMARK ? (int)(band->prec_level & 3) : METER_EXCEEDED;
	}
	return 0;
}

/*
 * The DSCP with its drop precedence raised (RFC 2597: AFxy is 8x + 2y, x 1 to 4, y 1 to 3); 3 stays the highest.  A code point
 * outside the assured forwarding group has no drop precedence and stays as it is.
 */
static __always_inline __u8 raised_tos(__u8 tos, __u32 levels)
{
	__u32 class = tos >> 5, precedence = tos >> 3 & 3;

	if (class < 1 || class > 4 || !precedence || tos & 4)
		return tos;
	precedence += levels;
	if (precedence > 3)
		precedence = 3;
	return (tos & ~0x18) | precedence << 3;
}

#endif /* OVSB_METER_H */
