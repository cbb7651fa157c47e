/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes of units that could not be used when they were scanned.
 *
 * A unit that fails because it is not ready (it formats, it is stopped), is busy without end, has
 * another initiator's reservation, or the UUID of a unit that is known elsewhere (it has moved) may
 * be usable later, and nobody tells us. It is probed: inquired again by the steps of hba_scan.c,
 * while the target's other units are at work, after pauses that double, until it is READY or that
 * was too often. If REPORT LUNS, too, had no answer, a probe that finds LUN 0 usable begins a scan:
 * what else there is, is not known.
 *
 *   the scan ends --some are for later--> PAUSE --> PROBING, each of them once
 *                                           ^--some still are--'  '--none is, or too often--> over
 */
#include "initiator/hba_core.h"

/* The pause before the first probe, the longest, and how many there are: for an hour. */
#define PROBE_FIRST_NS (500 * NS_PER_MS)
#define PROBE_MOST_NS  (64 * NS_PER_S)
#define PROBES         64

void hba_probe_later(struct hba_scan *s)
{
	s->later |= UINT64_C(1) << s->found.lun;
}

void hba_probe_arm(struct hba *h, struct hba_scan *s)
{
	ns_t pause = PROBE_FIRST_NS;

	s->probing = false;
	for (unsigned i = 0; i < s->probes && pause < PROBE_MOST_NS; i++)
		pause *= 2;
	if (s->later && s->probes < PROBES)
		hba_timer_set(h, &s->timer, h->now + pause);
}

void hba_probe_start(struct hba *h, struct hba_scan *s)
{
	s->probing = true;
	s->probes++;
	s->luns = s->later;
	s->later = 0;
	hba_scan_next(h, s);
}

/* It counts on, so that this ends where the list never comes: the last probe does without. */
bool hba_probe_scans(struct hba *h, struct hba_scan *s)
{
	uint8_t probes = s->probes;

	if (!s->probing || s->found.lun != 0 || !s->unlisted || probes >= PROBES)
		return false;
	hba_scan_anew(h, s->task.target);
	s->probes = probes;
	return true;
}

void hba_probe_stop(struct hba *h, struct hba_scan *s)
{
	hba_timer_clear(h, &s->timer);
	s->probing = false;
	s->probes = 0;
	s->later = 0;
}
