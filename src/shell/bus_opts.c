/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/bus_opts.h"

#include "shell/args.h"
#include "shell/conffile.h"
#include "shell/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_MOST 3600000 /* an hour */

enum option {
	O_LISTEN = 1,
	O_TRACE,
	O_PROFILE,
	O_SET,
	O_PACE,
	O_UNFAIR,
	O_PHASE_TIMEOUT,
	O_TENURE_LIMIT,
	O_HOLD_LIMIT,
	O_HEARTBEAT,
	O_BUSY_POLL,
	O_CONFIG,
	O_LOG_LEVEL,
	O_COUNT,
};

static const struct args_option options[] = {
        {"listen", "ADDR", "unix:PATH or tcp:HOST:PORT (port 0: any); may be repeated", O_LISTEN},
        {"trace", "FILE", "write a line of JSON for each bus event", O_TRACE},
        {"profile", "NAME", "timing: scsi2, spi2, spi3 (default) or spi4", O_PROFILE},
        {"set", "NAME=TIME", "one value of the profile, as in async_byte=160ns; may be repeated",
         O_SET},
        {"pace", "MODE", "none (default), or real: keep to bus time", O_PACE},
        {"unfair", NULL, "arbitration by priority alone", O_UNFAIR},
        {"phase-timeout-ms", "N", "how long a port may keep a phase waiting; default 2000",
         O_PHASE_TIMEOUT},
        {"tenure-limit-ms", "N", "how long a tenure that waits may hold the bus; default 5000",
         O_TENURE_LIMIT},
        {"hold-limit-ms", "N",
         "how long a port may keep the bus, over tenures; default 5000, 0: off", O_HOLD_LIMIT},
        {"heartbeat-ms", "N", "ports send something this often; default 5000, 0: never",
         O_HEARTBEAT},
        {"busy-poll-us", "N", "how long it looks for more before it sleeps; default 100, 0: not",
         O_BUSY_POLL},
        {"config", "FILE", "read options from FILE, too; see smirror.conf(5)", O_CONFIG},
        {"log-level", "LEVEL", "error, warning, notice, info (default) or debug", O_LOG_LEVEL},
};

static cfg_opt_t file_options[] = {
        CFG_STR_LIST("listen", NULL, CFGF_NODEFAULT),
        CFG_STR("trace", NULL, CFGF_NODEFAULT),
        CFG_STR("profile", NULL, CFGF_NODEFAULT),
        CFG_STR_LIST("set", NULL, CFGF_NODEFAULT),
        CFG_STR("pace", NULL, CFGF_NODEFAULT),
        CFG_BOOL("unfair", cfg_false, CFGF_NODEFAULT),
        CFG_INT("phase-timeout-ms", 0, CFGF_NODEFAULT),
        CFG_INT("tenure-limit-ms", 0, CFGF_NODEFAULT),
        CFG_INT("hold-limit-ms", 0, CFGF_NODEFAULT),
        CFG_INT("heartbeat-ms", 0, CFGF_NODEFAULT),
        CFG_INT("busy-poll-us", 0, CFGF_NODEFAULT),
        CFG_STR("log-level", NULL, CFGF_NODEFAULT),
        CFG_END(),
};

struct reading {
	struct args *args;
	struct bus_opts *o;
	bool given[O_COUNT];
};

/* ---- timing values ---- */

/* "160ns", "2500ps", "0.25s"; false when it is no time. */
static bool parse_ps(const char *text, ps_t *out)
{
	static const struct {
		const char *unit;
		double ps;
	} units[] = {{"ps", 1}, {"ns", 1e3}, {"us", 1e6}, {"ms", 1e9}, {"s", 1e12}};
	char *end;

	errno = 0;
	double v = strtod(text, &end);
	if (end == text || errno != 0 || !(v >= 0))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (v * units[i].ps > (double)BUS_VALUE_MOST)
			return false;
		*out = (ps_t)(v * units[i].ps + 0.5);
		return true;
	}
	return false;
}

/* NAME=TIME onto a profile; false with why. */
static bool apply_set(struct bus_timing *t, const char *text, char *why, size_t n)
{
	const char *equals = strchr(text, '=');
	char name[48];
	ps_t ps;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(name)) {
		(void)snprintf(why, n, "\"%s\" is not NAME=TIME", text);
		return false;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	if (!parse_ps(equals + 1, &ps)) {
		(void)snprintf(why, n, "%s: \"%s\" is no time of 0 to 1 s, as in 160ns", name,
		               equals + 1);
		return false;
	}
	if (!bus_timing_set(t, name, ps)) {
		(void)snprintf(why, n, "the timing profile has no value \"%s\"", name);
		return false;
	}
	return true;
}

