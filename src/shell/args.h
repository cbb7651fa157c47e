/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines, over getopt_long(3): a table of options with what they mean,
 * help made from it, and values that are checked where they are read. What is
 * wrong ends the program with status 2 and names the option.
 */
#ifndef SHELL_ARGS_H
#define SHELL_ARGS_H

#include "base/units.h"
#include "shell/addr.h"
#include "shell/conffile.h"
#include "shell/log.h"

#define ARGS_USAGE_STATUS 2

struct args_option {
	const char *name;  /* "bus": --bus */
	const char *value; /* "ADDR": it takes one; NULL: none */
	const char *help;
	int id; /* what args_next() returns: above 0 */
};

struct args {
	const char *program;
	const char *synopsis; /* behind the program's name, for instance "--bus ADDR --id N" */
	const char *about;    /* one sentence */
	const struct args_option *options;
	size_t n_options;
	/* of the option that args_next() returned last */
	const char *name, *value;
	int argc;
	char **argv;
	int at;
};

/* --help and --version are answered here (on standard output, status 0). */
struct args args_init(const char *program, const char *synopsis, const char *about,
                      const struct args_option *options, size_t n_options, int argc, char **argv);
/* The next option's id; 0 at the end. What is left are operands: a->argv[a->at], up to a->argc. */
int args_next(struct args *a);
/* Ends the program if operands are left. */
void args_no_operands(const struct args *a);

/* "program: fmt", a hint at --help, and exit with status 2. */
_Noreturn void args_fail(const struct args *a, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
/* The value of the option at hand. */
uint64_t args_number(const struct args *a, uint64_t least, uint64_t most);
uint64_t args_size(const struct args *a, uint64_t least, uint64_t most);
ns_t args_duration(const struct args *a);
struct addr args_addr(const struct args *a);
enum log_level args_log_level(const struct args *a);

/* conf_read() of the file that --config names; ends the program when something is wrong with it.
 * The result goes to cfg_free(). */
cfg_t *args_file(const struct args *a, const char *path, cfg_opt_t *opts,
                 const struct conf_check *checks, size_t n_checks);

#endif
