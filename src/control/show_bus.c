/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/show.h"

static const char *const tenure_names[TENURE_KINDS] = {
        [TENURE_CONVENTIONAL] = "conventional",
        [TENURE_SILENT] = "silent",
        [TENURE_BROADCAST] = "broadcast",
};

void ctl_put_xfer(struct jw *w, const char *key, struct xfer x)
{
	char name[64];

	jw_obj(w, key);
	jw_str(w, "name", xfer_name(x, name, sizeof(name)));
	jw_u64(w, "period_factor", x.period);
	jw_u64(w, "offset", x.offset);
	jw_u64(w, "width_bits", x.wide ? 16 : 8);
	jw_u64(w, "options", x.options);
	jw_end_obj(w);
}

static void put_mask(struct jw *w, const char *key, uint16_t mask)
{
	jw_arr(w, key);
	for (unsigned id = 0; id < WIRE_IDS; id++)
		if (mask >> id & 1)
			jw_u64(w, NULL, id);
	jw_end_arr(w);
}

static const char *role_name(uint8_t role)
{
	switch ((enum wire_role)role) {
	case ROLE_TARGET:
		return "target";
	case ROLE_INITIATOR:
		return "initiator";
	case ROLE_TAP:
		return "tap";
	}
	return "unknown";
}

static const char *arm_name(uint8_t mode)
{
	switch ((enum wire_arm_mode)mode) {
	case ARM_NONE:
		return "no";
	case ARM_FRONT:
		return "front";
	case ARM_FULL:
		return "full";
	}
	return "unknown";
}

static void put_port(struct jw *w, const struct wire_show *s, unsigned i)
{
	jw_obj(w, NULL);
	jw_u64(w, "id", s->port[i].id);
	jw_str(w, "role", role_name(s->port[i].role));
	jw_str(w, "name", s->port[i].name);
	jw_uuid(w, "uuid", s->port[i].uuid);
	jw_u64(w, "epoch", s->port[i].epoch);
	jw_str(w, "armed", arm_name(s->port[i].arm_mode));
	ctl_put_xfer(w, "transfer", s->port[i].xfer);
	jw_u64(w, "refused_frames", s->port[i].refused);
	jw_u64(w, "queued", s->port[i].queued);
	jw_arr(w, "memberships");
	for (unsigned m = 0; m < s->port[i].n_members; m++) {
		jw_obj(w, NULL);
		jw_u64(w, "lun", s->port[i].members[m].lun);
		jw_u64(w, "group", s->port[i].members[m].group);
		jw_u64(w, "device", s->port[i].members[m].device);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
}

void ctl_put_bus(struct jw *w, const char *key, const struct wire_show *s)
{
	uint8_t boot[8];

	put_be64(boot, s->boot);
	jw_obj(w, key);
	jw_str(w, "profile", s->profile);
	jw_hex(w, "boot", boot, sizeof(boot));
	jw_u64(w, "bus_time_ns", s->now_ns);
	jw_u64(w, "tenure", s->tenure);
	put_mask(w, "bsy", s->bsy);
	put_mask(w, "sel", s->sel);
	if (s->driver == WIRE_NO_ID)
		jw_null(w, "driver");
	else
		jw_u64(w, "driver", s->driver);
	jw_arr(w, "ports");
	for (unsigned i = 0; i < s->n_ports && i < WIRE_IDS; i++)
		put_port(w, s, i);
	jw_end_arr(w);
	jw_end_obj(w);
}

struct sum {
	uint64_t count, bytes;
	ns_t ns;
};

static void put_sum(struct jw *w, const char *key, struct sum s)
{
	jw_obj(w, key);
	jw_u64(w, "count", s.count);
	jw_u64(w, "bytes", s.bytes);
	jw_u64(w, "ns", s.ns);
	jw_end_obj(w);
}

static void add(struct sum *to, struct sum s)
{
	to->count += s.count;
	to->bytes += s.bytes;
	to->ns += s.ns;
}

static bool is_phase(unsigned p)
{
	return p != 4 && p != 5; /* reserved by the standard */
}

static void put_phases(struct jw *w, const struct wire_stats *s)
{
	struct sum totals[PHASE_KINDS] = {0}, total = {0};

	jw_obj(w, "phases");
	for (unsigned k = 0; k < TENURE_KINDS; k++) {
		jw_obj(w, tenure_names[k]);
		for (unsigned p = 0; p < PHASE_KINDS; p++) {
			struct sum one = {s->phase[k][p].count, s->phase[k][p].bytes,
			                  s->phase[k][p].ns};

			if (!is_phase(p))
				continue;
			put_sum(w, scsi_phase_name((enum scsi_phase)p), one);
			add(&totals[p], one);
			add(&total, one);
		}
		jw_end_obj(w);
	}
	jw_end_obj(w);
	jw_obj(w, "totals");
	for (unsigned p = 0; p < PHASE_KINDS; p++)
		if (is_phase(p))
			put_sum(w, scsi_phase_name((enum scsi_phase)p), totals[p]);
	jw_end_obj(w);
	put_sum(w, "total", total);
}

void ctl_put_stats(struct jw *w, const char *key, const struct wire_stats *s)
{
	jw_obj(w, key);
	jw_u64(w, "bus_time_ns", s->now_ns);
	jw_str(w, "profile", s->profile);
	jw_obj(w, "tenures");
	for (unsigned k = 0; k < TENURE_KINDS; k++)
		jw_u64(w, tenure_names[k], s->tenures[k]);
	jw_end_obj(w);
	jw_u64(w, "resets", s->resets);
	jw_u64(w, "selection_timeouts", s->selection_timeouts);
	jw_u64(w, "phase_timeouts", s->phase_timeouts);
	jw_u64(w, "refused_frames", s->refused_frames);
	jw_u64(w, "crc_errors", s->crc_errors);
	put_phases(w, s);
	jw_obj(w, "profile_ns");
	for (unsigned i = 0; i < s->n_values && i < ARRAY_LEN(s->value); i++) {
		/* names come from the bus server: the key must be a string of ours */
		const char *name = s->value[i].name;
		bool fine = *name != '\0';

		for (const char *c = name; *c; c++)
			fine = fine && *c > ' ' && *c < 0x7f && *c != '"' && *c != '\\';
		if (fine)
			jw_milli(w, name, s->value[i].ps);
	}
	jw_end_obj(w);
	jw_end_obj(w);
}
