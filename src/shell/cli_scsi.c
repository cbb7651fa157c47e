/* SPDX-License-Identifier: BSD-2-Clause */
/* One SCSI command: what came back, decoded with the names of sg3_utils. */
#include "scsi/status.h"
#include "shell/cli.h"
#include "shell/cli_data.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <scsi/sg_lib.h>
#include <stdlib.h>
#include <string.h>

#define CDB_MAX   32
#define SENSE_MAX 252

/* Hex digits to bytes: how many; those that do not fit, or are none, end it. */
static size_t unhex(const char *text, uint8_t *out, size_t max)
{
	size_t n = 0;
	unsigned v;

	for (; n < max && sscanf(text, "%2x", &v) == 1 && text[1] != '\0'; text += 2)
		out[n++] = (uint8_t)v;
	return n;
}

static void put_sense(const char *hex)
{
	uint8_t sense[SENSE_MAX];
	size_t n = unhex(hex, sense, sizeof(sense));
	char text[2048], clean[256];

	if (n == 0)
		return;
	(void)sg_get_sense_str(NULL, sense, (int)n, false, sizeof(text), text);
	for (char *line = text, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		(void)printf("  %s\n", cli_clean(line, clean, sizeof(clean)));
	}
}

/* The line that says how it went. */
static void put_outcome(const struct cli *cli, const json_t *result)
{
	uint8_t cdb[CDB_MAX];
	char name[96] = "", target[80], outcome[64], time[32];
	const json_t *status = json_object_get(result, "status");

	if (unhex(cli_str(cli->params, "cdb"), cdb, sizeof(cdb)) >= 6)
		sg_get_command_name(cdb, PDT_DISK, sizeof(name), name);
	if (json_is_integer(status))
		(void)snprintf(outcome, sizeof(outcome), "%s",
		               scsi_status_name((uint8_t)json_integer_value(status)));
	else
		(void)cli_clean(cli_str(result, "outcome"), outcome, sizeof(outcome));
	(void)printf("%s: %s: %s, residual %llu, bus time %s\n",
	             cli_clean(cli_str(cli->params, "target"), target, sizeof(target)), name,
	             outcome, (unsigned long long)cli_u64(result, "residual"),
	             cli_ns_text(cli_u64(result, "bus_time_ns"), time, sizeof(time)));
}

static int put_execution(struct cli *cli, const json_t *result)
{
	const char *raw = cli_local_text(cli, "--raw");
	const json_t *status = json_object_get(result, "status"),
	             *text = json_object_get(result, "data_in");
	size_t n = 0;
	uint8_t *data = json_string_length(text) > 0 ? cli_data_decode(cli, text, &n) : NULL;
	bool ok = data || json_string_length(text) == 0;
	bool good = strcmp(cli_str(result, "outcome"), "completed") == 0 &&
	            json_is_integer(status) && json_integer_value(status) == SCSI_GOOD;

	if (cli->json) {
		cli_put_json(result);
	} else if (!raw || strcmp(raw, "-") != 0) {
		put_outcome(cli, result);
		put_sense(cli_str(result, "sense"));
	} else if (!good) {
		cli_say("%s", cli_str(result, "outcome"));
	}
	if (raw && ok)
		ok = cli_data_to(cli, raw, data, n);
	else if (n > 0 && !cli->json)
		cli_hex_dump(stdout, data, n);
	free(data);
	return good && ok ? CLI_OK : CLI_FAILED;
}

int cli_run_scsi(struct cli *cli)
{
	const char *out = cli_local_text(cli, "--out");

	if (out) {
		json_t *data = cli_data_from(cli, out);
		if (!data)
			return cli->status;
		(void)json_object_set_new(cli->params, "data_out", data);
	}
	json_t *result = cli_call(cli, "scsi.execute", cli->params, -1);
	if (!result)
		return cli->status;
	int status = put_execution(cli, result);
	json_decref(result);
	return status;
}
