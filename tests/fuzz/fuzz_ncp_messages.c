/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages of arbitrary text, one a line. What is read can be written, and is then read as the
 * same. Snapshots and deltas are applied one after another to a view, which is a valid one ever
 * after and unchanged by what is refused; the difference of the views before and after makes one of
 * the other.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "ncp_document.h"
#include "ncp_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
	if (!so)
		abort();
}

static void read_payload(const json_t *v)
{
	struct tp_ncp_auth auth;
	json_t *again;

	if (tp_ncp_decode(&tp_ncp_auth_table, v, &auth, NULL))
		return;
	again = tp_ncp_encode(&tp_ncp_auth_table, &auth);
	must(again != NULL);
	json_decref(again);
}

static void read_message(const json_t *msg)
{
	struct tp_ncp_message m, again;
	struct tp_ncp_fault fault;
	json_t *first, *second;
	int err = tp_ncp_message_decode(msg, &m, &fault);

	if (err) {
		must(err != -EINVAL || fault.text[0]);
		return;
	}
	first = tp_ncp_message_encode(&m);
	must(first && !tp_ncp_message_decode(first, &again, &fault));
	second = tp_ncp_message_encode(&again);
	must(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	tp_ncp_message_fini(&m);
	tp_ncp_message_fini(&again);
}

static void check_difference(const struct tp_ncp_document *from, const struct tp_ncp_document *to)
{
	struct tp_ncp_document d = {.epoch = from->epoch, .revision = 1};
	json_t *delta = tp_ncp_delta_new(d.epoch, 1, 2, tp_ncp_view_diff(from->view, to->view));
	json_t *rest;

	d.view = json_deep_copy(from->view);
	must(delta && !tp_ncp_document_apply(&d, delta, NULL));
	rest = tp_ncp_view_diff(d.view, to->view);
	must(json_object_size(rest) == 0);
	json_decref(rest);
	json_decref(delta);
	tp_ncp_document_fini(&d);
}

static void apply(struct tp_ncp_document *d, const json_t *msg)
{
	struct tp_ncp_document before = *d;
	struct tp_ncp_fault fault;
	struct tp_ncp_view view;

	before.view = json_deep_copy(d->view);
	if (tp_ncp_document_apply(d, msg, &fault)) {
		must(d->revision == before.revision &&
		     json_equal(d->view, before.view) == (d->view != NULL));
	} else {
		must(!tp_ncp_document_view(d, &view));
		tp_ncp_free_lists(&tp_ncp_view_table, &view);
		if (before.view && before.epoch)
			check_difference(&before, d);
	}
	json_decref(before.view);
}

static void read_line(struct tp_ncp_document *d, const uint8_t *line, size_t len)
{
	json_t *v = json_loadb((const char *)line, len, JSON_REJECT_DUPLICATES, NULL);

	if (!v)
		return;
	read_payload(v);
	read_message(v);
	apply(d, v);
	json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tp_ncp_document d = {.view = NULL};

	must(!tp_crypto_init());
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		read_line(&d, data, len);
		len += end != NULL;
		data += len;
		size -= len;
	}
	tp_ncp_document_fini(&d);
	return 0;
}
