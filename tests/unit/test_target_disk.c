/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that is opened: a start that is refused changes nothing of it, and the right one finds
 * what it needs. */
#include "shell/target_disk.h"
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES (64U * 4096)

static struct target_disk disk;

static void set_up(void)
{
	files_set_up(".meta");
}

static const char *beside(const char *suffix)
{
	static char name[160];
	(void)snprintf(name, sizeof(name), "%s%s", files.path, suffix);
	return name;
}

static bool opens(struct disk_opts o)
{
	o.store = files.path;
	return target_disk_open(&o, &(struct target_disk_how){0}, &disk, files.why,
	                        sizeof(files.why));
}

static const struct disk_opts as_it_is = {.size = BYTES};

/* Of blocks of 4096 bytes, with an atomic write that was cut off. */
static void make_disk(void)
{
	ck_assert_msg(opens((struct disk_opts){.size = BYTES, .block_size = 4096}), "%s",
	              files.why);
	target_disk_close(&disk);
	files_record(&(struct files_record){4096, 9, 2, 0x77, false}, SIZE_MAX);
}

static void is_finished(void)
{
	uint8_t byte;
	ck_assert_msg(opens(as_it_is), "%s", files.why);
	ck_assert_uint_eq(disk.meta.block_size, 4096);
	ck_assert_uint_eq(store_blocks(disk.store), BYTES / 4096);
	target_disk_close(&disk);
	peek(files.path, &byte, 1, 10 * 4096 + 4095);
	ck_assert_uint_eq(byte, 0x77);
}

static const struct {
	struct disk_opts o;
	const char *why;
} wrong[] = {
        {{.size = BYTES, .block_size = 512}, "has blocks of 4096 bytes, not 512"},
        {{.size = BYTES, .block_size = 512, .integrity = true}, "has blocks of 4096 bytes"},
        {{.size = BYTES, .block_size = 512, .protects = true, .protection = 1},
         "has blocks of 4096 bytes"},
        {{.size = BYTES, .has_uuid = true, .integrity = true}, "has another UUID"},
        {{.size = BYTES / 2, .integrity = true}, "as --size says"},
};

START_TEST(opened_as_another_disk)
{
	make_disk();
	ck_assert(!opens(wrong[_i].o));
	ck_assert_msg(strstr(files.why, wrong[_i].why), "%s", files.why);
	ck_assert(access(beside(".integrity"), F_OK) != 0);
	ck_assert(access(beside(".protection"), F_OK) != 0);
	is_finished();
}
END_TEST

/* Its block size is not known then. */
START_TEST(metadata_that_are_damaged)
{
	uint8_t was, is;
	make_disk();
	peek(files.beside, &was, 1, 20);
	is = was ^ 1;
	poke(files.beside, &is, 1, 20);
	ck_assert(!opens((struct disk_opts){.size = BYTES, .integrity = true}));
	ck_assert_ptr_nonnull(strstr(files.why, ".meta: damaged"));
	ck_assert(access(beside(".integrity"), F_OK) != 0);
	poke(files.beside, &was, 1, 20);
	is_finished();
}
END_TEST

/* Another file, or one that somebody made longer or shorter. The size that is asked for is what the
 * disk has from then on. */
static const struct {
	off_t bytes;
	const char *why;
} others[] = {
        {BYTES / 2, "has 131072 bytes, not 262144 as it had"},
        {BYTES * 2, "has 524288 bytes, not 262144 as it had"},
        {BYTES + 1, "has 262145 bytes, not 262144 as it had"},
        {0, "has 0 bytes, not 262144 as it had"},
};

