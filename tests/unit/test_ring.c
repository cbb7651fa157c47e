/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared memory for data, from its maker's side and from a reader's. */
#include "unit/tap_main.h"

#include "shell/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char why[200];

static struct ring *make(size_t bytes)
{
	struct ring *r = ring_new(7, bytes, why, sizeof(why));
	if (!r)
		ck_abort_msg("%s", why);
	return r;
}

static struct ring *reader(const struct ring *maker)
{
	struct ring *r = ring_open(7, ring_bytes(maker), dup(ring_fd(maker)), why, sizeof(why));
	if (!r)
		ck_abort_msg("%s", why);
	return r;
}

START_TEST(a_reader_sees_what_the_maker_wrote)
{
	struct ring *w = make(4 * MIB), *r = reader(w);
	struct block *b = ring_get(w, 300000);
	struct wire_ref ref;

	memset(b->data, 0x5a, b->len);
	ck_assert(b->shared);
	ck_assert(ring_find(w, b, &ref));
	ck_assert_uint_eq(ref.ring, 7);
	struct block *got = ring_at(r, &ref, 300000, why, sizeof(why));
	ck_assert_ptr_nonnull(got);
	ck_assert_ptr_ne(got->data, b->data);
	ck_assert_int_eq(memcmp(got->data, b->data, b->len), 0);
	ck_assert(ring_current(got));
	/* A reader passes it on as it came. */
	struct wire_ref again;
	ck_assert(ring_find(r, got, &again));
	ck_assert_int_eq(memcmp(&again, &ref, sizeof(ref)), 0);
	block_unref(b);
	block_unref(got);
	ring_unref(w);
	ring_unref(r);
}
END_TEST

START_TEST(memory_that_went_to_other_data_is_known_by_its_generation)
{
	struct ring *w = make(1 * MIB), *r = reader(w);
	struct block *b = ring_get(w, 4096);
	struct wire_ref ref, later;

	ck_assert(ring_find(w, b, &ref));
	struct block *got = ring_at(r, &ref, 4096, why, sizeof(why));
	uint8_t *at = b->data;
	block_unref(b);
	ck_assert(ring_current(got)); /* nobody has it yet */
	b = ring_get(w, 4096);
	ck_assert_ptr_eq(b->data, at);
	ck_assert(!ring_current(got));
	ck_assert(ring_find(w, b, &later));
	ck_assert_uint_ne(later.gen, ref.gen);
	block_unref(b);
	block_unref(got);
	ring_unref(w);
	ring_unref(r);
}
END_TEST

START_TEST(a_part_of_a_block_is_found)
{
	struct ring *w = make(1 * MIB), *other = make(1 * MIB), *r = reader(w);
	struct block *b = ring_get(w, 64 * KIB);
	struct block part = {.refs = 1, .len = 512, .cap = 512, .data = b->data + 5 * 512};
	struct wire_ref whole, ref;

	ck_assert(ring_find(w, b, &whole) && ring_find(w, &part, &ref));
	ck_assert_uint_eq(ref.off, whole.off + 5 * 512);
	ck_assert_uint_eq(ref.gen, whole.gen);
	ck_assert(!ring_find(other, &part, &ref) && !ring_find(other, b, &ref));
	struct block *got = ring_at(r, &(struct wire_ref){7, whole.off + 5 * 512, whole.gen}, 512,
	                            why, sizeof(why));
	b->data[5 * 512] = 0x77;
	ck_assert_uint_eq(got->data[0], 0x77);
	ck_assert(ring_current(got));
	block_unref(got);
	block_unref(b);
	ring_unref(w);
	ring_unref(other);
	ring_unref(r);
}
END_TEST

START_TEST(room_is_bounded_and_comes_back)
{
	struct ring *w = make(1 * MIB);
	struct block *b[256];

	ck_assert_ptr_null(ring_get(w, 2 * MIB));
	ck_assert_ptr_null(ring_get(w, 64 * MIB)); /* longer than any run */
	for (int i = 0; i < 256; i++) {
		b[i] = ring_get(w, i % 2 ? 1 : 4096);
		ck_assert_ptr_nonnull(b[i]);
	}
	ck_assert_ptr_null(ring_get(w, 1));
	for (int i = 0; i < 256; i++)
		block_unref(b[i]);
	b[0] = ring_get(w, 1 * MIB);
	ck_assert_ptr_nonnull(b[0]);
	block_unref(b[0]);
	ring_unref(w);
}
END_TEST

START_TEST(blocks_keep_the_memory)
{
	struct ring *w = make(1 * MIB);
	struct block *b = ring_get(w, 4096);

	ring_unref(w);
	memset(b->data, 1, 4096);
	block_unref(b);
}
END_TEST

START_TEST(references_outside_are_refused_by_name)
{
	struct ring *w = make(1 * MIB), *r = reader(w);
	const uint32_t end = (uint32_t)ring_bytes(w);
	const struct {
		uint32_t off, len;
	} rows[] = {{0, 512},     {4095, 1},        {end, 1},
	            {end - 1, 2}, {UINT32_MAX, 16}, {4096, WIRE_DATA_MAX},
	            {8192, end}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wire_ref ref = {.ring = 7, .off = rows[i].off};
		why[0] = '\0';
		ck_assert_ptr_null(ring_at(r, &ref, rows[i].len, why, sizeof(why)));
		ck_assert_ptr_nonnull(strstr(why, "do not lie in ring 7"));
	}
	struct block *last =
	        ring_at(r, &(struct wire_ref){7, end - 4096, 0}, 4096, why, sizeof(why));
	ck_assert_ptr_nonnull(last);
	block_unref(last);
	ring_unref(w);
	ring_unref(r);
}
END_TEST

