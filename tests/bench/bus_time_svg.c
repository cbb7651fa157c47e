/* SPDX-License-Identifier: BSD-2-Clause */
/* The picture of the tables: four panels. Integers only, tenths of a pixel, as in bus_time_text.c.
 */
#include "bench/bus_time.h"

#define WIDTH  960
#define HEIGHT 960
#define ROW    480

/* Where values lie: x from 0 to x_max, y from lo to hi. */
struct panel {
	unsigned left, top, width, height;
	unsigned x_max;
	uint64_t lo, hi;
};

struct style {
	const char *colour, *dashes; /* "": none */
};

static const struct panel share_panel = {70, 60, 370, 290, 11, 7500, 13000};
static const struct panel iu_panel = {70, ROW + 60, 370, 290, 11, 0, 22500};

/* Time by number of members, of one block size. */
struct time_panel {
	struct panel p;
	enum bus_time_size size;
	unsigned step_us; /* between levels */
};

static const struct time_panel time_panels[] = {
        {{560, 60, 370, 290, BUS_TIME_MEMBERS, 0, 700 * NS_PER_US}, SIZE_4K, 100},
        {{560, ROW + 60, 370, 290, BUS_TIME_MEMBERS, 0, 7000 * NS_PER_US}, SIZE_64K, 1000},
};

static const struct style mode_style[MODES] = {
        [MODE_FAST20] = {"#d55e00", ""},
        [MODE_FAST40] = {"#009e73", ""},
        [MODE_ULTRA160] = {"#0072b2", ""},
        [MODE_ULTRA320] = {"#000000", ""},
};

static const struct {
	const char *name;
	struct style style;
} ways[WAYS] = {
        [WAY_CONVENTIONAL] = {"conventional", {"#d55e00", ""}},
        [WAY_HELD] = {"conventional, bus held", {"#999999", "2 3"}},
        [WAY_SILENT] = {"silent", {"#0072b2", ""}},
        [WAY_BROADCAST] = {"broadcast", {"#009e73", ""}},
};

static const struct {
	const char *name;
	struct style style;
} ius[IUS] = {
        [IU_CONVENTIONAL] = {"conventional, Ultra320 (computed)", {"#000000", ""}},
        [IU_QAS_HELD] = {"the same, bus held, training retained, QAS", {"#000000", "2 3"}},
};

/* log2 of the size, less that of the smallest. */
static const unsigned size_at[SIZES] = {0, 3, 7, 9, 11};

/* ---- pieces ---- */

static unsigned x_tenths(const struct panel *p, unsigned x)
{
	return p->left * 10 + p->width * 10 * x / p->x_max;
}

static unsigned y_tenths(const struct panel *p, uint64_t y)
{
	uint64_t up = p->height * 10 * (y - p->lo) / (p->hi - p->lo);

	return (p->top + p->height) * 10 - (unsigned)up;
}

