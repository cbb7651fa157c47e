/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target says of itself, by SCSI commands, decoded: target inquiry, vpd, modes, log, sense,
 * opcodes. */
#include "base/cursor.h"
#include "scsi/cdb.h"
#include "scsi/status.h"
#include "shell/cli.h"
#include "shell/cli_data.h"
#include "shell/cli_decode.h"
#include "shell/cli_device.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <scsi/sg_lib.h>
#include <stdlib.h>
#include <string.h>

#define ROOM        8192U /* bytes that a device may answer with */
#define ATTENTIONS  8     /* UNIT ATTENTIONs that are told, and the command tried again */
#define SENSE_MAX   252
#define VPD_HEAD    4
#define LOG_HEAD    4
#define MODE_HEAD   8
#define MODE_ALL    0x3f
#define MODE_SPF    0x40
#define LUN_DEFAULT 0

struct answer {
	uint8_t *p; /* for free() */
	size_t n;
};

/* ---- commands ---- */

static json_t *request(const struct cli *cli, const uint8_t *cdb, size_t n, uint32_t room)
{
	char text[2 * SCSI_CDB_MAX + 1] = "";

	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", cdb[i]);
	return json_pack("{s:s, s:I, s:s, s:I}", "target", cli_local_text(cli, "TARGET"), "lun",
	                 (json_int_t)cli_local_number(cli, "--lun", LUN_DEFAULT), "cdb", text,
	                 "data_in_length", (json_int_t)room);
}

static size_t sense_of(const json_t *result, uint8_t *out)
{
	const char *text = cli_str(result, "sense");
	size_t n = 0;
	unsigned v;

	for (; n < SENSE_MAX && sscanf(text, "%2x", &v) == 1 && text[1]; text += 2)
		out[n++] = (uint8_t)v;
	return n;
}

/* What stands against the command, told; true when it is a UNIT ATTENTION that was reported by it.
 */
static bool refused(struct cli *cli, const json_t *result, const uint8_t *cdb)
{
	uint8_t sense[SENSE_MAX];
	size_t n = sense_of(result, sense);
	struct sg_scsi_sense_hdr h;
	char name[96], key[64], what[160], clean[64];
	const json_t *status = json_object_get(result, "status");
	const char *target = cli_clean(cli_local_text(cli, "TARGET"), clean, sizeof(clean));

	if (n > 0 && sg_scsi_normalize_sense(sense, (int)n, &h)) {
		(void)cli_say("%s: %s, %s", target,
		              sg_get_sense_key_str(h.sense_key, sizeof(key), key),
		              cli_sense_text(h.asc, h.ascq, what, sizeof(what)));
		if (h.sense_key == SPC_SK_UNIT_ATTENTION)
			return true;
	}
	sg_get_command_name(cdb, PDT_DISK, sizeof(name), name);
	(void)cli_fail(cli, CLI_FAILED, "%s: %s: %s", target, name,
	               json_is_integer(status)
	                       ? scsi_status_name((uint8_t)json_integer_value(status))
	                       : cli_str(result, "outcome"));
	return false;
}

/* The data of a command that ended with GOOD. False when it did not (told). */
static bool ask(struct cli *cli, const uint8_t *cdb, size_t n, struct answer *out)
{
	for (unsigned i = 0; i < ATTENTIONS; i++) {
		json_t *params = request(cli, cdb, n, ROOM);
		json_t *result = cli_call(cli, "scsi.execute", params, -1);
		json_decref(params);
		if (!result)
			return false;
		const json_t *status = json_object_get(result, "status");
		bool good = json_is_integer(status) && json_integer_value(status) == SCSI_GOOD;
		if (good)
			out->p = cli_data_decode(cli, json_object_get(result, "data_in"), &out->n);
		bool again = !good && refused(cli, result, cdb);
		json_decref(result);
		if (!again)
			return good && out->p;
	}
	(void)cli_fail(cli, CLI_FAILED, "there is one UNIT ATTENTION after another");
	return false;
}

/* A page's code, in hex as the standards have them: 83, 0x83 or 83h. */
static bool page_code(struct cli *cli, unsigned most, bool *given, uint8_t *code)
{
	const char *text = cli_local_text(cli, "PAGE");
	char *end, clean[64];

	*given = text != NULL;
	if (!text)
		return true;
	unsigned long v = strtoul(text, &end, 16);
	if (end != text && (*end == 'h' || *end == 'H'))
		end++;
	if (end == text || *end || *text == '-' || *text == '+' || v > most)
		return cli_fail(cli, CLI_USAGE,
		                "PAGE: \"%s\" is no page code: hexadecimal, up to %x",
		                cli_clean(text, clean, sizeof(clean)), most),
		       false;
	*code = (uint8_t)v;
	return true;
}

