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
	pthread_mutex_t lock;     /* of the buffers: as many as calls were made side by side */
	SLIST_HEAD(, scratch) scratch;
};

#endif
