/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store on tmpfs is memory, and may be written as memory: a copy to where the file is mapped
 * costs a third of a pwrite(). The kernel counts mapped pages as the process's own, and mapping
 * them costs as much as it saves in one write. So it is done by chunks, and only where data are
 * written again and again: an image that is mirrored once or twice is not in the process's memory.
 *
 * A process may be killed between any two instructions, and would leave a block that is neither old
 * nor new; pwrite() does not, which copies a page as a whole. So each piece goes to FILE.redo
 * first:
 *
 *   piece to FILE.redo -> its length there -> piece to the store -> length 0
 *
 * Whoever opens the store writes a piece that has a length. All this is memory, which outlives
 * the process and not the machine: what a process wrote before it ended is there, in its order.
 *
 * Memory that a file cannot give (tmpfs is full, somebody made the file shorter) is a SIGBUS. It
 * is caught around the copies, and pwrite() is left to find out what is wrong.
 */
#include "base/assert.h"
#include "shell/fileio.h"
#include "shell/sigbus.h"
#include "shell/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CHUNK     (256 * KIB) /* what is mapped at once */
#define MAP_BYTES (64 * GIB)  /* of a store; what lies beyond is written by pwrite() */
#define UNIT      16          /* bytes that are there as a whole or not at all */
#define LINE      64
#define PIECE     (16 * KIB) /* stays in the nearest cache between its two copies */

#define MAGIC     "SMIRRDO"
#define MAGIC_LEN 8

/* States of a chunk: writes that go by pwrite() until it is looked at, or */
#define MAPPED        UINT8_MAX
#define BEFORE_LOOK   2
#define BETWEEN_LOOKS 8 /* it has holes: they are not filled by looking */

/* FILE.redo. Only read by the machine that wrote it, so in its order of bytes. */
struct redo {
	char magic[MAGIC_LEN];
	uint64_t inode; /* of the file that it is of */
	uint64_t at;    /* bytes into the store */
	int64_t since; /* by the file system's clock, in ns: a file that was changed later is not as
	                  it was left */
	atomic_uint_least32_t len; /* of the piece; 0: none is under way */
	uint8_t gap[PAGE - MAGIC_LEN - 28];
	uint8_t piece[PIECE];
};
_Static_assert(sizeof(struct redo) == PAGE + PIECE, "the piece is on a page");

struct mapped {
	uint8_t *base;
	uint64_t bytes;          /* mapped, whole chunks or up to the end of the file */
	pthread_mutex_t looking; /* chunks are looked at, or holes are made */
	pthread_mutex_t writing; /* has the redo file */
	struct redo *redo;       /* NULL: not made yet */
	atomic_bool broken;      /* it could not be made */
	atomic_bool written;     /* since the file's times were set last */
	_Atomic uint8_t chunk[];
};

/* ---- copies that may fail ---- */

/* To memory that nobody reads soon: past the cache, without fetching first what is overwritten.
 * From the beginning to the end, so that the first line says whether it was begun. */
static void copy_out(uint8_t *to, const uint8_t *from, size_t n)
{
#ifdef __SSE2__
	if (((uintptr_t)to | n) % LINE == 0) {
		for (size_t i = 0; i < n; i += LINE) {
			const __m128i *in = (const __m128i *)(const void *)(from + i);
			__m128i *out = (__m128i *)(void *)(to + i);
			__m128i a = _mm_loadu_si128(in), b = _mm_loadu_si128(in + 1);
			__m128i c = _mm_loadu_si128(in + 2), d = _mm_loadu_si128(in + 3);
			_mm_stream_si128(out, a);
			_mm_stream_si128(out + 1, b);
			_mm_stream_si128(out + 2, c);
			_mm_stream_si128(out + 3, d);
		}
		_mm_sfence();
		return;
	}
#endif
	for (size_t i = 0; i < n; i += UNIT) {
		memcpy(to + i, from + i, UNIT);
		atomic_signal_fence(memory_order_seq_cst);
	}
}

