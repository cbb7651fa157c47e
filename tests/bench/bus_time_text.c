/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables. Integers only: no library's rounding is in them. */
#include "bench/bus_time.h"

static void put_head(const struct bus_time *t, FILE *f)
{
	fprintf(f,
	        "Bus time of one block mirrored to N members, in microseconds.\n"
	        "\n"
	        "Made by `make bench-bus-time` from tenures that the bus core ran and accounted, "
	        "by its\n"
	        "timing profile %s; the tables of %s at the end are computed by a model instead. "
	        "Targets\n"
	        "add no delays of their own. What the columns mean, and what the figures say, is "
	        "in\n"
	        "BUS-TIME.md.\n",
	        t->profile, bus_time_mode_name(MODE_ULTRA320));
}

static void put_us(FILE *f, ns_t ns)
{
	fprintf(f, "%11llu.%03u", (unsigned long long)(ns / NS_PER_US), (unsigned)(ns % NS_PER_US));
}

static void put_share(FILE *f, ns_t part, ns_t whole)
{
	unsigned share = bus_time_share(part, whole);

	fprintf(f, "%8u.%02u %%", share / 100, share % 100);
}

static void put_table(const struct bus_time *t, enum bus_time_mode mode, enum bus_time_size size,
                      FILE *f)
{
	fprintf(f, "\n%s, %s\n\n", bus_time_mode_name(mode), bus_time_size_name(size));
	fprintf(f, " N   conventional           held         silent");
	if (t->has_broadcast)
		fprintf(f, "      broadcast");
	fprintf(f, "   silent/conv.  silent/held%s\n", t->has_broadcast ? "  bcast/conv." : "");
	for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++) {
		const ns_t *ns = t->mode[mode].ns[size][n - 1];
		fprintf(f, "%2u", n);
		for (unsigned w = 0; w < (t->has_broadcast ? WAYS : WAY_BROADCAST); w++)
			put_us(f, ns[w]);
		fputs("  ", f);
		put_share(f, ns[WAY_SILENT], ns[WAY_CONVENTIONAL]);
		put_share(f, ns[WAY_SILENT], ns[WAY_HELD]);
		if (t->has_broadcast)
			put_share(f, ns[WAY_BROADCAST], ns[WAY_CONVENTIONAL]);
		fputc('\n', f);
	}
}

/* ---- Ultra320: conventional writes, by the model ---- */

static void put_iu_head(const struct bus_time *t, FILE *f)
{
	char agreed[40];

	fprintf(f,
	        "\n%s\n\n"
	        "Silent and broadcast: n/a. %s is what was agreed to:\n"
	        "Fast-160 exists with information units only, and with them there are no COMMAND "
	        "and "
	        "MESSAGE\n"
	        "phases that members could snoop; passes run at Ultra160 beside them. "
	        "Conventional: "
	        "computed by\n"
	        "the model (src/bus/packetized.h) by which the bus core times the packetized "
	        "tenures "
	        "that it runs,\n"
	        "profile %s; what runs takes what stands here. `retained`: with training "
	        "information retained; `QAS`: with that, and "
	        "quick\n"
	        "arbitration. The last three columns are the Ultra160 figures above beside the "
	        "first "
	        "one here.\n",
	        bus_time_mode_name(MODE_ULTRA320),
	        xfer_name(t->mode[MODE_ULTRA320].agreed, agreed, sizeof(agreed)), t->iu_profile);
}

static void put_iu_table(const struct bus_time *t, enum bus_time_size size, FILE *f)
{
	fprintf(f, "\n%s, %s, computed\n\n", bus_time_mode_name(MODE_ULTRA320),
	        bus_time_size_name(size));
	fprintf(f, "                                      retained       retained            QAS"
	           "            QAS    Ultra160, of the first column here\n");
	fprintf(f,
	        " N   conventional           held   conventional           held   conventional"
	        "           held     conventional      silent%s\n",
	        t->has_broadcast ? "   broadcast" : "");
	for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++) {
		const ns_t *iu = t->iu[size][n - 1];
		const ns_t *ns = t->mode[MODE_ULTRA160].ns[size][n - 1];
		fprintf(f, "%2u", n);
		for (unsigned w = 0; w < IUS; w++)
			put_us(f, iu[w]);
		fputs("    ", f);
		put_share(f, ns[WAY_CONVENTIONAL], iu[IU_CONVENTIONAL]);
		put_share(f, ns[WAY_SILENT], iu[IU_CONVENTIONAL]);
		if (t->has_broadcast)
			put_share(f, ns[WAY_BROADCAST], iu[IU_CONVENTIONAL]);
		fputc('\n', f);
	}
}

void bus_time_text(const struct bus_time *t, FILE *f)
{
	put_head(t, f);
	for (unsigned m = 0; m < MODES; m++)
		for (unsigned s = 0; t->mode[m].runs && s < SIZES; s++)
			put_table(t, (enum bus_time_mode)m, (enum bus_time_size)s, f);
	put_iu_head(t, f);
	for (unsigned s = 0; s < SIZES; s++)
		put_iu_table(t, (enum bus_time_size)s, f);
}
