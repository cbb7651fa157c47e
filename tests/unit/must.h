/* SPDX-License-Identifier: BSD-2-Clause */
/* For what is looked at thousands of times: Check's own assertions write to a file, each time. */
#ifndef TESTS_UNIT_MUST_H
#define TESTS_UNIT_MUST_H

#include "unit/checks.h"

#define must(cond, ...)                                                                            \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

#endif
