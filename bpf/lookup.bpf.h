/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * lookup.bpf.h - finds the megaflow of a key: a guess from the flow cache, else one hash lookup for each mask, in the order of the
 * mask list.
 *
 * Only the words that a mask uses are hashed and compared.  User space computes the same hash
 * (Datapath/Ebpf/FlowTable.cs).
 *
 * What most packets need is inlined into the program: where returns are made safe against speculation, each call costs as much as
 * half a mask.
 */
#ifndef OVSB_LOOKUP_H
#define OVSB_LOOKUP_H

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include "maps.bpf.h"

/*
 * What a lookup returns: the flow's number, and above it the first block of its program, as it was when the flow was found.
 */
#define NO_FLOW		     (~0ULL)
#define FOUND_FLOW(FOUND)    ((__u32)(FOUND))
#define FOUND_ACTIONS(FOUND) ((__u32)((FOUND) >> 32))

/* With so few masks, the search costs no more than the cache. */
#define CACHE_MIN_MASKS 3
/* So many misses of the cache, and fewer hits meanwhile: for so many lookups it is not asked. */
#define CACHE_WINDOW	1024
#define CACHE_PAUSE	(64 * CACHE_WINDOW)

/* Set by user space: whether there is a flow cache. */
const volatile __u32 use_flow_cache = 1;
/* Set by user space: loads and stores may be reordered more than on x86, so leaving, and an old reference, need a barrier. */
const volatile __u32 weak_memory = 0;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks of words, and flow_ref as a word, are little endian");

