/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a store, shared by the store*.c files only. */
#ifndef SHELL_STORE_INSIDE_H
#define SHELL_STORE_INSIDE_H

#include "shell/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define PAGE 4096

struct scratch;

struct store {
	int fd;
	uint32_t block_size;
	uint64_t blocks;
	bool direct, in_memory;
	atomic_bool dead;               /* a flush failed */
	atomic_bool silent_r, silent_w; /* the file system does not know RWF_NOWAIT */
	pthread_mutex_t flushing; /* by one at a time: the kernel tells only one of an error */
	int journal;              /* of atomic writes; -1: not opened yet */
	char *journal_path;
	pthread_mutex_t journaling; /* one at a time */
	pthread_mutex_t lock;       /* of the buffers: as many as calls were made side by side */
	SLIST_HEAD(, scratch) scratch;
};

/* ---- store_atomic.c ---- */

/* What a process before this one had begun is brought to its end. False with why. */
bool store_atomic_open(struct store *s, const struct store_config *c, char *why, size_t n);
void store_atomic_close(struct store *s);

#endif
