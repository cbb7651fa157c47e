/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of smirrord's control socket. */
#include "shell/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
