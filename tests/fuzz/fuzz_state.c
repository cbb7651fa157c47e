/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that the programs keep, damaged in any way: whatever is there, it is refused with a
 * word that names the file, or it is taken, and what is then written anew can be read again. The
 * files are in a directory in memory (tests/crash/calls.c). Those about each block: state_beside.c.
 *
 * The first byte: which file, and (20h) whether checksum and length are put right first, so that
 * what is behind them is looked at, too.
 */
#include "base/assert.h"
#include "base/crc.h"
#include "control/saved.h"
#include "control/state.h"
#include "crash/files.h"
#include "fuzz/state_beside.h"
#include "mirror/intent.h"
#include "shell/ended.h"
#include "shell/target_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define BLOCK    512
#define BLOCKS   64
#define REPAIR   0x20
#define WHY      300
#define FILE_MAX 65536

enum which {
	FILE_META,
	FILE_RECORD,
	FILE_LOG,
	FILE_STATE,
	FILE_JOBS,
	FILE_ENDED,
	FILE_SUMS,
	FILE_SUMS_BEGUN,
	FILE_TUPLES,
	FILE_TUPLES_BEGUN,
	FILES
};

static uint8_t bytes[FILE_MAX];

static void put_file(const char *path, const uint8_t *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	sm_assert(fd >= 0 && (n == 0 || write(fd, p, n) == (ssize_t)n) && close(fd) == 0);
}

static void repair_tail(size_t n)
{
	if (n < 4)
		return;
	struct wr w = wr_init(bytes + n - 4, 4);
	wr_u32(&w, crc32c(0, bytes, n - 4));
}

/* ---- a target ---- */

static const struct disk_opts opts = {
        .store = FILES_DIR "/d", .size = BLOCKS * BLOCK, .block_size = BLOCK, .name = "disk"};

/* False: it is refused. */
static bool open_disk(const char *file)
{
	static const uint8_t blocks[BLOCKS * BLOCK];
	struct target_disk t;
	char why[WHY] = "", core_why[WHY] = "";

	put_file(FILES_DIR "/d", blocks, sizeof(blocks)); /* without it, its metadata are refused */

	if (!target_disk_open(&opts, &(struct target_disk_how){0}, &t, why, sizeof(why))) {
		sm_assert(*why && strstr(why, FILES_DIR));
		sm_assert(strstr(why, file) || strstr(why, "block"));
		return false;
	}
	struct tgt_config c = {
	        .lu = target_disk_config(&opts, &t), .queue_depth = 4, .xfer = XFER_ULTRA160};
	struct tgt *core = tgt_new(&c, core_why, sizeof(core_why));
	if (core)
		tgt_check(core);
	sm_assert(core || *core_why);
	tgt_free(core);
	struct meta back, m = t.meta;
	sm_assert(meta_save(opts.store, &m, why, sizeof(why)));
	sm_assert(meta_load(opts.store, &back, why, sizeof(why)) == META_LOADED);
	sm_assert(back.n_saved == m.n_saved && memcmp(back.saved, m.saved, m.n_saved) == 0);
	sm_assert(memcmp(back.uuid, m.uuid, UUID_LEN) == 0 && back.block_size == m.block_size);
	target_disk_close(&t);
	return true;
}

static void try_meta(size_t n, bool repair)
{
	size_t rest = n > 9 && bytes[9] == 2 ? 44 : 36; /* by version */
	if (repair && n >= rest) { /* the length of what is saved, then the checksum */
		bytes[10] = (uint8_t)((n - rest) >> 8);
		bytes[11] = (uint8_t)(n - rest);
		repair_tail(n);
	}
	put_file(FILES_DIR "/d.meta", bytes, n);
	(void)open_disk("d.meta");
}

/* One that is whole is written to the store, and then there is none any more; one of another disk
 * is kept. */
static void try_record(size_t n, bool repair)
{
	uint32_t block = n >= 32 ? get_be32(bytes + 12) : 0;
	if (block > 0 && repair && (n - 32) % block == 0) {
		struct wr w = wr_init(bytes + 24, 8);
		wr_u32(&w, (uint32_t)((n - 32) / block));
		wr_u32(&w, crc32c(crc32c(0, bytes, 28), bytes + 32, n - 32));
	}
	put_file(FILES_DIR "/d.atomic", bytes, n);
	off_t left = open_disk("d.atomic") ? 0 : (off_t)n;
	int fd = open(FILES_DIR "/d.atomic", O_RDONLY);
	sm_assert(fd >= 0 && lseek(fd, 0, SEEK_END) == left && close(fd) == 0);
	sm_assert(unlink(FILES_DIR "/d.atomic") == 0);
}

