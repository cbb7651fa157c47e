/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_writes CONTROL GROUP GROUP_BYTES WRITE_BYTES DEPTH SECONDS
 *
 * Random writes to a mirror group through group.write of the control socket,
 * DEPTH of them in flight; each is answered when every member has its copy. Prints one line of
 * JSON: writes, seconds, writes per second, latency percentiles in microseconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"

#define DEPTH_MAX   256
#define WRITE_MAX   (1U << 20)
#define SAMPLES_MAX (8U << 20)

struct bench {
	int fd;
	const char *group;
	uint64_t places; /* of write_bytes in the group */
	unsigned write_bytes, depth;
	char *payload; /* base64 of one write */
	char *line;    /* a request */
	char in[1 << 16];
	size_t n_in;
	struct prng prng;
	double sent_at[DEPTH_MAX]; /* by slot: request id - 1 */
	float *samples;            /* microseconds */
	size_t n_samples;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "bench_writes: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0)
			die("control socket");
		p += done;
		n -= (size_t)done;
	}
}

static void send_write(struct bench *b, unsigned slot)
{
	uint64_t offset = prng_below(&b->prng, b->places) * b->write_bytes;
	int n = sprintf(b->line,
	                "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"group.write\",\"params\":{"
	                "\"group\":\"%s\","
	                "\"offset_bytes\":%" PRIu64 ",\"data\":\"%s\"}}\n",
	                slot + 1, b->group, offset, b->payload);
	b->sent_at[slot] = now();
	write_all(b->fd, b->line, (size_t)n);
}

/* The next line of the daemon, without its end; valid until the next call. */
static char *next_line(struct bench *b, size_t *used)
{
	memmove(b->in, b->in + *used, b->n_in - *used);
	b->n_in -= *used;
	for (;;) {
		char *end = memchr(b->in, '\n', b->n_in);
		if (end) {
			*end = '\0';
			*used = (size_t)(end - b->in) + 1;
			return b->in;
		}
		if (b->n_in == sizeof(b->in)) {
			errno = EMSGSIZE;
			die("an answer");
		}
		ssize_t n = read(b->fd, b->in + b->n_in, sizeof(b->in) - b->n_in);
		if (n <= 0)
			die("control socket closed");
		b->n_in += (size_t)n;
	}
}

static void connect_to(struct bench *b, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(address.sun_path, path);
	b->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (b->fd < 0 || connect(b->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(path);
}

static void make_payload(struct bench *b)
{
	uint8_t *raw = malloc(b->write_bytes);
	b->payload = malloc(BASE64_ENCODE_RAW_LENGTH(b->write_bytes) + 1);
	b->line = malloc(BASE64_ENCODE_RAW_LENGTH(b->write_bytes) + 512);
	b->samples = malloc(SAMPLES_MAX * sizeof(*b->samples));
	if (!raw || !b->payload || !b->line || !b->samples)
		die("memory");
	for (unsigned i = 0; i < b->write_bytes; i++)
		raw[i] = (uint8_t)prng_u64(&b->prng);
	base64_encode_raw(b->payload, b->write_bytes, raw);
	b->payload[BASE64_ENCODE_RAW_LENGTH(b->write_bytes)] = '\0';
	free(raw);
}

static double run(struct bench *b, double seconds)
{
	size_t used = 0;
	unsigned in_flight = 0;
	(void)next_line(b, &used); /* the greeting */
	double start = now();
	while (in_flight < b->depth)
		send_write(b, in_flight++);
	while (in_flight > 0) {
		const char *line = next_line(b, &used);
		const char *id = strstr(line, "\"id\":");
		unsigned long slot = id ? strtoul(id + 5, NULL, 10) : 0;
		if (strstr(line, "\"error\"") || slot == 0 || slot > b->depth) {
			(void)fprintf(stderr, "bench_writes: %s\n", line);
			exit(1);
		}
		double at = now();
		if (b->n_samples < SAMPLES_MAX)
			b->samples[b->n_samples++] = (float)((at - b->sent_at[slot - 1]) * 1e6);
		if (at - start < seconds)
			send_write(b, (unsigned)slot - 1);
		else
			in_flight--;
	}
	return now() - start;
}

static int by_value(const void *x, const void *y)
{
	float a = *(const float *)x, b = *(const float *)y;
	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	static struct bench b;
	if (argc != 7) {
		(void)fprintf(stderr, "usage: bench_writes CONTROL GROUP GROUP_BYTES WRITE_BYTES "
		                      "DEPTH SECONDS\n");
		return 2;
	}
	b.group = argv[2];
	b.write_bytes = (unsigned)strtoul(argv[4], NULL, 10);
	b.depth = (unsigned)strtoul(argv[5], NULL, 10);
	if (b.write_bytes == 0 || b.write_bytes > WRITE_MAX || b.depth == 0 ||
	    b.depth > DEPTH_MAX) {
		(void)fprintf(stderr, "bench_writes: WRITE_BYTES 1..%u, DEPTH 1..%u\n", WRITE_MAX,
		              DEPTH_MAX);
		return 2;
	}
	b.places = strtoull(argv[3], NULL, 10) / b.write_bytes;
	if (b.places == 0) {
		(void)fprintf(stderr, "bench_writes: GROUP_BYTES is less than one write\n");
		return 2;
	}
	b.prng = prng_init(1);
	make_payload(&b);
	connect_to(&b, argv[1]);
	double seconds = run(&b, strtod(argv[6], NULL));
	qsort(b.samples, b.n_samples, sizeof(*b.samples), by_value);
	printf("{\"writes\":%zu,\"seconds\":%.3f,\"writes_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%"
	       ".1f,\"max_us\":%.1f}\n",
	       b.n_samples, seconds, (double)b.n_samples / seconds,
	       (double)b.samples[b.n_samples / 2], (double)b.samples[b.n_samples * 99 / 100],
	       (double)b.samples[b.n_samples - 1]);
	return 0;
}
