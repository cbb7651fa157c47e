/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Check, without one of its habits: each assertion that holds is written to a file, so that the
 * report of a signal can say where the last one was. That costs more than what most tests do; a
 * debugger (CK_FORK=no) and the sanitizers tell where, too.
 */
#ifndef TESTS_UNIT_CHECKS_H
#define TESTS_UNIT_CHECKS_H

#include <check.h>

#define _mark_point(file, line) ((void)0)

#endif
