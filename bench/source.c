/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet source: WireGuard data messages of one flow or of many, out of a network interface whose
 * driver can send XDP frames, a few hundred nanoseconds apart. They come from live BPF test runs
 * (BPF_F_TEST_XDP_LIVE_FRAMES), so no socket and no buffer of the kernel's stack is involved.
 *
 *	source -i DEVICE -m MAC {-f FLOWS | -s FROM -d TO [-x INDEX]} [options]
 *	  -m MAC     where the frames go: the next hop's address
 *	  -f FLOWS   a file of flows (bench/lib/flowfile.h), sent in turn
 *	  -b TRAIN   packets of a flow in a row (1)
 *	  -s, -d, -x the one flow otherwise: ADDRESS:PORT both, receiver index in hex
 *	  -l LENGTH  of frames, 96 to 1514 (130)
 *	  -n COUNT   packets to send, or
 *	  -w SECONDS to go on for (1)
 *	  -r RATE    at most so many packets a second
 *	Prints one line of JSON at the end.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/flow_headers.h"
#include "bench/lib/flowfile.h"
#include "bench/source.skel.h"
#include "bpf/lib/checksum.h"
#include "clock.h"
#include "messages.h"

#define ETH_LEN	      14
#define FRAME_MIN     96
#define FRAME_MAX     1514
#define BATCH	      64   /* frames under way at once */
#define START_SECONDS 0.05 /* what the first test run takes to begin */
#define TTL	      64

struct options {
	const char *device, *flow_file;
	uint8_t mac[6];
	struct bench_flow flow;
	uint32_t length, train;
	uint64_t count, rate;
	double seconds;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* --- frames --------------------------------------------------------------------------------- */

static int device_mac(const char *device, uint8_t mac[6])
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	err = ioctl(fd, SIOCGIFHWADDR, &request) ? -errno : 0;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
	return err;
}

/* Returns the length of the IP header. */
static size_t put_ip(uint8_t *at, const struct bench_flow *flow, uint32_t udp_len)
{
	struct iphdr v4 = {.version = 4, .ihl = 5, .ttl = TTL, .protocol = IPPROTO_UDP};
	struct ip6_hdr v6 = {.ip6_hlim = TTL, .ip6_nxt = IPPROTO_UDP};

	if (!tp_addr_is_v4(&flow->from.addr)) {
		v6.ip6_flow = htonl(6u << 28);
		v6.ip6_plen = htons((uint16_t)udp_len);
		memcpy(&v6.ip6_src, flow->from.addr.b, 16);
		memcpy(&v6.ip6_dst, flow->to.addr.b, 16);
		memcpy(at, &v6, sizeof(v6));
		return sizeof(v6);
	}
	v4.tot_len = htons((uint16_t)(sizeof(v4) + udp_len));
	v4.saddr = tp_addr_to_v4(&flow->from.addr).s_addr;
	v4.daddr = tp_addr_to_v4(&flow->to.addr).s_addr;
	v4.check = (uint16_t)~tp_sum_fold(tp_sum128(&v4) + tp_sum32((uint8_t *)&v4 + 16));
	memcpy(at, &v4, sizeof(v4));
	return sizeof(v4);
}

/* What follows the headers is all zero. */
static uint16_t udp_checksum(const struct bench_flow *flow, const uint8_t *udp, uint16_t len)
{
	/* The prefix of a mapped address sums to nothing. */
	uint64_t sum = tp_sum128(flow->from.addr.b) + tp_sum128(flow->to.addr.b);

	sum += htons(len) + htons(IPPROTO_UDP);
	for (size_t i = 0; i < sizeof(struct udphdr) + sizeof(struct wg_data); i += 4)
		sum += tp_sum32(udp + i);
	return tp_csum_udp((uint16_t)~tp_sum_fold(sum));
}

static void put_udp(uint8_t *at, const struct bench_flow *flow, uint16_t len)
{
	struct udphdr udp = {.source = flow->from.port, .dest = flow->to.port, .len = htons(len)};
	struct wg_data wg = {
		.type = htole32(WG_DATA), .receiver = flow->index, .counter = BENCH_COUNTER};

	memcpy(at + sizeof(udp), &wg, sizeof(wg));
	memcpy(at, &udp, sizeof(udp));
	udp.check = udp_checksum(flow, at, len);
	memcpy(at, &udp, sizeof(udp));
}

