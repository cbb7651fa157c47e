/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/page.h"

#include <string.h>

/* VPD page C0h. */
#define VPD_HEAD_LEN      4
#define VPD_MIRROR_LENGTH 64 /* PAGE LENGTH */
#define VPD_SILENT        0x01
#define VPD_BROADCAST     0x02
#define VPD_STARTED       0x04

/* Mode page 30h. */
#define MODE_PS            0x80
#define MODE_SPF           0x40
#define MODE_CODE          0x3f
#define MODE_MIRROR_LENGTH (MODE_MIRROR_LEN - 2) /* PAGE LENGTH */
#define MODE_MEMBER        0x01
#define MODE_NONE_IN_SYNC  0x02
#define MODE_IMPORTING     0x04
#define MODE_MEMBERS_SHIFT 3
#define MODE_NO_SYNC_OLD   31 /* members: none is in sync, of before there was a bit for that */

bool target_name_ok(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return n <= TARGET_NAME_MAX;
}

void vpd_mirror_put(struct wr *w, const struct vpd_mirror *p)
{
	wr_u8(w, 0); /* a disk, connected */
	wr_u8(w, VPD_MIRROR_PAGE);
	wr_u16(w, VPD_MIRROR_LENGTH);
	wr_u8(w, p->version);
	wr_u8(w, (uint8_t)((p->silent ? VPD_SILENT : 0) | (p->broadcast ? VPD_BROADCAST : 0) |
	                   (p->started ? VPD_STARTED : 0)));
	wr_u16(w, p->queue_depth);
	wr_u32(w, p->max_transfer);
	wr_u32(w, p->boot);
	wr_bytes(w, p->uuid, UUID_LEN);
	wr_padded(w, p->name, strnlen(p->name, TARGET_NAME_MAX), TARGET_NAME_MAX, 0);
	wr_zero(w, 4);
}

/* A NUL padded name: printable, and nothing but NUL after the first. */
static bool name_get(struct rd *r, char name[TARGET_NAME_MAX + 1])
{
	rd_copy(r, name, TARGET_NAME_MAX);
	name[TARGET_NAME_MAX] = '\0';
	size_t n = strlen(name);
	for (size_t i = n; i < TARGET_NAME_MAX; i++)
		if (name[i] != '\0')
			return false;
	return target_name_ok(name, n);
}

bool vpd_mirror_get(struct span page, struct vpd_mirror *out)
{
	struct rd r = rd_init(page.p, page.n);
	rd_skip(&r, 1);
	bool ok = rd_u8(&r) == VPD_MIRROR_PAGE;
	/* Later versions may append: what is after the fields that we know is not read. */
	ok = ok && rd_u16(&r) >= VPD_MIRROR_LENGTH && rd_left(&r) >= VPD_MIRROR_LENGTH;
	if (!ok)
		return false;
	struct vpd_mirror p = {.version = rd_u8(&r)};
	uint8_t flags = rd_u8(&r);
	p.silent = flags & VPD_SILENT;
	p.broadcast = flags & VPD_BROADCAST;
	p.started = flags & VPD_STARTED;
	p.queue_depth = rd_u16(&r);
	p.max_transfer = rd_u32(&r);
	p.boot = rd_u32(&r);
	rd_copy(&r, p.uuid, UUID_LEN);
	if (!name_get(&r, p.name))
		return false;
	*out = p;
	return true;
}

void mode_mirror_put(struct wr *w, const struct mode_mirror *p)
{
	wr_u8(w, MODE_PS | MODE_MIRROR_PAGE);
	wr_u8(w, MODE_MIRROR_LENGTH);
	wr_u8(w, (uint8_t)(p->members << MODE_MEMBERS_SHIFT | (p->member ? MODE_MEMBER : 0) |
	                   (p->none_in_sync ? MODE_NONE_IN_SYNC : 0) |
	                   (p->importing ? MODE_IMPORTING : 0)));
	wr_u8(w, p->device);
	wr_u16(w, p->group);
	wr_u16(w, p->term);
	wr_bytes(w, p->group_uuid, UUID_LEN);
	wr_u64(w, p->generation);
	wr_bytes(w, p->owner, UUID_LEN);
}

bool mode_mirror_get(struct span page, struct mode_mirror *out)
{
	struct rd r = rd_init(page.p, page.n);
	/* PS is for MODE SENSE; MODE SELECT must tolerate it, as what was read is often sent back.
	 */
	bool ok = (rd_u8(&r) & (MODE_SPF | MODE_CODE)) == MODE_MIRROR_PAGE;
	ok = rd_u8(&r) == MODE_MIRROR_LENGTH && ok;
	uint8_t flags = rd_u8(&r);
	struct mode_mirror p = {.member = flags & MODE_MEMBER,
	                        .none_in_sync = flags & MODE_NONE_IN_SYNC,
	                        .importing = flags & MODE_IMPORTING,
	                        .members = flags >> MODE_MEMBERS_SHIFT,
	                        .device = rd_u8(&r)};
	p.group = rd_u16(&r);
	p.term = rd_u16(&r);
	rd_copy(&r, p.group_uuid, UUID_LEN);
	p.generation = rd_u64(&r);
	rd_copy(&r, p.owner, UUID_LEN);
	if (r.error || !ok)
		return false;
	if (p.members == MODE_NO_SYNC_OLD) {
		p.members = 0;
		p.none_in_sync = true;
	}
	*out = p;
	return true;
}

bool mode_mirror_equal(const struct mode_mirror *a, const struct mode_mirror *b)
{
	return a->member == b->member && a->members == b->members &&
	       a->none_in_sync == b->none_in_sync && a->importing == b->importing &&
	       a->device == b->device && a->group == b->group &&
	       memcmp(a->group_uuid, b->group_uuid, UUID_LEN) == 0 &&
	       a->generation == b->generation && a->term == b->term &&
	       memcmp(a->owner, b->owner, UUID_LEN) == 0;
}

void lba_status_put(struct wr *w, const struct lba_status *v, size_t n)
{
	wr_u32(w, (uint32_t)(LBA_STATUS_HEAD_LEN - 4 + n * LBA_STATUS_DESCRIPTOR_LEN));
	wr_u32(w, 0);
	for (size_t i = 0; i < n; i++) {
		wr_u64(w, v[i].lba);
		wr_u32(w, v[i].blocks);
		wr_u8(w, (uint8_t)v[i].status);
		wr_zero(w, 3);
	}
}
