/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/daemon_opts.h"

#include "base/size.h"
#include "shell/args.h"
#include "shell/conffile.h"
#include "shell/loop.h"
#include "shell/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_MOST      3600000 /* an hour */
#define PASSES_MOST  100
#define CHAIN_MOST   (WIRE_CHAIN_NS_MAX / NS_PER_US)
#define DRAIN_MS     10000
#define TRANSFER_MIN 512
#define REGION_MIN   (64 * KIB)
#define REGION_MAX   GIB
#define RATE_MIN     (64 * KIB)
#define RATE_MAX     (1024 * GIB)

enum option {
	O_BUS = 1,
	O_ID,
	O_STATE_DIR,
	O_CONTROL,
	O_WINDOW,
	O_TRANSFER,
	O_MAX_PASSES,
	O_TASK_TIMEOUT,
	O_STATUS_TIMEOUT,
	O_RESEND_DELAY,
	O_BUS_WAIT,
	O_RING,
	O_CHAIN_LIMIT,
	O_QAS,
	O_PACKETIZED,
	O_BUSY_POLL,
	O_REGION,
	O_RESYNC_RATE,
	O_CONFIG,
	O_LOG_LEVEL,
	O_COUNT,
};

static const struct args_option options[] = {
        {"bus", "ADDR", "the bus server: unix:PATH or tcp:HOST:PORT", O_BUS},
        {"id", "N", "SCSI ID, 0 to 15; default 7", O_ID},
        {"state-dir", "DIR", "where groups and jobs are kept", O_STATE_DIR},
        {"control", "PATH", "the control socket", O_CONTROL},
        {"window", "N", "passes in flight, of new groups; default 12", O_WINDOW},
        {"transfer", "SIZE", "data of a pass, of new groups; default 1M", O_TRANSFER},
        {"max-passes", "N", "how often a block is sent, of new groups; default 5", O_MAX_PASSES},
        {"task-timeout-ms", "N", "limit of a SCSI command; default 30000", O_TASK_TIMEOUT},
        {"status-timeout-ms", "N", "limit of a status after a pass; default 5000",
         O_STATUS_TIMEOUT},
        {"resend-delay-ms", "N", "before the second pass of a block; default 10", O_RESEND_DELAY},
        {"bus-wait-ms", "N", "how long jobs wait for a bus server that went; default 10000",
         O_BUS_WAIT},
        {"ring", "SIZE", "shared memory for data, if the bus is on a UNIX socket; default 96M",
         O_RING},
        {"chain-limit-us", "N", "bus time below which passes are chained, 0: not; default 10000",
         O_CHAIN_LIMIT},
        {"qas", NULL, "ask targets for quick arbitration and selection", O_QAS},
        {"packetized", NULL, "ask targets for Ultra320, by information units", O_PACKETIZED},
        {"busy-poll-us", "N", "how long it looks for more before it sleeps; default 100, 0: not",
         O_BUSY_POLL},
        {"region", "SIZE", "region of a write-intent log, of new groups; default 4M or more",
         O_REGION},
        {"resync-rate", "SIZE", "speed limit of a resync, bytes per second; default none",
         O_RESYNC_RATE},
        {"config", "FILE", "read options from FILE, too; see smirror.conf(5)", O_CONFIG},
        {"log-level", "LEVEL", "error, warning, notice, info (default) or debug", O_LOG_LEVEL},
};

