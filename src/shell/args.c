/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/args.h"

#include "base/assert.h"
#include "base/size.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MOST 64
#define ID_HELP      1000
#define ID_VERSION   1001

struct args args_init(const char *program, const char *synopsis, const char *about,
                      const struct args_option *options, size_t n_options, int argc, char **argv)
{
	sm_assert(n_options + 3 <= OPTIONS_MOST);
	optind = 0;
	opterr = 0;
	return (struct args){.program = program,
	                     .synopsis = synopsis,
	                     .about = about,
	                     .options = options,
	                     .n_options = n_options,
	                     .argc = argc,
	                     .argv = argv};
}

void args_fail(const struct args *a, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: ", a->program);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry '%s --help'.\n", a->program);
	exit(ARGS_USAGE_STATUS);
}

static void print_option(const char *name, const char *value, const char *help)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "--%s%s%s", name, value ? " " : "", value ? value : "");
	(void)printf("  %-24s %s\n", left, help);
}

static _Noreturn void print_help(const struct args *a)
{
	(void)printf("usage: %s %s\n\n%s\n\n", a->program, a->synopsis, a->about);
	for (size_t i = 0; i < a->n_options; i++)
		print_option(a->options[i].name, a->options[i].value, a->options[i].help);
	print_option("help", NULL, "show this and end");
	print_option("version", NULL, "show the version and end");
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static _Noreturn void print_version(const struct args *a)
{
	(void)printf("%s %s\n", a->program, PACKAGE_VERSION);
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void long_options(const struct args *a, struct option *out)
{
	size_t i = 0;

	for (; i < a->n_options; i++) {
		out[i] = (struct option){.name = a->options[i].name,
		                         .has_arg = a->options[i].value ? required_argument
		                                                        : no_argument,
		                         .val = a->options[i].id};
	}
	out[i++] = (struct option){.name = "help", .val = ID_HELP};
	out[i++] = (struct option){.name = "version", .val = ID_VERSION};
	out[i] = (struct option){.name = NULL};
}

int args_next(struct args *a)
{
	struct option options[OPTIONS_MOST];
	int index = 0;

	long_options(a, options);
	/* ':' tells a missing value from an unknown option; there are no short ones. */
	int before = optind ? optind : 1;
	int id = getopt_long(a->argc, a->argv, ":", options, &index);
	switch (id) {
	case -1:
		a->at = optind;
		return 0;
	case ':':
		args_fail(a, "%s needs a value", a->argv[optind - 1]);
	case '?':
		args_fail(a, "%s: there is no such option, or it is ambiguous or takes no value",
		          a->argv[optind > before ? optind - 1 : before]);
	case ID_HELP:
		print_help(a);
	case ID_VERSION:
		print_version(a);
	default:
		a->name = options[index].name;
		a->value = optarg;
		return id;
	}
}

void args_no_operands(const struct args *a)
{
	if (a->at < a->argc)
		args_fail(a, "\"%s\": no operand is expected", a->argv[a->at]);
}

uint64_t args_number(const struct args *a, uint64_t least, uint64_t most)
{
	uint64_t v = 0;

	if (!number_parse(a->value, least, most, &v))
		args_fail(a, "--%s: \"%s\" is not a number of %llu to %llu", a->name, a->value,
		          (unsigned long long)least, (unsigned long long)most);
	return v;
}

uint64_t args_size(const struct args *a, uint64_t least, uint64_t most)
{
	uint64_t v = 0;

	if (!size_parse(a->value, &v))
		args_fail(a, "--%s: \"%s\" is no size, such as 4096, 64K or 1G", a->name, a->value);
	if (v < least || v > most)
		args_fail(a, "--%s: %s is out of range: %llu to %llu bytes", a->name, a->value,
		          (unsigned long long)least, (unsigned long long)most);
	return v;
}

ns_t args_duration(const struct args *a)
{
	ns_t v = 0;

	if (!duration_parse(a->value, &v))
		args_fail(a, "--%s: \"%s\" is no duration, such as 250ms or 10s", a->name,
		          a->value);
	return v;
}

struct addr args_addr(const struct args *a)
{
	struct addr addr;
	char why[256];

	if (!addr_parse(a->value, &addr, why, sizeof(why)))
		args_fail(a, "--%s: %s", a->name, why);
	return addr;
}

enum log_level args_log_level(const struct args *a)
{
	int level = log_level_parse(a->value);

	if (level < 0)
		args_fail(a, "--%s: there is no level \"%s\"", a->name, a->value);
	return (enum log_level)level;
}

cfg_t *args_file(const struct args *a, const char *path, cfg_opt_t *opts,
                 const struct conf_check *checks, size_t n_checks)
{
	char why[400];
	cfg_t *cfg = conf_read(path, opts, checks, n_checks, why, sizeof(why));

	if (!cfg)
		args_fail(a, "%s", why);
	return cfg;
}
