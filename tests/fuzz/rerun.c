/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzzing harness over its corpus, without libFuzzer: each file as it is, and so many times
 * with a few bytes changed, cut or doubled (seeded: the same each time). A crash is the failure.
 * The corpus is $top_srcdir/tests/fuzz/corpus/NAME, or the files on the command line.
 */
#include "base/prng.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 65536U
#ifndef FUZZ_CHANGES
#define FUZZ_CHANGES 400
#endif

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t read_file(const char *path, uint8_t *out)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(out, 1, FILE_MAX, f) : 0;

	if (f)
		(void)fclose(f);
	return n;
}

/* In memory of exactly its size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);

	if (!exact)
		abort();
	memcpy(exact, p, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static size_t change(struct prng *g, uint8_t *p, size_t n)
{
	for (uint64_t hits = 1 + prng_below(g, 4); hits > 0 && n > 0; hits--) {
		uint64_t how = prng_below(g, 8);
		if (how == 0)
			n = prng_below(g, n + 1);
		else if (how == 1 && n <= FILE_MAX / 2)
			memcpy(p + n, p, n), n *= 2;
		else if (how < 5)
			p[prng_below(g, n)] ^= (uint8_t)(1U << prng_below(g, 8));
		else
			p[prng_below(g, n)] = (uint8_t)prng_u64(g);
	}
	return n;
}

static void run_file(const char *path, uint64_t seed)
{
	static uint8_t bytes[FILE_MAX], changed[FILE_MAX];
	struct prng g = prng_init(seed);
	size_t n = read_file(path, bytes);

	run(bytes, n);
	for (unsigned i = 0; i < FUZZ_CHANGES; i++) {
		memcpy(changed, bytes, n);
		run(changed, change(&g, changed, n));
	}
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int run_directory(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, visible, alphasort);

	if (n < 0) {
		printf("Bail out! %s cannot be read\n", dir);
		return 0;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		char path[1024];
		(void)snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		run_file(path, (uint64_t)i);
		printf("ok %d - %s\n", i + 1, list[i]->d_name);
		(void)fflush(stdout);
		free(list[i]);
	}
	free(list);
	return n;
}

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char dir[512];

	for (int i = 1; i < argc; i++)
		run_file(argv[i], 0);
	if (argc > 1)
		return 0;
	(void)snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s", top ? top : ".", FUZZ_NAME);
	return run_directory(dir) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