static cfg_opt_t file_options[] = {
        CFG_STR("bus", NULL, CFGF_NODEFAULT),
        CFG_INT("id", 0, CFGF_NODEFAULT),
        CFG_STR("state-dir", NULL, CFGF_NODEFAULT),
        CFG_STR("control", NULL, CFGF_NODEFAULT),
        CFG_INT("window", 0, CFGF_NODEFAULT),
        CFG_STR("transfer", NULL, CFGF_NODEFAULT),
        CFG_INT("max-passes", 0, CFGF_NODEFAULT),
        CFG_INT("task-timeout-ms", 0, CFGF_NODEFAULT),
        CFG_INT("status-timeout-ms", 0, CFGF_NODEFAULT),
        CFG_INT("resend-delay-ms", 0, CFGF_NODEFAULT),
        CFG_INT("bus-wait-ms", 0, CFGF_NODEFAULT),
        CFG_STR("ring", NULL, CFGF_NODEFAULT),
        CFG_INT("chain-limit-us", 0, CFGF_NODEFAULT),
        CFG_BOOL("qas", cfg_false, CFGF_NODEFAULT),
        CFG_BOOL("packetized", cfg_false, CFGF_NODEFAULT),
        CFG_INT("busy-poll-us", 0, CFGF_NODEFAULT),
        CFG_STR("region", NULL, CFGF_NODEFAULT),
        CFG_STR("resync-rate", NULL, CFGF_NODEFAULT),
        CFG_STR("log-level", NULL, CFGF_NODEFAULT),
        CFG_END(),
};

/* What a transfer has to be beside its limits: of the command line and of the file. */
static bool transfer_ok(const char *v, char *why, size_t n)
{
	uint64_t bytes = 0;

	(void)snprintf(why, n, "%s is not a multiple of %d", v, TRANSFER_MIN);
	return size_parse(v, &bytes) && bytes % TRANSFER_MIN == 0;
}

/* None, or room for some passes. */
static bool ring_ok(const char *v, char *why, size_t n)
{
	uint64_t bytes = 0;

	(void)snprintf(why, n, "%s is neither 0 nor at least 1M", v);
	return size_parse(v, &bytes) && (bytes == 0 || bytes >= RING_BYTES_MIN);
}

static const struct conf_check file_checks[] = {
        {.name = "bus", .kind = CONF_ADDR},
        {.name = "id", .kind = CONF_NUMBER, .most = WIRE_IDS - 1},
        {.name = "window", .kind = CONF_NUMBER, .least = 1, .most = INI_WINDOW_MAX},
        {.name = "transfer",
         .kind = CONF_SIZE,
         .least = TRANSFER_MIN,
         .most = INI_BLOCK_MAX,
         .accepts = transfer_ok},
        {.name = "max-passes", .kind = CONF_NUMBER, .least = 1, .most = PASSES_MOST},
        {.name = "task-timeout-ms", .kind = CONF_NUMBER, .least = 1, .most = MS_MOST},
        {.name = "status-timeout-ms", .kind = CONF_NUMBER, .least = 1, .most = MS_MOST},
        {.name = "resend-delay-ms", .kind = CONF_NUMBER, .least = 1, .most = MS_MOST},
        {.name = "bus-wait-ms", .kind = CONF_NUMBER, .least = 1, .most = MS_MOST},
        {.name = "ring", .kind = CONF_SIZE, .most = RING_BYTES_MAX, .accepts = ring_ok},
        {.name = "chain-limit-us", .kind = CONF_NUMBER, .most = CHAIN_MOST},
        {.name = "busy-poll-us", .kind = CONF_NUMBER, .most = LOOP_POLL_US_MOST},
        {.name = "region", .kind = CONF_SIZE, .least = REGION_MIN, .most = REGION_MAX},
        {.name = "resync-rate", .kind = CONF_SIZE, .least = RATE_MIN, .most = RATE_MAX},
        {.name = "log-level", .kind = CONF_LEVEL},
};

struct reading {
	struct args *args;
	struct daemon_opts *o;
	bool given[O_COUNT];
};

static uint32_t transfer(const struct args *a)
{
	uint64_t bytes = args_size(a, TRANSFER_MIN, INI_BLOCK_MAX);
	char why[128];

	if (!transfer_ok(a->value, why, sizeof(why)))
		args_fail(a, "--transfer: %s", why);
	return (uint32_t)bytes;
}

static size_t ring(const struct args *a)
{
	uint64_t bytes = args_size(a, 0, RING_BYTES_MAX);
	char why[128];

	if (!ring_ok(a->value, why, sizeof(why)))
		args_fail(a, "--ring: %s", why);
	return (size_t)bytes;
}

/* ---- the command line ---- */

static ns_t ms(const struct args *a)
{
	return args_number(a, 1, MS_MOST) * NS_PER_MS;
}

