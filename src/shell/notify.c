/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/notify.h"

#include "shell/loop.h"

#include <stdarg.h>
#include <stdio.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
static void tell(const char *state)
{
	(void)sd_notify(0, state);
}
#else
static void tell(const char *state)
{
	(void)state;
}
#endif

void notify_ready(const char *const *addrs, size_t n)
{
	(void)fputs("ready", stdout);
	for (size_t i = 0; i < n; i++)
		(void)printf(" %s", addrs[i]);
	(void)putchar('\n');
	(void)fflush(stdout);
	tell("READY=1");
}

void notify_stopping(void)
{
	tell("STOPPING=1");
}

void notify_reloading(void)
{
	char state[64];

	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
	               (unsigned long long)(loop_now() / NS_PER_US));
	tell(state);
}

void notify_reloaded(void)
{
	tell("READY=1");
}

void notify_status(const char *fmt, ...)
{
	char state[512] = "STATUS=";
	const size_t at = sizeof("STATUS=") - 1;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(state + at, sizeof(state) - at, fmt, ap);
	va_end(ap);
	tell(state);
}
