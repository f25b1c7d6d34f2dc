/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A policy of any size, the same at each run. Nodes have 1 to 4 of the tags. Of the rules, half go
 * from tags to tags, the others from tags, nodes or prefixes to prefixes that lie in one another;
 * one in eight is for all protocols, the others for TCP or UDP with 1 to 3 ranges of ports.
 *
 *	policy_gen [-n NODES] [-t TAGS] [-r RULES] [-m MIB]	compiles it, prints what that took
 *	policy_gen -p […]					prints it as parts of a gateway.conf
 */
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "gateway/policy.h"

#define ENDS	  2
#define PORTS	  3
#define NODE_TAGS 4
#define TEXT	  24

struct options {
	uint32_t nodes, tags, rules, mib;
	bool print;
};

struct node {
	char name[TEXT];
	char tags[NODE_TAGS][TEXT];
	char *tag_list[NODE_TAGS];
	struct tp_prefix addr;
};

struct rule {
	char name[TEXT];
	char from[ENDS][TEXT], to[ENDS][TEXT], ports[PORTS][TEXT];
	char *from_list[ENDS], *to_list[ENDS], *port_list[PORTS];
};

struct policy {
	struct options o;
	uint64_t seed;
	struct node *nodes;
	struct rule *rules;
	struct gw_policy_node *in_nodes;
	struct gw_policy_rule *in_rules;
};

static uint32_t pick(struct policy *p, uint32_t below)
{
	p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((p->seed >> 33) % below);
}

/* --- making it ------------------------------------------------------------------------------- */

static void make_node(struct policy *p, uint32_t i)
{
	struct node *n = &p->nodes[i];

	snprintf(n->name, TEXT, "node%u", i);
	snprintf(n->tags[0], TEXT, "100.%u.%u.%u", 64 + i / 62500, i / 250 % 250, 1 + i % 250);
	tp_addr_parse_cidr(n->tags[0], &n->addr.addr, &n->addr.bits);
	p->in_nodes[i] = (struct gw_policy_node){
		.name = n->name,
		.addrs = &n->addr,
		.n_addrs = 1,
		.tags = n->tag_list,
		.n_tags = 1 + pick(p, NODE_TAGS),
	};
	for (uint32_t k = 0; k < NODE_TAGS; k++) {
		snprintf(n->tags[k], TEXT, "tag%u", pick(p, p->o.tags));
		n->tag_list[k] = n->tags[k];
	}
}

static void make_tag(struct policy *p, char text[TEXT])
{
	snprintf(text, TEXT, "tag:tag%u", pick(p, p->o.tags));
}

static void make_prefix(struct policy *p, char text[TEXT])
{
	uint32_t a = pick(p, 16), b = pick(p, 64), c = pick(p, 250);

	switch (pick(p, 4)) {
	case 0: snprintf(text, TEXT, "10.%u.0.0/16", a); break;
	case 1: snprintf(text, TEXT, "10.%u.%u.%u", a, b, c + 1); break;
	default: snprintf(text, TEXT, "10.%u.%u.0/24", a, b);
	}
}

static void make_from(struct policy *p, char text[TEXT])
{
	switch (pick(p, 4)) {
	case 0: snprintf(text, TEXT, "node%u", pick(p, p->o.nodes)); break;
	case 1: make_prefix(p, text); break;
	default: make_tag(p, text);
	}
}

static void make_ends(struct policy *p, struct rule *r, bool tags)
{
	for (uint32_t i = 0; i < ENDS; i++) {
		if (tags) {
			make_tag(p, r->from[i]);
			make_tag(p, r->to[i]);
		} else {
			make_from(p, r->from[i]);
			make_prefix(p, r->to[i]);
		}
		r->from_list[i] = r->from[i];
		r->to_list[i] = r->to[i];
	}
}

static void make_rule(struct policy *p, uint32_t i)
{
	struct rule *r = &p->rules[i];
	struct gw_policy_rule *in = &p->in_rules[i];

	snprintf(r->name, TEXT, "rule%u", i);
	make_ends(p, r, pick(p, 2));
	*in = (struct gw_policy_rule){
		.name = r->name,
		.from = r->from_list,
		.to = r->to_list,
		.n_from = 1 + pick(p, ENDS),
		.n_to = 1 + pick(p, ENDS),
		.protocol = "all",
		.ports = r->port_list,
		.line = (int)i + 1,
	};
	if (!pick(p, 8))
		return;
	in->protocol = pick(p, 3) ? "tcp" : "udp";
	in->n_ports = 1 + pick(p, PORTS);
	for (uint32_t k = 0; k < PORTS; k++) {
		uint32_t low = pick(p, 60000), high = low + pick(p, 100);

		snprintf(r->ports[k], TEXT, pick(p, 2) ? "%u" : "%u-%u", low, high);
		r->port_list[k] = r->ports[k];
	}
}

