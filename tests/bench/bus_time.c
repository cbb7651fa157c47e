/* SPDX-License-Identifier: BSD-2-Clause */
/* bus_time text | svg: the bus-time tables, or the picture of them, to standard output. */
#include "bench/bus_time.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	static struct bus_time t;

	if (argc != 2 || (strcmp(argv[1], "text") != 0 && strcmp(argv[1], "svg") != 0)) {
		fprintf(stderr, "usage: %s text | svg\n", argv[0]);
		return 2;
	}
	bus_time_run(&t);
	if (strcmp(argv[1], "svg") == 0)
		bus_time_svg(&t, stdout);
	else
		bus_time_text(&t, stdout);
	if (fflush(stdout) || ferror(stdout)) {
		perror("bus_time");
		return EXIT_FAILURE;
	}
	return 0;
}
