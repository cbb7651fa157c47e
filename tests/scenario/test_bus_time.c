/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bus time by way of mirroring: single figures against sums made by hand from the timing profile,
 * and the tables in tests/bench, and what is said about them, against what they would be made as
 * now.
 */
#include "bench/bus_time.h"
#include "scenario/bus_time_prose.h"
#include "unit/tap_main.h"

#include <stdlib.h>
#include <string.h>

#define LEN 4096

/*
 * spi3, in ns. ARBITRATION 2400 + 800 + 400; (RE)SELECTION 4 * 45 + 400; a phase begins with a
 * bus settle delay of 400, and a data release delay of 400 where I/O goes true; 160 a byte of
 * COMMAND, STATUS and MESSAGE; BUS FREE 400 + 800.
 */
#define ARBITRATE         3600
#define SELECT            580
#define BYTES(n)          (400 + 160 * (n))
#define TURN              400
#define FREE              1200
#define DATA_4K           (400 + 25625) /* Ultra160: 2050 transfers, CRC included, of 12.5 */
#define CDB_LEN           16            /* WRITE(16) */
#define NEXUS_LEN         (1 + 2)       /* IDENTIFY, SIMPLE */
#define MIRROR_LEN        12            /* each of the initiator's messages */
#define MIRROR_STATUS_LEN 14
#define STATUS_COMPLETE   (BYTES(1) + BYTES(1))

#define CONVENTIONAL_FRONT (ARBITRATE + SELECT + BYTES(NEXUS_LEN) + BYTES(CDB_LEN) + DATA_4K)
#define CONVENTIONAL                                                                               \
	(CONVENTIONAL_FRONT + TURN + BYTES(1) + FREE + ARBITRATE + SELECT + BYTES(NEXUS_LEN) +     \
	 STATUS_COMPLETE + FREE)
#define HELD (CONVENTIONAL_FRONT + TURN + STATUS_COMPLETE + FREE)
#define SILENT(n)                                                                                  \
	(ARBITRATE + SELECT + BYTES(NEXUS_LEN + MIRROR_LEN) + BYTES(CDB_LEN) + DATA_4K +           \
	 ((n)-1) * (BYTES(MIRROR_LEN) + DATA_4K) + BYTES(MIRROR_LEN) + FREE +                      \
	 (n) * (ARBITRATE + SELECT + BYTES(NEXUS_LEN + MIRROR_STATUS_LEN) + STATUS_COMPLETE +      \
	        FREE))
/* Both messages of a broadcast pass have a bitmap. */
#define BROADCAST(n)                                                                               \
	(ARBITRATE + SELECT + BYTES(NEXUS_LEN + MIRROR_LEN + 4) + BYTES(CDB_LEN) + DATA_4K +       \
	 BYTES(MIRROR_LEN + 4) + FREE +                                                            \
	 (n) * (ARBITRATE + SELECT + BYTES(NEXUS_LEN + MIRROR_STATUS_LEN) + STATUS_COMPLETE +      \
	        FREE))

START_TEST(figures_are_those_made_by_hand)
{
	struct couple *c = bus_time_couple(MODE_ULTRA160, 3);

	ck_assert_uint_eq(bus_time_block(c, WAY_CONVENTIONAL, 1, LEN), CONVENTIONAL);
	ck_assert_uint_eq(CONVENTIONAL, 43585);
	ck_assert_uint_eq(bus_time_block(c, WAY_CONVENTIONAL, 3, LEN), 3 * CONVENTIONAL);
	ck_assert_uint_eq(bus_time_block(c, WAY_HELD, 1, LEN), HELD);
	ck_assert_uint_eq(HELD, 36765);
	ck_assert_uint_eq(bus_time_block(c, WAY_SILENT, 2, LEN), SILENT(2));
	ck_assert_uint_eq(SILENT(2), 87070);
	ck_assert_uint_eq(bus_time_block(c, WAY_SILENT, 1, LEN), SILENT(1));
	ck_assert_uint_eq(bus_time_block(c, WAY_SILENT, 3, LEN), SILENT(3));
	ck_assert_uint_eq(bus_time_block(c, WAY_BROADCAST, 3, LEN), BROADCAST(3));
	ck_assert_uint_eq(BROADCAST(3), 69625);
	couple_free(c);
}
END_TEST

START_TEST(a_task_without_disconnection_keeps_the_bus)
{
	struct couple *c = bus_time_couple(MODE_ULTRA160, 1);

	couple_forget(c);
	(void)bus_time_block(c, WAY_HELD, 1, LEN);
	ck_assert_uint_eq(couple_count(c, PHASE_SELECTION), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_RESELECTION), 0);
	ck_assert_uint_eq(couple_count(c, PHASE_BUS_FREE), 1);
	couple_forget(c);
	(void)bus_time_block(c, WAY_CONVENTIONAL, 1, LEN);
	ck_assert_uint_eq(couple_count(c, PHASE_RESELECTION), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_BUS_FREE), 2);
	couple_free(c);
}
END_TEST

static ns_t total(const struct wire_stats *s, enum tenure_kind kind)
{
	ns_t sum = 0;

	for (unsigned p = 0; p < PHASE_KINDS; p++)
		sum += s->phase[kind][p].ns;
	return sum;
}

