/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_progress.h"

#include "base/size.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_MOST    250
#define BAR_LEAST       10
#define BAR_MOST        40

struct cli_progress cli_progress_on(FILE *to)
{
	return (struct cli_progress){.to = to, .terminal = isatty(fileno(to)) == 1};
}

static unsigned columns_of(FILE *to)
{
	struct winsize w;

	if (ioctl(fileno(to), TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return COLUMNS_DEFAULT;
	return w.ws_col > COLUMNS_MOST ? COLUMNS_MOST : w.ws_col;
}

/* 0 to 100, whatever the daemon says. */
static double percent_of(const json_t *job)
{
	double v = json_number_value(json_object_get(job, "percent"));

	return v < 0 ? 0 : v > 100 ? 100 : v;
}

/* "853 MB/s, ETA 0:07", or why it does not move. */
static void motion(const json_t *job, char *buf, size_t n)
{
	const char *state = cli_str(job, "state");
	char rate[32], eta[32], clean[32];

	if (strcmp(state, "running") != 0) {
		(void)snprintf(buf, n, "%s", cli_clean(state, clean, sizeof(clean)));
	} else if (cli_true(job, "stalled")) {
		(void)snprintf(buf, n, "no progress");
	} else if (cli_u64(job, "rate_bytes_per_s") == 0) {
		(void)snprintf(buf, n, "running"); /* too early to tell */
	} else {
		cli_as_rate(json_object_get(job, "rate_bytes_per_s"), rate, sizeof(rate));
		cli_as_clock(json_object_get(job, "eta_s"), eta, sizeof(eta));
		(void)snprintf(buf, n, "%s, ETA %s", rate, eta);
	}
}

static void amounts(const json_t *job, const char *between, char *buf, size_t n)
{
	char done[32], total[32] = "";
	bool known = json_is_integer(json_object_get(job, "total_bytes"));

	if (known)
		(void)size_text(cli_u64(job, "total_bytes"), total, sizeof(total));
	(void)snprintf(buf, n, "%s%s%s", size_text(cli_u64(job, "done_bytes"), done, sizeof(done)),
	               known ? between : "", total);
}

void cli_progress_bar(const json_t *job, unsigned columns, char *buf, size_t n)
{
	char type[32], group[64], moved[80], how[80], left[120], right[200], bar[BAR_MOST + 1];
	double percent = percent_of(job);

	(void)snprintf(left, sizeof(left), "%s %s ",
	               cli_clean(cli_str(job, "type"), type, sizeof(type)),
	               cli_clean(cli_str(job, "group"), group, sizeof(group)));
	amounts(job, "/", moved, sizeof(moved));
	motion(job, how, sizeof(how));
	(void)snprintf(right, sizeof(right), " %5.1f %%  %s  %s", percent, moved, how);
	size_t text = cli_width(left) + cli_width(right) + 2;
	size_t width = columns > text + BAR_LEAST ? columns - 1 - text : 0;
	width = width > BAR_MOST ? BAR_MOST : width;
	size_t full = (size_t)((double)width * percent / 100);
	memset(bar, '.', sizeof(bar));
	memset(bar, '#', full);
	bar[width] = '\0';
	if (width > 0)
		(void)snprintf(buf, n, "%s[%s]%s", left, bar, right);
	else /* Too narrow: what matters most comes first, and is cut at the edge. */
		(void)snprintf(buf, n, "%.*s", (int)(columns > 1 ? columns - 1 : 1), right + 1);
}

void cli_progress_line(const json_t *job, char *buf, size_t n)
{
	char type[32], group[64], moved[80], how[80];

	amounts(job, " of ", moved, sizeof(moved));
	motion(job, how, sizeof(how));
	(void)snprintf(buf, n, "%s %s: %.0f %%, %s, %s",
	               cli_clean(cli_str(job, "type"), type, sizeof(type)),
	               cli_clean(cli_str(job, "group"), group, sizeof(group)), percent_of(job),
	               moved, how);
}

static void draw(struct cli_progress *p, const json_t *job)
{
	char text[4 * COLUMNS_MOST];

	if (p->terminal) {
		cli_progress_bar(job, columns_of(p->to), text, sizeof(text));
		/* Back to the first column, and clear what is behind the text. */
		(void)fprintf(p->to, "\r%s\033[K", text);
	} else {
		cli_progress_line(job, text, sizeof(text));
		(void)fprintf(p->to, "%s\n", text);
	}
	(void)fflush(p->to);
	p->drawn = true;
}

void cli_progress_show(struct cli_progress *p, const json_t *job, ns_t now)
{
	unsigned tenths = (unsigned)(percent_of(job) / 10);
	ns_t since = now - p->last_ns;
	bool due = p->terminal ? !p->started || since >= CLI_DRAW_NS
	                       : (p->started && since >= CLI_LINE_NS) || tenths > p->tenths;

	if (!p->started)
		p->last_ns = now;
	p->started = true;
	if (!due)
		return;
	draw(p, job);
	p->last_ns = now;
	p->tenths = tenths;
}

void cli_progress_end(struct cli_progress *p)
{
	if (p->terminal && p->drawn)
		(void)fputs("\r\033[K", p->to);
	(void)fflush(p->to);
	p->drawn = false;
}
