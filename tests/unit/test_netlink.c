// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * rtnetlink messages, built here as the kernel builds them, and what is read from them. What can be
 * had from a live kernel anywhere is tested in tests/net/test_netlink.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "netlink_parse.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

struct message {
	_Alignas(NLMSG_ALIGNTO) char buf[1024];
	struct nlmsghdr *nlh;
};

static void *start(struct message *m, uint16_t type, size_t header)
{
	memset(m, 0, sizeof(*m));
	m->nlh = mnl_nlmsg_put_header(m->buf);
	m->nlh->nlmsg_type = type;
	return mnl_nlmsg_put_extra_header(m->nlh, header);
}

static struct ifinfomsg *start_link(struct message *m, uint16_t type)
{
	struct ifinfomsg *ifi = start(m, type, sizeof(*ifi));

	ifi->ifi_index = 7;
	ifi->ifi_type = ARPHRD_ETHER;
	ifi->ifi_flags = IFF_UP | IFF_LOWER_UP;
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "eth0");
	mnl_attr_put_u32(m->nlh, IFLA_MTU, 1500);
	mnl_attr_put(m->nlh, IFLA_ADDRESS, sizeof(mac), mac);
	return ifi;
}

static void put_kind(struct message *m, const char *kind, int id, int proto)
{
	struct nlattr *info = mnl_attr_nest_start(m->nlh, IFLA_LINKINFO), *data;

	mnl_attr_put_str(m->nlh, IFLA_INFO_KIND, kind);
	data = mnl_attr_nest_start(m->nlh, IFLA_INFO_DATA);
	if (id >= 0)
		mnl_attr_put_u16(m->nlh, IFLA_VLAN_ID, (uint16_t)id);
	if (proto >= 0)
		mnl_attr_put_u16(m->nlh, IFLA_VLAN_PROTOCOL, htons((uint16_t)proto));
	mnl_attr_nest_end(m->nlh, data);
	mnl_attr_nest_end(m->nlh, info);
}

static struct ndmsg *start_neighbour(struct message *m, uint16_t type, uint16_t state)
{
	struct in_addr gateway = {htonl(0xc0000201)};
	struct ndmsg *ndm = start(m, type, sizeof(*ndm));

	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = 7;
	ndm->ndm_state = state;
	mnl_attr_put(m->nlh, NDA_DST, sizeof(gateway), &gateway);
	return ndm;
}

static void test_link(void **state)
{
	struct tp_netlink_event event;
	struct ifinfomsg *ifi;
	struct message m;

	(void)state;
	start_link(&m, RTM_NEWLINK);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_int_equal(event.key.kind, TP_NETLINK_LINK);
	assert_int_equal(event.key.ifindex, 7);
	assert_false(event.gone);
	assert_true(event.link.up);
	assert_string_equal(event.link.name, "eth0");
	assert_int_equal(event.link.mtu, 1500);
	assert_memory_equal(event.mac, mac, 6);
	assert_int_equal(event.link.lower, 0);

	ifi = start_link(&m, RTM_NEWLINK);
	ifi->ifi_flags = IFF_UP;
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_false(event.link.up);
	ifi->ifi_flags = IFF_LOWER_UP;
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_false(event.link.up);

	start_link(&m, RTM_DELLINK);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
	assert_int_equal(event.key.ifindex, 7);
}

static void test_link_without_mac(void **state)
{
	static const uint8_t none[6];
	struct tp_netlink_event event;
	struct message m;

	(void)state;
	start_link(&m, RTM_NEWLINK)->ifi_type = ARPHRD_NONE;
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_memory_equal(event.mac, none, 6);
}

static void test_bridge_port_left(void **state)
{
	struct tp_netlink_event event;
	struct message m;

	(void)state;
	start_link(&m, RTM_DELLINK)->ifi_family = AF_BRIDGE;
	assert_false(tp_netlink_parse(m.nlh, &event));
}

static void test_vlan(void **state)
{
	struct tp_netlink_event event;
	struct message m;

	(void)state;
	start_link(&m, RTM_NEWLINK);
	mnl_attr_put_u32(m.nlh, IFLA_LINK, 3);
	put_kind(&m, "vlan", 100, 0x88a8);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_int_equal(event.link.lower, 3);
	assert_int_equal(event.link.vlan, 100);
	assert_int_equal(event.link.vlan_proto, 0x88a8);

	start_link(&m, RTM_NEWLINK);
	mnl_attr_put_u32(m.nlh, IFLA_LINK, 3);
	put_kind(&m, "vlan", 4094, -1);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_int_equal(event.link.vlan, 4094);
	assert_int_equal(event.link.vlan_proto, 0x8100);

	/* index 3 of another namespace is not our 3 */
	start_link(&m, RTM_NEWLINK);
	mnl_attr_put_u32(m.nlh, IFLA_LINK, 3);
	mnl_attr_put_u32(m.nlh, IFLA_LINK_NETNSID, 0);
	put_kind(&m, "vlan", 100, 0x8100);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_int_equal(event.link.lower, -1);
}

/* Others have IFLA_LINK too. */
static void test_not_a_vlan(void **state)
{
	static const char *const kinds[] = {"veth", "macvlan", "vla", "vlann"};
	struct tp_netlink_event event;
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		start_link(&m, RTM_NEWLINK);
		mnl_attr_put_u32(m.nlh, IFLA_LINK, 3);
		put_kind(&m, kinds[i], 100, 0x8100);
		assert_true(tp_netlink_parse(m.nlh, &event));
		assert_int_equal(event.link.lower, 0);
		assert_int_equal(event.link.vlan, 0);
	}
}

