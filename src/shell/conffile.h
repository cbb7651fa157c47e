/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files, read by libconfuse. A file is read wholly and checked
 * before anything of it is used: an error names file and line, and what was in
 * force stays in force. Sizes, durations and addresses are string options with
 * a check; the getters below read them once they have passed it.
 *
 *	cfg_opt_t opts[] = {
 *		CFG_STR_LIST("listen", NULL, CFGF_NONE),
 *		CFG_STR("phase-limit", "1s", CFGF_NONE),
 *		CFG_INT("id", 7, CFGF_NONE),
 *		CFG_END(),
 *	};
 *	static const struct conf_check checks[] = {
 *		{.name = "listen", .kind = CONF_ADDR},
 *		{.name = "phase-limit", .kind = CONF_DURATION, .least = NS_PER_MS, .most =
 *NS_PER_S},
 *		{.name = "id", .kind = CONF_NUMBER, .most = 15},
 *	};
 */
#ifndef SHELL_CONFFILE_H
#define SHELL_CONFFILE_H

#include "base/units.h"
#include "shell/addr.h"
#include "shell/log.h"

#include <confuse.h>

enum conf_kind {
	CONF_NUMBER,   /* CFG_INT within least..most */
	CONF_SIZE,     /* CFG_STR: "64K"; within least..most bytes */
	CONF_DURATION, /* CFG_STR: "250ms"; within least..most ns */
	CONF_ADDR,     /* CFG_STR: unix:PATH or tcp:HOST:PORT */
	CONF_LEVEL,    /* CFG_STR: a level of the log */
	CONF_WORD,     /* CFG_STR: one of `words` */
	CONF_TEXT,     /* CFG_STR: what `accepts` says */
};

struct conf_check {
	const char *name; /* "size", or "section|size" */
	enum conf_kind kind;
	uint64_t least, most; /* most 0: no limit */
	const char *words;    /* CONF_WORD: "silent conventional broadcast" */
	/* What else must hold of the value (a number's is in decimal), NULL: nothing. False with
	 * why, which names the value. */
	bool (*accepts)(const char *value, char *why, size_t n);
};

/*
 * Reads a file; the result goes to cfg_free(). NULL, with why ("FILE:LINE: what is wrong"), when it
 * cannot be read or anything in it is wrong. path NULL: the defaults. Each value of a list is
 * checked.
 */
cfg_t *conf_read(const char *path, cfg_opt_t *opts, const struct conf_check *checks,
                 size_t n_checks, char *why, size_t n);

/* Values of options that were checked (or are defaults): by index for lists. */
uint64_t conf_size(cfg_t *cfg, const char *name);
ns_t conf_duration(cfg_t *cfg, const char *name);
struct addr conf_addr(cfg_t *cfg, const char *name, unsigned i);
/* info where the file says none. */
enum log_level conf_level(cfg_t *cfg, const char *name);

#endif
