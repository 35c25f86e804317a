/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * abi.h - everything that the BPF programs and user space share.
 *
 * This file is the source; Datapath/Interop/Abi.cs mirrors it by hand and AbiTests compares the two through the BTF of
 * the built object.  Rules:
 *
 *   - fixed-width types only, explicit padding, sizes asserted; every struct a multiple of 8 bytes;
 *   - __be16/__be32/__be64 are in network byte order, exactly the bytes of the packet; the rest is host order;
 *   - numbers of enums are never reused;
 *   - a change that an older program or an older daemon would misread raises OVSB_ABI_VERSION.
 *
 * docs/datapath-abi.md tells how the parts work together.
 */
#ifndef OVSB_ABI_H
#define OVSB_ABI_H

#include <linux/types.h>

#define OVSB_ABI_VERSION 4

/* ---- limits ------------------------------------------------------------------------------------------------------ */

#define OVSB_KEY_WORDS		24	/* u64 words of struct flow_key */
#define OVSB_MAX_MASKS		256	/* distinct megaflow masks */
#define OVSB_MASK_LISTS		4	/* generations of the search order, see struct mask_list */
#define OVSB_MAX_PORTS		65536	/* datapath port numbers, index of out_ports */
#define OVSB_IN_PORT_SLOTS	4096	/* open-addressed table by ifindex, power of two */
#define OVSB_IN_PORT_PROBES	16	/* slots searched from the home slot on */
#define OVSB_PORT_SLOTS		4096	/* of ports' budgets and counters; slot 0 is that of no port */
#define OVSB_BUCKET_SLOTS	7	/* flow references of one bucket */
#define OVSB_CACHE_SLOTS	8192	/* of each CPU's flow cache, a power of two */
#define OVSB_ACTION_BLOCK	128	/* bytes of a struct action_block */
#define OVSB_ACTION_DATA	112	/* of which action bytes; no action straddles two blocks */
#define OVSB_MAX_ACTIONS	64	/* actions of one program; more: slow path, never cut */
#define OVSB_MAX_RECIRC		8	/* how often a packet goes round */
#define OVSB_MAX_METERS		65536	/* slots for meters */
#define OVSB_METER_BANDS	131072	/* bands of all meters together */
#define OVSB_MAX_BANDS		8	/* bands of a meter */
#define OVSB_MAX_TUNNELS	1024	/* tunnel ports */
#define OVSB_TUNNEL_SLOTS	8192	/* open-addressed table of what comes in, a power of two */
#define OVSB_TUNNEL_PROBES	16	/* slots searched from the home slot on */
#define OVSB_MAX_ROUTES		4096	/* ways to remote ends */
#define OVSB_MAX_UDP_PORTS	8	/* UDP ports that tunnels listen on */
#define OVSB_PORT_LOCAL		65534	/* OFPP_LOCAL in the datapath */
#define OVSB_UPCALL_MAX		65280	/* most packet bytes of an upcall: a perf record has at most 64 KiB; TCP's largest fit */

/* ---- the key ----------------------------------------------------------------------------------------------------- */

/* flow_key.ip_frag */
#define OVSB_FRAG_ANY	0x01	/* a fragment */
#define OVSB_FRAG_LATER	0x02	/* its offset is not zero: no L4 header, tp_* are zero */

/* flow_key.*_tci: bit 12 means "tag present".  It is not the packet's DEI bit, which no OpenFlow field matches. */
#define OVSB_VLAN_PRESENT 0x1000

/* flow_key.tun_flags, dp_set_tunnel.flags; in network order there */
#define OVSB_TUN_DF	0x01	/* don't fragment */
#define OVSB_TUN_CSUM	0x02	/* a checksum in the tunnel's header */
#define OVSB_TUN_KEY	0x04	/* there is a key: of GRE; always in others */

/* flow_key.eth_type of a frame without an Ethernet II type (802.3 length without SNAP) */
#define OVSB_ETH_TYPE_NONE 0x05ff

/*
 * What a packet is looked up by.  Zeroed before it is filled; a field whose header is absent is zero.  The words are
 * ordered so that common pipelines use few of them.  C# FlowKey has the same 24 words first.
 */
