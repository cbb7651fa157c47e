/* SPDX-License-Identifier: BSD-2-Clause */
/* The initiator daemon around its core: the bus connection, the control socket, image files, the
 * state directory. */
#ifndef SHELL_DAEMON_H
#define SHELL_DAEMON_H

#include "initiator/initiator.h"
#include "shell/addr.h"

struct daemon_config {
	struct addr bus;
	uint8_t id;
	const char *state_dir;
	const char *control; /* path */
	ns_t task_timeout_ns, status_timeout_ns;
	bool qas;            /* targets are asked for QAS */
	bool packetized;     /* and for information units */
	ns_t chain_limit_ns; /* bus time, up to WIRE_CHAIN_NS_MAX; 0: no chaining */
	size_t ring_bytes;   /* shared memory for data, on a UNIX socket; 0: none */
	ns_t busy_poll_ns;   /* see loop_busy_poll() */
	ns_t drain_limit_ns; /* how long SIGTERM waits for what is in flight */
	struct ini_config ini;
	/* SIGHUP: rereads what can be reread; may be NULL. */
	void (*reload)(void *ctx);
	void *ctx;
};

/* Runs until SIGTERM; the program's exit status. */
int daemon_run(const struct daemon_config *cfg);

#endif
