/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon, the bus, targets and groups for people. */
#include "shell/cli_show.h"

#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <string.h>

void cli_show_done(FILE *to, const json_t *result)
{
	(void)to, (void)result;
}

/* The daemon's version and what speaks it. */
static void as_program(const json_t *v, char *buf, size_t n)
{
	char text[64];

	(void)snprintf(buf, n, "smirrord %s", cli_clean(cli_str(v, "version"), text, sizeof(text)));
}

static void as_attached(const json_t *v, char *buf, size_t n)
{
	char address[192], profile[64];

	(void)cli_clean(cli_str(v, "bus"), address, sizeof(address));
	if (cli_true(v, "attached"))
		(void)snprintf(buf, n, "%s, attached, profile %s", address,
		               cli_clean(cli_str(v, "profile"), profile, sizeof(profile)));
	else
		(void)snprintf(buf, n, "%s, not attached", address);
}

void cli_show_daemon(FILE *to, const json_t *daemon)
{
	static const struct cli_column fields[] = {
	        {"Program", "", as_program, false},
	        {"Process", "pid", NULL, false},
	        {"Running for", "uptime_s", cli_as_clock, false},
	        {"Bus", "", as_attached, false},
	        {"SCSI ID", "id", NULL, false},
	        {"UUID", "uuid", NULL, false},
	        {"Boot", "boot_id", NULL, false},
	        {"State", "state_dir", NULL, false},
	        {"Control socket", "control", NULL, false},
	        {"Targets ready", "counts.targets_ready", NULL, false},
	        {"Groups", "counts.groups", NULL, false},
	        {"Jobs", "counts.jobs", NULL, false},
	        {"Jobs live", "counts.jobs_live", NULL, false},
	        {"Connections", "counts.connections", NULL, false},
	        {"Subscribers", "counts.subscribers", NULL, false},
	        {"Requests", "counts.requests", NULL, false},
	        {"Most groups", "limits.groups", NULL, false},
	        {"Most members", "limits.members", NULL, false},
	        {"Most jobs", "limits.jobs", NULL, false},
	        {"Longest transfer", "limits.transfer_bytes", cli_as_size, false},
	};

	cli_fields(to, fields, ARRAY_LEN(fields), daemon);
}

/* "1.0, 1.1": group and device of each membership. */
static void as_memberships(const json_t *v, char *buf, size_t n)
{
	size_t i, at = 0;
	const json_t *m;

	(void)snprintf(buf, n, "-");
	json_array_foreach(v, i, m)
	{
		if (at < n)
			at += (size_t)snprintf(buf + at, n - at, "%s%llu.%llu", i > 0 ? ", " : "",
			                       (unsigned long long)cli_u64(m, "group"),
			                       (unsigned long long)cli_u64(m, "device"));
	}
}

void cli_show_bus(FILE *to, const json_t *bus)
{
	static const struct cli_column fields[] = {
	        {"Profile", "profile", NULL, false},
	        {"Boot", "boot", NULL, false},
	        {"Bus time", "bus_time_ns", cli_as_ns, false},
	        {"Tenure", "tenure", NULL, false},
	        {"BSY", "bsy", NULL, false},
	        {"SEL", "sel", NULL, false},
	        {"Phase lines", "driver", NULL, false},
	};
	static const struct cli_column ports[] = {
	        {"ID", "id", NULL, true},
	        {"ROLE", "role", NULL, false},
	        {"NAME", "name", NULL, false},
	        {"EPOCH", "epoch", NULL, true},
	        {"ARMED", "armed", NULL, false},
	        {"TRANSFER", "transfer.name", NULL, false},
	        {"QUEUED", "queued", NULL, true},
	        {"REFUSED", "refused_frames", NULL, true},
	        {"MEMBER OF", "memberships", as_memberships, false},
	        {"UUID", "uuid", NULL, false},
	};

	cli_fields(to, fields, ARRAY_LEN(fields), bus);
	if (json_array_size(json_object_get(bus, "ports")) > 0)
		(void)fputc('\n', to);
	cli_table(to, ports, ARRAY_LEN(ports), json_object_get(bus, "ports"));
}

void cli_show_targets(FILE *to, const json_t *result)
{
	static const struct cli_column columns[] = {
	        {"ID", "id", NULL, true},
	        {"NAME", "name", NULL, false},
	        {"STATE", "state", NULL, false},
	        {"SIZE", "capacity_bytes", cli_as_size, true},
	        {"BLOCK", "block_size_bytes", NULL, true},
	        {"TRANSFER", "transfer.name", NULL, false},
	        {"GROUP", "group", NULL, false},
	        {"MEMBER", "member_state", cli_as_words, false},
	        {"UUID", "uuid", NULL, false},
	};
	const json_t *targets = json_object_get(result, "targets");

	if (json_array_size(targets) == 0)
		(void)fputs("no targets\n", to);
	cli_table(to, columns, ARRAY_LEN(columns), targets);
}