START_TEST(another_size)
{
	off_t bytes = others[_i].bytes;
	make_disk();
	ck_assert_int_eq(truncate(files.path, bytes), 0);
	for (unsigned k = 0; k < 4; k++) {
		ck_assert(!opens((struct disk_opts){.write_protect = k & 1, .integrity = k & 2}));
		ck_assert_msg(strstr(files.why, others[_i].why), "%s", files.why);
	}
	ck_assert(access(beside(".integrity"), F_OK) != 0);
	if (bytes % 4096 == 0 && bytes > 0) {
		ck_assert_msg(opens((struct disk_opts){.size = (uint64_t)bytes}), "%s", files.why);
		target_disk_close(&disk);
		ck_assert_msg(opens((struct disk_opts){.size = 0}), "%s", files.why);
		ck_assert_uint_eq(disk.meta.blocks, (uint64_t)bytes / 4096);
		target_disk_close(&disk);
		ck_assert_int_eq(truncate(files.path, BYTES), 0);
		ck_assert(!opens((struct disk_opts){.size = 0}));
	}
	ck_assert_int_eq(truncate(files.path, BYTES), 0);
	ck_assert_msg(opens(as_it_is), "%s", files.why);
	target_disk_close(&disk);
}
END_TEST

/* Metadata of a program that did not keep it. */
START_TEST(a_size_that_is_not_known)
{
	make_disk();
	ck_assert_msg(opens(as_it_is), "%s", files.why);
	struct meta m = disk.meta;
	target_disk_close(&disk);
	m.blocks = 0;
	ck_assert(meta_save(files.path, &m, files.why, sizeof(files.why)));
	for (int k = 0; k < 3; k++) { /* what is only read stays as it is */
		uint8_t version;
		ck_assert_msg(opens((struct disk_opts){.write_protect = k == 0}), "%s", files.why);
		target_disk_close(&disk);
		peek(files.beside, &version, 1, 9);
		ck_assert_uint_eq(version, k == 0 ? 1 : 2);
	}
	ck_assert_uint_eq(disk.meta.blocks, BYTES / 4096);
	ck_assert_int_eq(truncate(files.path, BYTES / 2), 0);
	ck_assert(!opens((struct disk_opts){.size = 0}));
}
END_TEST

/* Checksums that are gone: nobody does without them who was not told to. */
static const struct {
	struct disk_opts o;
	const char *why; /* NULL: it is opened */
	bool has, had;   /* checksums then, by the metadata and the file */
} without[] = {
        {{.size = BYTES}, ".integrity: is not there, and the disk had it", false, true},
        {{.write_protect = true}, "say --integrity crc32c", false, true},
        {{.write_protect = true, .integrity = true}, "--integrity none", false, true},
        {{.size = BYTES, .integrity = true}, NULL, true, true},
        {{.size = BYTES, .no_integrity = true}, NULL, false, false},
        {{.write_protect = true, .no_integrity = true}, NULL, false, true},
};

START_TEST(checksums_that_are_gone)
{
	make_disk();
	is_finished();
	ck_assert_msg(opens((struct disk_opts){.size = BYTES, .integrity = true}), "%s", files.why);
	ck_assert(disk.meta.sums);
	target_disk_close(&disk);
	ck_assert_msg(opens((struct disk_opts){.no_integrity = true}), "%s", files.why);
	ck_assert(store_has_integrity(disk.store)); /* they are there */
	target_disk_close(&disk);
	ck_assert_int_eq(unlink(beside(".integrity")), 0);
	bool opened = opens(without[_i].o);
	ck_assert_msg(opened == !without[_i].why, "%s", files.why);
	if (opened)
		target_disk_close(&disk);
	else
		ck_assert_msg(strstr(files.why, without[_i].why), "%s", files.why);
	ck_assert((access(beside(".integrity"), F_OK) == 0) == without[_i].has);
	ck_assert_int_eq(meta_load(files.path, &disk.meta, files.why, sizeof(files.why)),
	                 META_LOADED);
	ck_assert(disk.meta.sums == without[_i].had);
	ck_assert(opens(as_it_is) == (without[_i].has || !without[_i].had));
}
END_TEST

TAP_MAIN_TABLE("target_disk", set_up, files_tear_down, TAP_EACH(opened_as_another_disk, wrong),
               TAP_ONCE(metadata_that_are_damaged), TAP_EACH(another_size, others),
               TAP_ONCE(a_size_that_is_not_known), TAP_EACH(checksums_that_are_gone, without));
