/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * csum.bpf.h - checksums follow the bytes they cover (RFC 1624, equation 3).
 *
 * The IPv4 header's checksum is always complete, so it is changed in place.  A transport checksum may be partial (an
 * offloading sender left the rest to the device) or the whole packet's sum may be known (CHECKSUM_COMPLETE): only the
 * helpers know, so they do it.  Of a partial checksum they change the pseudo header's part only, which is just right.
 */
#ifndef OVSB_CSUM_H
#define OVSB_CSUM_H

#include "parse.bpf.h"

/* Sums of 16-bit words as they lie in memory, twice two at a time; not folded. */
static __always_inline __u64 csum_replaced(__u32 old, __u32 new)
{
	return (__u64)(__u32)~old + new;
}

/* To 32 bits, as the helpers take a difference. */
static __always_inline __u32 csum_fold32(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	return (sum >> 32) + (sum & 0xffffffff);
}

static __always_inline __u16 csum_update16(__u16 csum, __u64 diff)
{
	__u32 sum = csum_fold32(diff);

	sum = (sum >> 16) + (sum & 0xffff) + (__u16)~csum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return ~sum;
}

/*
 * Brings the transport checksum up to date.  diff: sum of csum_replaced() over the bytes that changed; pseudo: they
 * belong to the pseudo header.  UDP's 0 means "none" and stays; a result of 0 becomes 0xffff (RFC 768).
 */
static __always_inline int csum_update_transport(struct __sk_buff *skb, const struct layout *at, __u64 diff, int pseudo)
{
	__u32 pos = at->transport_at;
	__u64 flags = pseudo ? BPF_F_PSEUDO_HDR : 0;

	if (!pos)
		return 0;
	if (at->protocol == PROTO_TCP) {
		pos += 16;
	} else if (at->protocol == PROTO_UDP) {
		pos += 6;
		flags |= BPF_F_MARK_MANGLED_0;
	} else if (at->protocol == PROTO_ICMPV6 || (at->protocol == PROTO_ICMP && !pseudo)) {
		pos += 2;
	} else {
		return 0;
	}
	return bpf_l4_csum_replace(skb, pos, 0, csum_fold32(diff), flags);
}

/* ---- SCTP's CRC32c ----------------------------------------------------------------------------------------------- */

/* x^(8 * 2^k) modulo the polynomial, bits reflected: multiplying by it is what 2^k zero bytes do to a CRC. */
static const __u32 crc32c_zeros[16] = {
	0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7,
	0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
};

/* Product modulo CRC32c's polynomial, bits reflected. */
static __always_inline __u32 crc32c_multiply(__u32 a, __u32 b)
{
	__u32 product = 0;

	for (int i = 0; i < 32; i++) {
		product ^= b & -(a >> 31);
		a <<= 1;
		b = (b >> 1) ^ (0x82f63b78 & -(b & 1));
	}
	return product;
}

/*
 * How the CRC32c of len bytes changes when the first four are changed by `diff` (exclusive or, as they lie in
 * memory).  A CRC is linear: this is the CRC, started with 0, of diff and len - 4 zero bytes.  So nobody need read
 * the payload.
 */
__noinline __u32 crc32c_change(__u32 diff, __u32 len)
{
	for (__u32 k = 0; k < 16; k++) {
		if (len >> k & 1)
			diff = crc32c_multiply(crc32c_zeros[k], diff);
	}
	return diff;
}

#endif /* OVSB_CSUM_H */
