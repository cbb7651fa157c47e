/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/disk_opts.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

/* ---- single values ---- */

bool disk_block_size_ok(const char *v, char *why, size_t n)
{
	(void)snprintf(why, n, "%s is neither 512 nor 4096", v);
	return strcmp(v, "512") == 0 || strcmp(v, "4096") == 0;
}

bool disk_name_ok(const char *v, char *why, size_t n)
{
	(void)snprintf(why, n, "\"%s\" is not 1 to %d printable characters without blanks", v,
	               TARGET_NAME_MAX);
	return strlen(v) > 0 && target_name_ok(v, strlen(v));
}

bool disk_uuid_ok(const char *v, char *why, size_t n)
{
	uuid_t uuid;

	(void)snprintf(why, n, "\"%s\" is no UUID", v);
	return uuid_parse(v, uuid) == 0 && !uuid_is_null(uuid);
}

bool disk_protection_ok(const char *v, char *why, size_t n)
{
	(void)snprintf(why, n, "\"%s\" is no type of protection: 0, 1, 2 or 3", v);
	return v[0] >= '0' && v[0] <= '3' && v[1] == '\0';
}

bool disk_integrity_ok(const char *v, char *why, size_t n)
{
	(void)snprintf(why, n, "\"%s\" is neither crc32c nor none", v);
	return strcmp(v, "crc32c") == 0 || strcmp(v, "none") == 0;
}

void disk_integrity(struct disk_opts *d, const char *v)
{
	d->integrity = strcmp(v, "crc32c") == 0;
	d->no_integrity = !d->integrity;
}

void disk_default_name(struct disk_opts *d, const char *other)
{
	const char *slash = strrchr(d->store, '/');
	const char *base = slash ? slash + 1 : d->store;
	const char *dot = strrchr(base, '.');
	size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
	n = n < TARGET_NAME_MAX ? n : TARGET_NAME_MAX;
	if (target_name_ok(base, n) && n > 0)
		(void)snprintf(d->name, sizeof(d->name), "%.*s", (int)n, base);
	else
		(void)snprintf(d->name, sizeof(d->name), "%s", other);
}

/* ---- specifications ---- */

static bool take_size(struct disk_opts *d, const char *v, char *why, size_t n)
{
	(void)snprintf(why, n, "size=%s: must be a size of 512 bytes to 1024 TiB", v);
	return size_parse(v, &d->size) && d->size >= 512 && d->size <= DISK_SIZE_MOST;
}

static bool take_block_size(struct disk_opts *d, const char *v, char *why, size_t n)
{
	if (!disk_block_size_ok(v, why, n))
		return false;
	d->block_size = strcmp(v, "4096") == 0 ? 4096 : 512;
	return true;
}

static bool take_name(struct disk_opts *d, const char *v, char *why, size_t n)
{
	if (!disk_name_ok(v, why, n))
		return false;
	(void)snprintf(d->name, sizeof(d->name), "%s", v);
	return true;
}

static bool take_uuid(struct disk_opts *d, const char *v, char *why, size_t n)
{
	d->has_uuid = true;
	return disk_uuid_ok(v, why, n) && uuid_parse(v, d->uuid) == 0;
}

static bool take_write_protect(struct disk_opts *d, const char *v, char *why, size_t n)
{
	(void)v, (void)why, (void)n;
	d->write_protect = true;
	return true;
}

static bool take_thin(struct disk_opts *d, const char *v, char *why, size_t n)
{
	(void)v, (void)why, (void)n;
	d->thin = true;
	return true;
}

static bool take_protection(struct disk_opts *d, const char *v, char *why, size_t n)
{
	if (!disk_protection_ok(v, why, n))
		return false;
	d->protects = true;
	d->protection = (uint8_t)(v[0] - '0');
	return true;
}

static bool take_integrity(struct disk_opts *d, const char *v, char *why, size_t n)
{
	disk_integrity(d, v);
	return disk_integrity_ok(v, why, n);
}