struct flow_key {
	/* 0 */
	__u32 in_port;		/* datapath port number */
	__u32 recirc_id;	/* 0: from the wire */
	/* 1 */
	__u8 eth_dst[6];
	__be16 eth_type;	/* behind all parsed VLAN tags */
	/* 2 */
	__u8 eth_src[6];
	__be16 vlan_tci;	/* outer tag: PCP, OVSB_VLAN_PRESENT, VID; 0: no tag */
	/* 3 */
	__be16 vlan_tpid;	/* 0x8100 or 0x88a8; 0: no tag */
	__be16 inner_tpid;
	__be16 inner_tci;	/* as vlan_tci */
	__be16 tcp_flags;	/* the low 12 bits */
	/* 4 */
	__u8 ip_proto;		/* IPv6: behind all extension headers that were parsed */
	__u8 ip_tos;		/* DSCP and ECN as in the header; IPv6: traffic class */
	__u8 ip_ttl;		/* or hop limit */
	__u8 ip_frag;		/* OVSB_FRAG_* */
	__be16 tp_src;		/* TCP, UDP, SCTP; ICMP: type */
	__be16 tp_dst;		/* ICMP: code */
	/* 5 */
	__be32 ipv4_src;	/* ARP: spa */
	__be32 ipv4_dst;	/* ARP: tpa */
	/* 6 - 9 */
	__be64 ipv6_src[2];
	__be64 ipv6_dst[2];
	/* 10 */
	__be32 ipv6_label;	/* 20 bits */
	__be16 ipv6_exthdr;	/* OFPIEH_* bits */
	__be16 arp_op;
	/* 11 - 12 */
	__be32 mpls_lse[3];	/* label stack entries from the top; absent: 0 */
	__be32 pbb_itag;	/* 802.1ah I-TAG: PCP, DEI, UCA, reserved, I-SID */
	/* 13 - 14 */
	__be64 nd_target[2];
	/* 15 */
	__u8 arp_sha[6];	/* ND: source link-layer address */
	__be16 _pad0;
	/* 16 */
	__u8 arp_tha[6];	/* ND: target link-layer address */
	__be16 _pad1;
	/* 17 - 23: tunnel that the packet came from (or, in actions, goes to) */
	__be64 tun_id;
	__be32 tun_src;
	__be32 tun_dst;
	__be64 tun_ipv6_src[2];
	__be64 tun_ipv6_dst[2];
	__be16 tun_flags;
	__u8 tun_tos;
	__u8 tun_ttl;
	__u32 dp_hash;		/* result of DP_ACT_HASH, for packets that recirculate */
};

_Static_assert(sizeof(struct flow_key) == OVSB_KEY_WORDS * 8, "flow_key");

/* ---- ports ------------------------------------------------------------------------------------------------------- */

/* struct port flags */
#define OVSB_PORT_UP		0x01	/* entry in use */
#define OVSB_PORT_NO_RECV	0x02	/* OFPPC_NO_RECV or PORT_DOWN: drop what comes in */
#define OVSB_PORT_NO_FWD	0x04	/* OFPPC_NO_FWD or PORT_DOWN: drop what would go out */
#define OVSB_PORT_PEER		0x08	/* frames to out_port.peer_mac go straight to the interface behind the port */
#define OVSB_PORT_TUNNEL	0x10	/* output into a tunnel: tunnel_index says which */

/* map in_ports: slot (ifindex + i) & (OVSB_IN_PORT_SLOTS - 1), i < OVSB_IN_PORT_PROBES.  ifindex 0: free slot. */
struct in_port {
	__u32 ifindex;
	__u32 port;		/* datapath port number */
	__u32 flags;
	__u32 slot;		/* of the port, index into upcall_budgets and port_stats */
};

_Static_assert(sizeof(struct in_port) == 16, "in_port");

/* map out_ports: index is the datapath port number */
struct out_port {
	__u32 ifindex;
	__u32 flags;		/* OVSB_PORT_*; 0: no such port */
	__u32 slot;		/* as in_port.slot */
	__u8 peer_mac[6];	/* of the other end of a veth, in another network namespace; changes only while OVSB_PORT_PEER is not set */
	__be16 _pad0;
	__u32 _pad[3];
};

_Static_assert(sizeof(struct out_port) == 32, "out_port");

/*
 * map upcall_budgets: index is the port's slot.  How many packets a port may send up, whatever the reason: a token bucket as
 * struct meter_band has it.  Programs on all CPUs take from it by compare-and-swap.  cost and burst may change at any time, one by one.
 */
struct upcall_budget {
	__u64 full_at;		/* CLOCK_MONOTONIC in 2^-6 ns */
	__u64 cost;		/* of a packet, in 2^-6 ns; 0: no limit */
	__u64 burst;		/* in 2^-6 ns */
	__u64 _pad;
};

_Static_assert(sizeof(struct upcall_budget) == 32, "upcall_budget");

/* ---- the flow table ---------------------------------------------------------------------------------------------- */

/*
 * map masks: index is the mask's number.  A mask's entry is written completely before a mask list names it, and is not
 * reused before a grace period has passed after the last list that named it.
 */
