/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_writes CONTROL GROUP GROUP_BYTES WRITE_BYTES DEPTH SECONDS
 *
 * Random writes to a mirror group through group.write of the control socket,
 * DEPTH of them in flight; each is answered when every member has its copy. Prints one line of
 * JSON: writes, seconds, writes per second, latency percentiles in microseconds.
 */
#include "base/prng.h"
#include "bench/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_MAX (1U << 20)

struct bench {
	struct client client;
	const char *group;
	uint64_t places; /* of write_bytes in the group */
	unsigned write_bytes;
	char *payload; /* base64 of one write */
	char *line;    /* a request */
	struct prng prng;
};

static void send_write(void *ctx, unsigned slot)
{
	struct bench *b = ctx;
	uint64_t offset = prng_below(&b->prng, b->places) * b->write_bytes;
	int n = sprintf(b->line,
	                "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"group.write\",\"params\":{"
	                "\"group\":\"%s\","
	                "\"offset_bytes\":%" PRIu64 ",\"data\":\"%s\"}}\n",
	                slot + 1, b->group, offset, b->payload);

	client_send(&b->client, slot, b->line, (size_t)n);
}

int main(int argc, char **argv)
{
	static struct bench b;

	if (argc != 7) {
		(void)fprintf(stderr, "usage: bench_writes CONTROL GROUP GROUP_BYTES WRITE_BYTES "
		                      "DEPTH SECONDS\n");
		return 2;
	}
	b.client.program = "bench_writes";
	b.group = argv[2];
	b.write_bytes = (unsigned)strtoul(argv[4], NULL, 10);
	b.client.depth = (unsigned)strtoul(argv[5], NULL, 10);
	if (b.write_bytes == 0 || b.write_bytes > WRITE_MAX || b.client.depth == 0 ||
	    b.client.depth > CLIENT_DEPTH_MAX) {
		(void)fprintf(stderr, "bench_writes: WRITE_BYTES 1..%u, DEPTH 1..%u\n", WRITE_MAX,
		              CLIENT_DEPTH_MAX);
		return 2;
	}
	b.places = strtoull(argv[3], NULL, 10) / b.write_bytes;
	if (b.places == 0) {
		(void)fprintf(stderr, "bench_writes: GROUP_BYTES is less than one write\n");
		return 2;
	}
	b.prng = prng_init(1);
	b.payload = client_payload(&b.client, b.write_bytes);
	b.line = client_alloc(&b.client, strlen(b.payload) + strlen(b.group) + 256);
	client_connect(&b.client, argv[1], 0);
	client_print(&b.client, "writes",
	             client_run(&b.client, strtod(argv[6], NULL), send_write, NULL, &b));
	return 0;
}
