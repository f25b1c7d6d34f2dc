/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What it takes to put the policy of a gateway.conf (policy_gen -p prints one) in force: in maps of
 * its own, twice. Needs CAP_BPF.
 *
 *	policy_publish FILE
 */
#include <bpf/libbpf.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "gateway/datapath_policy.h"
#include "gateway/ruleset.h"
#include "tests/bpf/policy.skel.h"

static uint64_t memory_of(const char *fd)
{
	char path[64], line[128];
	uint64_t bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%.16s", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "memlock: %" SCNu64, &bytes);
	if (f)
		fclose(f);
	return bytes;
}

/* Of all maps that this process has open, as the kernel accounts them. */
static uint64_t map_memory(void)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	const struct dirent *entry;
	uint64_t bytes = 0;

	while (dir && (entry = readdir(dir)))
		bytes += memory_of(entry->d_name);
	if (dir)
		closedir(dir);
	return bytes;
}

static int publish(const struct policy_bpf *skel, const struct gw_policy_tables *t)
{
	const struct gw_policy_maps maps = {
		.policy = bpf_map__fd(skel->maps.gw_policy),
		.nodes = bpf_map__fd(skel->maps.policy_nodes),
		.prefixes = bpf_map__fd(skel->maps.policy_prefixes),
		.classes = bpf_map__fd(skel->maps.policy_classes),
		.pairs = bpf_map__fd(skel->maps.policy_pairs),
		.segments = bpf_map__fd(skel->maps.policy_segments),
		.hits = bpf_map__fd(skel->maps.policy_hits),
	};
	uint64_t before = map_memory();
	struct gw_datapath_policy *p;
	int err = gw_datapath_policy_open(&p, &maps);

	for (int i = 0; !err && i < 2; i++) {
		uint64_t start = tp_now();

		err = gw_datapath_policy_publish(p, t);
		printf("generation %u in force after %" PRIu64 " ms\n",
		       gw_datapath_policy_generation(p),
		       (uint64_t)((tp_now() - start) / TP_NS_PER_MS));
	}
	printf("a set takes %" PRIu64 " KiB with the hits of rules, %" PRIu64
	       " KiB were reckoned without\n",
	       (map_memory() - before) >> 10, gw_policy_size(t).memory >> 10);
	gw_datapath_policy_close(p);
	return err;
}

int main(int argc, char **argv)
{
	struct policy_bpf *skel = policy_bpf__open_and_load();
	struct gw_policy_tables *t = NULL;
	struct gw_config *config = NULL;
	int err = argc != 2 || !skel;

	err = err ?: gw_config_load(argv[1], &config, NULL, stderr);
	err = err ?: gw_ruleset_compile(config, NULL, NULL, 0, argv[1], &t, stderr);
	err = err ?: publish(skel, t);
	gw_policy_free(t);
	gw_config_free(config);
	policy_bpf__destroy(skel);
	return err != 0;
}