struct mask_entry {
	__u32 n_words;			/* words in use, 0 .. OVSB_KEY_WORDS; 0 matches everything */
	__u32 seed;			/* starts this mask's hash */
	__u8 word[OVSB_KEY_WORDS];	/* which key words, ascending */
	__u64 mask[OVSB_KEY_WORDS];	/* their masks, same order */
	__u64 _pad[4];
};

_Static_assert(sizeof(struct mask_entry) == 256, "mask_entry");

/* map mask_lists: OVSB_MASK_LISTS entries, of which table_head.active_list is in force */
struct mask_list {
	__u32 count;
	__u32 _pad;
	__u16 mask[OVSB_MAX_MASKS];	/* in the order of search */
};

_Static_assert(sizeof(struct mask_list) == 8 + 2 * OVSB_MAX_MASKS, "mask_list");

/* map table_head: one entry, written by user space */
struct table_head {
	__u32 active_list;	/* index into mask_lists */
	__u32 bucket_mask;	/* number of buckets - 1 (a power of two) */
	__u64 hash_seed;	/* random for each daemon */
	__u32 max_flows;	/* stride of flow_stats: index is cpu * max_flows + flow */
	__u32 n_cpus;		/* possible CPUs; second half of the keys of upcalls */
	__u32 stats_cpus;	/* CPUs that flow_stats has slots for */
	__u32 sample_rate;	/* tell user space of one packet in so many (struct packet_sample); 0: of none */
	__u64 owner;		/* whose these tables are: a hash of run directory and bridge */
	__u32 abi_version;	/* OVSB_ABI_VERSION when they are complete: a later process may take them over */
	__u32 _pad0;
	__u64 _pad[2];
};

_Static_assert(sizeof(struct table_head) == 64, "table_head");

/*
 * A reference to a flow, read and written as one 64-bit word so that a packet sees the old or the new one.
 * tag 0: empty slot.
 */
struct flow_ref {
	__u32 tag;		/* high half of the hash, | 1 */
	__u32 flow;		/* index into flows */
};

/*
 * What the words of a key are multiplied by to be hashed; made from table_head.hash_seed:
 * hash = mask_entry.seed + the sum of masked word[i] * hash_key.word[i]; then hash ^= hash >> 32, hash *= OVSB_HASH_MULT, hash ^= hash >> 32.
 * A sum, not a chain: the multiplications don't wait for each other.
 */
struct hash_key {
	__u64 word[OVSB_KEY_WORDS];
};

_Static_assert(sizeof(struct hash_key) == 192, "hash_key");

#define OVSB_HASH_MULT 0xc4ceb9fe1a85ec53ULL

/*
 * map buckets.  hash is that of the masked words, see struct hash_key; home bucket = hash & bucket_mask; other bucket = home ^
 * ((tag * OVSB_OTHER_MULT) & bucket_mask, or 1 when that is 0).  A flow lives in its home bucket, or when that is full in
 * its other one, and then the home's `overflow` counts it; only then the other bucket is searched.
 */
#define OVSB_OTHER_MULT 0x9e3779b1u

struct flow_bucket {
	__u32 overflow;		/* flows whose home is here and that live in their other bucket */
	__u32 _pad;
	struct flow_ref slot[OVSB_BUCKET_SLOTS];
};

_Static_assert(sizeof(struct flow_bucket) == 64, "flow_bucket");

/* struct flow_entry flags */
#define OVSB_FLOW_LIVE 0x0001

/*
 * map flows: index is the flow's number.  The first three fields are read and written as one 64-bit word.  OVSB_FLOW_LIVE is set in it when all
 * the rest is complete, before a bucket names the flow, and cleared as the first thing of a removal: with that the flow is gone, also for those
 * who find it by an old reference (flow_cache).  While it is set, only `actions` changes: a packet runs the old program or the new
 * one.  A number, and a program's blocks, are reused after a grace period.
 */
struct flow_entry {
	__u16 mask;			/* number of its mask */
	__u16 flags;
	__u32 actions;			/* first block, index into action_blocks; 0: empty program, drop */
	__u64 ufid;			/* user space's name of the flow, not 0 */
	__u64 word[OVSB_KEY_WORDS];	/* masked key words, packed as the mask says */
	__u64 _pad[6];
};

_Static_assert(sizeof(struct flow_entry) == 256, "flow_entry");

/*
 * map flow_stats: index is cpu * max_flows + flow; written by that CPU only (and zeroed by user space before use).  CPUs that were
 * not online when the datapath was made share slot 0, and may lose counts.
 */
struct flow_stats {
	__u64 packets;
	__u64 bytes;		/* layer 2 length with VLAN tags, without FCS */
	__u64 used_ns;		/* CLOCK_MONOTONIC_COARSE of the last packet; 0: never */
	__u32 tcp_flags;	/* union of flags seen, host order */
	__u32 _pad;
};

