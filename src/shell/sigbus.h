/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is a file's may not be had when it is touched: the file system is full, the medium
 * fails, somebody made the file shorter. That is a SIGBUS, which ends the process, unless it comes
 * between these:
 *
 *	if (sigsetjmp(sigbus_back, 0) != 0)
 *		return false; // it came
 *	sigbus_guarded = 1;
 *	...
 *	sigbus_guarded = 0;
 *
 * In there no lock is held, and nothing is called that could be left in its middle.
 */
#ifndef SHELL_SIGBUS_H
#define SHELL_SIGBUS_H

#include <setjmp.h>
#include <signal.h>

extern _Thread_local sigjmp_buf sigbus_back;
extern _Thread_local volatile sig_atomic_t sigbus_guarded;

/* From now on, in all threads. */
void sigbus_catch(void);

#endif
