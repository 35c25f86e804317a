/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * lookup.bpf.h - finds the megaflow of a key: one hash lookup for each mask, in the order of the mask list.
 *
 * Only the words that a mask uses are hashed and compared.  User space computes the same hash
 * (Datapath/Ebpf/FlowTable.cs).
 */
#ifndef OVSB_LOOKUP_H
#define OVSB_LOOKUP_H

#include "maps.bpf.h"

/*
 * What a lookup returns: the flow's number, and above it the first block of its program, as it was when the flow was found.
 */
#define NO_FLOW		     (~0ULL)
#define FOUND_FLOW(FOUND)    ((__u32)(FOUND))
#define FOUND_ACTIONS(FOUND) ((__u32)((FOUND) >> 32))

static __always_inline __u64 hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
	return hash ^ (hash >> 32);
}

/* One more round, so that the last word's high bits reach the low ones, which choose the bucket. */
static __always_inline __u64 hash_finish(__u64 hash)
{
	hash *= 0xc4ceb9fe1a85ec53ULL;
	return hash ^ (hash >> 32);
}

/*
 * The number of words, read anew wherever a loop goes by it: the loop's exits tell the verifier what the number was,
 * and it would go through what follows once for each number.
 */
static __always_inline __u32 word_count(const struct mask_entry *mask)
{
	return *(const volatile __u32 *)&mask->n_words;
}

static __always_inline int flow_equals(const struct flow_entry *flow, const struct mask_entry *mask,
				       const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u32 n = word_count(mask);

	for (__u32 i = 0; i < OVSB_KEY_WORDS; i++) {
		__u32 w;

		if (i >= n)
			break;
		w = mask->word[i];
		if (w >= OVSB_KEY_WORDS || flow->word[i] != (words[w] & mask->mask[i]))
			return 0;
	}
	return 1;
}

/* The flow with this mask in one bucket, or NO_FLOW. */
static __always_inline __u64 search_bucket(const struct flow_bucket *bucket, __u32 tag, __u32 number,
					   const struct mask_entry *mask, const struct flow_key *key)
{
	for (int i = 0; i < OVSB_BUCKET_SLOTS; i++) {
		/* one load: never half of the old reference and half of the new */
		__u64 ref = *(const volatile __u64 *)&bucket->slot[i];
		__u32 index = ref >> 32;
		const struct flow_entry *flow;

		if ((__u32)ref != tag)
			continue;
		flow = bpf_map_lookup_elem(&flows, &index);
		if (flow && flow->mask == number && flow_equals(flow, mask, key))
			/* one load: the program may be replaced meanwhile */
			return (__u64) * (const volatile __u32 *)&flow->actions << 32 | index;
	}
	return NO_FLOW;
}

/* A global function: the verifier checks it once, not 256 times. */
__noinline __u64 lookup_mask(const struct flow_key *key, __u32 number, __u64 hash, __u32 bucket_mask)
{
	const struct mask_entry *mask = bpf_map_lookup_elem(&masks, &number);
	const __u64 *words = (const __u64 *)key;
	const struct flow_bucket *bucket;
	__u32 n, tag, home, other;
	__u64 found;

	if (!key || !mask)
		return NO_FLOW;
	n = word_count(mask);
	hash ^= mask->seed;
	for (__u32 i = 0; i < OVSB_KEY_WORDS; i++) {
		__u32 w;

		if (i >= n)
			break;
		w = mask->word[i];
		if (w >= OVSB_KEY_WORDS)
			return NO_FLOW;
		hash = hash_word(hash, words[w] & mask->mask[i]);
	}
	hash = hash_finish(hash);
	tag = (hash >> 32) | 1;
	home = hash & bucket_mask;

	bucket = bpf_map_lookup_elem(&buckets, &home);
	if (!bucket)
		return NO_FLOW;
	found = search_bucket(bucket, tag, number, mask, key);
	if (found != NO_FLOW || !bucket->overflow)
		return found;

	other = (tag * OVSB_OTHER_MULT) & bucket_mask;
	other = home ^ (other ? other : 1);
	bucket = bpf_map_lookup_elem(&buckets, &other);
	if (!bucket)
		return NO_FLOW;
	return search_bucket(bucket, tag, number, mask, key);
}

static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 32);
}

/*
 * The hash of DP_ACT_HASH: the same for all packets of a transport connection, both ways.  Datapath/FlowHash.cs computes it
 * too, and says what it is made of.
 */
static __always_inline __u32 flow_hash(__u32 seed, const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	const __u64 mac = 0x0000ffffffffffffULL;
	__u64 src_port = key->ip_frag ? 0 : key->tp_src, dst_port = key->ip_frag ? 0 : key->tp_dst;
	__u64 source, destination;

	source = mix(mix(seed, words[2] & mac), (__u32)words[5] | src_port << 32);
	source = mix(mix(source, words[6]), words[7]);
	destination = mix(mix(seed, words[1] & mac), words[5] >> 32 | dst_port << 32);
	destination = mix(mix(destination, words[8]), words[9]);
	return mix(source + destination, key->eth_type | (__u64)key->ip_proto << 16);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks of words, and flow_ref as a word, are little endian");

/* The megaflow that the key belongs to, or NO_FLOW. */
__noinline __u64 lookup_flow(const struct flow_key *key, struct dp_stats *stats, __u32 cpu)
{
	__u32 tried = 0, active = table_head.active_list, bucket_mask = table_head.bucket_mask;
	const struct mask_list *list = bpf_map_lookup_elem(&mask_lists, &active);
	__u64 seed = table_head.hash_seed, found = NO_FLOW;

	if (!key || !stats || !list)
		return NO_FLOW;
	for (__u32 i = 0; i < OVSB_MAX_MASKS; i++) {
		__u32 number;

		if (i >= list->count)
			break;
		number = list->mask[i];
		tried++;
		found = lookup_mask(key, number, seed, bucket_mask);
		if (found != NO_FLOW) {
			__u32 index = cpu * OVSB_MAX_MASKS + number;
			__u64 *hits;

			/* they are for the order of masks */
			hits = list->count > 1 ? bpf_map_lookup_elem(&mask_hits, &index) : NULL;
			if (hits)
				(*hits)++;
			break;
		}
	}
	stats->masks_tried += tried;
	return found;
}

#endif /* OVSB_LOOKUP_H */