_Static_assert(sizeof(struct flow_stats) == 32, "flow_stats");

/* ---- actions ----------------------------------------------------------------------------------------------------- */

/*
 * map action_blocks: an action program is a chain of blocks.  len is the number of bytes used in data; next is the
 * following block or 0.  Block 0 is never used.  The program ends behind the last action.
 */
struct action_block {
	__u32 next;
	__u16 len;		/* of data, a multiple of 8 */
	__u16 _pad0;
	__u64 _pad1;
	__u8 data[OVSB_ACTION_DATA];
};

_Static_assert(sizeof(struct action_block) == OVSB_ACTION_BLOCK, "action_block");

/* An action: this header and len - 8 bytes of payload (a struct dp_... below).  len is a multiple of 8. */
struct dp_action {
	__u16 type;		/* enum dp_action_type */
	__u16 len;		/* with this header */
	__u32 arg;
};

_Static_assert(sizeof(struct dp_action) == 8, "dp_action");

/* C# mirror: DpActionType, and DpActions/DpActionWriter for the encoding. */
enum dp_action_type {
	DP_ACT_UNSPEC = 0,
	DP_ACT_OUTPUT = 1,	/* arg: port number */
	DP_ACT_USERSPACE = 2,	/* arg: enum upcall_reason; payload dp_userspace */
	DP_ACT_PUSH_VLAN = 3,	/* arg: tpid << 16 | tci, host order; tci bit 12 is the DEI */
	DP_ACT_POP_VLAN = 4,
	DP_ACT_SET_ETH = 5,	/* payload dp_set_eth x 2: value, mask */
	DP_ACT_SET_VLAN = 6,	/* arg: tci mask << 16 | tci, host order, of the outer tag */
	DP_ACT_SET_IPV4 = 7,	/* payload dp_set_ipv4 x 2 */
	DP_ACT_SET_IPV6 = 8,	/* payload dp_set_ipv6 x 2 */
	DP_ACT_SET_ARP = 9,	/* payload dp_set_arp x 2 */
	DP_ACT_SET_TP = 10,	/* payload dp_set_tp x 2: TCP, UDP, SCTP ports; ICMP type, code: by the key's ip_proto */
	DP_ACT_SET_ND = 11,	/* payload dp_set_nd x 2 */
	DP_ACT_SET_MPLS = 12,	/* payload dp_set_mpls: top label stack entry, value, mask */
	DP_ACT_PUSH_MPLS = 13,	/* arg: ethertype, host order; payload dp_push_mpls; behind VLAN tags */
	DP_ACT_POP_MPLS = 14,	/* arg: ethertype that follows, host order */
	DP_ACT_PUSH_PBB = 15,	/* arg: ethertype, host order; payload dp_push_pbb */
	DP_ACT_POP_PBB = 16,
	DP_ACT_DEC_TTL = 17,	/* IPv4/IPv6; TTL 0 or 1: upcall UPCALL_INVALID_TTL with payload dp_userspace, program ends */
	DP_ACT_DEC_MPLS_TTL = 18,	/* the same for the top label */
	DP_ACT_COPY_TTL_OUT = 19,
	DP_ACT_COPY_TTL_IN = 20,
	DP_ACT_METER = 21,	/* arg: meter slot; an exceeding packet is dropped (the program ends) or gets another DSCP */
	DP_ACT_HASH = 22,	/* arg: seed; sets dp_hash */
	DP_ACT_RECIRC = 23,	/* arg: recirc_id; must be last */
	DP_ACT_SET_TUNNEL = 24,	/* payload dp_set_tunnel */
	DP_ACT_SET_PRIORITY = 25,	/* arg: skb->priority (queue) */
	DP_ACT_TRUNC = 26,	/* arg: bytes, for the next output only */
	DP_ACT_SAMPLE = 27,	/* arg: probability of 2^32; payload dp_userspace */
	DP_ACT_DROP = 28,	/* arg: enum drop_reason; ends the program */
	DP_ACT_SET_PBB = 29,	/* payload dp_set_mpls: the I-TAG, value, mask */
	DP_ACT_SAVE = 30,	/* keep the packet for DP_ACT_RESTORE (clone around a bucket or a clone action) */
	DP_ACT_RESTORE = 31,
	DP_ACT_PUSH_MPLS_FRONT = 32,	/* as DP_ACT_PUSH_MPLS, in front of VLAN tags: the first TPID becomes the ethertype */
	__DP_ACT_MAX,
};

struct dp_userspace {
	__u64 cookie;		/* user space's own: what to do with the packet */
	__u32 max_len;		/* bytes of the packet wanted; 0xffffffff: all */
	__u32 meter;		/* slot + 1 of a meter that the copy has to pass, 0: none; the program goes on without it */
};