static bool set_ok(const char *text, char *why, size_t n)
{
	struct bus_timing scratch;

	return bus_timing_profile(&scratch, BUS_PROFILE_DEFAULT) &&
	       apply_set(&scratch, text, why, n);
}

/* The file's profile and values, then the command line's; false with why. */
static bool make_timing(const struct bus_opts *o, cfg_t *cfg, struct bus_timing *out, char *why,
                        size_t n)
{
	const char *profile = o->profile;

	if (!profile && cfg && cfg_size(cfg, "profile") > 0)
		profile = cfg_getstr(cfg, "profile");
	if (!bus_timing_profile(out, profile ? profile : BUS_PROFILE_DEFAULT)) {
		(void)snprintf(why, n, "there is no timing profile \"%s\"", profile);
		return false;
	}
	for (unsigned i = 0; cfg && i < cfg_size(cfg, "set"); i++)
		if (!apply_set(out, cfg_getnstr(cfg, "set", i), why, n))
			return false;
	for (unsigned i = 0; i < o->n_set; i++)
		if (!apply_set(out, o->set[i], why, n))
			return false;
	return true;
}

/* ---- the command line ---- */

static void add_listen(struct reading *r, struct addr a)
{
	if (r->o->n_listen == BUS_LISTEN_MAX)
		args_fail(r->args, "--listen: more than %d addresses", BUS_LISTEN_MAX);
	r->o->listen[r->o->n_listen++] = a;
}

static void set_pace(struct reading *r, const char *v)
{
	if (strcmp(v, "none") != 0 && strcmp(v, "real") != 0)
		args_fail(r->args, "--pace: \"%s\" is neither none nor real", v);
	r->o->bus.pace = strcmp(v, "real") == 0;
}

static void set_profile(struct reading *r, const char *v)
{
	struct bus_timing scratch;
	if (!bus_timing_profile(&scratch, v))
		args_fail(r->args, "--profile: there is no timing profile \"%s\"", v);
	r->o->profile = v;
}

static void add_set(struct reading *r, const char *v)
{
	char why[200];
	if (!set_ok(v, why, sizeof(why)))
		args_fail(r->args, "--set: %s", why);
	if (r->o->n_set == BUS_SET_MAX)
		args_fail(r->args, "--set: more than %d", BUS_SET_MAX);
	r->o->set[r->o->n_set++] = v;
}

static void take(struct reading *r, enum option id)
{
	struct args *a = r->args;
	struct bus_opts *o = r->o;

	r->given[id] = true;
	switch (id) {
	case O_LISTEN:
		add_listen(r, args_addr(a));
		break;
	case O_TRACE:
		o->trace = a->value;
		break;
	case O_PROFILE:
		set_profile(r, a->value);
		break;
	case O_SET:
		add_set(r, a->value);
		break;
	case O_PACE:
		set_pace(r, a->value);
		break;
	case O_UNFAIR:
		o->bus.fairness = false;
		break;
	case O_PHASE_TIMEOUT:
		o->bus.phase_timeout_ns = args_number(a, 1, MS_MOST) * NS_PER_MS;
		break;
	case O_TENURE_LIMIT:
		o->bus.tenure_limit_ns = args_number(a, 1, MS_MOST) * NS_PER_MS;
		break;
	case O_HOLD_LIMIT:
		o->bus.hold_limit_ns = args_number(a, 0, MS_MOST) * NS_PER_MS;
		break;
	case O_HEARTBEAT:
		o->bus.heartbeat_ms = (uint32_t)args_number(a, 0, MS_MOST);
		break;
	case O_BUSY_POLL:
		o->busy_poll_ns = args_number(a, 0, LOOP_POLL_US_MOST) * NS_PER_US;
		break;
	case O_CONFIG:
		o->config = a->value;
		break;
	case O_LOG_LEVEL:
		o->log_level = args_log_level(a);
		o->log_level_given = true;
		break;
	case O_COUNT:
		break;
	}
}

/* ---- the file ---- */

static bool in_file(const struct reading *r, cfg_t *cfg, enum option id, const char *name)
{
	return !r->given[id] && cfg_size(cfg, name) > 0;
}

