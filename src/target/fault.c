/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/fault.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

enum fault_key { KEY_LBA, KEY_BLOCKS, KEY_TIMES, KEY_MS, KEY_AT, KEY_LUN, KEY_PHASE, FAULT_KEYS };

#define K(key) (1U << (key))

static const struct {
	const char *name;
	unsigned keys;     /* that it takes */
	unsigned required; /* of them */
} kinds[FAULT_KINDS] = {
        [FAULT_MEDIUM] = {"medium-error", K(KEY_LBA) | K(KEY_BLOCKS) | K(KEY_TIMES) | K(KEY_LUN),
                          K(KEY_LBA)},
        [FAULT_CRC] = {"crc-error", K(KEY_TIMES) | K(KEY_LUN), 0},
        [FAULT_PARITY] = {"parity-error", K(KEY_PHASE) | K(KEY_TIMES), K(KEY_PHASE)},
        [FAULT_BUSY] = {"busy", K(KEY_TIMES) | K(KEY_LUN), 0},
        [FAULT_FULL] = {"task-set-full", K(KEY_TIMES) | K(KEY_LUN), 0},
        [FAULT_NO_STATUS] = {"no-status", K(KEY_TIMES) | K(KEY_LUN), 0},
        [FAULT_SLOW] = {"slow", K(KEY_MS) | K(KEY_LUN), K(KEY_MS)},
        [FAULT_DIE] = {"die", K(KEY_AT), K(KEY_AT)},
};

static const struct {
	const char *name;
	uint64_t min, max;
} keys[FAULT_KEYS] = {
        [KEY_LBA] = {"lba", 0, UINT64_MAX},
        [KEY_BLOCKS] = {"blocks", 1, FAULT_BLOCKS_MAX},
        [KEY_TIMES] = {"times", 0, FAULT_TIMES_MAX},
        [KEY_MS] = {"ms", 0, FAULT_SLOW_MS},
        [KEY_AT] = {"at", 0, 0},
        [KEY_LUN] = {"lun", 0, FAULT_LUN_MAX},
        [KEY_PHASE] = {"phase", 0, 0},
};

/* By phase; NULL: no information is transferred. */
static const char *const phases[PHASE_KINDS] = {
        [PHASE_DATA_OUT] = "data-out",       [PHASE_DATA_IN] = "data-in",
        [PHASE_COMMAND] = "command",         [PHASE_STATUS] = "status",
        [PHASE_MESSAGE_OUT] = "message-out", [PHASE_MESSAGE_IN] = "message-in",
};

static const char *const steps[STEP_KINDS] = {
        [STEP_SELECTED] = "selected",
        [STEP_COMMAND] = "command",
        [STEP_DATA] = "data",
        [STEP_STATUS] = "status",
};

/* ---- text to fault ---- */

/* Takes the bytes up to `stop` (or all) from s; the stop itself goes, too. */
static struct span token(struct span *s, char stop)
{
	const uint8_t *at = s->n > 0 ? memchr(s->p, stop, s->n) : NULL;
	struct span out = {s->p, at ? (size_t)(at - s->p) : s->n};
	size_t used = out.n + (at ? 1 : 0);
	s->p += used;
	s->n -= used;
	return out;
}

static bool is(struct span s, const char *word)
{
	return s.n == strlen(word) && (s.n == 0 || memcmp(s.p, word, s.n) == 0);
}

static bool number(struct span s, uint64_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)s.p[i] - '0';
		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (s.n == 0)
		return false;
	*out = v;
	return true;
}

#define SHOWN(s) (int)((s).n < 60 ? (s).n : 60), (const char *)(s).p

static bool step_get(struct span value, enum fault_step *out, char *why, size_t n)
{
	for (unsigned i = 0; i < STEP_KINDS; i++) {
		if (is(value, steps[i])) {
			*out = (enum fault_step)i;
			return true;
		}
	}
	(void)snprintf(why, n, "at=%.*s: no such step (selected, command, data, status)",
	               SHOWN(value));
	return false;
}

