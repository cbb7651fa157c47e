/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_execute CONTROL TARGET ready|read|write BLOCKS DEPTH SECONDS
 *
 * SCSI commands of one client through scsi.execute of the control socket, DEPTH of them in flight:
 * TEST UNIT READY, or READ(10) or WRITE(10) of BLOCKS blocks of 512 bytes at random places of the
 * first 4 MiB. Each is to end with GOOD, whole. Prints one line of JSON: commands, seconds,
 * commands per second, latency percentiles in microseconds.
 */
#include "base/prng.h"
#include "bench/client.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK      512U
#define SPAN       (4U << 20) /* bytes of the disk that it is done to */
#define BLOCKS_MAX 32768U

enum what { READY, READ, WRITE };

struct bench {
	struct client client;
	const char *target;
	enum what what;
	unsigned blocks;
	char *payload; /* base64 of one write */
	char *line;    /* a request */
	struct prng prng;
};

static int put_cdb(struct bench *b, char *to)
{
	unsigned places = SPAN / (b->blocks * BLOCK);
	unsigned lba = places > 1 ? (unsigned)prng_below(&b->prng, places) * b->blocks : 0;

	if (b->what == READY)
		return sprintf(to, "000000000000");
	return sprintf(to, "%s00%08x00%04x00", b->what == READ ? "28" : "2a", lba, b->blocks);
}

static void send_command(void *ctx, unsigned slot)
{
	struct bench *b = ctx;
	char *p = b->line;

	p += sprintf(p,
	             "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"scsi.execute\",\"params\":{"
	             "\"target\":\"%s\",\"cdb\":\"",
	             slot + 1, b->target);
	p += put_cdb(b, p);
	if (b->what == READ)
		p += sprintf(p, "\",\"data_in_length\":%u}}\n", b->blocks * BLOCK);
	else if (b->what == WRITE)
		p += sprintf(p, "\",\"data_out\":\"%s\"}}\n", b->payload);
	else
		p += sprintf(p, "\"}}\n");
	client_send(&b->client, slot, b->line, (size_t)(p - b->line));
}

static void look(void *ctx, const char *answer)
{
	const struct bench *b = ctx;

	if (strstr(answer, "\"status\":0,") && strstr(answer, "\"residual\":0,"))
		return;
	(void)fprintf(stderr, "%s: %.500s\n", b->client.program, answer);
	exit(1);
}

static bool take(struct bench *b, char **argv)
{
	static const char *const names[] = {[READY] = "ready", [READ] = "read", [WRITE] = "write"};
	unsigned i = 0;

	while (i <= WRITE && strcmp(names[i], argv[3]) != 0)
		i++;
	b->client.program = "bench_execute";
	b->target = argv[2];
	b->what = (enum what)i;
	b->blocks = (unsigned)strtoul(argv[4], NULL, 10);
	b->client.depth = (unsigned)strtoul(argv[5], NULL, 10);
	return i <= WRITE && b->blocks > 0 && b->blocks <= BLOCKS_MAX && b->client.depth > 0 &&
	       b->client.depth <= CLIENT_DEPTH_MAX;
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct client *c = &b.client;

	if (argc != 7 || !take(&b, argv)) {
		(void)fprintf(stderr,
		              "usage: bench_execute CONTROL TARGET ready|read|write BLOCKS DEPTH "
		              "SECONDS\nBLOCKS 1..%u, DEPTH 1..%u\n",
		              BLOCKS_MAX, CLIENT_DEPTH_MAX);
		return 2;
	}
	b.prng = prng_init(1);
	b.payload = client_payload(c, (size_t)b.blocks * BLOCK);
	b.line = client_alloc(c, strlen(b.payload) + strlen(b.target) + 256);
	client_connect(c, argv[1], strlen(b.payload));
	client_print(c, "commands", client_run(c, strtod(argv[6], NULL), send_command, look, &b));
	return 0;
}