static void check_totals(struct couple *c, enum bus_time_way way, enum tenure_kind kind,
                         uint32_t moved)
{
	struct wire_stats before = *couple_stats(c);

	couple_forget(c);
	ns_t ns = bus_time_block(c, way, 3, LEN);
	const struct wire_stats *after = couple_stats(c);
	ns_t traced = 0;
	for (unsigned i = 0; i < c->n_trace; i++) {
		const struct bus_trace *t = &c->trace[i].t;
		ck_assert_uint_eq(t->t_ns, c->trace[0].t.t_ns + traced); /* no gap, no overlap */
		traced += t->dur_ns;
	}
	ck_assert_uint_eq(traced, ns);
	for (unsigned k = 0; k < TENURE_KINDS; k++)
		ck_assert_uint_eq(total(after, k) - total(&before, k), k == kind ? ns : 0);
	ck_assert_uint_eq(after->phase[kind][PHASE_DATA_OUT].bytes -
	                          before.phase[kind][PHASE_DATA_OUT].bytes,
	                  moved);
}

START_TEST(totals_by_phase_sum_to_what_the_tenures_took)
{
	struct couple *c = bus_time_couple(MODE_ULTRA160, 3);

	check_totals(c, WAY_CONVENTIONAL, TENURE_CONVENTIONAL, 3 * LEN);
	check_totals(c, WAY_HELD, TENURE_CONVENTIONAL, 3 * LEN);
	check_totals(c, WAY_SILENT, TENURE_SILENT, 3 * LEN);
	check_totals(c, WAY_BROADCAST, TENURE_BROADCAST, LEN);
	couple_free(c);
}
END_TEST

/* What the model says of conventional packetized writes is what they take: of each disk in turn,
 * its write, then its status. */
START_TEST(packetized_writes_take_what_the_model_says)
{
	static const uint32_t lens[] = {512, 4096, 65536};

	for (unsigned how = 0; how < 3; how++) {
		enum bus_time_iu way = how == 0 ? IU_CONVENTIONAL : how == 1 ? IU_RETAINED : IU_QAS;
		struct couple *c = bus_time_iu_couple(how > 0, how > 1, 4);
		/* What is retained has been since the first data. */
		(void)bus_time_block(c, WAY_CONVENTIONAL, 4, 512);
		for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
			ns_t ran = bus_time_block(c, WAY_CONVENTIONAL, 4, lens[i]);
			ns_t model = bus_time_iu_block(way, 4, lens[i]);
			/* Nobody waits for the bus when one of these tenures is over, and each but
			 * the model's last has its QAS REQUEST: BUS FREE, ARBITRATION and the delay
			 * are what handing on would have spared. */
			if (way == IU_QAS)
				model += 7 * (1000 + FREE + ARBITRATE - 1800) + BYTES(1) + 1000;
			ck_assert_msg(ran <= model + 1 && model <= ran + 1,
			              "way %u, %u bytes: ran %llu, model %llu", how, lens[i],
			              (unsigned long long)ran, (unsigned long long)model);
		}
		couple_free(c);
	}
}
END_TEST

START_TEST(passes_beside_information_units_take_what_they_take_without)
{
	struct couple *plain = bus_time_couple(MODE_ULTRA160, 3);
	struct couple *units = bus_time_iu_couple(false, false, 3);

	ck_assert(hba_target(units->h, 0)->xfer.options & XFER_IU_REQ);
	for (unsigned way = WAY_SILENT; way < WAYS; way++)
		ck_assert_uint_eq(bus_time_block(units, (enum bus_time_way)way, 3, LEN),
		                  bus_time_block(plain, (enum bus_time_way)way, 3, LEN));
	couple_free(plain);
	couple_free(units);
}
END_TEST

/* ---- the files ---- */

static char *slurp(const char *name, size_t *n)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/bench/%s", top ? top : ".", name);
	FILE *f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s cannot be read", path);
	char *text = malloc(1 << 20);
	ck_assert_ptr_nonnull(text);
	*n = fread(text, 1, (1 << 20) - 1, f);
	text[*n] = '\0';
	fclose(f);
	return text;
}

static void same(const char *name, const struct bus_time *t,
                 void (*put)(const struct bus_time *, FILE *))
{
	char *made = NULL;
	size_t made_n = 0, kept_n = 0, at = 0;
	FILE *f = open_memstream(&made, &made_n);

	ck_assert_ptr_nonnull(f);
	put(t, f);
	ck_assert_int_eq(fclose(f), 0);
	char *kept = slurp(name, &kept_n);
	while (at < made_n && at < kept_n && made[at] == kept[at])
		at++;
	ck_assert_msg(at == made_n && at == kept_n,
	              "tests/bench/%s differs from byte %zu on: run make bench-bus-time, see what "
	              "changed, and whether tests/bench/BUS-TIME.md still holds",
	              name, at);
	free(kept);
	free(made);
}

START_TEST(tables_picture_and_prose_are_those_kept)
{
	static struct bus_time t;

	bus_time_run(&t);
	ck_assert(t.mode[MODE_FAST20].runs && t.mode[MODE_FAST40].runs);
	ck_assert(t.mode[MODE_ULTRA160].runs && !t.mode[MODE_ULTRA320].runs);
	ck_assert_uint_eq(t.mode[MODE_ULTRA160].ns[SIZE_4K][1][WAY_SILENT], SILENT(2));
	same("bus-time.txt", &t, bus_time_text);
	same("bus-time.svg", &t, bus_time_svg);
	size_t n;
	char *prose = slurp("BUS-TIME.md", &n);
	bus_time_prose_check(&t, prose);
	free(prose);
}
END_TEST

TAP_MAIN("bus time", figures_are_those_made_by_hand, a_task_without_disconnection_keeps_the_bus,
         totals_by_phase_sum_to_what_the_tenures_took, packetized_writes_take_what_the_model_says,
         passes_beside_information_units_take_what_they_take_without,
         tables_picture_and_prose_are_those_kept);
