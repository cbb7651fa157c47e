/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines "program: message" on standard error, each written at once.
 * Under the journal ($JOURNAL_STREAM names standard error) they begin with the
 * level as sd-daemon(3) has it. Control characters in what is logged (a peer's
 * text) become '?': one message is one line.
 */
#ifndef SHELL_LOG_H
#define SHELL_LOG_H

/* The values are syslog's. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* program: a string that stays, for instance "smirror-bus". Lines above `most` are dropped. */
void log_init(const char *program, enum log_level most);
void log_set_level(enum log_level most);
/* "error", "warning", "notice", "info", "debug"; -1: none of them. */
int log_level_parse(const char *name);
const char *log_program(void);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
