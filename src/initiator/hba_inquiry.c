/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target answers to the steps of a scan (hba_scan.c), read and judged. It may be anything:
 * each length is looked at before what it spans, and what cannot be right is told in `why`.
 */
#include "initiator/hba_core.h"

#include <stdio.h>
#include <string.h>

bool hba_scan_bad(struct hba_scan *s, const char *what)
{
	snprintf(s->found.why, sizeof(s->found.why), "%s", what);
	return false;
}

/* An ASCII field without its trailing blanks; what is not printable becomes '?'. */
static void copy_text(char *to, size_t cap, const uint8_t *from, size_t n)
{
	while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\0'))
		n--;
	if (n > cap - 1)
		n = cap - 1;
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
	to[n] = '\0';
}

bool hba_read_inquiry(struct hba_scan *s, struct span d)
{
	if (d.n < 36)
		return hba_scan_bad(s, "INQUIRY: fewer than 36 bytes");
	if (d.p[0] != 0) {
		snprintf(s->found.why, sizeof(s->found.why),
		         "INQUIRY: peripheral %02xh is not a disk", d.p[0]);
		return false;
	}
	copy_text(s->found.vendor, sizeof(s->found.vendor), d.p + 8, 8);
	copy_text(s->found.product, sizeof(s->found.product), d.p + 16, 16);
	copy_text(s->found.revision, sizeof(s->found.revision), d.p + 32, 4);
	return true;
}

/* The bytes of a VPD page after its header, cut to its page length. Of a page that is longer than
 * what was asked for there are fewer, and its length says nothing of that (SPC-4, allocation
 * length). */
static bool vpd_body(struct span d, uint8_t page, struct span *out)
{
	if (d.n < 4 || d.p[1] != page)
		return false;
	size_t n = get_be16(d.p + 2);
	if (n > d.n - 4 && d.n < HBA_SCAN_BUF)
		return false;
	if (n > d.n - 4)
		n = d.n - 4;
	*out = (struct span){d.p + 4, n};
	return true;
}

static struct hba *hba_of(const struct hba_scan *s)
{
	return s->task.ctx;
}

/* A unit of the target at hand that its list does not name any more: it will be gone. */
static bool leaves(const struct hba_scan *s, const struct hba_target *t)
{
	return t->id == s->found.id && t->lun != 0 && t->state == HBA_SCANNING &&
	       !(s->luns >> t->lun & 1);
}

/* Of a further logical unit. Nobody but us sees to it that it is nobody else's, too. That may be
 * about to pass: the unit has moved here, and where it was we have not looked yet. */
static bool take_uuid(struct hba_scan *s, const uint8_t *uuid)
{
	const struct hba *h = hba_of(s);

	for (uint8_t unit = 0; unit < WIRE_IDS + h->n_extra; unit++) {
		const struct hba_target *t = hba_target(h, unit);
		if (unit == s->found.unit || t->state == HBA_ABSENT || leaves(s, t) ||
		    memcmp(t->uuid, uuid, UUID_LEN) != 0)
			continue;
		s->not_now = true;
		snprintf(s->found.why, sizeof(s->found.why),
		         "VPD page 83h: the UUID of LUN %u at ID %u", t->lun, t->id);
		return false;
	}
	memcpy(s->found.uuid, uuid, UUID_LEN);
	return true;
}

/* SPC-5, 7.7.6: the designator of type Ah, associated with the logical unit, holds a UUID. */
bool hba_read_identity(struct hba_scan *s, struct span d)
{
	struct span body;

	if (!vpd_body(d, 0x83, &body))
		return hba_scan_bad(s, "VPD page 83h: malformed");
	struct rd r = rd_init(body.p, body.n);
	while (rd_left(&r)) {
		rd_u8(&r);
		uint8_t type = rd_u8(&r);
		rd_u8(&r);
		struct span id = rd_bytes(&r, rd_u8(&r));
		if (r.error)
			break;
		if ((type & 0x3f) != 0x0a || id.n != 2 + UUID_LEN || id.p[0] >> 4 != 1)
			continue;
		if (s->found.lun != 0)
			return take_uuid(s, id.p + 2);
		/* The bus server sees to it that no two ports have one UUID: who names another one
		 * than its port's may be pretending to be somebody else. */
		return memcmp(s->found.uuid, id.p + 2, UUID_LEN) == 0 ||
		       hba_scan_bad(s, "VPD page 83h: another UUID than it attached with");
	}
	return hba_scan_bad(s, r.error ? "VPD page 83h: a designator is cut short"
	                               : "VPD page 83h: no UUID designator");
}

bool hba_read_serial(struct hba_scan *s, struct span d)
{
	struct span body;

	if (!vpd_body(d, 0x80, &body))
		return hba_scan_bad(s, "VPD page 80h: malformed");
	copy_text(s->found.serial, sizeof(s->found.serial), body.p, body.n);
	return true;
}

bool hba_read_mirror(struct hba_scan *s, struct span d)
{
	struct vpd_mirror vpd;

	if (!vpd_mirror_get(d, &vpd))
		return hba_scan_bad(s, "VPD page C0h: malformed");
	if (memcmp(vpd.uuid, s->found.uuid, UUID_LEN) != 0)
		return hba_scan_bad(s, "VPD pages 83h and C0h name different UUIDs");
	s->found.mirror = vpd.version == MIRROR_PROTOCOL_VERSION && vpd.silent;
	s->found.vpd = vpd;
	if (s->found.lun == 0)
		memcpy(s->found.name, vpd.name, sizeof(s->found.name));
	return true;
}

bool hba_read_capacity(struct hba_scan *s, struct span d)
{
	if (d.n < 12)
		return hba_scan_bad(s, "READ CAPACITY(16): fewer than 12 bytes");
	uint64_t last = get_be64(d.p);
	uint32_t size = get_be32(d.p + 8);
	if (size < 512 || size > 65536 || (size & (size - 1)) != 0) {
		snprintf(s->found.why, sizeof(s->found.why),
		         "READ CAPACITY(16): logical blocks of %u bytes", size);
		return false;
	}
	/* Offsets of files are signed, and so are the integers of JSON. */
	if (last >= INT64_MAX / size)
		return hba_scan_bad(s, "READ CAPACITY(16): 2^63 bytes or more");
	s->found.blocks = last + 1;
	s->found.block_size = size;
	return true;
}

bool hba_read_member(struct hba_scan *s, struct span d)
{
	if (d.n < 8 || d.n - 8 < get_be16(d.p + 6))
		return hba_scan_bad(s, "MODE SENSE(10): header cut short");
	size_t at = 8U + get_be16(d.p + 6);
	if (!mode_mirror_get((struct span){d.p + at, d.n - at}, &s->found.member))
		return hba_scan_bad(s, "mode page 30h: malformed");
	return true;
}

/* SAM-5, 4.7: peripheral or flat addressing, one level; what IDENTIFY cannot name is not for us. */
bool hba_read_luns(struct hba_scan *s, struct span d)
{
	s->luns = 0;
	for (size_t at = 8; at + 8 <= d.n && at + 8 <= 8 + (size_t)get_be32(d.p); at += 8) {
		const uint8_t *e = d.p + at;
		bool flat = e[0] >> 6 == 1 && (e[0] & 0x3f) == 0;
		if ((e[0] == 0 || flat) && e[1] > 0 && e[1] < SCSI_LUNS)
			s->luns |= UINT64_C(1) << e[1];
	}
	return true;
}