static void take(struct reading *r, enum option id)
{
	struct args *a = r->args;
	struct daemon_config *d = &r->o->daemon;

	r->given[id] = true;
	switch (id) {
	case O_BUS:
		d->bus = args_addr(a);
		break;
	case O_ID:
		d->id = (uint8_t)args_number(a, 0, WIRE_IDS - 1);
		break;
	case O_STATE_DIR:
		d->state_dir = a->value;
		break;
	case O_CONTROL:
		d->control = a->value;
		break;
	case O_WINDOW:
		d->ini.window = (unsigned)args_number(a, 1, INI_WINDOW_MAX);
		break;
	case O_TRANSFER:
		d->ini.transfer = transfer(a);
		break;
	case O_MAX_PASSES:
		d->ini.max_passes = (unsigned)args_number(a, 1, PASSES_MOST);
		break;
	case O_TASK_TIMEOUT:
		d->task_timeout_ns = ms(a);
		break;
	case O_STATUS_TIMEOUT:
		d->status_timeout_ns = ms(a);
		break;
	case O_RESEND_DELAY:
		d->ini.resend_delay_ns = ms(a);
		break;
	case O_BUS_WAIT:
		d->ini.bus_wait_ns = ms(a);
		break;
	case O_RING:
		d->ring_bytes = ring(a);
		break;
	case O_CHAIN_LIMIT:
		d->chain_limit_ns = args_number(a, 0, CHAIN_MOST) * NS_PER_US;
		break;
	case O_QAS:
		d->qas = true;
		break;
	case O_PACKETIZED:
		d->packetized = true;
		break;
	case O_BUSY_POLL:
		d->busy_poll_ns = args_number(a, 0, LOOP_POLL_US_MOST) * NS_PER_US;
		break;
	case O_REGION:
		d->ini.region_bytes = args_size(a, REGION_MIN, REGION_MAX);
		break;
	case O_RESYNC_RATE:
		d->ini.resync_rate = args_size(a, RATE_MIN, RATE_MAX);
		break;
	case O_CONFIG:
		r->o->config = a->value;
		break;
	case O_LOG_LEVEL:
		r->o->level_given = true;
		r->o->log_level = args_log_level(a);
		break;
	case O_COUNT:
		break;
	}
}

/* ---- the file ---- */

static bool in_file(struct reading *r, cfg_t *cfg, enum option id, const char *name)
{
	if (r->given[id] || cfg_size(cfg, name) == 0)
		return false;
	r->given[id] = true;
	return true;
}

/* Strings live as long as the process: the file's values are copied once. */
static const char *keep(struct reading *r, const char *s)
{
	const char *copy = strdup(s);

	if (!copy)
		args_fail(r->args, "out of memory");
	return copy;
}

static void take_ms(struct reading *r, cfg_t *cfg, enum option id, const char *name, ns_t *out)
{
	if (in_file(r, cfg, id, name))
		*out = (ns_t)cfg_getint(cfg, name) * NS_PER_MS;
}

