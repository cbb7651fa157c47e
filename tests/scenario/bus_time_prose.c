/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/bus_time_prose.h"

#include "unit/checks.h"
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#define TEXT_MOST 16384
#define SETTLE    400

struct prose {
	const struct bus_time *t;
	char text[TEXT_MOST]; /* each run of white space made one space */
	bool claimed[TEXT_MOST];
};

/* ---- figures ---- */

static ns_t ns(const struct prose *p, enum bus_time_mode mode, enum bus_time_size size, unsigned n,
               enum bus_time_way way)
{
	return p->t->mode[mode].ns[size][n - 1][way];
}

static ns_t u160(const struct prose *p, enum bus_time_size size, unsigned n, enum bus_time_way way)
{
	return ns(p, MODE_ULTRA160, size, n, way);
}

static ns_t u320(const struct prose *p, enum bus_time_size size, unsigned n, enum bus_time_iu way)
{
	return p->t->iu[size][n - 1][way];
}

/* "76.98 %": of the last few calls, so that one sentence can have several. */
static const char *share(ns_t part, ns_t whole)
{
	static char kept[16][16];
	static unsigned next;
	unsigned s = bus_time_share(part, whole);
	char *out = kept[next++ % 16];

	snprintf(out, sizeof(kept[0]), "%u.%02u %%", s / 100, s % 100);
	return out;
}

/* Of one way in Ultra160 beside another. */
static const char *of(const struct prose *p, enum bus_time_size size, unsigned n,
                      enum bus_time_way part, enum bus_time_way whole)
{
	return share(u160(p, size, n, part), u160(p, size, n, whole));
}

static const char *of_320(const struct prose *p, enum bus_time_size size, unsigned n,
                          enum bus_time_way part, enum bus_time_iu whole)
{
	return share(u160(p, size, n, part), u320(p, size, n, whole));
}

/* ---- sentences ---- */

static void squeeze(char *out, size_t most, const char *in)
{
	size_t n = 0;

	for (; *in; in++) {
		bool space = isspace((unsigned char)*in);
		if (space && n > 0 && out[n - 1] == ' ')
			continue;
		ck_assert_uint_lt(n + 1, most);
		out[n++] = space ? ' ' : *in;
	}
	out[n] = '\0';
}

