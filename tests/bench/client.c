/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench/client.h"

#include "base/prng.h"

#include <errno.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX (8U << 20)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn void client_die(const struct client *c, const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", c->program, what, strerror(errno));
	exit(1);
}

void *client_alloc(const struct client *c, size_t n)
{
	void *p = malloc(n);

	if (!p)
		client_die(c, "memory");
	return p;
}

/* The next line, without its end; valid until the next call. */
static const char *next_line(struct client *c)
{
	size_t looked = 0;

	memmove(c->in, c->in + c->used, c->n_in - c->used);
	c->n_in -= c->used;
	c->used = 0;
	for (;;) {
		char *end = memchr(c->in + looked, '\n', c->n_in - looked);
		if (end) {
			*end = '\0';
			c->used = (size_t)(end - c->in) + 1;
			return c->in;
		}
		looked = c->n_in;
		if (c->n_in == c->room) {
			errno = EMSGSIZE;
			client_die(c, "an answer");
		}
		ssize_t n = read(c->fd, c->in + c->n_in, c->room - c->n_in);
		if (n <= 0)
			client_die(c, "control socket closed");
		c->n_in += (size_t)n;
	}
}

void client_connect(struct client *c, const char *path, size_t answer_max)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		client_die(c, path);
	}
	strcpy(address.sun_path, path);
	c->room = answer_max + (1U << 16);
	c->in = client_alloc(c, c->room);
	c->samples = client_alloc(c, SAMPLES_MAX * sizeof(*c->samples));
	c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		client_die(c, path);
	(void)next_line(c);
}

void client_send(struct client *c, unsigned slot, const char *line, size_t n)
{
	c->sent_at[slot] = now();
	while (n > 0) {
		ssize_t done = write(c->fd, line, n);
		if (done < 0)
			client_die(c, "control socket");
		line += done;
		n -= (size_t)done;
	}
}

const char *client_answer(struct client *c, unsigned *slot)
{
	const char *line = next_line(c), *id = strstr(line, "\"id\":");
	unsigned long n = id ? strtoul(id + 5, NULL, 10) : 0;

	if (n == 0 || n > c->depth || strstr(line, "\"error\":")) {
		(void)fprintf(stderr, "%s: %.500s\n", c->program, line);
		exit(1);
	}
	*slot = (unsigned)n - 1;
	if (c->n_samples < SAMPLES_MAX)
		c->samples[c->n_samples++] = (float)((now() - c->sent_at[*slot]) * 1e6);
	return line;
}

double client_run(struct client *c, double seconds, void (*send)(void *ctx, unsigned slot),
                  void (*took)(void *ctx, const char *answer), void *ctx)
{
	unsigned in_flight = 0, slot;
	double start = now();

	while (in_flight < c->depth)
		send(ctx, in_flight++);
	while (in_flight > 0) {
		const char *answer = client_answer(c, &slot);
		if (took)
			took(ctx, answer);
		if (now() - start < seconds)
			send(ctx, slot);
		else
			in_flight--;
	}
	return now() - start;
}

char *client_payload(const struct client *c, size_t n)
{
	struct prng prng = prng_init(1);
	uint8_t *raw = client_alloc(c, n + 1);
	char *text = client_alloc(c, BASE64_ENCODE_RAW_LENGTH(n) + 1);

	for (size_t i = 0; i < n; i++)
		raw[i] = (uint8_t)prng_u64(&prng);
	base64_encode_raw(text, n, raw);
	text[BASE64_ENCODE_RAW_LENGTH(n)] = '\0';
	free(raw);
	return text;
}

static int by_value(const void *x, const void *y)
{
	float a = *(const float *)x, b = *(const float *)y;

	return (a > b) - (a < b);
}

void client_print(struct client *c, const char *what, double seconds)
{
	size_t n = c->n_samples;

	qsort(c->samples, n, sizeof(*c->samples), by_value);
	printf("{\"%s\":%zu,\"seconds\":%.3f,\"%s_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"max_us\":%.1f}\n",
	       what, n, seconds, what, (double)n / seconds, (double)c->samples[n / 2],
	       (double)c->samples[n * 99 / 100], (double)c->samples[n - 1]);
}
