/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/state_beside.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/cursor.h"
#include "crash/files.h"
#include "crash/inside.h"
#include "shell/log.h"
#include "shell/store_begun.h"
#include "shell/target_disk.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK      512
#define BLOCKS     64
#define WHY        300
#define STORE      FILES_DIR "/d"
#define HEAD_CRC   28 /* of a file beside a store: store_beside.h */
#define ENTRIES_AT 8192
#define TUPLE      8
#define KILLED_AT  3 /* blocks that were being written */
#define KILLED     2
#define FILE_ROOM  sizeof(struct begun_file)

struct file {
	const char *name;
	size_t n;
	uint8_t bytes[FILE_ROOM];
};

/* What a process leaves that was killed. */
static struct left {
	struct disk_opts opts;
	const char *suffix; /* of the file that is named when it is refused */
	size_t entry;
	bool made;
	struct file store, meta, beside, begun;
} lefts[] = {
        {.opts = {.store = STORE,
                  .size = BLOCKS * BLOCK,
                  .block_size = BLOCK,
                  .name = "disk",
                  .integrity = true},
         .suffix = ".integrity",
         .entry = 4,
         .store.name = STORE,
         .meta.name = STORE ".meta",
         .beside.name = STORE ".integrity",
         .begun.name = STORE ".integrity.begun"},
        {.opts = {.store = STORE,
                  .size = BLOCKS * BLOCK,
                  .block_size = BLOCK,
                  .name = "disk",
                  .protects = true},
         .suffix = ".protection",
         .entry = TUPLE,
         .store.name = STORE,
         .meta.name = STORE ".meta",
         .beside.name = STORE ".protection",
         .begun.name = STORE ".protection.begun"},
};

static void get(struct file *f)
{
	int fd = open(f->name, O_RDONLY);

	sm_assert(fd >= 0);
	f->n = (size_t)lseek(fd, 0, SEEK_END);
	sm_assert(f->n <= FILE_ROOM && pread(fd, f->bytes, f->n, 0) == (ssize_t)f->n);
	sm_assert(close(fd) == 0);
}

static void put(const struct file *f)
{
	int fd = open(f->name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	sm_assert(fd >= 0 && pwrite(fd, f->bytes, f->n, 0) == (ssize_t)f->n && close(fd) == 0);
}

static void be_killed(struct left *l)
{
	static uint8_t bytes[KILLED * (BLOCK + TUPLE)];
	struct target_disk t;
	char why[WHY];
	uint32_t good;

	memset(bytes, 0x5a, sizeof(bytes));
	sm_assert(target_disk_open(&l->opts, &(struct target_disk_how){0}, &t, why, sizeof(why)));
	struct store_op o = {.lba = KILLED_AT, .blocks = KILLED, .bytes = bytes};
	const struct protect how = {.type = 1};
	sm_assert(l->opts.protects
	                  ? store_protected(t.store, TGT_STORE_WRITE, &how, &o) == STORE_OK
	                  : store_write(t.store, KILLED_AT, KILLED, bytes, &good) == STORE_OK);
	files_look_at_memory();
	get(&l->store);
	get(&l->meta);
	get(&l->beside);
	get(&l->begun);
	target_disk_close(&t);
	l->made = true;
	files_reset();
}

/* ---- damage ---- */

static bool end_early(struct file *f, struct rd *r)
{
	uint8_t flags = rd_u8(r);

	if (flags & 1)
		f->n = rd_u16(r) * 4u % f->n;
	return f->n > 0 && !r->error;
}

static void change(struct file *f, struct rd *r)
{
	while (rd_left(r) >= 3) {
		size_t at = rd_u16(r) * 4u % f->n;
		uint8_t n = rd_u8(r);
		while (n-- > 0 && rd_left(r) > 0) {
			f->bytes[at] = rd_u8(r);
			at = (at + 1) % f->n;
		}
	}
}

static void repair_head(struct file *f, bool begun)
{
	struct begun_head head;
	struct wr w = wr_init(f->bytes + HEAD_CRC, 4);

	if (!begun) {
		wr_u32(&w, crc32c(0, f->bytes, HEAD_CRC));
	} else if (f->n >= sizeof(head)) {
		memcpy(&head, f->bytes, sizeof(head));
		head.crc = crc32c(0, &head, offsetof(struct begun_head, crc));
		memcpy(f->bytes, &head, sizeof(head));
	}
}

/* ---- a start ---- */

static enum tgt_store_result read_one(const struct left *l, struct store *s, lba_t lba)
{
	uint8_t bytes[BLOCK + TUPLE];
	const struct protect how = {.type = 1, .moved = true, .medium = PROTECT_GUARD};
	struct store_op o = {.lba = lba, .blocks = 1, .bytes = bytes};
	uint32_t good;

	return l->opts.protects ? store_protected(s, TGT_STORE_READ, &how, &o)
	                        : store_read(s, lba, 1, bytes, &good);
}

/* False: it is refused, with a word that names the file. */
static bool starts(const struct left *l, enum tgt_store_result results[BLOCKS])
{
	struct target_disk t;
	char why[WHY] = "";

	if (!target_disk_open(&l->opts, &(struct target_disk_how){0}, &t, why, sizeof(why))) {
		sm_assert(strstr(why, STORE) && strstr(why, l->suffix));
		return false;
	}
	for (lba_t lba = 0; lba < BLOCKS; lba++)
		results[lba] = read_one(l, t.store, lba);
	target_disk_close(&t);
	return true;
}

static bool is_changed(const struct left *l, const struct file *damaged, lba_t lba)
{
	size_t at = ENTRIES_AT + (size_t)lba * l->entry;

	return memcmp(l->beside.bytes + at, damaged->bytes + at, l->entry) != 0;
}

/* What a disk has that starts. Blocks are as they were: where what is about them is, too, they can
 * be read, in doubt or not. What is looked through at the first start is right at the second. */
static void look(const struct left *l, const struct file *damaged, bool begun)
{
	enum tgt_store_result first[BLOCKS], then[BLOCKS];

	if (!starts(l, first))
		return;
	for (lba_t lba = 0; lba < BLOCKS; lba++)
		sm_assert(first[lba] == STORE_OK || (!begun && is_changed(l, damaged, lba)));
	sm_assert(starts(l, then) && memcmp(first, then, sizeof(first)) == 0);
}

void try_beside(enum beside_file which, const uint8_t *p, size_t n, bool repair)
{
	static struct file damaged;
	bool begun = which == BESIDE_SUMS_BEGUN || which == BESIDE_TUPLES_BEGUN;
	struct left *l = &lefts[which >= BESIDE_TUPLES];
	struct rd r = rd_init(p, n);

	log_set_level(LOG_LEVEL_ERROR); /* it is told what was looked through */
	if (!l->made)
		be_killed(l);
	damaged = begun ? l->begun : l->beside;
	if (end_early(&damaged, &r)) {
		change(&damaged, &r);
		if (repair && damaged.n >= HEAD_CRC + 4)
			repair_head(&damaged, begun);
	}
	put(&l->store);
	put(&l->meta);
	put(begun ? &l->beside : &damaged);
	put(begun ? &damaged : &l->begun);
	look(l, &damaged, begun);
}