__attribute__((format(printf, 2, 3))) static void says(struct prose *p, const char *fmt, ...)
{
	char phrase[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(phrase, sizeof(phrase), fmt, ap);
	va_end(ap);
	const char *at = strstr(p->text, phrase);
	ck_assert_msg(at != NULL, "tests/bench/BUS-TIME.md should say: %s", phrase);
	memset(p->claimed + (at - p->text), true, strlen(phrase));
}

/* Whether a figure that needs an account begins here; its length. */
static size_t figure(const char *s)
{
	size_t n = strspn(s, "0123456789");

	if (n > 0 && s[n] == '.' && isdigit((unsigned char)s[n + 1]) &&
	    isdigit((unsigned char)s[n + 2]) && s[n + 3] == ' ' && s[n + 4] == '%')
		return n + 5;
	return n >= 4 ? n : 0;
}

static void nothing_else(const struct prose *p)
{
	for (size_t i = 0; p->text[i]; i++) {
		if (i > 0 && (isalnum((unsigned char)p->text[i - 1]) || p->text[i - 1] == '.'))
			continue;
		size_t n = figure(p->text + i);
		ck_assert_msg(n == 0 || p->claimed[i],
		              "tests/bench/BUS-TIME.md: no test holds this figure: %.*s",
		              (int)n + 60, p->text + i);
	}
}

/* ---- what the text says ---- */

static unsigned long long number(ns_t x)
{
	return (unsigned long long)x;
}

/* Without the data phases: `data` of them for the first member, `more` for a further one. */
static void fixed_row(struct prose *p, const char *name, ns_t one, ns_t two, ns_t data,
                      unsigned more)
{
	says(p, "| %s | %llu | %llu |", name, number(one - data), number(two - one - more * data));
}

static void fixed_costs(struct prose *p)
{
	ns_t data = SETTLE + 25625; /* 2050 transfers of 12.5 */
	static const struct {
		const char *name;
		enum bus_time_way way;
		unsigned more;
	} rows[] = {{"conventional", WAY_CONVENTIONAL, 1},
	            {"held", WAY_HELD, 1},
	            {"silent", WAY_SILENT, 1},
	            {"broadcast", WAY_BROADCAST, 0}};

	says(p, "a bus settle delay of %d, and the data themselves, %llu for 4 KiB", SETTLE,
	     number(data - SETTLE));
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		fixed_row(p, rows[i].name, u160(p, SIZE_4K, 1, rows[i].way),
		          u160(p, SIZE_4K, 2, rows[i].way), data, rows[i].more);
	ns_t each = u160(p, SIZE_4K, 1, WAY_CONVENTIONAL);
	ns_t silent = u160(p, SIZE_4K, 1, WAY_SILENT);
	ns_t further = u160(p, SIZE_4K, 2, WAY_SILENT) - silent;
	says(p, "silent mirroring saves %llu ns for each member but the first, and loses %llu",
	     number(each - further), number(silent - each));
	says(p, "Those 4 members break even at %llu ns each",
	     number((u160(p, SIZE_4K, 4, WAY_SILENT) - u160(p, SIZE_4K, 4, WAY_HELD)) / 4));
	says(p, "a further member costs its status, %llu ns, and no data",
	     number(u160(p, SIZE_4K, 2, WAY_BROADCAST) - u160(p, SIZE_4K, 1, WAY_BROADCAST)));
}

static void silent_sentences(struct prose *p)
{
	says(p,
	     "at Ultra160, %s of the conventional time for 15 members and 512 bytes, %s for 4 "
	     "members and 512 bytes, %s for 4 members and 4 KiB",
	     of(p, SIZE_512, 15, WAY_SILENT, WAY_CONVENTIONAL),
	     of(p, SIZE_512, 4, WAY_SILENT, WAY_CONVENTIONAL),
	     of(p, SIZE_4K, 4, WAY_SILENT, WAY_CONVENTIONAL));
	says(p, "4 members at Ultra160 take %s with 64 KiB, %s with 256 KiB, %s with 1 MiB",
	     of(p, SIZE_64K, 4, WAY_SILENT, WAY_CONVENTIONAL),
	     of(p, SIZE_256K, 4, WAY_SILENT, WAY_CONVENTIONAL),
	     of(p, SIZE_1M, 4, WAY_SILENT, WAY_CONVENTIONAL));
	says(p, "At Fast-20 the same 4 members take %s with 4 KiB",
	     share(ns(p, MODE_FAST20, SIZE_4K, 4, WAY_SILENT),
	           ns(p, MODE_FAST20, SIZE_4K, 4, WAY_CONVENTIONAL)));
	says(p,
	     "two take the same time (%s at best), one takes more (%s with 512 bytes at Ultra160, "
	     "%s with 4 KiB)",
	     of(p, SIZE_512, 2, WAY_SILENT, WAY_CONVENTIONAL),
	     of(p, SIZE_512, 1, WAY_SILENT, WAY_CONVENTIONAL),
	     of(p, SIZE_4K, 1, WAY_SILENT, WAY_CONVENTIONAL));
	says(p, "at every size and number: %s of `held` for 4 members and 4 KiB at Ultra160",
	     of(p, SIZE_4K, 4, WAY_SILENT, WAY_HELD));
}

static const char *chained(const struct prose *p, unsigned n)
{
	return share(u160(p, SIZE_4K, n, WAY_SILENT) - COUPLE_SPARED_NS,
	             u160(p, SIZE_4K, n, WAY_CONVENTIONAL));
}

/* tests/scenario/test_couple.c measures what is spared. */
static void chained_sentences(struct prose *p)
{
	says(p, "BUS RELEASE and IDENTIFY, %llu ns", number(COUPLE_SPARED_NS));
	says(p,
	     "With 4 KiB at Ultra160 it takes %s of the conventional time for one member, %s for "
	     "two, %s for four",
	     chained(p, 1), chained(p, 2), chained(p, 4));
}

static void broadcast_sentences(struct prose *p)
{
	says(p,
	     "15 members at Ultra160 take %s of the conventional time with 4 KiB, %s with 64 KiB "
	     "and %s with 1 MiB, where one copy's share would be %s",
	     of(p, SIZE_4K, 15, WAY_BROADCAST, WAY_CONVENTIONAL),
	     of(p, SIZE_64K, 15, WAY_BROADCAST, WAY_CONVENTIONAL),
	     of(p, SIZE_1M, 15, WAY_BROADCAST, WAY_CONVENTIONAL), share(1, 15));
	says(p, "the statuses are what is left: %s with 512 bytes",
	     of(p, SIZE_512, 15, WAY_BROADCAST, WAY_CONVENTIONAL));
	says(p, "does not win with one member** (%s with 512 bytes at Ultra160)",
	     of(p, SIZE_512, 1, WAY_BROADCAST, WAY_CONVENTIONAL));
}

/* "at every size and number", "but for": the sentences that have no figure. */
static void quantified(const struct prose *p)
{
	for (unsigned m = 0; m < MODE_ULTRA320; m++) {
		for (unsigned s = 0; s < SIZES; s++) {
			for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++) {
				const ns_t *t = p->t->mode[m].ns[s][n - 1];
				bool small = s == SIZE_512 && ((m == MODE_FAST40 && n == 2) ||
				                               (m == MODE_ULTRA160 && n <= 3));
				ck_assert_uint_gt(t[WAY_SILENT], t[WAY_HELD]);
				ck_assert_uint_lt(t[WAY_SILENT] - COUPLE_SPARED_NS,
				                  t[WAY_CONVENTIONAL]);
				ck_assert(n > 1 || t[WAY_SILENT] > t[WAY_CONVENTIONAL]);
				ck_assert(n < 3 || t[WAY_SILENT] < t[WAY_CONVENTIONAL]);
				if (n < 2)
					continue;
				ck_assert_uint_lt(t[WAY_BROADCAST], t[WAY_CONVENTIONAL]);
				ck_assert_uint_lt(t[WAY_BROADCAST], t[WAY_SILENT]);
				ck_assert(small == (t[WAY_BROADCAST] >= t[WAY_HELD]));
			}
		}
	}
}

