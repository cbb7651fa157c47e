/* SPDX-License-Identifier: BSD-2-Clause */
/* The initiator daemon: mirror groups, jobs, and the control socket. */
#include "shell/daemon_opts.h"
#include "shell/notify.h"

static void reload(void *ctx)
{
	const struct daemon_opts *o = ctx;
	enum log_level level;
	char why[400];

	notify_reloading();
	if (daemon_opts_reread(o, &level, why, sizeof(why)))
		log_set_level(level);
	else
		log_error("%s; nothing was changed", why);
	notify_reloaded();
}

int main(int argc, char **argv)
{
	static struct daemon_opts o; /* its strings last as long as the process */

	log_init("smirrord", LOG_LEVEL_INFO);
	daemon_opts_read(argc, argv, &o);
	log_set_level(o.log_level);
	o.daemon.reload = reload;
	o.daemon.ctx = &o;
	return daemon_run(&o.daemon);
}
