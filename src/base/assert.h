/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assertions for our own bugs. They stay on in production: a core that has
 * broken an invariant stops rather than write wrong data. Input from a peer
 * never reaches one.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/* Print the failed condition with file and line to standard error and abort. Never returns. */
_Noreturn void sm_assert_fail(const char *cond, const char *file, int line);

#define sm_assert(cond) ((cond) ? (void)0 : sm_assert_fail(#cond, __FILE__, __LINE__))

#endif