static void put_text(FILE *f, unsigned x, unsigned y, const char *anchor, const char *text)
{
	fprintf(f, "<text x=\"%u\" y=\"%u\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void put_line_open(FILE *f, struct style s)
{
	fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"", s.colour);
	if (s.dashes[0])
		fprintf(f, " stroke-dasharray=\"%s\"", s.dashes);
	fputs(" points=\"", f);
}

static void put_point(FILE *f, const struct panel *p, unsigned x, uint64_t y)
{
	unsigned px = x_tenths(p, x), py = y_tenths(p, y);

	fprintf(f, " %u.%u,%u.%u", px / 10, px % 10, py / 10, py % 10);
}

static void put_line_close(FILE *f)
{
	fputs("\"/>\n", f);
}

static void put_title(FILE *f, const struct panel *p, const char *first, const char *second)
{
	put_text(f, p->left + p->width / 2, p->top - 30, "middle", first);
	put_text(f, p->left + p->width / 2, p->top - 13, "middle", second);
}

static void put_key(FILE *f, unsigned x, unsigned y, struct style s, const char *text)
{
	put_line_open(f, s);
	fprintf(f, "%u,%u %u,%u", x, y - 4, x + 28, y - 4);
	put_line_close(f);
	put_text(f, x + 34, y, "start", text);
}

/* A line across, named at its left. */
static void put_level(FILE *f, const struct panel *p, uint64_t y, const char *name, bool strong)
{
	unsigned py = y_tenths(p, y) / 10;

	fprintf(f, "<path d=\"M%u %uh%u\" stroke=\"%s\"/>\n", p->left, py, p->width,
	        strong ? "#000" : "#ddd");
	put_text(f, p->left - 8, py + 4, "end", name);
}

static void put_tick(FILE *f, const struct panel *p, unsigned x, const char *name)
{
	unsigned bottom = p->top + p->height;

	fprintf(f, "<path d=\"M%u %uv5\" stroke=\"#000\"/>\n", x_tenths(p, x) / 10, bottom);
	put_text(f, x_tenths(p, x) / 10, bottom + 20, "middle", name);
}

/* ---- silent mirroring's share, against block size ---- */

static void put_share_line(const struct bus_time *t, enum bus_time_mode mode, unsigned n,
                           enum bus_time_way against, struct style s, FILE *f)
{
	put_line_open(f, s);
	for (unsigned i = 0; i < SIZES; i++) {
		const ns_t *ns = t->mode[mode].ns[i][n - 1];
		put_point(f, &share_panel, size_at[i], bus_time_share(ns[WAY_SILENT], ns[against]));
	}
	put_line_close(f);
}

static void put_shares(const struct bus_time *t, FILE *f)
{
	static const struct style held = {"#999999", "2 3"};
	static const struct style four = {"#000000", ""}, eight = {"#000000", "7 4"};
	char name[16];

	put_title(f, &share_panel, "Bus time of silent mirroring, by block size",
	          "(100 %: the conventional mirrored write)");
	for (unsigned y = 80; y <= 130; y += 10) {
		snprintf(name, sizeof(name), "%u %%", y);
		put_level(f, &share_panel, (uint64_t)y * 100, name, y == 100);
	}
	for (unsigned i = 0; i < SIZES; i++)
		put_tick(f, &share_panel, size_at[i], bus_time_size_name((enum bus_time_size)i));
	for (unsigned m = 0; m < MODES; m++) {
		struct style dashed = {mode_style[m].colour, "7 4"};
		if (!t->mode[m].runs)
			continue;
		put_share_line(t, (enum bus_time_mode)m, 4, WAY_CONVENTIONAL, mode_style[m], f);
		put_share_line(t, (enum bus_time_mode)m, 8, WAY_CONVENTIONAL, dashed, f);
		put_key(f, 70 + m * 130, 405, mode_style[m],
		        bus_time_mode_name((enum bus_time_mode)m));
	}
	put_share_line(t, MODE_ULTRA160, 4, WAY_HELD, held, f);
	put_key(f, 70, 428, four, "4 members");
	put_key(f, 200, 428, eight, "8 members");
	put_key(f, 70, 451, held, "4 members, Ultra160, against members that hold the bus");
}

/* ---- Ultra160 beside Ultra320, against block size ---- */

static void put_iu_share_line(const struct bus_time *t, enum bus_time_way way, unsigned n,
                              struct style s, FILE *f)
{
	put_line_open(f, s);
	for (unsigned i = 0; i < SIZES; i++)
		put_point(f, &iu_panel, size_at[i],
		          bus_time_share(t->mode[MODE_ULTRA160].ns[i][n - 1][way],
		                         t->iu[i][n - 1][IU_CONVENTIONAL]));
	put_line_close(f);
}

static void put_iu_shares(const struct bus_time *t, FILE *f)
{
	static const enum bus_time_way shown[] = {WAY_CONVENTIONAL, WAY_SILENT, WAY_BROADCAST};
	static const struct style four = {"#000000", ""}, fifteen = {"#000000", "7 4"};
	char name[16];

	put_title(f, &iu_panel, "Bus time at Ultra160, by block size",
	          "(100 %: the conventional mirrored write at Ultra320, computed)");
	for (unsigned y = 0; y <= 200; y += 50) {
		snprintf(name, sizeof(name), "%u %%", y);
		put_level(f, &iu_panel, (uint64_t)y * 100, name, y == 100);
	}
	for (unsigned i = 0; i < SIZES; i++)
		put_tick(f, &iu_panel, size_at[i], bus_time_size_name((enum bus_time_size)i));
	for (unsigned w = 0; w < ARRAY_LEN(shown); w++) {
		struct style dashed = {ways[shown[w]].style.colour, "7 4"};
		if (shown[w] == WAY_BROADCAST && !t->has_broadcast)
			continue;
		put_iu_share_line(t, shown[w], 4, ways[shown[w]].style, f);
		put_iu_share_line(t, shown[w], 15, dashed, f);
		put_key(f, 70 + w * 130, ROW + 405, ways[shown[w]].style, ways[shown[w]].name);
	}
	put_key(f, 70, ROW + 428, four, "4 members");
	put_key(f, 200, ROW + 428, fifteen, "15 members");
}

/* ---- time of a block, against members ---- */

static void put_times(const struct bus_time *t, const struct time_panel *tp, FILE *f)
{
	const struct panel *p = &tp->p;
	unsigned keys = p->top + 345, i = 0;
	char name[64];

	snprintf(name, sizeof(name), "Bus time of a block of %s, Ultra160,",
	         bus_time_size_name(tp->size));
	put_title(f, p, name, "by number of members, in microseconds");
	for (unsigned us = 0; us * NS_PER_US <= p->hi; us += tp->step_us) {
		snprintf(name, sizeof(name), "%u", us);
		put_level(f, p, us * NS_PER_US, name, us == 0);
	}
	for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n += 2) {
		snprintf(name, sizeof(name), "%u", n);
		put_tick(f, p, n, name);
	}
	for (unsigned w = 0; w < (t->has_broadcast ? WAYS : WAY_BROADCAST); w++, i++) {
		put_line_open(f, ways[w].style);
		for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++)
			put_point(f, p, n, t->mode[MODE_ULTRA160].ns[tp->size][n - 1][w]);
		put_line_close(f);
		put_key(f, p->left + i % 2 * 150, keys + i / 2 * 23, ways[w].style, ways[w].name);
	}
	i = 0;
	for (unsigned w = 0; w < IUS; w++) {
		if (!ius[w].name)
			continue;
		put_line_open(f, ius[w].style);
		for (unsigned n = 1; n <= BUS_TIME_MEMBERS; n++)
			put_point(f, p, n, t->iu[tp->size][n - 1][w]);
		put_line_close(f);
		put_key(f, p->left, keys + (2 + i++) * 23, ius[w].style, ius[w].name);
	}
}

void bus_time_svg(const struct bus_time *t, FILE *f)
{
	fprintf(f,
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
	        "height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n"
	        "<!-- SPDX-License-Identifier: BSD-2-Clause; made by make bench-bus-time -->\n"
	        "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
	        WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
	put_shares(t, f);
	put_iu_shares(t, f);
	for (unsigned i = 0; i < ARRAY_LEN(time_panels); i++)
		put_times(t, &time_panels[i], f);
	fputs("</svg>\n", f);
}
