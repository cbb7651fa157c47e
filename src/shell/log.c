/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_LEN 2048

/* One log a process: that it has a name and a level is the one global state of the shells. */
static struct {
	const char *program;
	enum log_level most;
	bool journal;
} log_state = {"smirror", LOG_LEVEL_INFO, false};

/* $JOURNAL_STREAM is DEVICE:INODE of the stream; a child may have it and another standard error. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return text && sscanf(text, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *program, enum log_level most)
{
	log_state.program = program;
	log_state.most = most;
	log_state.journal = stderr_is_journal();
}

void log_set_level(enum log_level most)
{
	log_state.most = most;
}

const char *log_program(void)
{
	return log_state.program;
}

int log_level_parse(const char *name)
{
	static const char *const names[] = {[LOG_LEVEL_ERROR] = "error",
	                                    [LOG_LEVEL_WARNING] = "warning",
	                                    [LOG_LEVEL_NOTICE] = "notice",
	                                    [LOG_LEVEL_INFO] = "info",
	                                    [LOG_LEVEL_DEBUG] = "debug"};
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* nobody to tell */
		p += done;
		n -= (size_t)done;
	}
}

/* printf's result as a count of the characters that are in a buffer of `room` bytes. */
static size_t printed(int n, size_t room)
{
	if (n < 0)
		return 0;
	return (size_t)n < room ? (size_t)n : room - 1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_LEN + 2];
	size_t at = 0;
	int error = errno;

	if (level > log_state.most)
		return;
	if (log_state.journal)
		at = printed(snprintf(line, LINE_MAX_LEN, "<%d>", (int)level), LINE_MAX_LEN);
	else
		at = printed(snprintf(line, LINE_MAX_LEN, "%s: ", log_state.program), LINE_MAX_LEN);
	va_list ap;
	va_start(ap, fmt);
	size_t end =
	        at + printed(vsnprintf(line + at, LINE_MAX_LEN - at, fmt, ap), LINE_MAX_LEN - at);
	va_end(ap);
	for (size_t i = at; i < end; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[end] = '\n';
	write_all(line, end + 1);
	errno = error;
}
