/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies beside a store that has checksums or protection information, damaged in any way
 * (fuzz_state.c). */
#ifndef TESTS_FUZZ_STATE_BESIDE_H
#define TESTS_FUZZ_STATE_BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum beside_file { BESIDE_SUMS, BESIDE_SUMS_BEGUN, BESIDE_TUPLES, BESIDE_TUPLES_BEGUN };

/*
 * The files of a disk whose process was killed with a write under way, one of them changed by what
 * p has: a byte, of which bit 0 says that the file ends early, at the place that follows; then
 * changes, each a place, a byte how many, and so many bytes. A place is two bytes, in words of four
 * from the start. repair: the checksum of its head is put right.
 */
void try_beside(enum beside_file which, const uint8_t *p, size_t n, bool repair);

#endif
