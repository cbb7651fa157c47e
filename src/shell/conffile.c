/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/conffile.h"

#include "base/assert.h"
#include "base/size.h"
#include "shell/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (1U << 20) /* bytes of a configuration file */

/*
 * libconfuse's callbacks have no argument of the caller's: what they need is here while conf_read()
 * runs, and only then.
 */
static struct {
	const struct conf_check *checks;
	size_t n_checks;
	char *why;
	size_t n;
} reading;

/* Keeps the first error: the others follow from it. It may quote what the file has: ends of lines,
 * too. */
static void note_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[256];

	if (!reading.why || reading.why[0] != '\0')
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	(void)snprintf(reading.why, reading.n, "%s:%d: %s", cfg->filename, cfg->line, text);
}

static bool in_limits(const struct conf_check *k, uint64_t v)
{
	return v >= k->least && (k->most == 0 || v <= k->most);
}

static bool is_word(const char *words, const char *value)
{
	size_t n = strlen(value);

	for (const char *p = words; n > 0 && (p = strstr(p, value)) != NULL; p += n) {
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	}
	return false;
}

/* Says what is wrong with a string value; false when nothing is. */
static bool string_fault(const struct conf_check *k, const char *value, char *fault, size_t n)
{
	uint64_t v = 0;
	struct addr a;

	switch (k->kind) {
	case CONF_SIZE:
		if (!size_parse(value, &v))
			(void)snprintf(fault, n, "is no size, such as 4096, 64K or 1G");
		else if (!in_limits(k, v))
			(void)snprintf(fault, n, "is out of range: %llu to %llu bytes",
			               (unsigned long long)k->least, (unsigned long long)k->most);
		break;
	case CONF_DURATION:
		if (!duration_parse(value, &v))
			(void)snprintf(fault, n, "is no duration, such as 250ms or 10s");
		else if (!in_limits(k, v))
			(void)snprintf(fault, n, "is out of range: %llu to %llu ms",
			               (unsigned long long)(k->least / NS_PER_MS),
			               (unsigned long long)(k->most / NS_PER_MS));
		break;
	case CONF_ADDR:
		(void)addr_parse(value, &a, fault, n);
		break;
	case CONF_LEVEL:
		if (log_level_parse(value) < 0)
			(void)snprintf(fault, n, "is not error, warning, notice, info or debug");
		break;
	case CONF_WORD:
		if (!is_word(k->words, value))
			(void)snprintf(fault, n, "is not one of: %s", k->words);
		break;
	case CONF_NUMBER:
	case CONF_TEXT:
		break;
	}
	return fault[0] != '\0';
}

/* The check of an option: its name there may be that of a section's option. */
static const struct conf_check *find_check(const cfg_t *cfg, const cfg_opt_t *opt)
{
	for (size_t i = 0; i < reading.n_checks; i++) {
		const struct conf_check *k = &reading.checks[i];
		const char *bar = strrchr(k->name, '|');
		if (strcmp(bar ? bar + 1 : k->name, opt->name) != 0)
			continue;
		if (!bar && strcmp(cfg->name, "root") == 0)
			return k;
		size_t n = strlen(cfg->name);
		if (bar && (size_t)(bar - k->name) >= n && strncmp(bar - n, cfg->name, n) == 0 &&
		    (bar - n == k->name || bar[-(ptrdiff_t)n - 1] == '|'))
			return k;
	}
	return NULL;
}

static int check_further(cfg_t *cfg, cfg_opt_t *opt, const struct conf_check *k, const char *value)
{
	char fault[256] = "";

	if (!k->accepts || k->accepts(value, fault, sizeof(fault)))
		return 0;
	cfg_error(cfg, "%s: %s", opt->name, fault);
	return -1;
}

static int check_number(cfg_t *cfg, cfg_opt_t *opt, const struct conf_check *k, long v)
{
	char text[32];

	if (v < 0 || !in_limits(k, (uint64_t)v)) {
		cfg_error(cfg, "%s: %ld is out of range: %llu to %llu", opt->name, v,
		          (unsigned long long)k->least, (unsigned long long)k->most);
		return -1;
	}
	(void)snprintf(text, sizeof(text), "%ld", v);
	return check_further(cfg, opt, k, text);
}

/* Called by libconfuse for each value that was set; 0: it is good. */
static int check_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct conf_check *k = find_check(cfg, opt);
	unsigned last = cfg_opt_size(opt);
	char fault[256] = "";

	if (!k || last == 0)
		return 0;
	if (k->kind == CONF_NUMBER)
		return check_number(cfg, opt, k, cfg_opt_getnint(opt, last - 1));
	const char *value = cfg_opt_getnstr(opt, last - 1);
	if (!string_fault(k, value, fault, sizeof(fault)))
		return check_further(cfg, opt, k, value);
	if (k->kind == CONF_ADDR)
		cfg_error(cfg, "%s: %s", opt->name, fault);
	else
		cfg_error(cfg, "%s: \"%s\" %s", opt->name, value, fault);
	return -1;
}

/* As on the command line. libconfuse's own takes an empty text for 0, and 010 for 8. */
static int parse_number(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	uint64_t v = 0;
	bool below = value[0] == '-'; /* said to be out of range */

	if (!number_parse(value + below, 0, LONG_MAX, &v)) {
		cfg_error(cfg, "invalid integer value for option '%s'", opt->name);
		return -1;
	}
	*(long *)result = below ? -(long)v : (long)v;
	return 0;
}

