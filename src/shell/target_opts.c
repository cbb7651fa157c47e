/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/target_opts.h"

#include "base/size.h"
#include "shell/args.h"
#include "shell/conffile.h"
#include "shell/loop.h"
#include "shell/workers.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#define WORKERS_DEFAULT 4

enum option {
	O_BUS = 1,
	O_ID,
	O_STORE,
	O_LUN,
	O_SIZE,
	O_BLOCK_SIZE,
	O_NAME,
	O_UUID,
	O_FAULT,
	O_QUEUE_DEPTH,
	O_UNARMED,
	O_QAS,
	O_PACKETIZED,
	O_WRITE_PROTECT,
	O_THIN,
	O_PROTECTION,
	O_INTEGRITY,
	O_WORKERS,
	O_DIRECT_IO,
	O_NO_MAP,
	O_BUSY_POLL,
	O_CONFIG,
	O_LOG_LEVEL,
	O_COUNT,
};

static const struct args_option options[] = {
        {"bus", "ADDR", "the bus server: unix:PATH or tcp:HOST:PORT", O_BUS},
        {"id", "N", "SCSI ID, 0 to 15", O_ID},
        {"store", "FILE", "the disk's blocks; FILE.meta is kept beside it", O_STORE},
        {"lun", "N=FILE[,OPTION...]",
         "a further logical unit, 1 to 63, with size=, block-size=, name=, uuid=, write-protect, "
         "thin, protection=, integrity=",
         O_LUN},
        {"size", "SIZE", "creates the store sparse, or must be its size", O_SIZE},
        {"block-size", "BYTES", "512 (default) or 4096", O_BLOCK_SIZE},
        {"name", "NAME", "shown to initiators; default: from the store's name", O_NAME},
        {"uuid", "UUID", "identity of a new disk; default: a random one", O_UUID},
        {"fault", "SPEC", "a fault on demand, KIND[:KEY=VALUE,...]; may be repeated", O_FAULT},
        {"queue-depth", "N", "tasks taken at once, 1 to 256; default 64", O_QUEUE_DEPTH},
        {"unarmed", NULL, "answer each bus phase from this process", O_UNARMED},
        {"qas", NULL, "agree on quick arbitration and selection, if an initiator asks for it",
         O_QAS},
        {"packetized", NULL, "agree on Ultra320, by information units, if an initiator asks for it",
         O_PACKETIZED},
        {"write-protect", NULL, "refuse to write", O_WRITE_PROTECT},
        {"thin", NULL, "blocks can be unmapped: holes in the store", O_THIN},
        {"protection", "TYPE", "keeps protection information; a new disk has type 0, 1, 2 or 3",
         O_PROTECTION},
        {"integrity", "KIND", "crc32c: keeps a checksum of each block; none: not, if they are gone",
         O_INTEGRITY},
        {"workers", "N", "threads for a slow store, 0 to 16; default 4", O_WORKERS},
        {"direct", NULL, "read and write the store past the page cache", O_DIRECT_IO},
        {"no-map", NULL, "do not map a store on tmpfs to memory", O_NO_MAP},
        {"busy-poll-us", "N", "how long it looks for more before it sleeps; default 0: not at all",
         O_BUSY_POLL},
        {"config", "FILE", "read options from FILE, too; see smirror.conf(5)", O_CONFIG},
        {"log-level", "LEVEL", "error, warning, notice, info (default) or debug", O_LOG_LEVEL},
};

static cfg_opt_t file_options[] = {
        CFG_STR("bus", NULL, CFGF_NODEFAULT),
        CFG_INT("id", 0, CFGF_NODEFAULT),
        CFG_STR("store", NULL, CFGF_NODEFAULT),
        CFG_STR_LIST("lun", NULL, CFGF_NODEFAULT),
        CFG_STR("size", NULL, CFGF_NODEFAULT),
        CFG_INT("block-size", 0, CFGF_NODEFAULT),
        CFG_STR("name", NULL, CFGF_NODEFAULT),
        CFG_STR("uuid", NULL, CFGF_NODEFAULT),
        CFG_STR_LIST("fault", NULL, CFGF_NODEFAULT),
        CFG_INT("queue-depth", 0, CFGF_NODEFAULT),
        CFG_BOOL("unarmed", cfg_false, CFGF_NODEFAULT),
        CFG_BOOL("qas", cfg_false, CFGF_NODEFAULT),
        CFG_BOOL("packetized", cfg_false, CFGF_NODEFAULT),
        CFG_BOOL("write-protect", cfg_false, CFGF_NODEFAULT),
        CFG_BOOL("thin", cfg_false, CFGF_NODEFAULT),
        CFG_INT("protection", 0, CFGF_NODEFAULT),
        CFG_STR("integrity", NULL, CFGF_NODEFAULT),
        CFG_INT("workers", 0, CFGF_NODEFAULT),
        CFG_BOOL("direct", cfg_false, CFGF_NODEFAULT),
        CFG_BOOL("no-map", cfg_false, CFGF_NODEFAULT),
        CFG_INT("busy-poll-us", 0, CFGF_NODEFAULT),
        CFG_STR("log-level", NULL, CFGF_NODEFAULT),
        CFG_END(),
};