static void make_headers(struct bench_headers *h, const struct options *o, const uint8_t own[6],
			 const struct bench_flow *flow)
{
	bool v4 = tp_addr_is_v4(&flow->from.addr);
	uint16_t proto = htons(v4 ? 0x0800 : 0x86dd);
	uint32_t udp_len = o->length - ETH_LEN - (v4 ? 20 : 40);
	uint8_t frame[sizeof(*h)] = {0};
	size_t ip_len;

	memcpy(frame, o->mac, 6);
	memcpy(frame + 6, own, 6);
	memcpy(frame + 12, &proto, sizeof(proto));
	ip_len = put_ip(frame + ETH_LEN, flow, udp_len);
	put_udp(frame + ETH_LEN + ip_len, flow, (uint16_t)udp_len);
	memcpy(h, frame, sizeof(*h));
}

/* Of all flows, for the caller to free. */
static int make_all_headers(struct bench_headers **out, const struct options *o,
			    const struct bench_flow *flows, size_t n)
{
	struct bench_headers *all = calloc(n, sizeof(*all));
	uint8_t own[6];
	int err = all ? device_mac(o->device, own) : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++) {
		if (tp_addr_is_v4(&flows[i].from.addr) != tp_addr_is_v4(&flows[i].to.addr))
			err = -EAFNOSUPPORT;
		else
			make_headers(&all[i], o, own, &flows[i]);
	}
	*out = all;
	return err;
}

static bool differ(const struct bench_headers *all, size_t n, uint32_t word)
{
	for (size_t i = 1; i < n; i++)
		if (all[i].words[word] != all[0].words[word])
			return true;
	return false;
}

/* Which words flows have of their own: from the first in which two differ to the last. */
static void divide(struct source_bpf *skel, const struct bench_headers *all, size_t n)
{
	uint32_t first = 0, end = BENCH_HEADER_WORDS;

	while (first < BENCH_HEADER_WORDS - 1 && !differ(all, n, first))
		first++;
	while (end > first + 1 && !differ(all, n, end - 1))
		end--;
	skel->rodata->own_first = first;
	skel->rodata->own_words = end - first;
	memcpy((void *)&skel->rodata->common, all, sizeof(*all));
	bpf_map__set_value_size(skel->maps.headers, (end - first) * sizeof(all->words[0]));
}

static int fill(struct source_bpf *skel, const struct bench_headers *all, size_t n)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < n; i++)
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.headers), &i,
					  &all[i].words[skel->rodata->own_first], BPF_ANY);
	return err;
}

static int load(struct source_bpf **out, const struct options *o, const struct bench_flow *flows,
		size_t n)
{
	struct source_bpf *skel = source_bpf__open();
	struct bench_headers *all = NULL;
	int err;

	*out = NULL;
	if (!skel)
		return -errno;
	skel->rodata->flows = (uint32_t)n;
	skel->rodata->device = if_nametoindex(o->device);
	skel->rodata->train = o->train;
	skel->rodata->most = o->count;
	skel->rodata->gap_ns = o->rate ? TP_NS_PER_SEC / o->rate : 0;
	bpf_map__set_max_entries(skel->maps.headers, (uint32_t)n);
	err = skel->rodata->device ? make_all_headers(&all, o, flows, n) : -ENODEV;
	if (!err)
		divide(skel, all, n);
	if (!err)
		err = source_bpf__load(skel);
	if (!err)
		err = fill(skel, all, n);
	free(all);
	if (err)
		source_bpf__destroy(skel);
	else
		*out = skel;
	return err;
}

/* --- sending -------------------------------------------------------------------------------- */

/* A test run goes on for so many frames or until a signal comes. Beginning one takes the kernel
 * tens of milliseconds, so they have to be long, and are held back by the program, not by pauses.
 */
static int run(struct source_bpf *skel, const struct options *o)
{
	static uint8_t frame[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = o->length,
		    .repeat = o->rate || !o->count ? INT32_MAX : (int)o->count, .batch_size = BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.source_xdp), &opts);

	return err == -EINTR ? 0 : err;
}

