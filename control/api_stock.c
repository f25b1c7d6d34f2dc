// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* RPCs about stock WireGuard peers, which have a file instead of an agent. */
#include <stdlib.h>

#include "control/api_call.h"
#include "control/api_peer.h"
#include "control/network.h"
#include "control/nodes.h"
#include "control/stock.h"
#include "control/stock_peer.h"

static int answer_file(struct api_call *c, const char *network, const char *device, json_t **out)
{
	struct ctl_peer p;
	char *file;
	int result;

	if (ctl_stock_export(c->store, ctl_nodes_paths(c->api->setup.nodes), c->tenant, network,
			     device, &file, &c->err))
		return -1;
	result = ctl_peer_get(c->store, c->tenant, network, device, &p, &c->err);
	if (!result)
		result = api_answer(
			c, json_pack("{s:o,s:s}", "peer", api_peer_json(&p), "config", file), out);
	free(file);
	return result;
}

static int add(struct api_call *c, json_t **out)
{
	const char *network, *name;
	struct ctl_peer p;
	uint8_t key[32];
	char tags[CTL_LIST_LEN];

	if (api_id(c, "network_id", &network) || api_need_text(c, "name", &name) ||
	    api_key(c, "public_key", key) || api_peer_tags(c, tags))
		return -1;
	if (ctl_stock_add(c->store, c->tenant, network, name, tags, key, &p, &c->err))
		return -1;
	return answer_file(c, network, p.device, out);
}

static int export(struct api_call *c, json_t **out)
{
	const char *network, *device;

	if (api_id(c, "network_id", &network) || api_id(c, "device_id", &device))
		return -1;
	return answer_file(c, network, device, out);
}

static bool add_stale(void *arg, const struct ctl_peer *p, uint64_t revision)
{
	return api_page_add(arg, p->id,
			    json_pack("{s:o,s:o}", "peer", api_peer_json(p), "exportedRevision",
				      api_int64(revision)));
}

static int stale(struct api_call *c, json_t **out)
{
	struct ctl_network n;
	struct api_page page;
	const char *network;

	if (api_optional_id(c, "network_id", &network) || api_page_begin(c, &page) ||
	    (*network && ctl_network_get(c->store, c->tenant, network, &n, &c->err)))
		return -1;
	return api_page_end(&page, "peers",
			    ctl_stock_stale(c->store, c->tenant, *network ? network : NULL,
					    page.after, (unsigned int)page.limit, add_stale, &page,
					    &c->err),
			    out);
}

const struct api_rpc api_stock_rpcs[] = {
	{"AddStockPeer", add, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"ExportStockPeer", export, CTL_OPERATOR, API_TENANT | API_WRITE},
	{"ListStalePeers", stale, CTL_VIEWER, API_TENANT},
	{0},
};
