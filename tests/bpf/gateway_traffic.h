/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random packets for the gateway: new flows, packets of flows that the model knows, errors about
 * them, strays; then some are cut, fragmented or spoilt. */
#ifndef TP_TESTS_BPF_GATEWAY_TRAFFIC_H
#define TP_TESTS_BPF_GATEWAY_TRAFFIC_H

#include "gateway_model.h"

/* Where it comes in, its mark, and the frame. */
enum lab_side traffic_next(const struct model *m, uint32_t *mark, struct lab_frame *f);

#endif