static int interrupt_after(double seconds)
{
	struct itimerval when = {
		.it_value = {.tv_sec = (time_t)seconds,
			     .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};

	return setitimer(ITIMER_REAL, &when, NULL) ? -errno : 0;
}

static bool unfinished(const struct source_bpf *skel, const struct options *o)
{
	return o->count ? skel->bss->sent < o->count : !skel->bss->sent;
}

static int send_all(struct source_bpf *skel, const struct options *o)
{
	int err = 0;

	while (!err && !stopped && unfinished(skel, o)) {
		double seconds = o->seconds;

		if (o->count && o->rate)
			seconds = (double)(o->count - skel->bss->sent) / (double)o->rate;
		if (!o->count || o->rate)
			err = interrupt_after(seconds + START_SECONDS);
		if (!err)
			err = run(skel, o);
	}
	return err;
}

static double thread_seconds(void)
{
	return (double)tp_clock(CLOCK_THREAD_CPUTIME_ID) / 1e9;
}

/* The CPU's share in the time shows whether something else had it: the
 * thread's time includes the soft interrupts in which packets are received and forwarded here. */
static void print_result(const struct source_bpf *skel, const struct options *o, double loaded)
{
	double cpu = thread_seconds();
	double took = (double)(skel->bss->last_ns - skel->bss->first_ns) / 1e9;

	printf("{\"packets\":%llu,\"seconds\":%.6f,\"pps\":%.0f,\"cpu_seconds\":%.6f,"
	       "\"frame\":%u}\n",
	       (unsigned long long)skel->bss->sent, took,
	       took > 0 ? (double)skel->bss->sent / took : 0, cpu - loaded, o->length);
}

/* --- options -------------------------------------------------------------------------------- */

static int parse_mac(const char *s, uint8_t mac[6])
{
	return sscanf(s, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5]) == 6
		       ? 0
		       : -EINVAL;
}

static int parse_option(struct options *o, int option, const char *value)
{
	switch (option) {
	case 'i': o->device = value; return 0;
	case 'm': return parse_mac(value, o->mac);
	case 'f': o->flow_file = value; return 0;
	case 's': return tp_endpoint_parse(value, &o->flow.from);
	case 'd': return tp_endpoint_parse(value, &o->flow.to);
	case 'x': o->flow.index = htole32((uint32_t)strtoul(value, NULL, 16)); return 0;
	case 'b': o->train = (uint32_t)strtoul(value, NULL, 10); return 0;
	case 'l': o->length = (uint32_t)strtoul(value, NULL, 10); return 0;
	case 'n': o->count = strtoull(value, NULL, 10); return 0;
	case 'w': o->seconds = strtod(value, NULL); return 0;
	case 'r': o->rate = strtoull(value, NULL, 10); return 0;
	default: return -EINVAL;
	}
}

static int parse_options(struct options *o, int argc, char **argv)
{
	int option, err = 0;

	*o = (struct options){.length = 130, .train = 1, .seconds = 1};
	while (!err && (option = getopt(argc, argv, "i:m:f:b:s:d:x:l:n:w:r:")) != -1)
		err = parse_option(o, option, optarg);
	if (!o->device || optind < argc || o->length < FRAME_MIN || o->length > FRAME_MAX)
		err = -EINVAL;
	if (!o->flow_file && (!o->flow.from.port || !o->flow.to.port))
		err = -EINVAL;
	return err;
}

int main(int argc, char **argv)
{
	struct bench_flow *flows = NULL;
	struct source_bpf *skel = NULL;
	struct options o;
	double loaded;
	size_t n = 1;
	int err;

	if (parse_options(&o, argc, argv)) {
		fprintf(stderr,
			"usage: source -i DEVICE -m MAC {-f FLOWS | -s FROM -d TO [-x INDEX]} "
			"[-b TRAIN] [-l LENGTH] [-n COUNT | -w SECONDS] [-r RATE]\n");
		return 2;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGALRM, on_alarm);
	err = o.flow_file ? bench_flows_read(o.flow_file, &flows, &n) : 0;
	if (!err)
		err = load(&skel, &o, flows ? flows : &o.flow, n);
	loaded = thread_seconds();
	if (!err)
		err = send_all(skel, &o);
	if (!err)
		print_result(skel, &o, loaded);
	else
		fprintf(stderr, "source: %s\n", strerror(-err));
	source_bpf__destroy(skel);
	free(flows);
	return !!err;
}
