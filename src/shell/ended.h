/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target leaves beside the store of each logical unit, in FILE.ended, when it has ended in
 * good order: the number by which others know that it was started (VPD page C0h), once all that it
 * had acknowledged is durable. The next start goes on with that number, for nothing is lost of what
 * whoever knows it had been promised, if all of its logical units have it; whoever opens the store
 * makes the file void, durably, before anything is served of it.
 *
 *   0 "SMIREND\0"   8 version (2)   10 logical units of the target (2)   12 the number (4)
 *   then CRC-32C of all before (4)   big-endian; an empty file is void
 */
#ifndef SHELL_ENDED_H
#define SHELL_ENDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ended {
	uint32_t number; /* 0: there is none */
	uint16_t luns;
};

/* Durable when it returns true. False with why, which names the file: there is none, or the next
 * start may find it; what it says is true. */
bool ended_save(const char *store, const struct ended *e, char *why, size_t n);

/* What is there, and stays. Of a file that is damaged: none, with why, which is empty else. */
struct ended ended_look(const char *store, char *why, size_t n);

/* The same, and it is void by then. False with why: it cannot be made so. */
bool ended_take(const char *store, struct ended *out, char *why, size_t n);

#endif