static const struct {
	const char *name;
	bool valued;
	bool (*take)(struct disk_opts *d, const char *v, char *why, size_t n);
} keys[] = {
        {"size", true, take_size},
        {"block-size", true, take_block_size},
        {"name", true, take_name},
        {"uuid", true, take_uuid},
        {"write-protect", false, take_write_protect},
        {"thin", false, take_thin},
        {"protection", true, take_protection},
        {"integrity", true, take_integrity},
};

/* "key=value" or "key"; cuts it in two. */
static bool take_key(struct disk_opts *d, char *word, char *why, size_t n)
{
	char *value = strchr(word, '=');
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(word, keys[i].name) != 0)
			continue;
		(void)snprintf(why, n,
		               keys[i].valued ? "%s: a value is missing" : "%s takes no value",
		               word);
		if (keys[i].valued != (value != NULL))
			return false;
		return keys[i].take(d, value, why, n);
	}
	(void)snprintf(why, n, "\"%s\": no such option of a disk", word);
	return false;
}

/* Cuts up text, which d->store then points into. */
static bool parse(struct disk_opts *d, char *text, char *why, size_t n)
{
	char *rest = text;
	char *head = strsep(&rest, ",");
	char *file = strchr(head, '=');
	uint64_t lun;
	char other[16];

	if (file)
		*file++ = '\0';
	if (!file || !number_parse(head, 1, SCSI_LUNS - 1, &lun)) {
		(void)snprintf(why, n, "\"%s\": LUN=FILE is wanted, with a LUN of 1 to %d", head,
		               SCSI_LUNS - 1);
		return false;
	}
	if (*file == '\0') {
		(void)snprintf(why, n, "LUN %s: its file is missing", head);
		return false;
	}
	*d = (struct disk_opts){.lun = (uint8_t)lun, .store = file};
	while (rest)
		if (!take_key(d, strsep(&rest, ","), why, n))
			return false;
	uint32_t block_size = d->block_size ? d->block_size : 512;
	if (d->size % block_size != 0) {
		(void)snprintf(why, n, "size: %llu is not a multiple of the block size, %u",
		               (unsigned long long)d->size, (unsigned)block_size);
		return false;
	}
	(void)snprintf(other, sizeof(other), "lun%u", d->lun);
	if (d->name[0] == '\0')
		disk_default_name(d, other);
	return true;
}

bool disk_spec_ok(const char *spec, char *why, size_t n)
{
	struct disk_list scratch = {0};
	bool ok = disk_list_add(&scratch, spec, why, n);
	disk_list_free(&scratch);
	return ok;
}

bool disk_list_add(struct disk_list *l, const char *spec, char *why, size_t n)
{
	struct disk_opts d = {0};
	char *text = strdup(spec), *kept = strdup(spec);
	bool ok = text && kept;
	if (!ok)
		(void)snprintf(why, n, "out of memory");
	ok = ok && parse(&d, text, why, n);
	if (ok && disk_list_find(l, d.lun)) {
		(void)snprintf(why, n, "LUN %u is given twice", d.lun);
		ok = false;
	}
	if (!ok) {
		free(text);
		free(kept);
		return false;
	}
	d.file = text;
	d.spec = kept;
	unsigned at = l->n++;
	while (at > 0 && l->v[at - 1].lun > d.lun) {
		l->v[at] = l->v[at - 1];
		at--;
	}
	l->v[at] = d;
	return true;
}

const struct disk_opts *disk_list_find(const struct disk_list *l, uint8_t lun)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->v[i].lun == lun)
			return &l->v[i];
	return NULL;
}

static void disk_free(struct disk_opts *d)
{
	free(d->file);
	free(d->spec);
}

void disk_list_remove(struct disk_list *l, uint8_t lun)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < l->n; i++) {
		if (l->v[i].lun == lun)
			disk_free(&l->v[i]);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

void disk_list_free(struct disk_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		disk_free(&l->v[i]);
	l->n = 0;
}
