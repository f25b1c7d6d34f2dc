/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "bench/lib/flowfile.h"

static int parse_line(const char *line, struct bench_flow *flow)
{
	char from[TP_ADDR_STRLEN + 1], to[TP_ADDR_STRLEN + 1], out[TP_ADDR_STRLEN + 1];
	uint32_t index;

	_Static_assert(TP_ADDR_STRLEN == 54, "the widths below");
	if (sscanf(line, "%54s %54s %x %54s", from, to, &index, out) != 4)
		return -EINVAL;
	flow->index = htole32(index);
	return tp_endpoint_parse(from, &flow->from) ?:
	       tp_endpoint_parse(to, &flow->to)     ?:
						      tp_endpoint_parse(out, &flow->out);
}

static int append(struct bench_flow **flows, size_t n, size_t *room, const struct bench_flow *flow)
{
	if (n == *room) {
		size_t more = *room ? 2 * *room : 1024;
		struct bench_flow *grown = reallocarray(*flows, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*flows = grown;
		*room = more;
	}
	(*flows)[n] = *flow;
	return 0;
}

static int read_all(FILE *f, const char *path, struct bench_flow **flows, size_t *n)
{
	char line[4 * TP_ADDR_STRLEN];
	size_t room = 0;
	int err = 0;

	for (size_t number = 1; !err && fgets(line, sizeof(line), f); number++) {
		struct bench_flow flow;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		err = parse_line(line, &flow);
		if (err)
			fprintf(stderr, "%s:%zu: not a flow\n", path, number);
		else
			err = append(flows, *n, &room, &flow);
		*n += !err;
	}
	return err;
}

int bench_flows_read(const char *path, struct bench_flow **flows, size_t *n)
{
	FILE *f = fopen(path, "r");
	int err;

	*flows = NULL;
	*n = 0;
	if (!f)
		return -errno;
	err = read_all(f, path, flows, n);
	fclose(f);
	if (!err && !*n)
		err = -ENODATA;
	if (err) {
		free(*flows);
		*flows = NULL;
	}
	return err;
}

void bench_flow_print(FILE *to, const struct bench_flow *flow)
{
	char from[TP_ADDR_STRLEN], relay[TP_ADDR_STRLEN], out[TP_ADDR_STRLEN];

	fprintf(to, "%s %s %08x %s\n", tp_endpoint_format(&flow->from, from),
		tp_endpoint_format(&flow->to, relay), le32toh(flow->index),
		tp_endpoint_format(&flow->out, out));
}