static json_t *document(const struct cli *cli)
{
	return json_pack("{s:s, s:I}", "target", cli_local_text(cli, "TARGET"), "lun",
	                 (json_int_t)cli_local_number(cli, "--lun", LUN_DEFAULT));
}

static int put(struct cli *cli, json_t *doc, bool ok, void (*show)(FILE *to, const json_t *doc))
{
	if (ok && cli->json)
		cli_put_json(doc);
	else if (ok)
		show(stdout, doc);
	json_decref(doc);
	return ok ? CLI_OK : cli->status;
}

/* ---- INQUIRY ---- */

static bool add_inquiry(struct cli *cli, json_t *pages, bool vpd, uint8_t code, struct answer *kept)
{
	const uint8_t cdb[] = {0x12, vpd, code, 0x10, 0x00, 0};
	struct answer a = {0};

	if (!ask(cli, cdb, sizeof(cdb), &a))
		return false;
	(void)json_array_append_new(pages,
	                            cli_decode_page(vpd ? PAGE_VPD : PAGE_INQUIRY, code, a.p, a.n));
	if (kept)
		*kept = a;
	else
		free(a.p);
	return true;
}

int cli_run_inquiry(struct cli *cli)
{
	json_t *doc = document(cli), *pages = json_array();

	(void)json_object_set_new(doc, "pages", pages);
	return put(cli, doc, add_inquiry(cli, pages, false, 0, NULL), cli_show_pages);
}

int cli_run_vpd(struct cli *cli)
{
	json_t *doc = document(cli), *pages = json_array();
	struct answer list = {0};
	uint8_t code = 0;
	bool one = false;
	bool ok = page_code(cli, 0xff, &one, &code);

	(void)json_object_set_new(doc, "pages", pages);
	if (one && ok)
		return put(cli, doc, add_inquiry(cli, pages, true, code, NULL), cli_show_pages);
	ok = ok && add_inquiry(cli, pages, true, 0, &list);
	for (size_t i = VPD_HEAD; ok && i < list.n; i++)
		ok = list.p[i] == 0 || add_inquiry(cli, pages, true, list.p[i], NULL);
	free(list.p);
	return put(cli, doc, ok, cli_show_pages);
}

/* ---- MODE SENSE ---- */

static const char *const values[] = {"current", "changeable", "default", "saved"};

/* The pages of one MODE SENSE(10) into rows: the first call makes them, later ones add their
 * values. */
static void add_modes(json_t *doc, json_t *pages, const struct answer *a, size_t which)
{
	struct rd r = rd_init(a->p, a->n);

	rd_skip(&r, 3);
	uint8_t specific = rd_u8(&r);
	rd_skip(&r, 2);
	rd_skip(&r, rd_u16(&r));
	for (size_t i = 0; !r.error && rd_left(&r) >= 2; i++) {
		const uint8_t *p = a->p + a->n - rd_left(&r);
		bool sub = p[0] & MODE_SPF;
		size_t n = sub ? 4U + (size_t)(rd_left(&r) >= 4 ? p[2] << 8 | p[3] : 0) : 2U + p[1];
		if (rd_bytes(&r, n).p == NULL || r.error)
			break;
		json_t *page = cli_decode_page(PAGE_MODE, p[0] & 0x3f, p, n);
		json_t *row = json_array_get(pages, i);
		if (!row) {
			row = json_pack("{s:I, s:I, s:s, s:b}", "page", (json_int_t)(p[0] & 0x3f),
			                "subpage", (json_int_t)(sub ? p[1] : 0), "name",
			                cli_str(page, "name"), "savable", (p[0] & 0x80) != 0);
			(void)json_object_set_new(row, "fields", json_object());
			(void)json_object_set_new(row, "data", json_object());
			(void)json_array_append_new(pages, row);
		}
		cli_merge_fields(json_object_get(row, "fields"), json_object_get(page, "fields"),
		                 values[which]);
		(void)json_object_set(json_object_get(row, "data"), values[which],
		                      json_object_get(page, "data"));
		json_decref(page);
	}
	if (which == 0) {
		(void)json_object_set_new(doc, "write_protected", json_boolean(specific & 0x80));
		(void)json_object_set_new(doc, "dpofua", json_boolean(specific & 0x10));
	}
}

