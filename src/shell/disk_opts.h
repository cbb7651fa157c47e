/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One disk of a target: a logical unit, and the file behind it. LUN 0 has options of its own; the
 * others are specifications:
 *
 *   LUN=FILE[,size=SIZE][,block-size=BYTES][,name=NAME][,uuid=UUID][,write-protect][,thin]
 *           [,protection=TYPE][,integrity=crc32c]
 */
#ifndef SHELL_DISK_OPTS_H
#define SHELL_DISK_OPTS_H

#include "scsi/msg.h"
#include "scsi/page.h"

#include <limits.h>

#define DISK_SIZE_MOST (1ULL << 50) /* bytes of a store */
#define DISK_SPEC_MAX  (PATH_MAX + 256)

struct disk_opts {
	uint8_t lun;
	const char *store;
	uint64_t size;       /* 0: as the store is */
	uint32_t block_size; /* 0: as the metadata say, else 512 */
	char name[TARGET_NAME_MAX + 1];
	bool has_uuid;
	uint8_t uuid[UUID_LEN];
	bool write_protect, thin;
	bool protects;      /* it can have protection information */
	uint8_t protection; /* the type that a disk which had none is formatted with */
	bool integrity;     /* it keeps checksums */
	bool no_integrity;  /* it is to do without, if they are gone */
	char *spec, *file;  /* owned: as it was given, what `store` points to; NULL: LUN 0 */
};

/* Those beside LUN 0, ascending by LUN. */
struct disk_list {
	struct disk_opts v[SCSI_LUNS - 1];
	unsigned n;
};

/* What a single value has to be. False with why, which names it. */
bool disk_block_size_ok(const char *v, char *why, size_t n);
bool disk_name_ok(const char *v, char *why, size_t n);
bool disk_uuid_ok(const char *v, char *why, size_t n);
bool disk_protection_ok(const char *v, char *why, size_t n);
void disk_integrity(struct disk_opts *d, const char *v);
bool disk_integrity_ok(const char *v, char *why, size_t n);
/* A specification, by itself. */
bool disk_spec_ok(const char *spec, char *why, size_t n);

/* Adds what a specification says. False with why: it is none, or its LUN is there. */
bool disk_list_add(struct disk_list *l, const char *spec, char *why, size_t n);
const struct disk_opts *disk_list_find(const struct disk_list *l, uint8_t lun);
void disk_list_remove(struct disk_list *l, uint8_t lun);
void disk_list_free(struct disk_list *l);

/* The name of a disk that was given none: that of the store without directory and extension, as far
 * as it can be one, else `other`. */
void disk_default_name(struct disk_opts *d, const char *other);

#endif