static void take_file(struct reading *r, cfg_t *cfg)
{
	struct daemon_config *d = &r->o->daemon;

	if (in_file(r, cfg, O_BUS, "bus"))
		d->bus = conf_addr(cfg, "bus", 0);
	if (in_file(r, cfg, O_ID, "id"))
		d->id = (uint8_t)cfg_getint(cfg, "id");
	if (in_file(r, cfg, O_STATE_DIR, "state-dir"))
		d->state_dir = keep(r, cfg_getstr(cfg, "state-dir"));
	if (in_file(r, cfg, O_CONTROL, "control"))
		d->control = keep(r, cfg_getstr(cfg, "control"));
	if (in_file(r, cfg, O_WINDOW, "window"))
		d->ini.window = (unsigned)cfg_getint(cfg, "window");
	if (in_file(r, cfg, O_TRANSFER, "transfer"))
		d->ini.transfer = (uint32_t)conf_size(cfg, "transfer");
	if (in_file(r, cfg, O_MAX_PASSES, "max-passes"))
		d->ini.max_passes = (unsigned)cfg_getint(cfg, "max-passes");
	take_ms(r, cfg, O_TASK_TIMEOUT, "task-timeout-ms", &d->task_timeout_ns);
	take_ms(r, cfg, O_STATUS_TIMEOUT, "status-timeout-ms", &d->status_timeout_ns);
	take_ms(r, cfg, O_RESEND_DELAY, "resend-delay-ms", &d->ini.resend_delay_ns);
	take_ms(r, cfg, O_BUS_WAIT, "bus-wait-ms", &d->ini.bus_wait_ns);
	if (in_file(r, cfg, O_RING, "ring"))
		d->ring_bytes = (size_t)conf_size(cfg, "ring");
	if (in_file(r, cfg, O_CHAIN_LIMIT, "chain-limit-us"))
		d->chain_limit_ns = (ns_t)cfg_getint(cfg, "chain-limit-us") * NS_PER_US;
	if (in_file(r, cfg, O_QAS, "qas"))
		d->qas = cfg_getbool(cfg, "qas");
	if (in_file(r, cfg, O_PACKETIZED, "packetized"))
		d->packetized = cfg_getbool(cfg, "packetized");
	if (in_file(r, cfg, O_BUSY_POLL, "busy-poll-us"))
		d->busy_poll_ns = (ns_t)cfg_getint(cfg, "busy-poll-us") * NS_PER_US;
	if (in_file(r, cfg, O_REGION, "region"))
		d->ini.region_bytes = conf_size(cfg, "region");
	if (in_file(r, cfg, O_RESYNC_RATE, "resync-rate"))
		d->ini.resync_rate = conf_size(cfg, "resync-rate");
	if (in_file(r, cfg, O_LOG_LEVEL, "log-level"))
		r->o->log_level = conf_level(cfg, "log-level");
}

bool daemon_opts_reread(const struct daemon_opts *o, enum log_level *level, char *why, size_t n)
{
	*level = o->log_level;
	if (!o->config)
		return true;
	cfg_t *cfg =
	        conf_read(o->config, file_options, file_checks, ARRAY_LEN(file_checks), why, n);
	if (!cfg)
		return false;
	if (!o->level_given)
		*level = conf_level(cfg, "log-level");
	cfg_free(cfg);
	return true;
}

/* ---- all ---- */

void daemon_opts_read(int argc, char **argv, struct daemon_opts *out)
{
	struct args a =
	        args_init("smirrord", "--bus ADDR --state-dir DIR --control PATH [OPTION...]",
	                  "The initiator daemon: mirror groups, jobs, and the control socket.",
	                  options, ARRAY_LEN(options), argc, argv);
	struct reading r = {.args = &a, .o = out};

	*out = (struct daemon_opts){.log_level = LOG_LEVEL_INFO,
	                            .daemon = {.id = 7,
	                                       .task_timeout_ns = 30 * NS_PER_S,
	                                       .status_timeout_ns = 5 * NS_PER_S,
	                                       .chain_limit_ns = 10 * NS_PER_MS,
	                                       .ring_bytes = 96 * MIB,
	                                       .busy_poll_ns = LOOP_POLL_US_DEFAULT * NS_PER_US,
	                                       .drain_limit_ns = DRAIN_MS * NS_PER_MS,
	                                       .ini = {.resend_delay_ns = 10 * NS_PER_MS,
	                                               .resend_delay_max_ns = 1 * NS_PER_S,
	                                               .max_passes = 5,
	                                               .window = 12,
	                                               .transfer = 1 * MIB}}};
	for (int id = args_next(&a); id != 0; id = args_next(&a))
		take(&r, (enum option)id);
	args_no_operands(&a);
	if (out->config) {
		cfg_t *cfg = args_file(&a, out->config, file_options, file_checks,
		                       ARRAY_LEN(file_checks));

		take_file(&r, cfg);
		cfg_free(cfg);
	}
	if (!r.given[O_BUS])
		args_fail(&a, "--bus is missing");
	if (!r.given[O_STATE_DIR])
		args_fail(&a, "--state-dir is missing");
	if (!r.given[O_CONTROL])
		args_fail(&a, "--control is missing");
}
