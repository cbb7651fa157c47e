/* SPDX-License-Identifier: BSD-2-Clause */
/* `status`: all of it on one screen. */
#include "shell/cli.h"
#include "shell/cli_show.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <string.h>

static const struct {
	const char *key, *method;
} parts[] = {
        {"daemon", "daemon.info"}, {"bus", "bus.show"},  {"targets", "target.list"},
        {"groups", "group.list"},  {"jobs", "job.list"},
};

/* Fills one member; where the bus is down, it is null. False when a call failed (told). */
static bool add_part(struct cli *cli, json_t *all, size_t i)
{
	bool is_jobs = strcmp(parts[i].key, "jobs") == 0, down = false;
	json_t *params = is_jobs ? json_pack("{s:b}", "live", 1) : json_object();
	json_t *result = cli_call_unless(cli, parts[i].method, params, "bus_down", &down);

	json_decref(params);
	if (!result && !down)
		return false;
	/* {"targets": [...]} is as good as its list. */
	json_t *list = json_object_get(result, parts[i].key);
	(void)json_object_set_new(all, parts[i].key,
	                          list     ? json_incref(list)
	                          : result ? json_incref(result)
	                                   : json_null());
	json_decref(result);
	return true;
}

static void put_daemon(const json_t *all)
{
	char version[64], uptime[32], address[192], profile[64], bus_time[32];
	const json_t *bus = json_object_get(all, "bus");

	(void)printf("Daemon   smirrord %s, process %llu, up %s, SCSI ID %llu\n",
	             cli_clean(cli_str(all, "daemon.version"), version, sizeof(version)),
	             (unsigned long long)cli_u64(all, "daemon.pid"),
	             cli_clock_text(cli_u64(all, "daemon.uptime_s"), uptime, sizeof(uptime)),
	             (unsigned long long)cli_u64(all, "daemon.id"));
	(void)printf("Bus      %s, ",
	             cli_clean(cli_str(all, "daemon.bus"), address, sizeof(address)));
	if (!cli_true(all, "daemon.attached") || !json_is_object(bus))
		(void)printf("NOT ATTACHED: the daemon waits for the bus server\n");
	else
		(void)printf("%zu ports, profile %s, bus time %s\n",
		             json_array_size(json_object_get(bus, "ports")),
		             cli_clean(cli_str(bus, "profile"), profile, sizeof(profile)),
		             cli_ns_text(cli_u64(bus, "bus_time_ns"), bus_time, sizeof(bus_time)));
}

static void put_status(const json_t *all)
{
	put_daemon(all);
	(void)printf("\n");
	cli_show_targets(stdout, all);
	(void)printf("\n");
	cli_show_groups(stdout, all);
	(void)printf("\n");
	if (json_array_size(json_object_get(all, "jobs")) == 0)
		(void)printf("no job runs\n");
	else
		cli_show_jobs(stdout, all);
}

int cli_run_status(struct cli *cli)
{
	json_t *all = json_object();
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_LEN(parts); i++)
		ok = add_part(cli, all, i);
	if (ok && cli->json)
		cli_put_json(all);
	else if (ok)
		put_status(all);
	json_decref(all);
	return ok ? CLI_OK : cli->status;
}
