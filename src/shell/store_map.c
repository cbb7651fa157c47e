/* SPDX-License-Identifier: BSD-2-Clause */
/* Which blocks of a store are there: those of which a byte is not in a hole of the file. */
#include "shell/store_inside.h"

#include <errno.h>
#include <unistd.h>

/* Bytes up to the next change from `at` on, which is below `end`; *data says what they are. Where
 * the file system does not tell, all is data. */
static uint64_t stretch(const struct store *s, uint64_t at, uint64_t end, bool *data)
{
	off_t next = lseek(s->fd, (off_t)at, SEEK_DATA);
	*data = true;
	if (next < 0 && errno == ENXIO) {
		*data = false; /* a hole up to the end */
		return end;
	}
	if (next > (off_t)at) {
		*data = false;
		return (uint64_t)next < end ? (uint64_t)next : end;
	}
	if (next >= 0)
		next = lseek(s->fd, (off_t)at, SEEK_HOLE);
	return next > (off_t)at && (uint64_t)next < end ? (uint64_t)next : end;
}

/* The same of whole blocks: one that is partly there is. */
static uint64_t blocks_alike(const struct store *s, lba_t lba, bool *mapped)
{
	uint64_t bs = s->block_size, end = s->blocks * bs;
	uint64_t next = stretch(s, lba * bs, end, mapped);
	if (*mapped)
		return (next + bs - 1) / bs - lba;
	uint64_t n = next / bs - lba;
	*mapped = n == 0; /* data begin within it */
	return n > 0 ? n : 1;
}

unsigned store_map(struct store *s, lba_t lba, struct lba_status *out, unsigned most)
{
	unsigned n = 0;
	while (n < most && lba < s->blocks) {
		bool mapped = true;
		uint64_t alike = blocks_alike(s, lba, &mapped);
		enum lba_provisioning status = mapped ? LBA_MAPPED : LBA_DEALLOCATED;
		struct lba_status *last = n > 0 ? &out[n - 1] : NULL;
		uint32_t more = last && last->status == status ? UINT32_MAX - last->blocks : 0;
		if (more == 0) {
			last = &out[n++];
			*last = (struct lba_status){.lba = lba, .status = status};
			more = UINT32_MAX;
		}
		more = alike < more ? (uint32_t)alike : more;
		last->blocks += more;
		lba += more;
	}
	return n;
}