static __always_inline __u64 hash_finish(__u64 hash)
{
	hash ^= hash >> 32;
	hash *= OVSB_HASH_MULT;
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

static __always_inline __u64 masked_hash(const struct mask_entry *mask, const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u32 n = word_count(mask);
	__u64 hash = mask->seed;

	for (__u32 i = 0; i < OVSB_KEY_WORDS; i++) {
		__u32 w;

		if (i >= n)
			break;
		w = mask->word[i];
		if (w < OVSB_KEY_WORDS)
			hash += (words[w] & mask->mask[i]) * hash_key.word[w];
	}
	return hash_finish(hash);
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

/* The first fields, by one load: they are of one moment. */
static __always_inline __u64 flow_head(const struct flow_entry *flow)
{
	return *(const volatile __u64 *)flow;
}

#define HEAD_MASK(HEAD) ((__u16)(HEAD))
#define HEAD_LIVE(HEAD) ((HEAD) >> 16 & OVSB_FLOW_LIVE)

static __always_inline __u64 found_flow(__u64 head, __u32 index)
{
	return (head & 0xffffffff00000000ULL) | index;
}

/* The flow `index`, if it has this mask and the key matches, or NO_FLOW. */
static __always_inline __u64 try_flow(__u32 index, __u32 number, const struct mask_entry *mask, const struct flow_key *key)
{
	const struct flow_entry *flow = bpf_map_lookup_elem(&flows, &index);
	__u64 head;

	if (!flow)
		return NO_FLOW;
	head = flow_head(flow);
	if (HEAD_MASK(head) != number || !HEAD_LIVE(head) || !flow_equals(flow, mask, key))
		return NO_FLOW;
	return found_flow(head, index);
}

/* The flow with this mask in one bucket, or NO_FLOW. */
static __always_inline __u64 search_bucket(const struct flow_bucket *bucket, __u32 tag, __u32 number,
					   const struct mask_entry *mask, const struct flow_key *key)
{
	for (int i = 0; i < OVSB_BUCKET_SLOTS; i++) {
		/* one load: never half of the old reference and half of the new */
		__u64 ref = *(const volatile __u64 *)&bucket->slot[i], found;

		if ((__u32)ref != tag)
			continue;
		found = try_flow(ref >> 32, number, mask, key);
		if (found != NO_FLOW)
			return found;
	}
	return NO_FLOW;
}

/* One mask, with all that can be: several slots with the tag, and the other bucket.  A global function: the verifier checks it once. */
__noinline __u64 search_buckets(const struct flow_key *key, __u32 number, __u64 hash, __u32 bucket_mask)
{
	const struct mask_entry *mask = bpf_map_lookup_elem(&masks, &number);
	__u32 tag = (hash >> 32) | 1, home = hash & bucket_mask, other;
	const struct flow_bucket *bucket;
	__u64 found;

	if (!key || !mask)
		return NO_FLOW;
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

static __always_inline __u64 lookup_mask(const struct flow_key *key, __u32 number, __u32 bucket_mask)
{
	const struct mask_entry *mask = bpf_map_lookup_elem(&masks, &number);
	const struct flow_bucket *bucket;
	__u64 hash, ref = 0;
	__u32 tag, home;

	if (!mask)
		return NO_FLOW;
	hash = masked_hash(mask, key);
	tag = (hash >> 32) | 1;
	home = hash & bucket_mask;
	bucket = bpf_map_lookup_elem(&buckets, &home);
	if (!bucket)
		return NO_FLOW;
	for (int i = 0; i < OVSB_BUCKET_SLOTS; i++) {
		ref = *(const volatile __u64 *)&bucket->slot[i];
		if ((__u32)ref == tag)
			break;
		ref = 0;
	}
	if (ref) {
		__u64 found = try_flow(ref >> 32, number, mask, key);

		if (found != NO_FLOW)
			return found;
	} else if (!bucket->overflow) {
		return NO_FLOW;
	}
	return search_buckets(key, number, hash, bucket_mask);
}

/* lookup_mask as a global function: the verifier checks it once, not 256 times. */
__noinline __u64 search_mask(const struct flow_key *key, __u32 number, __u32 bucket_mask)
{
	return key ? lookup_mask(key, number, bucket_mask) : NO_FLOW;
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

/* A search ended with this mask. */
static __always_inline void count_mask(const struct mask_list *list, __u32 number, __u32 cpu)
{
	__u32 index = cpu * OVSB_MAX_MASKS + number;
	__u64 *hits;

	/* they are for the order of masks */
	hits = list->count > 1 ? bpf_map_lookup_elem(&mask_hits, &index) : NULL;
	if (hits)
		(*hits)++;
}

/* Goes through the masks of a list, or those behind its first. */
__noinline __u64 search_masks(const struct flow_key *key, struct dp_stats *stats, __u32 cpu, __u32 list_number, int behind_first)
{
	__u32 active = list_number, bucket_mask = table_head.bucket_mask, tried = 0;
	const struct mask_list *list = bpf_map_lookup_elem(&mask_lists, &active);
	__u64 found = NO_FLOW;

	if (!key || !stats || !list)
		return NO_FLOW;
	for (__u32 i = 0; i < OVSB_MAX_MASKS; i++) {
		__u32 number;

		if (i == 0 && behind_first)
			continue;
		if (i >= list->count)
			break;
		number = list->mask[i];
		tried++;
		found = search_mask(key, number, bucket_mask);
		if (found != NO_FLOW) {
			count_mask(list, number, cpu);
			break;
		}
	}
	stats->masks_tried += tried;
	return found;
}

/*
 * Of what tells flows apart, but not TCP's flags, which change from packet to packet.  Words of headers that an IPv4 packet has
 * not are left out then.
 */
static __always_inline __u64 cache_hash(const struct flow_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 hash = words[0] * hash_key.word[0] + words[1] * hash_key.word[1] + words[2] * hash_key.word[2];

	hash += (words[3] & 0x0000ffffffffffffULL) * hash_key.word[3] + words[4] * hash_key.word[4];
	hash += words[5] * hash_key.word[5];
	if (key->eth_type != bpf_htons(ETH_P_IP)) {
		hash += words[6] * hash_key.word[6] + words[7] * hash_key.word[7] + words[8] * hash_key.word[8];
		hash += words[9] * hash_key.word[9] + words[11] * hash_key.word[11] + words[12] * hash_key.word[12];
		hash += words[13] * hash_key.word[13] + words[14] * hash_key.word[14];
	}
	return hash_finish(hash);
}

/*
 * The flow that the slot names, if it is this key's.  The reference may be old, and the number another flow's by now, even one that is
 * just being written: so the flow is asked whether it lives, and after that compared.
 */
static __always_inline __u64 try_cached(__u64 ref, const struct flow_key *key)
{
	const struct mask_entry *mask;
	const struct flow_entry *flow;
	__u32 index = ref >> 32, number;
	__u64 head;

	flow = bpf_map_lookup_elem(&flows, &index);
	if (!flow)
		return NO_FLOW;
	head = flow_head(flow);
	if (!HEAD_LIVE(head))
		return NO_FLOW;
	number = HEAD_MASK(head);
	mask = bpf_map_lookup_elem(&masks, &number);
	if (!mask)
		return NO_FLOW;
	if (weak_memory) {
		__u64 barrier = 0;

		__sync_fetch_and_add(&barrier, 1);
	}
	return flow_equals(flow, mask, key) ? found_flow(head, index) : NO_FLOW;
}

/* The cache did not know.  Whether it is worth asking. */
static __always_inline void cache_missed(struct scratch *s, const struct dp_stats *stats)
{
	if (++s->cache_missed < CACHE_WINDOW)
		return;
	if (stats->cache_hit - s->cache_hit < CACHE_WINDOW)
		s->cache_off = CACHE_PAUSE;
	s->cache_missed = 0;
	s->cache_hit = stats->cache_hit;
}

/* The megaflow that the key belongs to, or NO_FLOW. */
static __always_inline __u64 lookup_flow(struct scratch *s, struct dp_stats *stats)
{
	__u32 active = table_head.active_list, number, index;
	const struct mask_list *list = bpf_map_lookup_elem(&mask_lists, &active);
	const struct flow_key *key = &s->up.key;
	__u64 found, hash, *slot = NULL;

	if (!list || !list->count)
		return NO_FLOW;
	if (use_flow_cache && list->count >= CACHE_MIN_MASKS) {
		if (s->cache_off) {
			s->cache_off--;
		} else {
			hash = cache_hash(key);
			index = s->cpu * OVSB_CACHE_SLOTS + (hash & (OVSB_CACHE_SLOTS - 1));
			hash = hash >> 32 | 1;
			slot = bpf_map_lookup_elem(&flow_cache, &index);
			if (slot && (__u32)*slot == hash) {
				found = try_cached(*slot, key);
				if (found != NO_FLOW) {
					stats->cache_hit++;
					return found;
				}
			}
		}
	}

	number = list->mask[0];
	found = lookup_mask(key, number, table_head.bucket_mask);
	stats->masks_tried++;
	if (found != NO_FLOW)
		count_mask(list, number, s->cpu);
	else
		found = search_masks(key, stats, s->cpu, active, 1);
	if (found == NO_FLOW)
		return found; /* nothing that a cache could know: a storm of such packets is not to switch it off */
	if (slot) {
		cache_missed(s, stats);
		*(volatile __u64 *)slot = (found << 32) | hash;
	}
	return found;
}

#endif /* OVSB_LOOKUP_H */
