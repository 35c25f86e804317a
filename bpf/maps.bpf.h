/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * maps.bpf.h - every map, with who writes and who reads it.
 *
 * All but the upcall rings are plain arrays that user space maps into its memory: it installs flows, reads statistics
 * and sees the programs' scratch without a system call.  max_entries is 1 here and set by user space before load.
 * Where an index has a CPU in it, only that CPU's program writes there, so counters are plain additions.
 */
#ifndef OVSB_MAPS_H
#define OVSB_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

#define SHARED_ARRAY(NAME, VALUE)                  \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, VALUE);              \
	} NAME SEC(".maps")

/* slot -> interface that is a port; writer: user space; reader: program.  Full (16 probes taken): the port is refused */
SHARED_ARRAY(in_ports, struct in_port);

/* port number -> interface; writer: user space; reader: program.  Has every port number, so it is never full */
SHARED_ARRAY(out_ports, struct out_port);

/*
 * slot of a port -> what it may send up; writer: user space, its bucket the program; reader: program.  Has every slot; when slots are used
 * up, the port is refused
 */
SHARED_ARRAY(upcall_budgets, struct upcall_budget);

/* number -> mask; writer: user space; reader: program.  Full: the flow is not installed, its packets stay upcalls */
SHARED_ARRAY(masks, struct mask_entry);

/* generation -> order of search; writer: user space, one that is not in force; reader: program */
SHARED_ARRAY(mask_lists, struct mask_list);

/* cpu * OVSB_MAX_MASKS + mask -> lookups that ended there; writer: program; reader: user space, to sort the lists */
SHARED_ARRAY(mask_hits, __u64);

/*
 * What is in force; writer: user space; reader: program.  A variable, so a map (".data.table_head") of which the program knows the
 * address: it reads this for every packet
 */
volatile struct table_head table_head SEC(".data.table_head");

/*
 * hash -> references to flows; writer: user space, one 64-bit word at a time; reader: program.  Both buckets of a flow full: not
 * installed
 */
SHARED_ARRAY(buckets, struct flow_bucket);

/* word of the key -> its multiplier; writer: user space, once; reader: program */
volatile struct hash_key hash_key SEC(".data.hash_key");

/*
 * cpu * OVSB_CACHE_SLOTS + slot -> flow that a packet with such a hash had last; writer and reader: program.  A guess: the flow is asked
 * whether it lives and matches
 */
SHARED_ARRAY(flow_cache, struct flow_ref);

/* number -> flow; writer: user space, before a bucket names it; reader: program.  Full: not installed */
SHARED_ARRAY(flows, struct flow_entry);

/* cpu * max_flows + flow -> statistics; writer: program; reader: user space, which zeroes it before the flow is named */
SHARED_ARRAY(flow_stats, struct flow_stats);

/* number -> part of a program; writer: user space, before a flow names it; reader: program.  Full: not installed */
SHARED_ARRAY(action_blocks, struct action_block);

/* slot -> meter; writer: user space, its counters program and user space; reader: both.  Has every slot */
SHARED_ARRAY(meters, struct meter);

/* number -> band; writer: user space, before a meter names it, its bucket and counters program and user space; reader: both */
SHARED_ARRAY(meter_bands, struct meter_band);

/* datapath port number -> its tunnel, + 1; writer: user space, before out_ports says OVSB_PORT_TUNNEL; reader: program */
SHARED_ARRAY(tunnel_index, __u64);

/* number -> tunnel; writer: user space; reader: program.  Full: the port is refused */
SHARED_ARRAY(tunnels, struct tunnel);

/* number -> way to a remote end; writer: user space, before a tunnel names it; reader: program.  Full: user space sends */
SHARED_ARRAY(tunnel_routes, struct tunnel_route);

/* hash -> whose a packet from a tunnel is; writer: user space, the word with the tunnel last; reader: program.  Full: a warning */
SHARED_ARRAY(tunnel_ins, struct tunnel_in);

/* what is looked for on interfaces that tunnels come in by; writer: user space; reader: program */
volatile struct tunnel_head tunnel_head SEC(".data.tunnel_head");

/* cpu * OVSB_MAX_TUNNELS + tunnel -> counters; writer: program; reader: user space */
SHARED_ARRAY(tunnel_stats, struct tunnel_stats);

/* cpu * __DROP_MAX + reason -> packets; writer: program; reader: user space */
SHARED_ARRAY(drop_stats, __u64);

/* cpu -> counters; writer: program; reader: user space */
SHARED_ARRAY(dp_stats, struct dp_stats);

/* cpu * OVSB_PORT_SLOTS + slot of a port -> its counters; writer: program; reader: user space, which zeroes it before a port has the slot */
SHARED_ARRAY(port_stats, struct port_stats);

/* whether the reader of the upcalls sleeps; writer: user space; reader: program */
volatile struct upcall_reader upcall_reader SEC(".data.upcall_reader");

