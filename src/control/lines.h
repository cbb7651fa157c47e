/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cuts a stream of bytes into lines of bounded length. A line that is too long is not kept: its
 * bytes are dropped up to its end, and it is told once.
 */
#ifndef CONTROL_LINES_H
#define CONTROL_LINES_H

#include "base/units.h"

struct ctl_lines {
	char *p;
	size_t n, cap;    /* bytes that came and are not taken, room */
	size_t at;        /* where they begin */
	size_t seen;      /* of them: bytes that hold no line end */
	size_t max;       /* longest line, without its end */
	uint64_t taken;   /* offset in the stream of the first byte that is not taken */
	bool skipping;    /* the rest of a line that was too long */
	bool out_of_room; /* memory could not be had: the stream cannot go on */
};

enum ctl_line { CTL_LINE_NONE, CTL_LINE, CTL_LINE_TOO_LONG };

void ctl_lines_init(struct ctl_lines *l, size_t max);
void ctl_lines_free(struct ctl_lines *l);
/* Room for at least n more bytes, to be read into; NULL when out of memory. */
char *ctl_lines_room(struct ctl_lines *l, size_t n);
/* n bytes were read into the room. */
void ctl_lines_came(struct ctl_lines *l, size_t n);
/* The next line, without its end; valid until the next call of any function here. */
enum ctl_line ctl_lines_next(struct ctl_lines *l, char **line, size_t *n);

#endif