static bool phase_get(struct span value, enum scsi_phase *out, char *why, size_t n)
{
	for (unsigned i = 0; i < PHASE_KINDS; i++) {
		if (phases[i] && is(value, phases[i])) {
			*out = (enum scsi_phase)i;
			return true;
		}
	}
	(void)snprintf(why, n,
	               "phase=%.*s: no such phase (message-out, command, data-out, message-in, "
	               "data-in, status)",
	               SHOWN(value));
	return false;
}

static uint64_t *value_of(struct fault *f, enum fault_key key)
{
	switch (key) {
	case KEY_LBA:
		return &f->lba;
	case KEY_BLOCKS:
		return &f->blocks;
	case KEY_TIMES:
		return &f->times;
	case KEY_MS:
		return &f->ms;
	case KEY_LUN:
		return &f->lun;
	case KEY_AT:
	case KEY_PHASE:
	case FAULT_KEYS:
		break;
	}
	return NULL;
}

static bool value_get(struct fault *f, enum fault_key key, struct span value, char *why, size_t n)
{
	if (key == KEY_AT)
		return step_get(value, &f->at, why, n);
	if (key == KEY_PHASE)
		return phase_get(value, &f->phase, why, n);
	uint64_t v = 0;
	if (!number(value, &v)) {
		(void)snprintf(why, n, "%s=%.*s: not a number", keys[key].name, SHOWN(value));
		return false;
	}
	if (v < keys[key].min || v > keys[key].max) {
		(void)snprintf(why, n, "%s=%.*s: must be %llu to %llu", keys[key].name,
		               SHOWN(value), (unsigned long long)keys[key].min,
		               (unsigned long long)keys[key].max);
		return false;
	}
	*value_of(f, key) = v;
	return true;
}

/* One "key=value". */
static bool pair_get(struct fault *f, struct span pair, unsigned *seen, char *why, size_t n)
{
	struct span value = pair;
	struct span name = token(&value, '=');
	unsigned key = 0;
	while (key < FAULT_KEYS && !is(name, keys[key].name))
		key++;
	if (key == FAULT_KEYS || !(kinds[f->kind].keys & K(key))) {
		(void)snprintf(why, n, "%.*s: %s has no such key", SHOWN(pair),
		               kinds[f->kind].name);
		return false;
	}
	if (*seen & K(key)) {
		(void)snprintf(why, n, "%.*s: %s is given twice", SHOWN(pair), keys[key].name);
		return false;
	}
	*seen |= K(key);
	return value_get(f, (enum fault_key)key, value, why, n);
}

static bool spec_get(struct span spec, struct fault *f, char *why, size_t n)
{
	struct span rest = spec;
	struct span name = token(&rest, ':');
	unsigned kind = 0;
	while (kind < FAULT_KINDS && !is(name, kinds[kind].name))
		kind++;
	if (kind == FAULT_KINDS) {
		(void)snprintf(why, n, "%.*s: no such fault", SHOWN(name));
		return false;
	}
	*f = (struct fault){
	        .kind = (enum fault_kind)kind, .blocks = 1, .times = 1, .lun = FAULT_ANY_LUN};
	unsigned seen = 0;
	while (rest.n > 0)
		if (!pair_get(f, token(&rest, ','), &seen, why, n))
			return false;
	for (unsigned key = 0; key < FAULT_KEYS; key++) {
		if (kinds[kind].required & ~seen & K(key)) {
			(void)snprintf(why, n, "%s: %s is missing", kinds[kind].name,
			               keys[key].name);
			return false;
		}
	}
	return true;
}

bool fault_add(struct faults *f, struct span spec, char *why, size_t n)
{
	struct fault one;
	if (!spec_get(spec, &one, why, n))
		return false;
	if (f->n == FAULTS_MAX) {
		(void)snprintf(why, n, "%s: %d faults are there already", kinds[one.kind].name,
		               FAULTS_MAX);
		return false;
	}
	f->f[f->n++] = one;
	return true;
}

void fault_clear(struct faults *f)
{
	f->n = 0;
}

/* ---- fault to text ---- */