/*
 * cpu and n_cpus + cpu -> perf events that share the CPU's ring: the first wakes the reader, the second doesn't;
 * writer: user space (file descriptors), program (records); reader: user space.  Full: the packet is lost, which both
 * sides count
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} upcalls SEC(".maps");

/* How far a walk over IPv6 extension headers has come, and what they say so far. */
struct exthdr_walk {
	__u32 pos;
	__u16 seen;   /* types met, EXTHDR_* */
	__u16 bits;   /* value of ipv6_exthdr */
	__u8 highest; /* rank of RFC 8200 4.1 */
	__u8 dest;    /* destination option headers met, at most 2 */
	__u8 over;
	__u8 _pad;
};

/* Where the headers of the packet are, in bytes from skb->data (a tag in metadata takes no room); 0: not there. */
struct layout {
	__u32 payload_end;   /* behind the IP payload; padding follows */
	__u16 type_at;	     /* field that eth_type came from */
	__u16 network_at;    /* network header, or label stack, or I-TAG */
	__u16 transport_at;  /* TCP, UDP, SCTP, ICMP with IPv4, ICMPv6 with IPv6; found complete */
	__u16 ipv6_proto_at; /* byte that ip_proto came from */
	__u16 routing_at;    /* last routing header with segments left: the destination is not in L4 checksums */
	__u16 nd_target_at;
	__u16 nd_source_at; /* address in the source link-layer address option */
	__u16 nd_dest_at;
	__u8 network;	  /* enum network_header */
	__u8 vlan_tags;	  /* taken, that in metadata included */
	__u8 ethernet_ii; /* no 802.3 length field */
	__u8 mpls_entries;
	__u8 fragment;
	__u8 protocol; /* of the header at transport_at */
	__u16 _pad;
	struct exthdr_walk exthdrs;
};

enum network_header {
	NETWORK_NONE,
	NETWORK_IPV4,
	NETWORK_IPV6,
	NETWORK_ARP,
	NETWORK_MPLS,
	NETWORK_PBB,
};

/* A packet's way into a tunnel, or what the outer headers of one that came out say. */
struct tunnel_way {
	__be64 local[2]; /* addresses of this machine and the other */
	__be64 remote[2];
	__be64 key;
	__u32 route;
	__u32 number; /* datapath port number */
	__u32 tunnel; /* index into tunnels */
	__u32 length; /* of the packet in the tunnel, with tags */
	__u16 source_port;
	__be16 dst_port;
	__u16 network_size; /* of the outer IP header */
	__u16 tunnel_size;  /* of UDP and VXLAN, or GRE, or UDP and Geneve */
	__u16 inner_size;   /* of the inner Ethernet header with tags */
	__u16 flags;	    /* OVSB_TUN_* */
	__u8 type;
	__u8 tos;
	__u8 ttl;
	__u8 tags; /* taken off the packet */
	__be16 tag_tpid[2];
	__u16 tag_tci[2];
};

/* Too large for the stack, and a key on the stack multiplies the verifier's states. */
struct scratch {
	struct upcall up;      /* the key is where the upcall's record needs it */
	struct flow_key again; /* filled when headers are looked for again; nobody reads it */
	struct layout at;
	__u32 cpu;
	__u32 len;     /* with a tag in metadata */
	__u32 pending; /* ifindex of an output that is not done yet, of one into a tunnel the port's number; 0: none */
	__u32 pending_port;
	__u32 pending_flags;
	__u32 handled;	 /* the packet went somewhere, or its loss was counted */
	__u32 stale;	 /* an action changed the headers: at is to be made anew */
	__u32 recirc_id; /* of the next lookup */
	__u32 hash;	 /* result of DP_ACT_HASH */
	__u32 slot;	 /* of the port that the packet came in by; 0: of none */
	__u32 reshaped;	 /* an action changed more than fields in place: only the way through an interface gives the packet its right shape */
	__u32 wide;	 /* up.key may have something in the words that an IPv4 packet leaves zero: WIDE_* */
	__u32 tunnelled; /* the program has set a tunnel, in `tunnel` */
	__u64 jiffies;	 /* when now_ns was read */
	__u64 now_ns;	 /* CLOCK_MONOTONIC_COARSE, which changes with jiffies only */
	__u32 cache_off; /* lookups until the flow cache is tried again */
	__u32 cache_missed;
	__u64 cache_hit; /* dp_stats.cache_hit when cache_missed was 0 */
	/* what struct packet_sample tells; not read while nobody samples */
	__u64 sample_window; /* when the budget's window began */
	__u32 sample_count;  /* in it */
	__u32 sample_missed;
	__u32 sampled; /* this packet is */
	__u32 upcalled;
	__u32 dropped;
	__u32 _pad[2];
	struct dp_set_tunnel tunnel;
	struct tunnel_way way;
	__u64 _pad1[5];
};

#define WIDE_HEADERS 1
#define WIDE_TUNNEL  2

_Static_assert(sizeof(struct scratch) % 64 == 0, "scratch of two CPUs in one cache line");

/* cpu -> what the program on this CPU is busy with; writer and reader: program.  An array, since its lookup is inlined */
SHARED_ARRAY(scratch, struct scratch);

#endif /* OVSB_MAPS_H */
