/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/lines.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_MAX (256 * KIB) /* an empty buffer larger than this is given back */

void ctl_lines_init(struct ctl_lines *l, size_t max)
{
	*l = (struct ctl_lines){.max = max};
}

void ctl_lines_free(struct ctl_lines *l)
{
	free(l->p);
	ctl_lines_init(l, l->max);
}

/* Moves what is left to the front, and lets go of the room that one long line took. */
static void settle(struct ctl_lines *l)
{
	if (l->at && l->n)
		memmove(l->p, l->p + l->at, l->n);
	l->at = 0;
	if (!l->n && l->cap > KEEP_MAX) {
		free(l->p);
		l->p = NULL;
		l->cap = 0;
	}
}

char *ctl_lines_room(struct ctl_lines *l, size_t n)
{
	settle(l);
	if (l->cap - l->n < n) {
		size_t cap = l->cap ? l->cap : 4096;

		while (cap - l->n < n)
			cap *= 2;
		char *p = realloc(l->p, cap);
		if (!p) {
			l->out_of_room = true;
			return NULL;
		}
		l->p = p;
		l->cap = cap;
	}
	return l->p + l->n;
}

void ctl_lines_came(struct ctl_lines *l, size_t n)
{
	l->n += n;
}

static void take(struct ctl_lines *l, size_t n)
{
	l->at += n;
	l->n -= n;
	l->taken += n;
	l->seen = 0;
}

enum ctl_line ctl_lines_next(struct ctl_lines *l, char **line, size_t *n)
{
	while (l->n) {
		char *from = l->p + l->at;
		char *end = l->n > l->seen ? memchr(from + l->seen, '\n', l->n - l->seen) : NULL;

		if (!end && l->skipping) {
			take(l, l->n);
			return CTL_LINE_NONE;
		}
		if (!end) {
			l->seen = l->n;
			if (l->n <= l->max)
				return CTL_LINE_NONE;
			take(l, l->n);
			l->skipping = true;
			return CTL_LINE_TOO_LONG;
		}
		size_t len = (size_t)(end - from);
		take(l, len + 1);
		if (l->skipping) {
			l->skipping = false;
			continue;
		}
		if (len > l->max)
			return CTL_LINE_TOO_LONG;
		*line = from;
		*n = len;
		return CTL_LINE;
	}
	return CTL_LINE_NONE;
}