static void one_list(const struct fault *f, struct wr *w)
{
	char text[FAULT_TEXT_MAX];
	int n = 0;
	unsigned long long lba = f->lba, blocks = f->blocks, times = f->times, ms = f->ms;
	switch (f->kind) {
	case FAULT_MEDIUM:
		n = snprintf(text, sizeof(text), "%s:lba=%llu,blocks=%llu,times=%llu",
		             kinds[f->kind].name, lba, blocks, times);
		break;
	case FAULT_CRC:
	case FAULT_BUSY:
	case FAULT_FULL:
	case FAULT_NO_STATUS:
		n = snprintf(text, sizeof(text), "%s:times=%llu", kinds[f->kind].name, times);
		break;
	case FAULT_PARITY:
		n = snprintf(text, sizeof(text), "%s:phase=%s,times=%llu", kinds[f->kind].name,
		             phases[f->phase], times);
		break;
	case FAULT_SLOW:
		n = snprintf(text, sizeof(text), "%s:ms=%llu", kinds[f->kind].name, ms);
		break;
	case FAULT_DIE:
		n = snprintf(text, sizeof(text), "%s:at=%s", kinds[f->kind].name, steps[f->at]);
		break;
	case FAULT_KINDS:
		break;
	}
	sm_assert(n > 0 && (size_t)n < sizeof(text));
	wr_bytes(w, text, (size_t)n);
	n = f->lun == FAULT_ANY_LUN
	            ? snprintf(text, sizeof(text), "\n")
	            : snprintf(text, sizeof(text), ",lun=%llu\n", (unsigned long long)f->lun);
	wr_bytes(w, text, (size_t)n);
}

void fault_list(const struct faults *f, struct wr *w)
{
	for (unsigned i = 0; i < f->n; i++)
		one_list(&f->f[i], w);
}

/* ---- striking ---- */

bool fault_has(const struct faults *f, enum fault_kind kind)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->f[i].kind == kind)
			return true;
	return false;
}

/* Counts a strike of fault i. */
static void count(struct faults *f, unsigned i)
{
	if (f->f[i].times == 0 || --f->f[i].times > 0)
		return;
	f->n--;
	memmove(&f->f[i], &f->f[i + 1], (f->n - i) * sizeof(f->f[0]));
}

static bool aims_at(const struct fault *f, uint8_t lun)
{
	return f->lun == FAULT_ANY_LUN || f->lun == lun;
}

bool fault_strike(struct faults *f, enum fault_kind kind, uint8_t lun)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (f->f[i].kind != kind || !aims_at(&f->f[i], lun))
			continue;
		count(f, i);
		return true;
	}
	return false;
}

bool fault_has_parity(const struct faults *f, enum scsi_phase phase)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->f[i].kind == FAULT_PARITY && f->f[i].phase == phase)
			return true;
	return false;
}

bool fault_strike_parity(struct faults *f, enum scsi_phase phase)
{
	for (unsigned i = 0; i < f->n; i++) {
		if (f->f[i].kind != FAULT_PARITY || f->f[i].phase != phase)
			continue;
		count(f, i);
		return true;
	}
	return false;
}

bool fault_strike_medium(struct faults *f, uint8_t lun, lba_t lba, uint64_t blocks, lba_t *bad)
{
	unsigned found = FAULTS_MAX;
	for (unsigned i = 0; i < f->n; i++) {
		const struct fault *m = &f->f[i];
		if (m->kind != FAULT_MEDIUM || !aims_at(m, lun) || blocks == 0)
			continue;
		/* Neither sum may wrap: compare distances. */
		bool touches = m->lba >= lba ? m->lba - lba < blocks : lba - m->lba < m->blocks;
		lba_t first = m->lba > lba ? m->lba : lba;
		if (touches && (found == FAULTS_MAX || first < *bad)) {
			found = i;
			*bad = first;
		}
	}
	if (found == FAULTS_MAX)
		return false;
	count(f, found);
	return true;
}

ns_t fault_slow_ns(const struct faults *f, uint8_t lun)
{
	ns_t longest = 0;
	for (unsigned i = 0; i < f->n; i++)
		if (f->f[i].kind == FAULT_SLOW && aims_at(&f->f[i], lun) &&
		    f->f[i].ms * NS_PER_MS > longest)
			longest = f->f[i].ms * NS_PER_MS;
	return longest;
}

bool fault_dies(const struct faults *f, enum fault_step at)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->f[i].kind == FAULT_DIE && f->f[i].at == at)
			return true;
	return false;
}
