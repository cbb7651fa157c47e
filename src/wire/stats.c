/* SPDX-License-Identifier: BSD-2-Clause */
/* Payload of MGMT_BUS_STATS: the totals of the bus, and the timing profile in force. */
#include "base/assert.h"
#include "wire/codec.h"

#include <string.h>

bool wire_stats_get(struct span payload, struct wire_stats *out)
{
	struct wire_in in = {.r = rd_init(payload.p, payload.n)};
	struct wire_stats s = {0};

	s.now_ns = in_u64(&in, "now_ns");
	in_name(&in, "profile", s.profile);
	for (unsigned k = 0; k < TENURE_KINDS; k++)
		s.tenures[k] = in_u64(&in, "tenures");
	s.resets = in_u64(&in, "resets");
	s.selection_timeouts = in_u64(&in, "selection_timeouts");
	s.phase_timeouts = in_u64(&in, "phase_timeouts");
	s.refused_frames = in_u64(&in, "refused_frames");
	s.crc_errors = in_u64(&in, "crc_errors");
	for (unsigned k = 0; k < TENURE_KINDS; k++) {
		for (unsigned p = 0; p < PHASE_KINDS; p++) {
			s.phase[k][p].count = in_u64(&in, "count");
			s.phase[k][p].bytes = in_u64(&in, "bytes");
			s.phase[k][p].ns = in_u64(&in, "ns");
		}
	}
	s.n_values = in_u8_range(&in, "n_values", 0, ARRAY_LEN(s.value));
	for (unsigned i = 0; i < s.n_values; i++) {
		in_text(&in, "name", s.value[i].name, sizeof(s.value[i].name) - 1);
		s.value[i].ps = in_u64(&in, "ps");
	}
	if (!rd_done(&in.r))
		return false;
	*out = s;
	return true;
}

void wire_stats_put(struct wr *w, const struct wire_stats *s)
{
	sm_assert(s->n_values <= ARRAY_LEN(s->value));
	wr_u64(w, s->now_ns);
	out_name(w, s->profile);
	for (unsigned k = 0; k < TENURE_KINDS; k++)
		wr_u64(w, s->tenures[k]);
	wr_u64(w, s->resets);
	wr_u64(w, s->selection_timeouts);
	wr_u64(w, s->phase_timeouts);
	wr_u64(w, s->refused_frames);
	wr_u64(w, s->crc_errors);
	for (unsigned k = 0; k < TENURE_KINDS; k++) {
		for (unsigned p = 0; p < PHASE_KINDS; p++) {
			wr_u64(w, s->phase[k][p].count);
			wr_u64(w, s->phase[k][p].bytes);
			wr_u64(w, s->phase[k][p].ns);
		}
	}
	wr_u8(w, s->n_values);
	for (unsigned i = 0; i < s->n_values; i++) {
		out_text(w, s->value[i].name, sizeof(s->value[i].name) - 1);
		wr_u64(w, s->value[i].ps);
	}
}
