/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim_cast.h"

#include <string.h>

#include "clock.h"
#include "relay/probe.h"

struct sim sim;
struct sim_config config;
struct sim_peer alice, bob, carol, eve, oscar, stranger;
struct sim_end alice_own, bob_own, own, ea, eb, ec, ed;

static const struct {
	struct sim_peer *peer;
	const char *name, *network, *at;
} cast[] = {
	{&alice, "alice", "office", "198.51.100.1:1001"},
	{&bob, "bob", "office", "198.51.100.2:1002"},
	{&carol, "carol", "office", "198.51.100.3:1003"},
	{&eve, "eve", "other", "203.0.113.5:5005"},
	{&oscar, "oscar", "other", "203.0.113.6:6006"},
	{&stranger, "stranger", NULL, "203.0.113.9:9"},
};

#define N_CAST (sizeof(cast) / sizeof(cast[0]))

void cast_config(void)
{
	static struct sim_end *const ends[] = {&alice_own, &bob_own, &own, &ea, &eb, &ec, &ed};

	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		memset(ends[i], 0, sizeof(*ends[i]));
	sim_config_init(&config);
	for (unsigned int i = 0; i < N_CAST; i++) {
		sim_peer_init(cast[i].peer, cast[i].name, cast[i].at);
		if (cast[i].network)
			sim_config_add(&config, cast[i].network, cast[i].peer);
	}
}

void cast_register(void)
{
	sim_register(&sim, &alice, &alice_own);
	sim_register(&sim, &bob, &bob_own);
	sim_register(&sim, &carol, &own);
	sim_register(&sim, &eve, &own);
	sim_register(&sim, &oscar, &own);
}

int cast_setup(void **state)
{
	(void)state;
	cast_config();
	sim_start(&sim, &config, NULL);
	return 0;
}

int cast_setup_registered(void **state)
{
	cast_setup(state);
	cast_register();
	return 0;
}

int cast_teardown(void **state)
{
	(void)state;
	sim_stop(&sim);
	return 0;
}

void cast_initiate(struct sim_peer *from, struct sim_end *e, const struct sim_peer *to,
		   struct wg_initiation *msg)
{
	sim_initiate(&sim, e, from, to->id.public_key, msg);
	sim_deliver(&sim, from, msg, sizeof(*msg));
}

void cast_respond(struct sim_peer *to, struct sim_end *e, struct wg_response *answer)
{
	const struct sim_message *m = sim_take(&sim, WG_INITIATION, to);

	assert_int_equal(sim_respond(&sim, e, to, &m->initiation, answer), 0);
}

void cast_roam(struct sim_peer *p, struct sim_end *e, const char *endpoint)
{
	uint8_t packet[WG_DATA_MIN];

	sim.now += TP_SEC(1);
	sim_peer_move(p, endpoint);
	sim_deliver(&sim, p, packet, sim_seal(e, NULL, 0, packet));
	sim_answer_probe(&sim, p, e);
	sim_assert_quiet(&sim);
}

void cast_knock(const struct sim_peer *p, struct sim_end *e)
{
	uint8_t packet[WG_DATA_MIN];

	for (size_t sent = 0; sent < sizeof(struct wg_initiation); sent += sizeof(packet)) {
		sim_assert_quiet(&sim);
		sim_deliver(&sim, p, packet, sim_seal(e, NULL, 0, packet));
		sim_assert_counted(&sim, TP_DROP_no_flow);
	}
}

void cast_move_by_data(struct sim_peer *p, struct sim_end *e, struct sim_end *with_relay)
{
	cast_knock(p, e);
	sim_answer_probe(&sim, p, with_relay);
	for (int ms = 0; ms < PROBE_GUARD_MS + PROBE_DOUBT_MS; ms += PROBE_TICK_MS) {
		sim.now += TP_MS(PROBE_TICK_MS);
		relay_tick_probes(sim.relay, sim.now);
	}
	sim_forget(&sim);
}

void cast_assert_both_pass(struct sim_end *x, struct sim_end *y)
{
	sim_assert_passes(&sim, x, y);
	sim_assert_passes(&sim, y, x);
}

void cast_assert_no_flow(struct sim_end *e)
{
	uint8_t packet[WG_DATA_MIN];

	sim_deliver(&sim, e->self, packet, sim_seal(e, NULL, 0, packet));
	sim_assert_refused(&sim, TP_DROP_no_flow);
}