static void take_file(struct reading *r, cfg_t *cfg)
{
	struct bus_opts *o = r->o;

	if (in_file(r, cfg, O_LISTEN, "listen"))
		for (unsigned i = 0; i < cfg_size(cfg, "listen"); i++)
			add_listen(r, conf_addr(cfg, "listen", i));
	if (in_file(r, cfg, O_TRACE, "trace") && !(o->trace = strdup(cfg_getstr(cfg, "trace"))))
		args_fail(r->args, "out of memory");
	if (in_file(r, cfg, O_PACE, "pace"))
		set_pace(r, cfg_getstr(cfg, "pace"));
	if (in_file(r, cfg, O_UNFAIR, "unfair"))
		o->bus.fairness = !cfg_getbool(cfg, "unfair");
	if (in_file(r, cfg, O_PHASE_TIMEOUT, "phase-timeout-ms"))
		o->bus.phase_timeout_ns = (ns_t)cfg_getint(cfg, "phase-timeout-ms") * NS_PER_MS;
	if (in_file(r, cfg, O_TENURE_LIMIT, "tenure-limit-ms"))
		o->bus.tenure_limit_ns = (ns_t)cfg_getint(cfg, "tenure-limit-ms") * NS_PER_MS;
	if (in_file(r, cfg, O_HOLD_LIMIT, "hold-limit-ms"))
		o->bus.hold_limit_ns = (ns_t)cfg_getint(cfg, "hold-limit-ms") * NS_PER_MS;
	if (in_file(r, cfg, O_HEARTBEAT, "heartbeat-ms"))
		o->bus.heartbeat_ms = (uint32_t)cfg_getint(cfg, "heartbeat-ms");
	if (in_file(r, cfg, O_BUSY_POLL, "busy-poll-us"))
		o->busy_poll_ns = (ns_t)cfg_getint(cfg, "busy-poll-us") * NS_PER_US;
	if (in_file(r, cfg, O_LOG_LEVEL, "log-level"))
		o->log_level = conf_level(cfg, "log-level");
}

static const struct conf_check file_checks[] = {
        {.name = "listen", .kind = CONF_ADDR},
        {.name = "profile", .kind = CONF_WORD, .words = "scsi2 spi2 spi3 spi4"},
        {.name = "set", .kind = CONF_TEXT, .accepts = set_ok},
        {.name = "pace", .kind = CONF_WORD, .words = "none real"},
        {.name = "phase-timeout-ms", .kind = CONF_NUMBER, .least = 1, .most = MS_MOST},
        {.name = "tenure-limit-ms", .kind = CONF_NUMBER, .least = 1, .most = MS_MOST},
        {.name = "hold-limit-ms", .kind = CONF_NUMBER, .most = MS_MOST},
        {.name = "heartbeat-ms", .kind = CONF_NUMBER, .most = MS_MOST},
        {.name = "busy-poll-us", .kind = CONF_NUMBER, .most = LOOP_POLL_US_MOST},
        {.name = "log-level", .kind = CONF_LEVEL},
};

bool bus_opts_reread(const struct bus_opts *o, struct bus_timing *timing, enum log_level *level,
                     char *why, size_t n)
{
	cfg_t *cfg = NULL;

	*level = o->log_level;
	if (o->config && !(cfg = conf_read(o->config, file_options, file_checks,
	                                   ARRAY_LEN(file_checks), why, n)))
		return false;
	bool good = make_timing(o, cfg, timing, why, n);
	if (good && cfg && !o->log_level_given)
		*level = conf_level(cfg, "log-level");
	if (cfg)
		cfg_free(cfg);
	return good;
}

/* ---- all ---- */

void bus_opts_read(int argc, char **argv, struct bus_opts *out)
{
	struct args a = args_init("smirror-bus", "--listen ADDR [OPTION...]",
	                          "A parallel SCSI bus: up to 16 ports over TCP and UNIX sockets.",
	                          options, ARRAY_LEN(options), argc, argv);
	struct reading r = {.args = &a, .o = out};
	cfg_t *cfg = NULL;
	char why[400];

	*out = (struct bus_opts){.bus = bus_config_default(),
	                         .busy_poll_ns = LOOP_POLL_US_DEFAULT * NS_PER_US,
	                         .log_level = LOG_LEVEL_INFO};
	for (int id = args_next(&a); id != 0; id = args_next(&a))
		take(&r, (enum option)id);
	args_no_operands(&a);
	if (out->config) {
		cfg = args_file(&a, out->config, file_options, file_checks, ARRAY_LEN(file_checks));
		take_file(&r, cfg);
	}
	if (!make_timing(out, cfg, &out->bus.timing, why, sizeof(why)))
		args_fail(&a, "%s", why);
	if (cfg)
		cfg_free(cfg);
	if (out->n_listen == 0)
		args_fail(&a, "--listen is missing");
}
