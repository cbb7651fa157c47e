/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs that load the control socket share: its lines, and how long each answer took.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#define CLIENT_DEPTH_MAX 64 /* requests that a connection may have in flight */

struct client {
	const char *program; /* for messages */
	int fd;
	unsigned depth; /* requests in flight */
	char *in;       /* what came, `used` bytes of it taken */
	size_t room, n_in, used;
	double sent_at[CLIENT_DEPTH_MAX]; /* by slot: request id - 1 */
	float *samples;                   /* microseconds */
	size_t n_samples;
};

/* Ends the program with what errno says of `what`. */
_Noreturn void client_die(const struct client *c, const char *what);
/* Memory that is there, or the end. */
void *client_alloc(const struct client *c, size_t n);
/* Connects, and takes the greeting. answer_max: bytes of the longest answer. */
void client_connect(struct client *c, const char *path, size_t answer_max);
/* Sends one request, whose id is slot + 1: a line with its end. */
void client_send(struct client *c, unsigned slot, const char *line, size_t n);
/* The next answer, and the slot that it is for; ends the program at an error. Valid until the next
 * call. */
const char *client_answer(struct client *c, unsigned *slot);
/* Keeps `depth` requests in flight for some seconds; send() makes the next one of a slot, took()
 * looks at its answer (NULL: nobody does). How long it took in all. */
double client_run(struct client *c, double seconds, void (*send)(void *ctx, unsigned slot),
                  void (*took)(void *ctx, const char *answer), void *ctx);
/* Base64 of n bytes that are no pattern, with its end. */
char *client_payload(const struct client *c, size_t n);
/* One line of JSON: how many `what`, seconds, a second, percentiles in microseconds. */
void client_print(struct client *c, const char *what, double seconds);

#endif