/* ---- Ultra320 ---- */

static void iu_fixed_costs(struct prose *p)
{
	static const char *const names[IUS] = {
	        [IU_CONVENTIONAL] = "Ultra320 conventional",
	        [IU_HELD] = "Ultra320 held",
	        [IU_RETAINED] = "training retained, conventional",
	        [IU_RETAINED_HELD] = "training retained, held",
	        [IU_QAS] = "retained and QAS, conventional",
	        [IU_QAS_HELD] = "retained and QAS, held",
	};
	const uint32_t len =
	        4092; /* and 4 of iuCRC: 2048 transfers of 6.25, a whole number of ns */
	ns_t data = SETTLE + 12800;

	says(p, "its data: 12813 for 4 KiB"); /* 2050 transfers of 6.25: 12812.5 */
	for (unsigned w = 0; w < IUS; w++)
		fixed_row(p, names[w], bus_time_iu_block((enum bus_time_iu)w, 1, len),
		          bus_time_iu_block((enum bus_time_iu)w, 2, len), data, 1);
	says(p, "become a QAS REQUEST message and 1800 ns, of which the QAS arbitration delay is "
	        "1000");
	ns_t conv = bus_time_iu_block(IU_CONVENTIONAL, 1, len) - data;
	says(p, "make the fixed cost %llu ns greater than at Ultra160",
	     number(conv - (u160(p, SIZE_4K, 1, WAY_CONVENTIONAL) - SETTLE - 25625)));
}

static void iu_sentences(struct prose *p)
{
	enum bus_time_iu conv = IU_CONVENTIONAL;

	says(p, "%s of its time for 2 members, %s for 4, %s for 15",
	     of_320(p, SIZE_512, 2, WAY_SILENT, conv), of_320(p, SIZE_512, 4, WAY_SILENT, conv),
	     of_320(p, SIZE_512, 15, WAY_SILENT, conv));
	says(p, "With 4 KiB it takes %s for 4 members, and %s for 15; with 64 KiB %s for 4",
	     of_320(p, SIZE_4K, 4, WAY_SILENT, conv), of_320(p, SIZE_4K, 15, WAY_SILENT, conv),
	     of_320(p, SIZE_64K, 4, WAY_SILENT, conv));
	says(p,
	     "at every size and number: %s for 15 members and 512 bytes; to Ultra320 at its best "
	     "(training retained, QAS, bus held) by more: %s",
	     of_320(p, SIZE_512, 15, WAY_SILENT, IU_RETAINED),
	     of_320(p, SIZE_512, 15, WAY_SILENT, IU_QAS_HELD));
	says(p,
	     "(%s with 1 MiB): 4 members take %s with 4 KiB and %s with 64 KiB, 15 members %s and "
	     "%s",
	     of_320(p, SIZE_1M, 2, WAY_BROADCAST, conv), of_320(p, SIZE_4K, 4, WAY_BROADCAST, conv),
	     of_320(p, SIZE_64K, 4, WAY_BROADCAST, conv),
	     of_320(p, SIZE_4K, 15, WAY_BROADCAST, conv),
	     of_320(p, SIZE_64K, 15, WAY_BROADCAST, conv));
	says(p, "never wins with 512 bytes (%s for 15 members)",
	     of_320(p, SIZE_512, 15, WAY_BROADCAST, IU_QAS_HELD));
}

static void iu_quantified(const struct prose *p)
{
	/* From how many members on broadcast wins over Ultra320 at its best. */
	static const unsigned from[SIZES] = {BUS_TIME_MEMBERS + 1, 5, 3, 3, 3};

	for (unsigned s = 0; s < SIZES; s++) {
		for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++) {
			const ns_t *t = p->t->mode[MODE_ULTRA160].ns[s][n - 1];
			const ns_t *iu = p->t->iu[s][n - 1];
			ck_assert((s == SIZE_512 && n >= 2) ==
			          (t[WAY_SILENT] < iu[IU_CONVENTIONAL]));
			ck_assert_uint_gt(t[WAY_SILENT], iu[IU_RETAINED]);
			ck_assert_uint_gt(iu[IU_RETAINED], iu[IU_QAS_HELD]);
			ck_assert((n >= 2) == (t[WAY_BROADCAST] < iu[IU_CONVENTIONAL]));
			ck_assert((n >= from[s]) == (t[WAY_BROADCAST] < iu[IU_QAS_HELD]));
		}
	}
}

void bus_time_prose_check(const struct bus_time *t, const char *text)
{
	static struct prose p;

	p = (struct prose){.t = t};
	squeeze(p.text, sizeof(p.text), text);
	fixed_costs(&p);
	silent_sentences(&p);
	chained_sentences(&p);
	broadcast_sentences(&p);
	quantified(&p);
	iu_fixed_costs(&p);
	iu_sentences(&p);
	iu_quantified(&p);
	nothing_else(&p);
}
