/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A directory in the test's memory, /crash, for what the shells keep: the system calls of the
 * programs' own code are led here when they name it (the linker's --wrap), and go on to the kernel
 * when they do not. All that changes something is written down, in its order, with what the test
 * notes in between; from these records each state is made that the end of the machine can leave.
 *
 * What is durable: a file's bytes when it was synced, a name when the directory was. Everything
 * else may be there or not, each operation by itself, and a write in part.
 *
 * A file that is mapped (files_memory()) is memory: what a process stores there is noticed at the
 * next operation, and is written down before it. It is there when the process was killed. When the
 * machine has ended it may be anything that it ever was, or a part: of that some are looked at; and
 * the machine's boot has another number then.
 */
#ifndef TESTS_CRASH_FILES_H
#define TESTS_CRASH_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_DIR  "/crash"
#define FILES_NAME 64
#define FILES_MOST 64 /* names at once */
#define SECTOR     512

enum record_kind {
	RECORD_CREATE, /* name -> file */
	RECORD_RENAME, /* name -> to */
	RECORD_UNLINK,
	RECORD_WRITE,
	RECORD_TRUNCATE, /* to `at` bytes */
	RECORD_SYNC,
	RECORD_SYNC_DIR,
	RECORD_NOTE, /* the test's: `file` says what */
};

struct record {
	enum record_kind kind;
	uint32_t file;
	char name[FILES_NAME], to[FILES_NAME];
	uint64_t at;
	size_t n;
	uint8_t *bytes;
	bool memory; /* of a file of which nothing is ever durable */
};

struct image { /* of the directory: names, and what is in the files */
	unsigned n;
	struct {
		char name[FILES_NAME];
		uint32_t file;
	} entry[FILES_MOST];
	uint32_t n_files;
	struct image_file {
		uint8_t *bytes;
		size_t n;
	} * file;
};

struct history {
	struct image before; /* all of it durable, and the first n_before records */
	size_t n_before, n, room;
	struct record *v;
	unsigned boot; /* of the machine */
};

/* The directory is empty, nothing has happened. */
void files_reset(void);
/* What happened since the last reset or take; the history begins anew with what is there now. */
struct history files_take(void);
void history_free(struct history *h);
/* Notes something of the test's among the operations. */
void files_note(uint32_t what, const void *bytes, size_t n);
/* How often the directory that holds ours was synced. */
unsigned files_parent_syncs(void);
/* So many records until now. */
size_t files_records(void);

/* How a record that is not durable came through. */
enum fate { FATE_KEPT, FATE_DROPPED, FATE_TORN };
struct fates {
	uint64_t kept;      /* a bit for each record that may go either way, in their order */
	size_t torn;        /* index in the history of the one that is torn; SIZE_MAX: none */
	size_t torn_at;     /* bytes of it that are there */
	uint64_t torn_mask; /* not 0: these sectors of it instead */
};

#define LOOSE_MAX 16
/* The records before `cut` that need not have come through. */
unsigned history_loose(const struct history *h, size_t cut, size_t loose[LOOSE_MAX]);
/* The directory is what the end of the machine left behind the first `cut` records; of one history
 * they are asked for in ascending order. */
void files_crash(struct history *h, size_t cut, const struct fates *f);
/* The process is killed behind the first `cut` records, in ascending order, too: all of it is
 * there, and what is not durable can still be lost behind what happens from now on. */
void files_kill(struct history *h, size_t cut);
/* Of what is there now. Of a file that is written anew before it gets its name only that it is
 * there: nobody reads it (calls.c sees to it). */
uint64_t files_hash(void);
bool files_scratch(const char *name);
bool files_memory(const char *name);
/* The process that had files open, and mapped, is no more. */
void files_unmap(void);
/* To look at one state several times. */
struct image files_copy(void);
void files_restore(const struct image *m);
void files_drop(struct image *m);

#endif