/* ---- what a value has to be: of the command line and of the file ---- */

static bool fault_ok(const char *v, char *why, size_t n)
{
	struct faults scratch = {0};
	struct span spec = {(const uint8_t *)v, strlen(v)};

	return fault_add(&scratch, spec, why, n);
}

static const struct conf_check file_checks[] = {
        {.name = "bus", .kind = CONF_ADDR},
        {.name = "id", .kind = CONF_NUMBER, .most = WIRE_IDS - 1},
        {.name = "lun", .kind = CONF_TEXT, .accepts = disk_spec_ok},
        {.name = "size", .kind = CONF_SIZE, .least = 512, .most = DISK_SIZE_MOST},
        {.name = "block-size", .kind = CONF_NUMBER, .accepts = disk_block_size_ok},
        {.name = "name", .kind = CONF_TEXT, .accepts = disk_name_ok},
        {.name = "uuid", .kind = CONF_TEXT, .accepts = disk_uuid_ok},
        {.name = "fault", .kind = CONF_TEXT, .accepts = fault_ok},
        {.name = "queue-depth", .kind = CONF_NUMBER, .least = 1, .most = TGT_DEPTH_MAX},
        {.name = "protection", .kind = CONF_NUMBER, .accepts = disk_protection_ok},
        {.name = "integrity", .kind = CONF_TEXT, .accepts = disk_integrity_ok},
        {.name = "workers", .kind = CONF_NUMBER, .most = WORKERS_MAX},
        {.name = "busy-poll-us", .kind = CONF_NUMBER, .most = LOOP_POLL_US_MOST},
        {.name = "log-level", .kind = CONF_LEVEL},
};

/* Where the values come from, and what was given. */
struct reading {
	struct args *args;
	struct target_opts *o;
	bool given[O_COUNT];
};

/* ---- single values ---- */

/* Ends the program when the value of this option is not as it has to be. */
static void must(const struct reading *r, const char *option, const char *v,
                 bool (*ok)(const char *, char *, size_t))
{
	char why[256];
	if (!ok(v, why, sizeof(why)))
		args_fail(r->args, "--%s: %s", option, why);
}

static void set_block_size(const struct reading *r, uint64_t v)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	must(r, "block-size", text, disk_block_size_ok);
	r->o->disk.block_size = (uint32_t)v;
}

static void set_name(const struct reading *r, const char *v)
{
	must(r, "name", v, disk_name_ok);
	(void)snprintf(r->o->disk.name, sizeof(r->o->disk.name), "%s", v);
}

static void set_uuid(const struct reading *r, const char *v)
{
	must(r, "uuid", v, disk_uuid_ok);
	r->o->disk.has_uuid = uuid_parse(v, r->o->disk.uuid) == 0;
}

static void set_protection(const struct reading *r, const char *v)
{
	must(r, "protection", v, disk_protection_ok);
	r->o->disk.protects = true;
	r->o->disk.protection = (uint8_t)(v[0] - '0');
}

/* file: that it stands in; NULL: on the command line. */
static unsigned add_lun(const struct reading *r, const char *v, const char *file)
{
	char why[400];
	bool ok = disk_list_add(&r->o->luns, v, why, sizeof(why));
	if (!ok && file)
		args_fail(r->args, "%s: lun: %s: %s", file, v, why);
	else if (!ok)
		args_fail(r->args, "--lun: %s", why);
	return (unsigned)strtoul(v, NULL, 0);
}

static void add_fault(const struct reading *r, const char *v)
{
	must(r, "fault", v, fault_ok);
	if (r->o->n_faults == FAULTS_MAX)
		args_fail(r->args, "--fault: more than %d", FAULTS_MAX);
	r->o->fault[r->o->n_faults++] = v;
}

/* ---- the command line ---- */