struct dp_set_eth {
	__u8 dst[6];
	__u8 src[6];
	__be16 type;		/* behind all VLAN tags */
	__be16 _pad;
};

struct dp_set_ipv4 {
	__be32 src;
	__be32 dst;
	__u8 tos;
	__u8 ttl;
	__u8 proto;
	__u8 _pad[5];
};

struct dp_set_ipv6 {
	__be64 src[2];
	__be64 dst[2];
	__be32 label;		/* 20 bits */
	__u8 tos;
	__u8 hlimit;
	__u8 proto;
	__u8 _pad;
};

struct dp_set_arp {
	__be32 spa;
	__be32 tpa;
	__u8 sha[6];
	__u8 tha[6];
	__be16 op;
	__be16 _pad;
};

struct dp_set_tp {
	__be16 src;		/* ICMP: type */
	__be16 dst;		/* ICMP: code */
	__u32 _pad;
};

struct dp_set_nd {
	__be64 target[2];
	__u8 sll[6];
	__u8 tll[6];
	__u32 _pad;
};

struct dp_set_mpls {
	__be32 lse;
	__be32 mask;
};

struct dp_push_mpls {
	__be32 lse;
	__u32 _pad;
};

struct dp_push_pbb {
	__be32 itag;
	__u32 _pad;
};

struct dp_set_tunnel {
	__be64 id;
	__be32 src;
	__be32 dst;
	__be64 ipv6_src[2];
	__be64 ipv6_dst[2];
	__be16 flags;
	__u8 tos;
	__u8 ttl;
	__u32 _pad;
};

_Static_assert(sizeof(struct dp_userspace) == 16, "dp_userspace");
_Static_assert(sizeof(struct dp_set_eth) == 16, "dp_set_eth");
_Static_assert(sizeof(struct dp_set_ipv4) == 16, "dp_set_ipv4");
_Static_assert(sizeof(struct dp_set_ipv6) == 40, "dp_set_ipv6");
_Static_assert(sizeof(struct dp_set_arp) == 24, "dp_set_arp");
_Static_assert(sizeof(struct dp_set_tp) == 8, "dp_set_tp");
_Static_assert(sizeof(struct dp_set_nd) == 32, "dp_set_nd");
_Static_assert(sizeof(struct dp_set_tunnel) == 56, "dp_set_tunnel");

/* ---- meters ------------------------------------------------------------------------------------------------------ */

/*
 * map meters: index is the slot.  `bands`, `n_bands` and `flags` are read and written as one 64-bit word: a packet meets the
 * old meter or the new one.  They name a run of meter_bands that is complete before, and that is reused after a grace
 * period.  All zero: no meter, packets pass.
 */
struct meter {
	__u32 bands;		/* first of the run, index into meter_bands */
	__u16 n_bands;		/* 0 .. OVSB_MAX_BANDS */
	__u16 flags;		/* OVSB_METER_* */
	__u64 packets;		/* that met it; these two are added to by atomic operations */
	__u64 bytes;		/* as flow_stats.bytes */
	__u64 _pad;
};

_Static_assert(sizeof(struct meter) == 32, "meter");

/* struct meter flags */
#define OVSB_METER_ACTIVE	0x01	/* there is a meter */
#define OVSB_METER_PACKETS	0x02	/* rates are of packets, else of bytes */

/* struct meter_band type; the numbers are OpenFlow's */
#define OVSB_BAND_DROP		1
#define OVSB_BAND_DSCP_REMARK	2

/* Units of meter_band: 2^-6 ns of time, and 2^-20 ns for the cost of one byte. */
#define OVSB_METER_TIME_SHIFT	6
#define OVSB_METER_COST_SHIFT	20

/*
 * map meter_bands: a token bucket each, as virtual scheduling (the "generic cell rate algorithm" of ITU-T I.371): not the
 * tokens are kept but `full_at`, the moment at which the bucket will be full again if nothing comes.  A packet that costs the time c
 * (the time in which the bucket gets the tokens for it) conforms if max(full_at, now) - now + min(c, burst) <= burst, and
 * then full_at = max(full_at, now) + c.  So a packet larger than the bucket conforms when the bucket is full, and the ones after it pay.
 * full_at is changed by compare-and-swap only, by programs on all CPUs and by user space; differences are signed, so that it may wrap.
 *
 * A meter's bands are in order of descending rate.  The first that a packet exceeds is the one that acts on it, and those behind it do
 * not see the packet.
 */