static bool make(struct policy *p)
{
	p->nodes = calloc(p->o.nodes + 1, sizeof(*p->nodes));
	p->rules = calloc(p->o.rules + 1, sizeof(*p->rules));
	p->in_nodes = calloc(p->o.nodes + 1, sizeof(*p->in_nodes));
	p->in_rules = calloc(p->o.rules + 1, sizeof(*p->in_rules));
	if (!p->nodes || !p->rules || !p->in_nodes || !p->in_rules)
		return false;
	for (uint32_t i = 0; i < p->o.nodes; i++)
		make_node(p, i);
	for (uint32_t i = 0; i < p->o.rules; i++)
		make_rule(p, i);
	return true;
}

static void release(struct policy *p)
{
	free(p->nodes);
	free(p->rules);
	free(p->in_nodes);
	free(p->in_rules);
}

/* --- printing it ----------------------------------------------------------------------------- */

static void print_list(const char *name, char *const *texts, size_t n)
{
	printf("%s = [", name);
	for (size_t i = 0; i < n; i++)
		printf("%s\"%s\"", i ? ", " : "", texts[i]);
	printf("]; ");
}

/* Its key is its number: nobody has the private half. */
static void print_node(const struct gw_policy_node *n, uint32_t i, bool last)
{
	uint8_t key[32] = {1};
	char text[sodium_base64_ENCODED_LEN(sizeof(key), sodium_base64_VARIANT_ORIGINAL)];
	char addr[TP_ADDR_STRLEN];

	memcpy(key + 1, &i, sizeof(i));
	sodium_bin2base64(text, sizeof(text), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	printf("  { name = \"%s\"; public_key = \"%s\"; allowed_ips = [\"%s\"]; ", n->name, text,
	       tp_prefix_format(n->addrs, addr));
	print_list("tags", n->tags, n->n_tags);
	printf("}%s\n", last ? "" : ",");
}

static void print_rule(const struct gw_policy_rule *r, bool last)
{
	printf("  { name = \"%s\"; protocol = \"%s\"; ", r->name, r->protocol);
	print_list("from", r->from, r->n_from);
	print_list("to", r->to, r->n_to);
	if (r->n_ports)
		print_list("ports", r->ports, r->n_ports);
	printf("}%s\n", last ? "" : ",");
}

static int print(const struct policy *p)
{
	printf("overlays = ( { name = \"wg0\"; address = \"100.127.255.254/10\"; "
	       "backend = \"none\"; peers = (\n");
	for (uint32_t i = 0; i < p->o.nodes; i++)
		print_node(&p->in_nodes[i], i, i + 1 == p->o.nodes);
	printf(") ; } );\nacl = { default = \"deny\"; rules = (\n");
	for (uint32_t i = 0; i < p->o.rules; i++)
		print_rule(&p->in_rules[i], i + 1 == p->o.rules);
	printf("); };\n");
	return 0;
}

/* --- compiling it ---------------------------------------------------------------------------- */

static uint64_t peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss;
}

static int compile(const struct policy *p)
{
	struct gw_policy_input in = {
		.nodes = p->in_nodes,
		.n_nodes = p->o.nodes,
		.rules = p->in_rules,
		.n_rules = p->o.rules,
		.memory = (uint64_t)p->o.mib << 20,
	};
	uint64_t kib = peak_kib(), start = tp_now();
	struct gw_policy_tables *t;
	struct gw_policy_size s;
	int err = gw_policy_compile(&in, &t, stderr);
	uint64_t took = tp_now() - start;

	if (err)
		return 1;
	s = gw_policy_size(t);
	printf("rules %zu, nodes %zu, selectors %zu, prefixes %zu, classes %zu, pairs %zu, "
	       "segments %zu\n",
	       s.rules, s.nodes, s.selectors, s.prefixes, s.classes, s.pairs, s.segments);
	printf("compiled in %" PRIu64 " ms; %" PRIu64 " KiB in the kernel, a set; the compiler's "
	       "own peak %" PRIu64 " KiB\n",
	       took / 1000000, s.memory >> 10, peak_kib() - kib);
	gw_policy_free(t);
	return 0;
}

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 10);
}

static bool parse_options(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){.nodes = 10000, .tags = 200, .rules = 50000, .mib = 256};
	while ((c = getopt(argc, argv, "n:t:r:m:p")) != -1) {
		switch (c) {
		case 'n': o->nodes = number(optarg); break;
		case 't': o->tags = number(optarg); break;
		case 'r': o->rules = number(optarg); break;
		case 'm': o->mib = number(optarg); break;
		case 'p': o->print = true; break;
		default: return false;
		}
	}
	return o->nodes && o->tags && optind == argc;
}

int main(int argc, char **argv)
{
	struct policy p = {.seed = 1};
	int status = 1;

	if (!parse_options(&p.o, argc, argv)) {
		fprintf(stderr,
			"usage: policy_gen [-p] [-n NODES] [-t TAGS] [-r RULES] [-m MIB]\n");
		return 2;
	}
	if (make(&p))
		status = p.o.print ? print(&p) : compile(&p);
	release(&p);
	return status;
}