static void take(struct reading *r, enum option id)
{
	struct args *a = r->args;
	struct target_opts *o = r->o;
	r->given[id] = true;
	switch (id) {
	case O_BUS:
		o->bus = args_addr(a);
		break;
	case O_ID:
		o->id = (uint8_t)args_number(a, 0, WIRE_IDS - 1);
		break;
	case O_STORE:
		o->disk.store = a->value;
		break;
	case O_LUN:
		o->luns_given |= 1ULL << add_lun(r, a->value, NULL);
		break;
	case O_SIZE:
		o->disk.size = args_size(a, 512, DISK_SIZE_MOST);
		break;
	case O_BLOCK_SIZE:
		set_block_size(r, args_number(a, 1, UINT32_MAX));
		break;
	case O_NAME:
		set_name(r, a->value);
		break;
	case O_UUID:
		set_uuid(r, a->value);
		break;
	case O_FAULT:
		add_fault(r, a->value);
		break;
	case O_QUEUE_DEPTH:
		o->queue_depth = (unsigned)args_number(a, 1, TGT_DEPTH_MAX);
		break;
	case O_UNARMED:
		o->unarmed = true;
		break;
	case O_QAS:
		o->qas = true;
		break;
	case O_PACKETIZED:
		o->packetized = true;
		break;
	case O_WRITE_PROTECT:
		o->disk.write_protect = true;
		break;
	case O_THIN:
		o->disk.thin = true;
		break;
	case O_PROTECTION:
		set_protection(r, a->value);
		break;
	case O_INTEGRITY:
		must(r, "integrity", a->value, disk_integrity_ok);
		disk_integrity(&o->disk, a->value);
		break;
	case O_WORKERS:
		o->workers = (unsigned)args_number(a, 0, WORKERS_MAX);
		break;
	case O_DIRECT_IO:
		o->direct = true;
		break;
	case O_NO_MAP:
		o->no_map = true;
		break;
	case O_BUSY_POLL:
		o->busy_poll_ns = args_number(a, 0, LOOP_POLL_US_MOST) * NS_PER_US;
		break;
	case O_CONFIG:
		o->config = a->value;
		break;
	case O_LOG_LEVEL:
		o->level_given = true;
		o->log_level = args_log_level(a);
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

static void take_file(struct reading *r, cfg_t *cfg)
{
	struct target_opts *o = r->o;
	if (in_file(r, cfg, O_BUS, "bus"))
		o->bus = conf_addr(cfg, "bus", 0);
	if (in_file(r, cfg, O_ID, "id"))
		o->id = (uint8_t)cfg_getint(cfg, "id");
	if (in_file(r, cfg, O_STORE, "store"))
		o->disk.store = cfg_getstr(cfg, "store");
	if (in_file(r, cfg, O_SIZE, "size"))
		o->disk.size = conf_size(cfg, "size");
	if (in_file(r, cfg, O_BLOCK_SIZE, "block-size"))
		set_block_size(r, (uint64_t)cfg_getint(cfg, "block-size"));
	if (in_file(r, cfg, O_NAME, "name"))
		set_name(r, cfg_getstr(cfg, "name"));
	if (in_file(r, cfg, O_UUID, "uuid"))
		set_uuid(r, cfg_getstr(cfg, "uuid"));
	if (in_file(r, cfg, O_QUEUE_DEPTH, "queue-depth"))
		o->queue_depth = (unsigned)cfg_getint(cfg, "queue-depth");
	if (in_file(r, cfg, O_UNARMED, "unarmed"))
		o->unarmed = cfg_getbool(cfg, "unarmed");
	if (in_file(r, cfg, O_QAS, "qas"))
		o->qas = cfg_getbool(cfg, "qas");
	if (in_file(r, cfg, O_PACKETIZED, "packetized"))
		o->packetized = cfg_getbool(cfg, "packetized");
	if (in_file(r, cfg, O_WRITE_PROTECT, "write-protect"))
		o->disk.write_protect = cfg_getbool(cfg, "write-protect");
	if (in_file(r, cfg, O_THIN, "thin"))
		o->disk.thin = cfg_getbool(cfg, "thin");
	if (in_file(r, cfg, O_PROTECTION, "protection")) {
		char text[2] = {(char)('0' + cfg_getint(cfg, "protection")), '\0'};
		set_protection(r, text);
	}
	if (in_file(r, cfg, O_INTEGRITY, "integrity"))
		disk_integrity(&o->disk, cfg_getstr(cfg, "integrity"));
	if (in_file(r, cfg, O_WORKERS, "workers"))
		o->workers = (unsigned)cfg_getint(cfg, "workers");
	if (in_file(r, cfg, O_DIRECT_IO, "direct"))
		o->direct = cfg_getbool(cfg, "direct");
	if (in_file(r, cfg, O_NO_MAP, "no-map"))
		o->no_map = cfg_getbool(cfg, "no-map");
	if (in_file(r, cfg, O_BUSY_POLL, "busy-poll-us"))
		o->busy_poll_ns = (ns_t)cfg_getint(cfg, "busy-poll-us") * NS_PER_US;
	if (in_file(r, cfg, O_LOG_LEVEL, "log-level"))
		o->log_level = conf_level(cfg, "log-level");
	for (unsigned i = 0; i < cfg_size(cfg, "lun"); i++)
		(void)add_lun(r, cfg_getnstr(cfg, "lun", i), r->o->config);
	for (unsigned i = 0; i < cfg_size(cfg, "fault"); i++)
		add_fault(r, cfg_getnstr(cfg, "fault", i));
}

/* What was on the command line, or all. */
static bool copy_luns(const struct target_opts *o, bool all, struct disk_list *out, char *why,
                      size_t n)
{
	for (unsigned i = 0; i < o->luns.n; i++) {
		const struct disk_opts *d = &o->luns.v[i];
		bool wanted = all || (o->luns_given >> d->lun & 1);
		if (wanted && !disk_list_add(out, d->spec, why, n))
			return false;
	}
	return true;
}

static bool luns_of_file(const struct target_opts *o, cfg_t *cfg, struct disk_list *out, char *why,
                         size_t n)
{
	char text[400];
	bool ok = copy_luns(o, false, out, text, sizeof(text));
	for (unsigned i = 0; ok && i < cfg_size(cfg, "lun"); i++)
		ok = disk_list_add(out, cfg_getnstr(cfg, "lun", i), text, sizeof(text));
	if (!ok)
		(void)snprintf(why, n, "%s: lun: %s", o->config, text);
	return ok;
}

bool target_opts_reread(const struct target_opts *o, struct target_again *out, char *why, size_t n)
{
	*out = (struct target_again){.level = o->log_level};
	if (!o->config)
		return copy_luns(o, true, &out->luns, why, n);
	cfg_t *cfg =
	        conf_read(o->config, file_options, file_checks, ARRAY_LEN(file_checks), why, n);
	if (!cfg)
		return false;
	if (!o->level_given)
		out->level = conf_level(cfg, "log-level");
	bool ok = luns_of_file(o, cfg, &out->luns, why, n);
	cfg_free(cfg);
	if (!ok)
		disk_list_free(&out->luns);
	return ok;
}

/* ---- all ---- */

static void complete(struct reading *r)
{
	struct target_opts *o = r->o;
	char other[16];
	if (!r->given[O_BUS])
		args_fail(r->args, "--bus is missing");
	if (!r->given[O_ID])
		args_fail(r->args, "--id is missing");
	if (!r->given[O_STORE])
		args_fail(r->args, "--store is missing");
	uint32_t block_size = o->disk.block_size ? o->disk.block_size : 512;
	if (o->disk.size % block_size != 0)
		args_fail(r->args, "--size: %llu is not a multiple of the block size, %u",
		          (unsigned long long)o->disk.size, (unsigned)block_size);
	(void)snprintf(other, sizeof(other), "id%u", o->id);
	if (!r->given[O_NAME])
		disk_default_name(&o->disk, other);
}

void target_opts_read(int argc, char **argv, struct target_opts *out)
{
	struct args a = args_init(
	        "smirror-target", "--bus ADDR --id N --store FILE [OPTION...]",
	        "One emulated SCSI disk: one port of a bus, a backing store for each logical unit.",
	        options, ARRAY_LEN(options), argc, argv);
	struct reading r = {.args = &a, .o = out};
	*out = (struct target_opts){.queue_depth = TGT_DEPTH_DEFAULT,
	                            .workers = WORKERS_DEFAULT,
	                            .log_level = LOG_LEVEL_INFO};
	for (int id = args_next(&a); id != 0; id = args_next(&a))
		take(&r, (enum option)id);
	args_no_operands(&a);
	if (out->config) {
		cfg_t *cfg = args_file(&a, out->config, file_options, file_checks,
		                       ARRAY_LEN(file_checks));
		out->file = cfg;
		take_file(&r, cfg);
	}
	complete(&r);
}

void target_opts_free(struct target_opts *o)
{
	if (o->file)
		cfg_free(o->file);
	o->file = NULL;
	disk_list_free(&o->luns);
}
