/* SPDX-License-Identifier: BSD-2-Clause */
/* One frame of each type at least, with a different value in each field. */
#ifndef TESTS_UNIT_FRAME_SAMPLES_H
#define TESTS_UNIT_FRAME_SAMPLES_H

#include "wire/wire.h"

#define FRAME_SAMPLES 29

/* Sample i of FRAME_SAMPLES; its spans and its block stay until the next call. */
void frame_sample(unsigned i, struct wire_frame *out);

#endif
