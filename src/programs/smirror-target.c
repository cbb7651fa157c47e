/* SPDX-License-Identifier: BSD-2-Clause */
/* One emulated SCSI disk: one port of a bus, one backing store. */
#include "shell/target_run.h"

int main(int argc, char **argv)
{
	static struct target_opts o; /* its strings last as long as the process */
	log_init("smirror-target", LOG_LEVEL_INFO);
	target_opts_read(argc, argv, &o);
	log_set_level(o.log_level);
	int status = target_run(&o);
	target_opts_free(&o);
	return status;
}