/* Found once, whatever it is; a number that is taken is what would be written for it. */
static void try_ended(size_t n, bool repair)
{
	uint8_t again[64];
	char why[WHY] = "";

	if (repair)
		repair_tail(n);
	put_file(FILES_DIR "/d.ended", bytes, n);
	struct ended e, second;
	sm_assert(ended_take(FILES_DIR "/d", &e, why, sizeof(why)));
	sm_assert(e.number || n == 0 ? *why == '\0' : strstr(why, "d.ended") != NULL);
	if (e.number) {
		sm_assert(ended_save(FILES_DIR "/d", &e, why, sizeof(why)));
		int fd = open(FILES_DIR "/d.ended", O_RDONLY);
		sm_assert(fd >= 0 && read(fd, again, sizeof(again)) == (ssize_t)n &&
		          close(fd) == 0);
		sm_assert(memcmp(again, bytes, n) == 0);
		sm_assert(ended_take(FILES_DIR "/d", &second, why, sizeof(why)));
		sm_assert(second.number == e.number && second.luns == e.luns);
	}
	sm_assert(ended_take(FILES_DIR "/d", &e, why, sizeof(why)));
	sm_assert(e.number == 0 && *why == '\0');
}

/* ---- the daemon ---- */

static void try_log(size_t n, bool repair)
{
	static struct intent l;
	static uint8_t out[INTENT_SAVED_MAX];
	const uint8_t uuid[INTENT_UUID_LEN] = {0xaa, 1};
	char why[WHY] = "";

	if (repair)
		repair_tail(n);
	intent_init(&l, uuid, 4096, intent_shift(BLOCK, 4096, 32 * BLOCK));
	if (!intent_load(&l, bytes, n, why, sizeof(why))) {
		sm_assert(*why && l.n_dirty == 0 && l.n_behind == 0);
		intent_check(&l);
		return;
	}
	intent_check(&l);
	uint32_t dirty = l.n_dirty, behind = l.n_behind;
	size_t k = intent_save(&l, out);
	intent_init(&l, uuid, 4096, intent_shift(BLOCK, 4096, 32 * BLOCK));
	sm_assert(intent_load(&l, out, k, why, sizeof(why)));
	sm_assert(l.n_dirty == dirty && l.n_behind == behind);
}

static void envelop(struct jw *w, const char *format, size_t n, bool repair)
{
	const struct jw content = {.p = (char *)bytes, .n = n};

	if (repair)
		saved_put(w, format, &content);
	else
		jw_raw(w, (char *)bytes, n);
}

static void try_state(size_t n, bool repair)
{
	static struct ctl_state state, again;
	struct jw w = jw_init(), out = jw_init();
	char why[WHY] = "";

	envelop(&w, "smirror-state", n, repair);
	if (ctl_state_get(w.p, w.n, &state, why, sizeof(why))) {
		ctl_state_put(&out, &state);
		sm_assert(!out.failed && ctl_state_get(out.p, out.n, &again, why, sizeof(why)));
		sm_assert(again.n == state.n && again.next_job == state.next_job);
		sm_assert(memcmp(again.uuid, state.uuid, UUID_LEN) == 0);
	} else {
		sm_assert(*why);
	}
	jw_free(&out);
	jw_free(&w);
}

static void try_jobs(size_t n, bool repair)
{
	static struct ctl_jobs jobs, again;
	struct jw w = jw_init(), out = jw_init();
	char why[WHY] = "";

	envelop(&w, "smirror-jobs", n, repair);
	if (ctl_jobs_get(w.p, w.n, &jobs, why, sizeof(why))) {
		ctl_jobs_put(&out, &jobs);
		sm_assert(!out.failed && ctl_jobs_get(out.p, out.n, &again, why, sizeof(why)));
		sm_assert(again.n == jobs.n);
		ctl_jobs_free(&again);
		ctl_jobs_free(&jobs);
	} else {
		sm_assert(*why);
	}
	jw_free(&out);
	jw_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0 || n > FILE_MAX)
		return 0;
	bool repair = p[0] & REPAIR;
	memcpy(bytes, p + 1, n - 1);
	files_reset();
	switch ((enum which)((p[0] & 0x1f) % FILES)) {
	case FILE_META:
		try_meta(n - 1, repair);
		break;
	case FILE_RECORD:
		try_record(n - 1, repair);
		break;
	case FILE_LOG:
		try_log(n - 1, repair);
		break;
	case FILE_STATE:
		try_state(n - 1, repair);
		break;
	case FILE_JOBS:
		try_jobs(n - 1, repair);
		break;
	case FILE_ENDED:
		try_ended(n - 1, repair);
		break;
	case FILE_SUMS:
		try_beside(BESIDE_SUMS, bytes, n - 1, repair);
		break;
	case FILE_SUMS_BEGUN:
		try_beside(BESIDE_SUMS_BEGUN, bytes, n - 1, repair);
		break;
	case FILE_TUPLES:
		try_beside(BESIDE_TUPLES, bytes, n - 1, repair);
		break;
	case FILE_TUPLES_BEGUN:
		try_beside(BESIDE_TUPLES_BEGUN, bytes, n - 1, repair);
		break;
	case FILES:
		break;
	}
	files_reset();
	return 0;
}
