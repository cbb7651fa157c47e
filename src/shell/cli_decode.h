/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's pages as JSON: their fields by name. What came is from a device that may be wrong:
 * what it is too short for is left out.
 */
#ifndef SHELL_CLI_DECODE_H
#define SHELL_CLI_DECODE_H

#include "base/units.h"

#include <jansson.h>

enum page_kind { PAGE_INQUIRY, PAGE_VPD, PAGE_MODE, PAGE_LOG };

/* {page, name, fields, data}: page null for standard INQUIRY data; fields: [{name, value, text}],
 * text only where there is one; of VPD 83h, designators: [{...}]; of a log page, parameters:
 * [{code, name, data, and value, or text where it is no number}]; data: all bytes in hex. NULL: out
 * of memory. */
json_t *cli_decode_page(enum page_kind kind, uint8_t code, const uint8_t *p, size_t n);
/* {key, key_text, asc, ascq, text, ...}; key null: no sense data. */
json_t *cli_decode_sense(const uint8_t *p, size_t n);
/* What an additional sense code and its qualifier stand for; in buf. */
const char *cli_sense_text(uint8_t asc, uint8_t ascq, char *buf, size_t n);
/* What an additional sense code and its qualifier stand for; in buf. */
const char *cli_sense_text(uint8_t asc, uint8_t ascq, char *buf, size_t n);
/* "Caching"; "" for one that has no name here. */
const char *cli_page_name(enum page_kind kind, uint8_t code);

#endif