static void test_neighbour_states(void **state)
{
	static const struct {
		uint16_t state;
		bool usable;
	} table[] = {
		{NUD_NONE, false},     {NUD_INCOMPLETE, false}, {NUD_FAILED, false},
		{NUD_REACHABLE, true}, {NUD_STALE, true},	{NUD_DELAY, true},
		{NUD_PROBE, true},     {NUD_PERMANENT, true},	{NUD_NOARP, true},
	};
	struct tp_netlink_event event;
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		start_neighbour(&m, RTM_NEWNEIGH, table[i].state);
		mnl_attr_put(m.nlh, NDA_LLADDR, sizeof(mac), mac);
		assert_true(tp_netlink_parse(m.nlh, &event));
		assert_int_equal(event.key.kind, TP_NETLINK_NEIGHBOUR);
		assert_int_equal(event.key.ifindex, 7);
		assert_true(tp_addr_is_v4(&event.key.addr));
		assert_int_equal(event.gone, !table[i].usable);
	}
	start_neighbour(&m, RTM_DELNEIGH, NUD_REACHABLE);
	mnl_attr_put(m.nlh, NDA_LLADDR, sizeof(mac), mac);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
}

static void test_neighbour_without_mac(void **state)
{
	static const uint8_t infiniband[20] = {1};
	static const uint8_t none[6];
	struct tp_netlink_event event;
	struct message m;

	(void)state;
	start_neighbour(&m, RTM_NEWNEIGH, NUD_REACHABLE);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
	mnl_attr_put(m.nlh, NDA_LLADDR, sizeof(infiniband), infiniband);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
	start_neighbour(&m, RTM_NEWNEIGH, NUD_NOARP);
	mnl_attr_put(m.nlh, NDA_LLADDR, sizeof(none), none);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
}

static void test_not_a_neighbour(void **state)
{
	struct tp_netlink_event event;
	struct message m;

	(void)state;
	start_neighbour(&m, RTM_NEWNEIGH, NUD_REACHABLE)->ndm_family = AF_BRIDGE;
	assert_false(tp_netlink_parse(m.nlh, &event));
	start_neighbour(&m, RTM_NEWNEIGH, NUD_REACHABLE)->ndm_flags = NTF_PROXY;
	assert_false(tp_netlink_parse(m.nlh, &event));
}

static void test_address(void **state)
{
	const struct in_addr peer = {htonl(0xc0000201)}, local = {htonl(0xc0000202)};
	struct tp_addr want = tp_addr_from_v4(local);
	struct tp_netlink_event event;
	struct ifaddrmsg *ifa;
	struct message m;

	(void)state;
	ifa = start(&m, RTM_NEWADDR, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = 7;
	mnl_attr_put(m.nlh, IFA_ADDRESS, sizeof(peer), &peer);
	mnl_attr_put(m.nlh, IFA_LOCAL, sizeof(local), &local);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_int_equal(event.key.kind, TP_NETLINK_ADDRESS);
	assert_int_equal(event.key.ifindex, 7);
	assert_true(tp_addr_equal(&event.key.addr, &want));
	assert_false(event.gone);
	m.nlh->nlmsg_type = RTM_DELADDR;
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
}

static void test_address_of_someone_else(void **state)
{
	const struct in6_addr v6 = {{{0x20, 0x01, 0x0d, 0xb8, [15] = 1}}};
	struct tp_netlink_event event;
	struct ifaddrmsg *ifa;
	struct message m;

	(void)state;
	ifa = start(&m, RTM_NEWADDR, sizeof(*ifa));
	ifa->ifa_family = AF_INET6;
	ifa->ifa_index = 7;
	mnl_attr_put(m.nlh, IFA_ADDRESS, sizeof(v6), &v6);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_false(event.gone);
	mnl_attr_put_u32(m.nlh, IFA_FLAGS, IFA_F_PERMANENT | IFA_F_DADFAILED);
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_true(event.gone);
}

static void test_routes(void **state)
{
	struct tp_netlink_event event;
	struct rtmsg *rtm;
	struct message m;

	(void)state;
	rtm = start(&m, RTM_DELROUTE, sizeof(*rtm));
	assert_true(tp_netlink_parse(m.nlh, &event));
	assert_int_equal(event.key.kind, TP_NETLINK_ROUTES);
	rtm->rtm_flags = RTM_F_CLONED;
	assert_false(tp_netlink_parse(m.nlh, &event));
	start(&m, RTM_NEWRULE, sizeof(*rtm));
	assert_true(tp_netlink_parse(m.nlh, &event));
	start(&m, RTM_NEWNEXTHOP, sizeof(*rtm));
	assert_true(tp_netlink_parse(m.nlh, &event));
	start(&m, RTM_NEWQDISC, sizeof(*rtm));
	assert_false(tp_netlink_parse(m.nlh, &event));
}

/* A message that ends inside its header, or whose attributes claim more than there is. */
static void test_truncated(void **state)
{
	static const uint16_t types[] = {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWNEIGH, RTM_NEWROUTE};
	struct tp_netlink_event event;
	struct nlattr *attr;
	struct message m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		start(&m, types[i], 0);
		assert_false(tp_netlink_parse(m.nlh, &event));
	}
	start_neighbour(&m, RTM_NEWNEIGH, NUD_REACHABLE);
	attr = mnl_nlmsg_get_payload_offset(m.nlh, sizeof(struct ndmsg));
	attr->nla_len = 100;
	assert_false(tp_netlink_parse(m.nlh, &event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_without_mac),
		cmocka_unit_test(test_bridge_port_left),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_not_a_vlan),
		cmocka_unit_test(test_neighbour_states),
		cmocka_unit_test(test_neighbour_without_mac),
		cmocka_unit_test(test_not_a_neighbour),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_address_of_someone_else),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
