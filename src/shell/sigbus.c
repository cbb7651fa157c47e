/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/sigbus.h"

#include "base/assert.h"

#include <stddef.h>

_Thread_local sigjmp_buf sigbus_back;
_Thread_local volatile sig_atomic_t sigbus_guarded;

static void on_sigbus(int sig)
{
	if (sigbus_guarded) {
		sigbus_guarded = 0;
		siglongjmp(sigbus_back, 1);
	}
	/* Not ours: it comes again, and ends the process. */
	(void)signal(sig, SIG_DFL);
}

void sigbus_catch(void)
{
	struct sigaction a = {.sa_handler = on_sigbus, .sa_flags = SA_NODEFER};
	(void)sigemptyset(&a.sa_mask);
	sm_assert(sigaction(SIGBUS, &a, NULL) == 0);
}
