/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * dp_test.bpf.c - entry points for tests and benchmarks, which run them on frames of their own (BPF_PROG_TEST_RUN).  Not part of
 * the product.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "maps.bpf.h"
#include "parse.bpf.h"

const volatile __u32 abi_version = OVSB_ABI_VERSION;

/* Parses into the first scratch; returns the parser's status. */
SEC("tc")
int test_parse(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);

	return s ? parse(skb, &s->up.key, &s->at) : -1;
}

/* What a program that knows nothing but its output costs. */
SEC("tc")
int test_redirect(struct __sk_buff *skb)
{
	return bpf_redirect(skb->cb[0], 0);
}

/* Of the two licences the one that the kernel asks for. */
char LICENSE[] SEC("license") = "GPL";
