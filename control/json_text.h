/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is text in JSON, for the API and for nodes alike: new references, NULL without memory. */
#ifndef CONTROL_JSON_TEXT_H
#define CONTROL_JSON_TEXT_H

#include <jansson.h>
#include <stdint.h>

json_t *ctl_key_json(const uint8_t key[32]);		  /* base64 */
json_t *ctl_address_json(uint32_t ip, unsigned int bits); /* "100.64.1.5/24" */
json_t *ctl_ip_json(uint32_t ip);

#endif