struct meter_band {
	__u64 full_at;		/* CLOCK_MONOTONIC in 2^-6 ns */
	__u64 cost;		/* of a byte, or of a packet, in 2^-20 ns */
	__u64 burst;		/* in 2^-6 ns */
	__u64 packets;		/* that it acted on; atomic additions */
	__u64 bytes;
	__u32 type;		/* OVSB_BAND_* */
	__u32 prec_level;	/* OVSB_BAND_DSCP_REMARK: by how much the drop precedence rises */
	__u64 _pad[2];
};

_Static_assert(sizeof(struct meter_band) == 64, "meter_band");

/* ---- tunnels ----------------------------------------------------------------------------------------------------- */

/*
 * IP addresses are 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d.  None: zero.
 * docs/tunnels.md tells what the options of a tunnel port mean, and how packets find their way.
 */

enum tunnel_type {
	TUNNEL_NONE = 0,
	TUNNEL_VXLAN = 1,
	TUNNEL_GRE = 2,
	TUNNEL_GENEVE = 3,
};

/* struct tunnel flags */
#define OVSB_TUNNEL_OUT_KEY		0x0001	/* packets get out_key (GRE: a key at all) */
#define OVSB_TUNNEL_OUT_KEY_FLOW	0x0002	/* packets get the flow's tun_id */
#define OVSB_TUNNEL_REMOTE_FLOW		0x0004	/* packets go to the flow's tun_dst */
#define OVSB_TUNNEL_LOCAL_FLOW		0x0008	/* packets come from the flow's tun_src, if that is set */
#define OVSB_TUNNEL_TOS_INHERIT		0x0010	/* of an IP packet; else tos */
#define OVSB_TUNNEL_TTL_INHERIT		0x0020	/* of an IP packet; else ttl */
#define OVSB_TUNNEL_DF			0x0040	/* don't fragment */
#define OVSB_TUNNEL_CSUM		0x0080	/* a checksum in the UDP or GRE header */

/* map tunnels: index is the tunnel's; complete before tunnel_index, or a slot of tunnel_ins, names it */
struct tunnel {
	__u32 port;		/* datapath port number; 0: none */
	__u32 route;		/* to the remote end: index into tunnel_routes; 0: user space sends; changes at any time */
	__u16 flags;		/* OVSB_TUNNEL_* */
	__u8 type;		/* enum tunnel_type */
	__u8 tos;
	__u8 ttl;
	__u8 _pad0;
	__be16 dst_port;	/* UDP */
	__be64 out_key;
	__be64 local[2];
	__be64 remote[2];
	__u64 _pad1;
};

_Static_assert(sizeof(struct tunnel) == 64, "tunnel");

/* struct tunnel_route flags */
#define OVSB_ROUTE_NEIGHBOUR	0x01	/* dmac and smac are right; else the kernel is to find the neighbour */
#define OVSB_ROUTE_UNREACHABLE	0x02	/* there is no way */

/* map tunnel_routes: written before tunnel.route names it, never changed, and reused after a grace period */
struct tunnel_route {
	__u32 ifindex;		/* leaves by this interface */
	__u16 flags;		/* OVSB_ROUTE_* */
	__u16 mtu;		/* of the way; what is larger than 65,535 is 65,535 */
	__u8 dmac[6];
	__u8 smac[6];
	__u32 family;		/* AF_INET, AF_INET6: of the next hop */
	__be64 next_hop[2];	/* IPv4: its first four bytes */
	__be64 local[2];	/* source address, if nobody says another */
	__u64 _pad;
};

_Static_assert(sizeof(struct tunnel_route) == 64, "tunnel_route");

/*
 * map tunnel_ins: slot (hash + i) & (OVSB_TUNNEL_SLOTS - 1), i < OVSB_TUNNEL_PROBES: whose a packet is.  hash is hash_finish of local[0] *
 * hash_key.word[0] + local[1] * word[1] + remote[0] * word[2] + remote[1] * word[3] + key * word[4] + the next 64-bit word but for tunnel * word[5].
 * A port that says nothing of local addresses has a slot for each address of the machine.
 */
struct tunnel_in {
	__be64 local[2];
	__be64 remote[2];	/* zero where the pattern does not look at it */
	__be64 key;		/* the same */
	__be16 dst_port;	/* UDP */
	__u8 type;		/* enum tunnel_type */
	__u8 pattern;		/* OVSB_PATTERN_* */
	__u32 tunnel;		/* index into tunnels, + 1; 0: free */
	__u64 _pad[2];
};

_Static_assert(sizeof(struct tunnel_in) == 64, "tunnel_in");

/* struct tunnel_in pattern, tunnel_head.pattern: what besides type, port and local address tells a port's packets */
#define OVSB_PATTERN_REMOTE	0x01
#define OVSB_PATTERN_KEY	0x02
#define OVSB_PATTERNS		4