int cli_run_modes(struct cli *cli)
{
	json_t *doc = document(cli), *pages = json_array();
	uint8_t code = MODE_ALL;
	bool one, ok = page_code(cli, MODE_ALL, &one, &code);

	for (size_t pc = 0; ok && pc < ARRAY_LEN(values); pc++) {
		const uint8_t cdb[] = {0x5a, 0x08, (uint8_t)(pc << 6 | code), 0, 0, 0, 0, 0x10,
		                       0,    0};
		struct answer a = {0};

		ok = ask(cli, cdb, sizeof(cdb), &a);
		if (ok)
			add_modes(doc, pages, &a, pc);
		free(a.p);
	}
	(void)json_object_set_new(doc, "pages", pages);
	return put(cli, doc, ok, cli_show_modes);
}

/* ---- LOG SENSE ---- */

static bool add_log(struct cli *cli, json_t *pages, uint8_t code, struct answer *kept)
{
	const uint8_t cdb[] = {0x4d, 0, (uint8_t)(0x40 | code), 0, 0, 0, 0, 0x10, 0, 0};
	struct answer a = {0};

	if (!ask(cli, cdb, sizeof(cdb), &a))
		return false;
	(void)json_array_append_new(pages, cli_decode_page(PAGE_LOG, code, a.p, a.n));
	if (kept)
		*kept = a;
	else
		free(a.p);
	return true;
}

int cli_run_log(struct cli *cli)
{
	json_t *doc = document(cli), *pages = json_array();
	struct answer list = {0};
	uint8_t code = 0;
	bool one = false;
	bool ok = page_code(cli, MODE_ALL, &one, &code);

	(void)json_object_set_new(doc, "pages", pages);
	if (one && ok)
		return put(cli, doc, add_log(cli, pages, code, NULL), cli_show_pages);
	ok = ok && add_log(cli, pages, 0, &list);
	for (size_t i = LOG_HEAD; ok && i < list.n; i++)
		ok = list.p[i] == 0 || add_log(cli, pages, list.p[i] & 0x3f, NULL);
	free(list.p);
	return put(cli, doc, ok, cli_show_pages);
}

/* ---- REQUEST SENSE ---- */

int cli_run_sense(struct cli *cli)
{
	const uint8_t cdb[] = {0x03, cli_local_flag(cli, "--descriptor"), 0, 0, SENSE_MAX, 0};
	json_t *doc = document(cli);
	struct answer a = {0};
	bool ok = ask(cli, cdb, sizeof(cdb), &a);

	if (ok)
		(void)json_object_set_new(doc, "sense", cli_decode_sense(a.p, a.n));
	free(a.p);
	return put(cli, doc, ok, cli_show_sense);
}

/* ---- REPORT SUPPORTED OPERATION CODES ---- */

static json_t *commands(const struct answer *a)
{
	json_t *all = json_array();
	struct rd r = rd_init(a->p, a->n);

	rd_skip(&r, 4);
	while (all && rd_left(&r) >= 8) {
		uint8_t opcode = rd_u8(&r);
		char name[96];
		rd_skip(&r, 1);
		uint16_t action = rd_u16(&r);
		rd_skip(&r, 1);
		uint8_t flags = rd_u8(&r);
		uint16_t len = rd_u16(&r);
		sg_get_opcode_sa_name(opcode, flags & 1 ? action : 0, PDT_DISK, sizeof(name), name);
		json_t *one = json_pack("{s:i, s:o, s:s, s:i}", "opcode", opcode, "service_action",
		                        flags & 1 ? json_integer(action) : json_null(), "name",
		                        name, "cdb_bytes", len);
		if (flags & 2) {
			rd_skip(&r, 4);
			uint32_t nominal = rd_u32(&r), recommended = rd_u32(&r);
			(void)json_object_set_new(one, "nominal_s", json_integer(nominal));
			(void)json_object_set_new(one, "recommended_s", json_integer(recommended));
		}
		(void)json_array_append_new(all, one);
	}
	return all;
}

int cli_run_opcodes(struct cli *cli)
{
	const uint8_t cdb[] = {0xa3, 0x0c, 0x80, 0, 0, 0, 0, 0, 0x20, 0, 0, 0};
	json_t *doc = document(cli);
	struct answer a = {0};
	bool ok = ask(cli, cdb, sizeof(cdb), &a);

	if (ok)
		(void)json_object_set_new(doc, "commands", commands(&a));
	free(a.p);
	return put(cli, doc, ok, cli_show_opcodes);
}
