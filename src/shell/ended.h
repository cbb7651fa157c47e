/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target leaves beside the store of its LUN 0, in FILE.ended, when it has ended in good
 * order: the number by which others know that it was started (VPD page C0h), once all that it had
 * acknowledged is durable. The next start goes on with that number, for nothing is lost of what
 * whoever knows it had been promised, and takes the file away before it serves anything.
 *
 *   0 "SMIREND\0"   8 version (2)   10 zero (2)   12 the number (4)   then CRC-32C (4)   big-endian
 */
#ifndef SHELL_ENDED_H
#define SHELL_ENDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Durable when it returns true. False with why, which names the file: there is none, or the next
 * start may find it; what it says is true. */
bool ended_save(const char *store, uint32_t number, char *why, size_t n);

/* The number, of a file that is gone by then, durably. 0: there was none, and why is empty; or it
 * is damaged, or cannot be taken away, with why. */
uint32_t ended_take(const char *store, char *why, size_t n);

#endif