struct tunnel_listen {
	__be16 port;
	__u8 type;		/* enum tunnel_type; 0: nobody */
	__u8 _pad;
};

_Static_assert(sizeof(struct tunnel_listen) == 4, "tunnel_listen");

/* map tunnel_head: one entry; what there is to look for */
struct tunnel_head {
	__u32 patterns;		/* how many of pattern are in use */
	__u8 pattern[OVSB_PATTERNS];	/* OVSB_PATTERN_*, in the order of search */
	__u32 gre;		/* whether there is a GRE tunnel */
	__u32 _pad0;
	struct tunnel_listen udp[OVSB_MAX_UDP_PORTS];
	__u64 _pad1[2];
};

_Static_assert(sizeof(struct tunnel_head) == 64, "tunnel_head");

/* map tunnel_stats: index is cpu * OVSB_MAX_TUNNELS + tunnel; written by that CPU only.  Bytes are those of the packets in the tunnel */
struct tunnel_stats {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
	__u64 rx_dropped;
	__u64 tx_dropped;
	__u64 _pad[2];
};

_Static_assert(sizeof(struct tunnel_stats) == 64, "tunnel_stats");

/* ---- upcalls ----------------------------------------------------------------------------------------------------- */

enum upcall_reason {
	UPCALL_UNSPEC = 0,
	UPCALL_MISS = 1,	/* no megaflow */
	UPCALL_CONTROLLER = 2,	/* DP_ACT_USERSPACE: output to a controller; cookie names the record */
	UPCALL_SLOW_PATH = 3,	/* DP_ACT_USERSPACE: user space must run the pipeline for each packet */
	UPCALL_INVALID_TTL = 4,	/* DP_ACT_DEC_TTL and the like */
	UPCALL_SAMPLE = 5,	/* DP_ACT_SAMPLE; with OVSB_UPCALL_RUN: a struct packet_sample */
	UPCALL_TUNNEL = 6,	/* an output into a tunnel that user space is to do: cookie is the port; tun_* of the key are what the program set, or the packet's own tun_id */
	__UPCALL_MAX,
};

/* upcall.flags */
#define OVSB_UPCALL_VLAN	0x01	/* the outer tag is in vlan_tpid/vlan_tci below and not in the packet bytes */
#define OVSB_UPCALL_RUN		0x02	/* the record is a struct packet_sample */

/*
 * One record of the perf buffer: this header, then cap_len bytes of the packet, then padding (a sample is longer than
 * what was written: trust cap_len).  The key is the packet's as it came in (for UPCALL_MISS after recirculation: as looked
 * up); the bytes are the packet's at the time of the upcall, so behind the actions before a DP_ACT_USERSPACE.
 */
struct upcall {
	__u32 reason;		/* enum upcall_reason */
	__u32 flags;
	__u32 len;		/* true length, without a tag that is in metadata */
	__u32 cap_len;		/* bytes that follow */
	__u32 ifindex;
	__u32 gso_size;		/* 0: not a GSO packet */
	__be16 vlan_tpid;
	__be16 vlan_tci;	/* as in the tag, with DEI */
	__u32 gso_segs;
	__u64 cookie;		/* of dp_userspace */
	struct flow_key key;
};

_Static_assert(sizeof(struct upcall) == 40 + sizeof(struct flow_key), "upcall");

/*
 * What became of a packet, written at the end of a round (a packet that recirculates has several) when table_head.sample_rate
 * chooses it, at most OVSB_SAMPLE_BUDGET times in OVSB_SAMPLE_WINDOW_NS on a CPU.  In the rings beside struct upcall and as long;
 * without bytes of the packet.  One that finds the ring full is gone, and no packet with it.
 */
struct packet_sample {
	__u32 reason;		/* UPCALL_SAMPLE */
	__u32 flags;		/* OVSB_UPCALL_RUN */
	__u32 len;		/* as flow_stats.bytes counts it */
	__u32 cap_len;		/* 0 */
	__u32 ifindex;		/* that it came in by */
	__u32 upcall;		/* enum upcall_reason of the last record of this round; 0: none */
	__u32 drop;		/* enum drop_reason of the last drop of this round (of a clone, maybe); 0: none */
	__u32 missed;		/* samples that the budget refused on this CPU since the last one */
	__u64 ufid;		/* flow_entry.ufid of the megaflow; 0: none */
	struct flow_key key;	/* that was looked up; zero but for in_port when it came to no lookup */
};

_Static_assert(sizeof(struct packet_sample) == sizeof(struct upcall), "packet_sample");

#define OVSB_SAMPLE_BUDGET	100
#define OVSB_SAMPLE_WINDOW_NS	100000000ULL