void cli_show_target(FILE *to, const json_t *target)
{
	static const struct cli_column fields[] = {
	        {"Name", "name", NULL, false},
	        {"SCSI ID", "id", NULL, false},
	        {"State", "state", NULL, false},
	        {"Because", "why", NULL, false},
	        {"UUID", "uuid", NULL, false},
	        {"Vendor", "vendor", NULL, false},
	        {"Product", "product", NULL, false},
	        {"Revision", "revision", NULL, false},
	        {"Serial number", "serial", NULL, false},
	        {"Capacity", "capacity_bytes", cli_as_size, false},
	        {"Blocks", "blocks", NULL, false},
	        {"Block size", "block_size_bytes", NULL, false},
	        {"Transfer", "transfer.name", NULL, false},
	        {"REQ/ACK offset", "transfer.offset", NULL, false},
	        {"Silent mirroring", "mirror.silent", NULL, false},
	        {"Broadcast", "mirror.broadcast", NULL, false},
	        {"Queue depth", "mirror.queue_depth", NULL, false},
	        {"Longest transfer", "mirror.max_transfer_bytes", cli_as_size, false},
	        {"Group", "group", NULL, false},
	        {"As a member", "member_state", cli_as_words, false},
	        {"Group id", "membership.group_id", NULL, false},
	        {"Device id", "membership.device", NULL, false},
	        {"Group UUID", "membership.group_uuid", NULL, false},
	        {"Generation", "membership.generation", NULL, false},
	        {"Served by", "membership.owner", NULL, false},
	        {"Epoch", "epoch", NULL, false},
	        {"In flight", "in_flight", NULL, false},
	        {"Commands", "commands", NULL, false},
	        {"Errors", "errors", NULL, false},
	};

	cli_fields(to, fields, ARRAY_LEN(fields), target);
}

static void as_in_sync(const json_t *v, char *buf, size_t n)
{
	(void)snprintf(buf, n, "%llu of %zu", (unsigned long long)cli_u64(v, "members_in_sync"),
	               json_array_size(json_object_get(v, "members")));
}

void cli_show_groups(FILE *to, const json_t *result)
{
	static const struct cli_column columns[] = {
	        {"NAME", "name", NULL, false},
	        {"STATE", "state", cli_as_words, false},
	        {"IN SYNC", "", as_in_sync, false},
	        {"MODE", "mode", NULL, false},
	        {"SIZE", "size_bytes", cli_as_size, true},
	        {"BLOCK", "block_size_bytes", NULL, true},
	        {"PASS", "transfer_bytes", cli_as_size, true},
	        {"WINDOW", "window", NULL, true},
	        {"UUID", "uuid", NULL, false},
	};
	const json_t *groups = json_object_get(result, "groups");

	if (json_array_size(groups) == 0)
		(void)fputs("no groups\n", to);
	cli_table(to, columns, ARRAY_LEN(columns), groups);
}

void cli_show_group(FILE *to, const json_t *group)
{
	static const struct cli_column fields[] = {
	        {"Group", "name", NULL, false},
	        {"State", "state", cli_as_words, false},
	        {"In sync", "", as_in_sync, false},
	        {"Served by another", "served_by", NULL, false},
	        {"Mode", "mode", NULL, false},
	        {"Size", "size_bytes", cli_as_size, false},
	        {"Blocks", "blocks", NULL, false},
	        {"Block size", "block_size_bytes", NULL, false},
	        {"Bytes of a pass", "transfer_bytes", cli_as_size, false},
	        {"Passes in flight", "window", NULL, false},
	        {"Passes a block", "max_passes", NULL, false},
	        {"Group id", "id", NULL, false},
	        {"Generation", "generation", NULL, false},
	        {"UUID", "uuid", NULL, false},
	};
	static const struct cli_column members[] = {
	        {"DEVICE", "device", NULL, true},
	        {"NAME", "name", NULL, false},
	        {"ID", "id", NULL, true},
	        {"STATE", "state", cli_as_words, false},
	        {"RESENT", "resent_blocks", NULL, true},
	        {"FAILED", "failed_blocks", NULL, true},
	        {"REPAIRED", "repaired_blocks", NULL, true},
	        {"UUID", "uuid", NULL, false},
	        {"BECAUSE", "why", NULL, false},
	};

	cli_fields(to, fields, ARRAY_LEN(fields), group);
	(void)fputc('\n', to);
	cli_table(to, members, ARRAY_LEN(members), json_object_get(group, "members"));
}
