/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through the crash points of a history: each prefix of its records, and behind it each way in
 * which what is not durable yet can have come through. All of it kept or dropped, one by one; and
 * each write torn: its first bytes only, or some of its sectors.
 */
#ifndef TESTS_CRASH_POINTS_H
#define TESTS_CRASH_POINTS_H

#include "crash/files.h"

#include "unit/checks.h"

/* From the environment: CRASH_POINTS=all, each byte of a torn write; else a few of them, so that it
 * takes seconds. */
bool points_all(void);
struct points {
	uint64_t states;   /* that were made */
	uint64_t distinct; /* of them, that were not one that was there already: these are looked at
	                    */
	uint64_t *seen;    /* a hash table */
	size_t room;
	unsigned every; /* with CRASH_POINTS=all, of a write that is torn each so manieth byte is
	                   looked at, which ones goes by the cut; 0: each */
};

/* The directory is as the machine left it behind `cut` records of the history. */
typedef void points_fn(void *ctx, struct history *h, size_t cut);

/* Calls fn for each distinct state behind `cut`; `salt` tells states apart that differ in more than
 * their files. few: no write is torn but in its middle. */
void points_at(struct points *p, struct history *h, size_t cut, bool few, uint64_t salt,
               points_fn *fn, void *ctx);
void points_free(struct points *p);

/* All points of a history, which is given back with the directory. */
struct points_of {
	const char *name;
	points_fn *fn;
	uint64_t (*salt)(const struct history *h, size_t cut);
	bool few;          /* no write is torn but in its middle */
	bool slow;         /* with AddressSanitizer not all cuts are looked at */
	unsigned every;    /* as of struct points */
	uint64_t distinct; /* at least so many are found, if all cuts are */
};
void points_history(struct points *p, struct history *h, const struct points_of *o, void *ctx);
/* What was gone through is told, and is enough. */
void points_done(struct points *p, const char *name, size_t records, uint64_t distinct);
/* A test that has all the time that it needs, and is run so often (its number is _i). */
void points_add(Suite *s, const TTest *test, unsigned times);
/* In the state that is being looked at a write is torn. */
bool points_torn(void);
/* What is being looked at, for messages of failures. */
const char *points_where(void);

#endif