/* map upcall_reader: one entry */
struct upcall_reader {
	__u32 asleep;		/* the reader waits to be woken */
	__u32 _pad;
};

_Static_assert(sizeof(struct upcall_reader) == 8, "upcall_reader");

/* ---- accounting -------------------------------------------------------------------------------------------------- */

/* map drop_stats: index is cpu * __DROP_MAX + reason.  Numbers are never reused. */
enum drop_reason {
	DROP_UNSPEC = 0,
	DROP_BAD_PORT = 1,	/* came in on an interface that is not a port */
	DROP_PORT_NO_RECV = 2,
	DROP_TOO_SHORT = 3,	/* less than an Ethernet header */
	DROP_ACTION = 4,	/* the megaflow says so (empty program) */
	DROP_UPCALL_LOST = 5,	/* perf buffer full */
	DROP_UPCALL_LIMIT = 6,	/* upcall budget of the port used up */
	DROP_NO_OUT_PORT = 7,	/* output to a port that is not there or may not send */
	DROP_ACTION_ERROR = 8,	/* a helper failed, or an action does not fit the packet */
	DROP_BAD_PROGRAM = 9,	/* unknown action, or a chain that does not end */
	DROP_METER = 10,
	DROP_RECIRC_LIMIT = 11,	/* went round OVSB_MAX_RECIRC times and wanted more */
	DROP_TABLE_BROKEN = 12,	/* the flow table contradicts itself */
	DROP_EXPLICIT = 13,	/* DP_ACT_DROP without a better reason */
	DROP_TTL = 14,		/* invalid TTL and nobody wants to know */
	DROP_NO_MEMORY = 15,	/* a header could not be made linear */
	DROP_NESTED = 16,	/* came in while the program was busy with another packet on the same CPU */
	DROP_TUNNEL_NO_ROUTE = 17,	/* no way to the remote end, or no address to send from */
	DROP_TUNNEL_NO_REMOTE = 18,	/* remote_ip=flow, and the flow does not say where */
	DROP_TUNNEL_MTU = 19,	/* with the tunnel's headers too large for the way, and may not be fragmented */
	DROP_TUNNEL_ENCAP = 20,	/* the kernel could not make room for the headers */
	DROP_TUNNEL_HEADER = 21,	/* came in with a tunnel header that contradicts itself, or that has to be refused */
	DROP_TUNNEL_CSUM = 22,	/* came in with a wrong checksum */
	DROP_TUNNEL_ECN = 23,	/* marked "congestion experienced" on its way, and can't say so (RFC 6040) */
	__DROP_MAX = 32,
};

/*
 * map dp_stats: index is the CPU; written by that CPU only.  Two sums hold whenever no program runs (docs/datapath-abi.md,
 * "Every packet has an end"):
 *
 *	rx + recirc = hit + miss + unparsed
 *	rx + copies = tx + upcalls + consumed + all of drop_stats but DROP_NESTED
 */
struct dp_stats {
	/* written for each packet: one cache line */
	__u64 running;		/* odd while a program runs on this CPU, + 2 for each run (grace periods) */
	__u64 rx;		/* packets that entered */
	__u64 rx_bytes;		/* with VLAN tags */
	__u64 hit;		/* megaflow found */
	__u64 cache_hit;	/* of these by the flow cache */
	__u64 masks_tried;	/* sum over lookups */
	__u64 tx;		/* outputs */
	__u64 recirc;
	/* the rest */
	__u64 miss;		/* no megaflow found */
	__u64 upcalls;		/* records written, whatever the reason */
	__u64 lost;		/* records that the perf buffer refused */
	__u64 copies;		/* made of a packet that went on: for an output, for user space, or only to be dropped in its place */
	__u64 consumed;		/* packets of which only copies were wanted */
	__u64 unparsed;		/* dropped before a lookup */
	__u64 _pad[2];
};

_Static_assert(sizeof(struct dp_stats) == 128, "dp_stats");

/*
 * map port_stats: index is cpu * OVSB_PORT_SLOTS + slot of the port; CPUs as in flow_stats.  User space zeroes a slot before it gives it
 * to a port.
 */
struct port_stats {
	/* of packets that came in by the port */
	__u64 upcalls;			/* records written */
	__u64 drops[__DROP_MAX];	/* by reason; DROP_NESTED counts for no port */
	/* of packets that left by it, around its interface and that one's counters (OVSB_PORT_PEER) */
	__u64 peer_tx;
	__u64 peer_tx_bytes;		/* as the interface would count them: without a tag in metadata */
	__u64 _pad[5];
};

_Static_assert(sizeof(struct port_stats) == 320, "port_stats");

#endif /* OVSB_ABI_H */
