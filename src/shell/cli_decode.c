/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_decode.h"

#include "base/cursor.h"
#include "shell/cli.h"
#include "shell/cli_text.h"

#include <scsi/sg_lib.h>
#include <stdio.h>
#include <string.h>

#define VPD_PAGES  0x00
#define VPD_SERIAL 0x80
#define VPD_DEVICE 0x83
#define VPD_HEAD   4
#define LOG_HEAD   4
#define TEXT_MAX   256
#define UUID_BYTES 16

#define NO_TEMPERATURE 0xff

enum field_type { NUMBER, ASCII, UUID_FIELD };

static const struct page {
	enum page_kind kind;
	uint8_t code;
	const char *name;
} pages[] = {
#define PAGE(kind, code, name) {PAGE_##kind, code, name},
#define FIELD(kind, code, name, byte, low, bits)
#define TEXT(kind, code, name, byte, bytes)
#define UUID(kind, code, name, byte)
#define PARAM(code, param, name)
#include "shell/cli_pages.def"
#undef PAGE
#undef FIELD
#undef TEXT
#undef UUID
#undef PARAM
};

static const struct field {
	enum page_kind kind;
	uint8_t code;
	const char *name;
	enum field_type type;
	uint8_t byte, low, size; /* bits of a number, bytes of the others */
} fields[] = {
#define PAGE(kind, code, name)
#define FIELD(kind, code, name, byte, low, bits) {PAGE_##kind, code, name, NUMBER, byte, low, bits},
#define TEXT(kind, code, name, byte, bytes)      {PAGE_##kind, code, name, ASCII, byte, 0, bytes},
#define UUID(kind, code, name, byte)             {PAGE_##kind, code, name, UUID_FIELD, byte, 0, UUID_BYTES},
#define PARAM(code, param, name)
#include "shell/cli_pages.def"
#undef PAGE
#undef FIELD
#undef TEXT
#undef UUID
#undef PARAM
};

static const struct param {
	uint8_t page;
	uint16_t code;
	const char *name;
} params[] = {
#define PAGE(kind, code, name)
#define FIELD(kind, code, name, byte, low, bits)
#define TEXT(kind, code, name, byte, bytes)
#define UUID(kind, code, name, byte)
#define PARAM(code, param, name) {code, param, name},
#include "shell/cli_pages.def"
#undef PAGE
#undef FIELD
#undef TEXT
#undef UUID
#undef PARAM
};

const char *cli_sense_text(uint8_t asc, uint8_t ascq, char *buf, size_t n)
{
	static const char prefix[] = "Additional sense: ";

	sg_get_asc_ascq_str(asc, ascq, (int)n, buf);
	return strncmp(buf, prefix, sizeof(prefix) - 1) ? buf : buf + sizeof(prefix) - 1;
}

const char *cli_page_name(enum page_kind kind, uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (pages[i].kind == kind && pages[i].code == code)
			return pages[i].name;
	return "";
}

/* ---- values ---- */

static json_t *hex(const uint8_t *p, size_t n)
{
	json_t *j = NULL;
	char *text = malloc(2 * n + 1);

	if (!text)
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	j = json_string(text);
	free(text);
	return j;
}

