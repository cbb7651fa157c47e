/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/ring.h"

#include "base/assert.h"
#include "shell/buddy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE  ((size_t)4096)
#define MAGIC UINT64_C(0x736d6972726f7231) /* "smirror1" */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

/* The start of the memory: its maker writes it once; readers take it over after a look. */
struct header {
	uint64_t magic;
	uint32_t pages;
	uint32_t reserved;
	_Atomic uint32_t gen[];
};

struct ring_block {
	struct block b;
	struct ring *ring;
	uint32_t page, gen;
	unsigned order; /* its maker's; unused by readers */
	SLIST_ENTRY(ring_block) link;
};

struct ring {
	unsigned refs; /* the owner's and one for each block that is out */
	uint32_t number;
	int fd;
	uint8_t *base;
	size_t bytes, data_at; /* of the memory; where its pages begin */
	uint32_t pages;
	struct header *header;
	struct buddy *buddy; /* NULL: not its maker */
	uint32_t last_gen;
	SLIST_HEAD(, ring_block) spare;
};

static size_t header_bytes(uint32_t pages)
{
	size_t n = sizeof(struct header) + (size_t)pages * sizeof(uint32_t);
	return (n + PAGE - 1) / PAGE * PAGE;
}

/* ---- life ---- */

static void destroy(struct ring *r)
{
	struct ring_block *k;

	while ((k = SLIST_FIRST(&r->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&r->spare, link);
		free(k);
	}
	if (r->base)
		(void)munmap(r->base, r->bytes);
	if (r->fd >= 0)
		(void)close(r->fd);
	buddy_free(r->buddy);
	free(r);
}

struct ring *ring_ref(struct ring *r)
{
	sm_assert(r->refs > 0 && r->refs < UINT32_MAX);
	r->refs++;
	return r;
}

void ring_unref(struct ring *r)
{
	if (!r)
		return;
	sm_assert(r->refs > 0);
	if (--r->refs == 0)
		destroy(r);
}

static struct ring *blank(uint32_t number, int fd, size_t bytes)
{
	struct ring *r = calloc(1, sizeof(*r));

	if (!r) {
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	*r = (struct ring){.refs = 1, .number = number, .fd = fd, .bytes = bytes};
	SLIST_INIT(&r->spare);
	return r;
}

static bool map(struct ring *r, int protection)
{
	void *p = mmap(NULL, r->bytes, protection, MAP_SHARED, r->fd, 0);

	r->base = p == MAP_FAILED ? NULL : p;
	r->header = (struct header *)(void *)r->base;
	return r->base != NULL;
}

static struct ring *fail(struct ring *r, const char *what, int error, char *why, size_t n)
{
	(void)snprintf(why, n, "%s%s%s", what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	if (r)
		destroy(r);
	return NULL;
}

struct ring *ring_new(uint32_t number, size_t bytes, char *why, size_t n)
{
	sm_assert(bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX);
	uint32_t pages = (uint32_t)(bytes / PAGE);
	size_t data_at = header_bytes(pages);
	int fd = memfd_create("smirror-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fail(NULL, "no memory that can be shared", errno, why, n);
	struct ring *r = blank(number, fd, data_at + pages * PAGE);
	if (!r)
		return fail(NULL, "out of memory", 0, why, n);
	/* Now, not at the first use: a page that is not to be had then would be a SIGBUS. */
	int error = posix_fallocate(fd, 0, (off_t)r->bytes);
	if (error)
		return fail(r, "memory that can be shared", error, why, n);
	if (!map(r, PROT_READ | PROT_WRITE))
		return fail(r, "mapping of shared memory", errno, why, n);
	if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return fail(r, "sealing of shared memory", errno, why, n);
	r->buddy = buddy_new(pages);
	if (!r->buddy)
		return fail(r, "out of memory", 0, why, n);
	r->pages = pages;
	r->data_at = data_at;
	r->header->magic = MAGIC;
	r->header->pages = pages;
	return r;
}

/* The memory is of that length, is there, and stays so. */
static const char *unfit(const struct ring *r)
{
	struct stat st;
	int seals = fcntl(r->fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS)
		return "the descriptor is of no sealed memory";
	if (fstat(r->fd, &st) != 0 || (uint64_t)st.st_size != r->bytes)
		return "the memory is not of the length that was told";
	/* A hole would be filled at the first look, if there is memory for it then. */
	if ((uint64_t)st.st_blocks * 512 < r->bytes)
		return "the memory is not all there";
	return NULL;
}

struct ring *ring_open(uint32_t number, uint64_t bytes, int fd, char *why, size_t n)
{
	if (bytes < PAGE || bytes > RING_BYTES_MOST || bytes % PAGE != 0) {
		(void)close(fd);
		return fail(NULL, "no such length is possible", 0, why, n);
	}
	struct ring *r = blank(number, fd, (size_t)bytes);
	if (!r)
		return fail(NULL, "out of memory", 0, why, n);
	const char *what = unfit(r);
	if (what)
		return fail(r, what, 0, why, n);
	if (!map(r, PROT_READ))
		return fail(r, "mapping of shared memory", errno, why, n);
	/* Read once: its maker could change it later. */
	r->pages = r->header->pages;
	r->data_at = header_bytes(r->pages);
	if (r->header->magic != MAGIC || r->pages == 0 || r->data_at >= r->bytes ||
	    (r->bytes - r->data_at) / PAGE != r->pages)
		return fail(r, "the memory has not the form of a ring", 0, why, n);
	return r;
}

uint32_t ring_number(const struct ring *r)
{
	return r->number;
}

uint64_t ring_bytes(const struct ring *r)
{
	return r->bytes;
}

int ring_fd(const struct ring *r)
{
	return r->fd;
}

/* ---- blocks ---- */

static void block_back(struct block *b, void *ctx)
{
	struct ring_block *k = (struct ring_block *)(void *)b;
	struct ring *r = ctx;

	if (r->buddy)
		buddy_put(r->buddy, k->page, k->order);
	SLIST_INSERT_HEAD(&r->spare, k, link);
	ring_unref(r);
}

static struct ring_block *block_of(struct ring *r, uint8_t *data, size_t len)
{
	struct ring_block *k = SLIST_FIRST(&r->spare);

	if (k)
		SLIST_REMOVE_HEAD(&r->spare, link);
	else
		k = malloc(sizeof(*k));
	if (!k)
		return NULL;
	*k = (struct ring_block){
	        .b = {.refs = 1,
	              .len = len,
	              .cap = len,
	              .data = data,
	              .shared = true,
	              .release = block_back,
	              .release_ctx = r},
	        .ring = r,
	};
	r->refs++;
	return k;
}

struct block *ring_get(struct ring *r, size_t len)
{
	sm_assert(r->buddy && len > 0);
	unsigned order = buddy_order((len + PAGE - 1) / PAGE);
	uint32_t page = order < BUDDY_ORDERS ? buddy_get(r->buddy, order) : BUDDY_NONE;
	if (page == BUDDY_NONE)
		return NULL;
	struct ring_block *k = block_of(r, r->base + r->data_at + page * PAGE, len);
	if (!k) {
		buddy_put(r->buddy, page, order);
		return NULL;
	}
	k->page = page;
	k->order = order;
	k->gen = ++r->last_gen;
	/* Before the data change: who reads old data to the end and then looks, sees it. */
	for (uint32_t i = 0; i < 1U << order; i++)
		atomic_store_explicit(&r->header->gen[page + i], k->gen, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return &k->b;
}

struct block *ring_at(struct ring *r, const struct wire_ref *ref, uint32_t len, char *why, size_t n)
{
	if (ref->off < r->data_at || ref->off >= r->bytes || len > r->bytes - ref->off) {
		(void)snprintf(why, n, "%u bytes at %u do not lie in ring %u of %zu bytes", len,
		               ref->off, r->number, r->bytes);
		return NULL;
	}
	struct ring_block *k = block_of(r, r->base + ref->off, len);
	if (!k) {
		(void)snprintf(why, n, "out of memory");
		return NULL;
	}
	k->page = (uint32_t)((ref->off - r->data_at) / PAGE);
	k->gen = ref->gen;
	return &k->b;
}

static uint32_t gen_of(const struct ring *r, uint32_t page)
{
	return atomic_load_explicit(&r->header->gen[page], memory_order_acquire);
}

bool ring_find(const struct ring *r, const struct block *b, struct wire_ref *out)
{
	/* A part of a block has no generation of its own: of its maker's pages the present one is
	 * right, as long as the block is held. */
	bool whole = b->release == block_back;

	if (b->data < r->base + r->data_at || b->data >= r->base + r->bytes)
		return false;
	size_t off = (size_t)(b->data - r->base);
	if (b->len > r->bytes - off || (!whole && !r->buddy))
		return false;
	uint32_t gen = whole ? ((const struct ring_block *)(const void *)b)->gen
	                     : gen_of(r, (uint32_t)((off - r->data_at) / PAGE));
	*out = (struct wire_ref){.ring = r->number, .off = (uint32_t)off, .gen = gen};
	return true;
}

bool ring_current(const struct block *b)
{
	if (b->release != block_back)
		return true;
	const struct ring_block *k = (const struct ring_block *)(const void *)b;
	atomic_thread_fence(memory_order_seq_cst);
	return gen_of(k->ring, k->page) == k->gen;
}

/* ---- sets ---- */

static unsigned index_of(const struct ring_set *s, uint32_t number)
{
	unsigned i = 0;
	while (i < s->n && s->v[i]->number != number)
		i++;
	return i;
}

bool ring_set_add(struct ring_set *s, struct ring *r)
{
	if (s->n == RINGS_MAX || index_of(s, r->number) < s->n)
		return false;
	s->v[s->n++] = ring_ref(r);
	return true;
}

void ring_set_remove(struct ring_set *s, uint32_t number)
{
	unsigned i = index_of(s, number);
	if (i == s->n)
		return;
	ring_unref(s->v[i]);
	s->v[i] = s->v[--s->n];
}

void ring_set_clear(struct ring_set *s)
{
	while (s->n > 0)
		ring_unref(s->v[--s->n]);
}

struct ring *ring_set_get(const struct ring_set *s, uint32_t number)
{
	unsigned i = index_of(s, number);
	return i < s->n ? s->v[i] : NULL;
}

bool ring_set_find(const struct ring_set *s, const struct block *b, struct wire_ref *out)
{
	for (unsigned i = 0; i < s->n; i++)
		if (ring_find(s->v[i], b, out))
			return true;
	return false;
}
