/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the initiator still has when all has come to rest: every io, part of a block, buffer and
 * parameter list is back where it came from, and no tag keeps data. The sanitizers look for memory
 * that is lost; this looks for blocks that are kept.
 */
#include "initiator/core.h"
#include "initiator/hba_core.h"
#include "sim/rest.h"

static const char *kept_by_adapter(const struct hba *h)
{
	for (unsigned id = 0; id < WIRE_IDS; id++) {
		const struct hba_port *p = &h->port[id];
		for (unsigned tag = 0; tag < HBA_TAGS; tag++) {
			if (p->tag[tag].owner)
				return "a tag has an owner";
			if (p->tag[tag].data && p->tag[tag].state == HBA_TAG_FREE)
				return "a free tag keeps data";
		}
		if (p->t.in_flight > 0 || p->waiting > 0 || p->frozen > 0)
			return "something is in flight to a target";
	}
	return h->passes > 0 ? "a pass is not over" : NULL;
}

const char *rest_kept(const struct ini *ini, const struct hba *h)
{
	const struct view *v;
	const struct buffer *b;
	const struct param *p;
	unsigned views = 0, buffers = 0, params = 0;

	TAILQ_FOREACH (v, &ini->view_free, link)
		views++;
	TAILQ_FOREACH (b, &ini->buffer_free, link)
		buffers++;
	TAILQ_FOREACH (p, &ini->param_free, link)
		params++;
	if (ini->n_io_free != INI_IOS)
		return "a run of blocks";
	if (views != INI_VIEWS)
		return "a part of a block";
	if (buffers != INI_BUFFERS)
		return "a buffer";
	if (params != INI_PARAMS)
		return "a parameter list";
	return kept_by_adapter(h);
}