/* The kernel's seals: whoever gets the descriptor can neither write nor change the length, not even
 * by opening it anew. */
START_TEST(a_reader_cannot_harm_it)
{
	struct ring *w = make(1 * MIB);
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ring_fd(w));
	const int fds[] = {dup(ring_fd(w)), open(path, O_RDWR | O_CLOEXEC)};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert_int_ge(fds[i], 0);
		ck_assert_int_ne(ftruncate(fds[i], 4096), 0);
		ck_assert_int_ne(ftruncate(fds[i], (off_t)ring_bytes(w) + 4096), 0);
		ck_assert_int_lt(pwrite(fds[i], "x", 1, 0), 0);
		ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0),
		                 MAP_FAILED);
		ck_assert_int_ne(fcntl(fds[i], F_ADD_SEALS, 0), 0);
		(void)close(fds[i]);
	}
	struct block *b = ring_get(w, 4096); /* its maker still can */
	memset(b->data, 3, 4096);
	block_unref(b);
	ring_unref(w);
}
END_TEST

static int memory(size_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(posix_fallocate(fd, 0, (off_t)bytes), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refused(uint64_t bytes, int fd, const char *text)
{
	why[0] = '\0';
	ck_assert_ptr_null(ring_open(1, bytes, fd, why, sizeof(why)));
	if (!strstr(why, text))
		ck_abort_msg("\"%s\" is not in \"%s\"", text, why);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0); /* it was closed */
}

START_TEST(what_is_no_ring_is_refused)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	int pipes[2];

	refused(1 * MIB, memory(1 * MIB, F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
	        "no sealed memory");
	refused(1 * MIB, memory(1 * MIB, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
	        "no sealed memory");
	refused(1 * MIB, open("/dev/null", O_RDWR | O_CLOEXEC), "no sealed memory");
	ck_assert_int_eq(pipe(pipes), 0);
	refused(1 * MIB, pipes[0], "no sealed memory");
	(void)close(pipes[1]);
	refused(2 * MIB, memory(1 * MIB, all), "not of the length");
	refused(1 * MIB, memory(2 * MIB, all), "not of the length");
	refused(1 * MIB, memory(1 * MIB, all), "not the form of a ring");
	refused(0, memory(1 * MIB, all), "no such length");
	refused(1 * MIB + 1, memory(1 * MIB, all), "no such length");
	refused(UINT64_MAX - 4095, memory(1 * MIB, all), "no such length");
	refused(4096 * MIB, memory(1 * MIB, all), "no such length");
}
END_TEST

/* A page that is not there yet would be a SIGBUS, or somebody else's memory, when it is looked at.
 */
START_TEST(memory_with_holes_is_refused)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	const struct {
		uint64_t magic;
		uint32_t pages, reserved;
	} head = {UINT64_C(0x736d6972726f7231), 255, 0};

	for (int filled = 0; filled < 2; filled++) {
		int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		ck_assert_int_eq(ftruncate(fd, 1 * MIB), 0);
		ck_assert_int_eq(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
		if (filled)
			ck_assert_int_eq(posix_fallocate(fd, 0, 1 * MIB), 0);
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, all), 0);
		struct ring *r = ring_open(1, 1 * MIB, fd, why, sizeof(why));
		ck_assert(!r == !filled);
		ck_assert(filled || strstr(why, "not all there"));
		ring_unref(r);
	}
}
END_TEST

START_TEST(a_set_has_each_number_once)
{
	struct ring_set s = {0};
	struct ring *r[RINGS_MAX + 1];
	struct wire_ref ref;

	for (uint32_t i = 0; i <= RINGS_MAX; i++)
		r[i] = ring_new(i, 1 * MIB, why, sizeof(why));
	for (uint32_t i = 0; i < RINGS_MAX; i++)
		ck_assert(ring_set_add(&s, r[i]));
	ck_assert(!ring_set_add(&s, r[RINGS_MAX]));
	ring_set_remove(&s, 3);
	ck_assert(!ring_set_add(&s, r[4]));
	ck_assert_ptr_null(ring_set_get(&s, 3));
	ck_assert_ptr_eq(ring_set_get(&s, 4), r[4]);
	struct block *in = ring_get(r[4], 100), *out = ring_get(r[3], 100);
	ck_assert(ring_set_find(&s, in, &ref));
	ck_assert_uint_eq(ref.ring, 4);
	ck_assert(!ring_set_find(&s, out, &ref));
	block_unref(in);
	block_unref(out);
	ring_set_clear(&s);
	ck_assert_ptr_null(ring_set_get(&s, 4));
	for (uint32_t i = 0; i <= RINGS_MAX; i++)
		ring_unref(r[i]);
}
END_TEST

TAP_MAIN("ring", a_reader_sees_what_the_maker_wrote,
         memory_that_went_to_other_data_is_known_by_its_generation, a_part_of_a_block_is_found,
         room_is_bounded_and_comes_back, blocks_keep_the_memory,
         references_outside_are_refused_by_name, a_reader_cannot_harm_it,
         what_is_no_ring_is_refused, memory_with_holes_is_refused, a_set_has_each_number_once);