/* A directory would end the process inside the scanner of libconfuse. */
static FILE *open_file(const char *path, char *why, size_t n)
{
	struct stat st;
	FILE *f = fopen(path, "re");

	if (!f) {
		(void)snprintf(why, n, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		(void)snprintf(why, n, "%s: %s", path, strerror(EISDIR));
		(void)fclose(f);
		return NULL;
	}
	return f;
}

/* Behind the end of the comment that begins at p[i]; n + 1: it has none. */
static size_t comment_end(const char *p, size_t i, size_t n)
{
	if (p[i] == '/' && p[i + 1] == '*') {
		const char *end = memmem(p + i + 2, n - i - 2, "*/", 2);
		return end ? (size_t)(end + 2 - p) : n + 1;
	}
	const char *line = memchr(p + i, '\n', n - i);
	return line ? (size_t)(line - p) : n;
}

/* Within a word without quotes a '/' is a character like others, as in a path with "//". */
static bool word_ended(char before)
{
	return strchr(" \t\r\n=+,(){}\"'", before) != NULL;
}

static bool comment_begins(const char *p, size_t i, size_t n)
{
	if (p[i] == '#')
		return true;
	return p[i] == '/' && i + 1 < n && (p[i + 1] == '/' || p[i + 1] == '*') &&
	       (i == 0 || word_ended(p[i - 1]));
}

/*
 * Blanks the comments out. libconfuse (3.3) counts the end of a line twice or more where a comment
 * stands before it, and its errors then name the wrong line. Says what has no end, or NULL: of a
 * text in quotes libconfuse would print what it does not understand.
 */
static const char *blank_comments(char *p, size_t n)
{
	char quote = '\0';

	for (size_t i = 0; i < n; i++) {
		if (quote != '\0') {
			if (p[i] == '\\')
				i++;
			else if (p[i] == quote)
				quote = '\0';
		} else if (p[i] == '"' || p[i] == '\'') {
			quote = p[i];
		} else if (comment_begins(p, i, n)) {
			size_t end = comment_end(p, i, n);
			if (end > n)
				return "a comment has no end";
			for (; i < end; i++)
				p[i] = p[i] == '\n' ? '\n' : ' ';
			i--;
		}
	}
	return quote ? "a text in quotes has no end" : NULL;
}

/* The whole file, without comments; NULL with why. */
static char *read_text(const char *path, size_t *len, char *why, size_t n)
{
	FILE *f = open_file(path, why, n);
	if (!f)
		return NULL;
	char *text = malloc(FILE_MAX + 1);
	*len = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
	bool failed = ferror(f) != 0;
	const char *unended = NULL;
	(void)fclose(f);
	if (!text)
		(void)snprintf(why, n, "%s: out of memory", path);
	else if (failed)
		(void)snprintf(why, n, "%s: %s", path, strerror(EIO));
	else if (*len > FILE_MAX)
		(void)snprintf(why, n, "%s: longer than 1 MiB", path);
	else
		unended = blank_comments(text, *len);
	if (unended)
		(void)snprintf(why, n, "%s: %s", path, unended);
	else if (why[0] == '\0')
		return text;
	free(text);
	return NULL;
}

static bool parse_file(cfg_t *cfg, const char *path, char *why, size_t n)
{
	size_t len;
	char *text = read_text(path, &len, why, n);
	if (!text)
		return false;
	FILE *f = len > 0 ? fmemopen(text, len, "r") : NULL;
	cfg->filename = strdup(path);
	int r = len == 0 ? CFG_SUCCESS : f && cfg->filename ? cfg_parse_fp(cfg, f) : CFG_FILE_ERROR;
	if (f)
		(void)fclose(f);
	free(text);
	if (r == CFG_SUCCESS)
		return true;
	if (why[0] == '\0')
		(void)snprintf(why, n, "%s: it cannot be read as a configuration file", path);
	return false;
}

cfg_t *conf_read(const char *path, cfg_opt_t *opts, const struct conf_check *checks,
                 size_t n_checks, char *why, size_t n)
{
	sm_assert(n > 0);
	why[0] = '\0';
	cfg_t *cfg = cfg_init(opts, CFGF_NONE);
	if (!cfg) {
		(void)snprintf(why, n, "out of memory");
		return NULL;
	}
	(void)cfg_set_error_function(cfg, note_error);
	for (size_t i = 0; i < n_checks; i++) {
		(void)cfg_set_validate_func(cfg, checks[i].name, check_value);
		cfg_opt_t *opt = cfg_getopt(cfg, checks[i].name);
		if (opt && checks[i].kind == CONF_NUMBER)
			opt->parsecb = parse_number;
	}
	reading.checks = checks;
	reading.n_checks = n_checks;
	reading.why = why;
	reading.n = n;
	bool ok = !path || parse_file(cfg, path, why, n);
	reading.why = NULL;
	reading.checks = NULL;
	reading.n_checks = 0;
	if (ok)
		return cfg;
	(void)cfg_free(cfg);
	return NULL;
}

uint64_t conf_size(cfg_t *cfg, const char *name)
{
	uint64_t v = 0;
	sm_assert(size_parse(cfg_getstr(cfg, name), &v));
	return v;
}

ns_t conf_duration(cfg_t *cfg, const char *name)
{
	ns_t v = 0;
	sm_assert(duration_parse(cfg_getstr(cfg, name), &v));
	return v;
}

struct addr conf_addr(cfg_t *cfg, const char *name, unsigned i)
{
	struct addr a;
	char why[256];
	/* A name may resolve otherwise now than when the file was checked: then as the check would.
	 */
	if (!addr_parse(cfg_getnstr(cfg, name, i), &a, why, sizeof(why)))
		a = (struct addr){.len = 0};
	return a;
}

enum log_level conf_level(cfg_t *cfg, const char *name)
{
	int level = cfg_size(cfg, name) > 0 ? log_level_parse(cfg_getstr(cfg, name)) : -1;

	return level < 0 ? LOG_LEVEL_INFO : (enum log_level)level;
}
