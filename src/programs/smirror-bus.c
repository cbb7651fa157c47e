/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus server: one parallel SCSI bus. */
#include "shell/bus_run.h"

int main(int argc, char **argv)
{
	static struct bus_opts o;
	log_init("smirror-bus", LOG_LEVEL_INFO);
	bus_opts_read(argc, argv, &o);
	log_set_level(o.log_level);
	return bus_server_run(&o);
}