static int64_t now_ns(void)
{
	struct timespec t;
	sm_assert(clock_gettime(CLOCK_REALTIME_COARSE, &t) == 0);
	return (int64_t)t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

static bool write_pieces(struct mapped *m, uint64_t at, const uint8_t *p, size_t n)
{
	struct redo *r = m->redo;
	if (sigsetjmp(sigbus_back, 0) != 0)
		return false;
	sigbus_guarded = 1;
	for (size_t done = 0; done < n;) {
		size_t len = n - done < PIECE ? n - done : PIECE;
		memcpy(r->piece, p + done, len);
		r->at = at + done;
		r->since = now_ns();
		atomic_store_explicit(&r->len, (uint32_t)len, memory_order_release);
		copy_out(m->base + at + done, r->piece, len);
		atomic_store_explicit(&r->len, 0, memory_order_release);
		done += len;
	}
	sigbus_guarded = 0;
	return true;
}

/* After one that failed: what it was is no longer to be done. Where this fails, too, there is no
 * record. */
static void forget(struct redo *r)
{
	if (sigsetjmp(sigbus_back, 0) != 0)
		return;
	sigbus_guarded = 1;
	atomic_store_explicit(&r->len, 0, memory_order_release);
	sigbus_guarded = 0;
}

static bool read_it(const struct mapped *m, uint64_t at, uint8_t *p, size_t n)
{
	if (sigsetjmp(sigbus_back, 0) != 0)
		return false;
	sigbus_guarded = 1;
	memcpy(p, m->base + at, n);
	sigbus_guarded = 0;
	return true;
}

/* ---- the redo file ---- */

static bool fail(char *why, size_t n, const struct store *s, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", s->redo_path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

static const char damaged[] = "is damaged, or not of this store";

/* The file has its room: it is not this memory that is missing later. */
static void make_redo(struct store *s, struct mapped *m)
{
	int fd = open(s->redo_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	void *p = MAP_FAILED;
	if (fd >= 0 && fallocate(fd, 0, 0, sizeof(struct redo)) == 0)
		p = mmap(NULL, sizeof(struct redo), PROT_READ | PROT_WRITE,
		         MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p != MAP_FAILED) {
		struct stat st;
		m->redo = p;
		m->redo->inode = fstat(s->fd, &st) == 0 ? st.st_ino : 0;
		memcpy(m->redo->magic, MAGIC, MAGIC_LEN);
	} else {
		m->broken = true;
		if (fd >= 0)
			(void)unlink(s->redo_path);
	}
	if (fd >= 0)
		(void)close(fd);
}

/* Another file has been put there since, or this one was written to. A second is for what other
 * threads did meanwhile, and for how exact its times are. */
static bool replaced(const struct store *s, const struct redo *r)
{
	const int64_t second = (int64_t)NS_PER_S;
	struct stat st;
	if (fstat(s->fd, &st) != 0)
		return false;
	int64_t changed = (int64_t)st.st_ctim.tv_sec * second + st.st_ctim.tv_nsec;
	return r->inode != st.st_ino || changed - second > r->since || r->since > now_ns() + second;
}

/* Some of it is in the store: if nothing is, what was there before is whole. */
static bool begun(const struct store *s, const struct redo *r)
{
	uint8_t there[LINE];
	bool some = pread(s->fd, there, LINE, (off_t)r->at) != LINE;
	for (size_t i = 0; i < LINE; i += UNIT)
		some |= memcmp(there + i, r->piece + i, UNIT) == 0;
	return some;
}

/* What a write that was cut off has left. */
static bool finish(struct store *s, const struct store_config *c, const struct redo *r, char *why,
                   size_t n)
{
	uint32_t len = r->len, good = 0;
	uint64_t size = s->blocks * s->block_size;
	if (len == 0 || replaced(s, r))
		return true;
	if (len > PIECE || len % s->block_size != 0 || r->at % s->block_size != 0 || r->at > size ||
	    len > size - r->at)
		return fail(why, n, s, damaged, 0);
	if (!begun(s, r))
		return true;
	if (c->write_protect)
		return fail(why, n, s,
		            "a write was cut off: it has to be finished without --write-protect",
		            0);
	return store_move(s, true, (uint8_t *)(uintptr_t)r->piece, r->at / s->block_size,
	                  len / s->block_size, &good) == STORE_OK ||
	       fail(why, n, s, "a write that was cut off cannot be finished", errno);
}

/* Its creation was cut off, before the first piece. */
static bool empty(const struct redo *r, size_t got)
{
	const uint8_t *p = (const uint8_t *)r;
	size_t i = 0;
	while (i < got && p[i] == 0)
		i++;
	return i == got;
}

static bool finish_redo(struct store *s, const struct store_config *c, char *why, size_t n)
{
	int fd = open(s->redo_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || fail(why, n, s, "cannot be opened", errno);
	struct redo *r = calloc(1, sizeof(*r));
	ssize_t got = r ? fileio_load(fd, r, sizeof(*r)) : -1;
	bool ok;
	if (!r || got < 0)
		ok = fail(why, n, s, "cannot be read", errno);
	else if (empty(r, (size_t)got))
		ok = true;
	else if (got < (ssize_t)sizeof(*r) || memcmp(r->magic, MAGIC, MAGIC_LEN) != 0)
		ok = fail(why, n, s, damaged, 0);
	else
		ok = finish(s, c, r, why, n);
	if (ok && !c->write_protect && unlink(s->redo_path) != 0)
		ok = fail(why, n, s, "cannot be removed", errno);
	free(r);
	(void)close(fd);
	return ok;
}

/* ---- opening ---- */

/* Without a mapping all works, by pread() and pwrite(). */
static void map(struct store *s)
{
	uint64_t size = s->blocks * s->block_size;
	uint64_t bytes = size < MAP_BYTES ? size : MAP_BYTES;
	size_t chunks = (size_t)((bytes + CHUNK - 1) / CHUNK);
	struct mapped *m = calloc(1, sizeof(*m) + chunks);
	if (!m)
		return;
	void *base = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (base == MAP_FAILED) {
		free(m);
		return;
	}
	m->base = base;
	m->bytes = bytes;
	for (size_t i = 0; i < chunks; i++)
		m->chunk[i] = BEFORE_LOOK;
	sm_assert(pthread_mutex_init(&m->looking, NULL) == 0);
	sm_assert(pthread_mutex_init(&m->writing, NULL) == 0);
	sigbus_catch();
	s->mapped = m;
}

bool store_mapped_open(struct store *s, const struct store_config *c, char *why, size_t n)
{
	size_t len = strlen(c->path) + sizeof(".redo");
	s->redo_path = malloc(len);
	if (!s->redo_path) {
		(void)snprintf(why, n, "%s: out of memory", c->path);
		return false;
	}
	(void)snprintf(s->redo_path, len, "%s.redo", c->path);
	if (!finish_redo(s, c, why, n))
		return false;
	if (s->in_memory && c->map && !c->direct && !c->write_protect)
		map(s);
	return true;
}

void store_mapped_close(struct store *s)
{
	struct mapped *m = s->mapped;
	if (m) {
		store_mapped_touch(s);
		(void)munmap(m->base, (size_t)m->bytes);
		if (m->redo) {
			(void)munmap(m->redo, sizeof(*m->redo));
			(void)unlink(s->redo_path);
		}
		(void)pthread_mutex_destroy(&m->looking);
		(void)pthread_mutex_destroy(&m->writing);
		free(m);
	}
	s->mapped = NULL;
	free(s->redo_path);
}

/* ---- chunks ---- */

/* All of its pages are in memory: no hole is among them, nor what was swapped out. SEEK_HOLE would
 * look on to the end of the file. */
static bool resident(const struct mapped *m, uint64_t at, uint64_t end)
{
	unsigned char pages[CHUNK / PAGE];
	size_t n = (size_t)((end - at + PAGE - 1) / PAGE), i = 0;
	if (mincore(m->base + at, (size_t)(end - at), pages) != 0)
		return false;
	while (i < n && (pages[i] & 1) != 0)
		i++;
	return i == n;
}

/* A chunk without holes is mapped as a whole, which is less work than page by page, and does not
 * fill holes: nobody makes any meanwhile. */
static bool look(struct store *s, struct mapped *m, uint64_t at, uint64_t end)
{
	sm_assert(pthread_mutex_lock(&m->looking) == 0);
	if (!m->redo && !m->broken)
		make_redo(s, m);
	/* EINVAL: a kernel before 5.14, which maps pages as they are written */
	bool ok = !m->broken && resident(m, at, end) &&
	          (madvise(m->base + at, (size_t)(end - at), MADV_POPULATE_READ) == 0 ||
	           errno == EINVAL);
	m->chunk[at / CHUNK] = ok ? MAPPED : BETWEEN_LOOKS;
	sm_assert(pthread_mutex_unlock(&m->looking) == 0);
	return ok;
}

/* n bytes at `at` are mapped; those that are not are looked at, if it is their turn. */
static bool have(struct store *s, struct mapped *m, uint64_t at, size_t n, bool writing)
{
	bool all = true;
	if (at + n > m->bytes || m->broken)
		return false;
	for (uint64_t i = at / CHUNK; i <= (at + n - 1) / CHUNK; i++) {
		uint8_t state = m->chunk[i];
		if (state == MAPPED)
			continue;
		if (state > 0 && writing)
			m->chunk[i] = state - 1;
		uint64_t end = (i + 1) * CHUNK < m->bytes ? (i + 1) * CHUNK : m->bytes;
		all = state == 0 && writing && look(s, m, i * CHUNK, end) && all;
	}
	return all;
}

bool store_mapped_write(struct store *s, uint64_t at, const uint8_t *p, size_t n)
{
	struct mapped *m = s->mapped;
	if (!m || n == 0 || !have(s, m, at, n, true) || pthread_mutex_trylock(&m->writing) != 0)
		return false;
	bool ok = write_pieces(m, at, p, n);
	if (!ok) {
		forget(m->redo);
		for (uint64_t i = at / CHUNK; i <= (at + n - 1) / CHUNK; i++)
			m->chunk[i] = BETWEEN_LOOKS;
	}
	m->written = true;
	sm_assert(pthread_mutex_unlock(&m->writing) == 0);
	return ok;
}

bool store_mapped_read(struct store *s, uint64_t at, uint8_t *p, size_t n)
{
	struct mapped *m = s->mapped;
	return m && n > 0 && have(s, m, at, n, false) && read_it(m, at, p, n);
}

int store_mapped_punch(struct store *s, uint64_t at, uint64_t n)
{
	struct mapped *m = s->mapped;
	int r;
	if (m)
		sm_assert(pthread_mutex_lock(&m->looking) == 0);
	do {
		r = fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		              (off_t)n);
	} while (r != 0 && errno == EINTR);
	int error = r == 0 ? 0 : errno;
	for (uint64_t i = at / CHUNK;
	     m && n > 0 && i <= (at + n - 1) / CHUNK && i * CHUNK < m->bytes; i++)
		m->chunk[i] = BEFORE_LOOK;
	if (m)
		sm_assert(pthread_mutex_unlock(&m->looking) == 0);
	return error;
}

void store_mapped_touch(struct store *s)
{
	struct mapped *m = s->mapped;
	if (m && atomic_exchange(&m->written, false))
		(void)futimens(s->fd, NULL);
}