static uint64_t number(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* Without the padding at its end, and harmless for a terminal. */
static json_t *ascii(const uint8_t *p, size_t n)
{
	char raw[TEXT_MAX + 1], clean[4 * TEXT_MAX + 1];

	n = n < TEXT_MAX ? n : TEXT_MAX;
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\0'))
		n--;
	memcpy(raw, p, n);
	raw[n] = '\0';
	return json_string(cli_clean(raw, clean, sizeof(clean)));
}

static json_t *uuid(const uint8_t *p)
{
	char text[37];
	size_t at = 0;

	for (size_t i = 0; i < UUID_BYTES; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%02x",
		                       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", p[i]);
	return json_string(text);
}

static json_t *field_value(const struct field *f, const uint8_t *p)
{
	if (f->type == ASCII)
		return ascii(p + f->byte, f->size);
	if (f->type == UUID_FIELD)
		return uuid(p + f->byte);
	uint64_t v = number(p + f->byte, (f->low + f->size + 7U) / 8) >> f->low;
	uint64_t mask = f->size < 64 ? (UINT64_C(1) << f->size) - 1 : UINT64_MAX;
	/* JSON's integers have a sign; what is larger stands as the largest of them. */
	v &= mask;
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static size_t field_end(const struct field *f)
{
	return f->byte + (f->type == NUMBER ? (f->low + f->size + 7U) / 8 : f->size);
}

static json_t *decode_fields(enum page_kind kind, uint8_t code, const uint8_t *p, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; all && i < ARRAY_LEN(fields); i++) {
		const struct field *f = &fields[i];
		char text[96];

		if (f->kind != kind || f->code != code || field_end(f) > n)
			continue;
		json_t *one = json_pack("{s:s, s:o}", "name", f->name, "value", field_value(f, p));
		if (kind == PAGE_INQUIRY && f->byte == 0 && f->low == 0)
			(void)json_object_set_new(
			        one, "text",
			        json_string(sg_get_pdt_str(p[0] & 0x1f, sizeof(text), text)));
		(void)json_array_append_new(all, one);
	}
	return all;
}

/* ---- VPD ---- */

static json_t *page_list(enum page_kind kind, const uint8_t *p, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; all && i < n; i++)
		(void)json_array_append_new(all, json_pack("{s:i, s:s}", "page", p[i], "name",
		                                           cli_page_name(kind, p[i])));
	return all;
}

static const char *or_number(const char *text)
{
	return text ? text : "reserved";
}

/* SPC-4, 7.8.6: code set, designator type and association, then the designator. */
static json_t *designators(const uint8_t *p, size_t n)
{
	json_t *all = json_array();
	struct rd r = rd_init(p, n);

	while (all && rd_left(&r) >= 4) {
		const uint8_t *head = p + n - rd_left(&r);
		rd_skip(&r, 3);
		struct span body = rd_bytes(&r, rd_u8(&r));
		if (r.error)
			break;
		bool text = (head[0] & 0x0f) == 2 || (head[0] & 0x0f) == 3;
		(void)json_array_append_new(
		        all, json_pack("{s:s, s:s, s:s, s:o}", "association",
		                       or_number(sg_get_desig_assoc_str(head[1] >> 4 & 3)), "type",
		                       or_number(sg_get_desig_type_str(head[1] & 0x0f)), "code_set",
		                       or_number(sg_get_desig_code_set_str(head[0] & 0x0f)),
		                       "designator",
		                       text ? ascii(body.p, body.n) : hex(body.p, body.n)));
	}
	return all;
}

/* ---- log pages ---- */

static const char *param_name(uint8_t page, uint16_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		if (params[i].page == page && params[i].code == code)
			return params[i].name;
	return "";
}

/* What a parameter's bytes say in words, where they are no number. */
static const char *param_text(uint8_t page, struct span body, char *buf, size_t n)
{
	if (page == 0x0d && body.n == 2 && body.p[1] == NO_TEMPERATURE)
		return "not available";
	if (page == 0x2f && body.n >= 2)
		return cli_sense_text(body.p[0], body.p[1], buf, n);
	return NULL;
}

static json_t *parameters(uint8_t page, const uint8_t *p, size_t n)
{
	json_t *all = json_array();
	struct rd r = rd_init(p, n);

	while (all && rd_left(&r) >= 4) {
		uint16_t code = rd_u16(&r);
		rd_skip(&r, 1);
		struct span body = rd_bytes(&r, rd_u8(&r));
		if (r.error)
			break;
		json_t *one = json_pack("{s:i, s:s, s:o}", "code", code, "name",
		                        param_name(page, code), "data", hex(body.p, body.n));
		char buf[160];
		const char *text = param_text(page, body, buf, sizeof(buf));
		uint64_t v = number(body.p, body.n < 8 ? body.n : 8);
		if (text)
			(void)json_object_set_new(one, "text", json_string(text));
		else if (body.n <= 8)
			(void)json_object_set_new(
			        one, "value",
			        json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
		(void)json_array_append_new(all, one);
	}
	return all;
}

/* ---- pages ---- */

/* What a page holds instead of fields. */
static const char *special(enum page_kind kind, uint8_t code, const uint8_t *p, size_t n,
                           json_t **value)
{
	if (kind == PAGE_LOG && n >= LOG_HEAD) {
		*value = code == 0 ? page_list(kind, p + LOG_HEAD, n - LOG_HEAD)
		                   : parameters(code, p + LOG_HEAD, n - LOG_HEAD);
		return code == 0 ? "pages" : "parameters";
	}
	if (kind != PAGE_VPD || n < VPD_HEAD)
		return NULL;
	if (code == VPD_PAGES)
		*value = page_list(kind, p + VPD_HEAD, n - VPD_HEAD);
	else if (code == VPD_SERIAL)
		*value = ascii(p + VPD_HEAD, n - VPD_HEAD);
	else if (code == VPD_DEVICE)
		*value = designators(p + VPD_HEAD, n - VPD_HEAD);
	else
		return NULL;
	return code == VPD_PAGES ? "pages" : code == VPD_SERIAL ? "serial" : "designators";
}

json_t *cli_decode_page(enum page_kind kind, uint8_t code, const uint8_t *p, size_t n)
{
	json_t *value = NULL, *page = json_object();
	const char *key = special(kind, code, p, n, &value);

	if (!page)
		return NULL;
	(void)json_object_set_new(page, "page",
	                          kind == PAGE_INQUIRY ? json_null() : json_integer(code));
	(void)json_object_set_new(page, "name", json_string(cli_page_name(kind, code)));
	if (key)
		(void)json_object_set_new(page, key, value);
	else
		(void)json_object_set_new(page, "fields", decode_fields(kind, code, p, n));
	(void)json_object_set_new(page, "data", hex(p, n));
	return page;
}

json_t *cli_decode_sense(const uint8_t *p, size_t n)
{
	struct sg_scsi_sense_hdr h;
	char key[80], text[160];

	if (!sg_scsi_normalize_sense(p, (int)n, &h))
		return json_pack("{s:n, s:o}", "key", "data", hex(p, n));
	return json_pack("{s:i, s:s, s:i, s:i, s:s, s:b, s:b, s:o}", "key", h.sense_key, "key_text",
	                 sg_get_sense_key_str(h.sense_key, sizeof(key), key), "asc", h.asc, "ascq",
	                 h.ascq, "text", cli_sense_text(h.asc, h.ascq, text, sizeof(text)),
	                 "descriptor_format", h.response_code >= 0x72, "deferred",
	                 (h.response_code & 1) != 0, "data", hex(p, n));
}
