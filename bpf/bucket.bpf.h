/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* bucket.bpf.h - a token bucket in one word: the time at which it will be full (struct meter_band in abi.h). */
#ifndef OVSB_BUCKET_H
#define OVSB_BUCKET_H

#include <linux/types.h>

/* How often a bucket is tried when other CPUs change it at the same time; each time one of them has got through. */
#define BUCKET_TRIES 32

/* Whether there are tokens for `cost`, which are taken then.  Times in 2^-6 ns. */
static __always_inline int take_tokens(__u64 *bucket, __u64 now, __u64 cost, __u64 burst)
{
	__u64 need = cost < burst ? cost : burst;

	for (int i = 0; i < BUCKET_TRIES; i++) {
		__u64 full_at = *(volatile __u64 *)bucket;
		__s64 missing = full_at - now;
		__u64 from = full_at;

		if (missing < 0) {
			missing = 0;
			from = now;
		}
		if ((__u64)missing + need > burst)
			return 0;
		if (__sync_val_compare_and_swap(bucket, full_at, from + cost) == full_at)
			return 1;
	}
	return 0;
}

#endif /* OVSB_BUCKET_H */
