/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks that the core hands out without allocating: parts of other blocks, buffers, parameter
 * lists. Each comes back when its last reference is dropped. */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

static void view_back(struct block *b, void *ctx)
{
	struct view *v = ctx;

	(void)b;
	block_unref(v->parent);
	v->parent = NULL;
	TAILQ_INSERT_HEAD(&v->ini->view_free, v, link);
}

static void param_back(struct block *b, void *ctx)
{
	struct param *p = ctx;

	(void)b;
	TAILQ_INSERT_HEAD(&p->ini->param_free, p, link);
}

static void buffer_back(struct block *b, void *ctx)
{
	struct buffer *u = ctx;

	(void)b;
	TAILQ_INSERT_HEAD(&u->ini->buffer_free, u, link);
	u->ini->n_buffer_free++;
}

bool ini_pool_new(struct ini *ini)
{
	TAILQ_INIT(&ini->view_free);
	TAILQ_INIT(&ini->param_free);
	TAILQ_INIT(&ini->buffer_free);
	ini->views = calloc(INI_VIEWS, sizeof(*ini->views));
	ini->params = calloc(INI_PARAMS, sizeof(*ini->params));
	if (!ini->views || !ini->params)
		return false;
	for (unsigned i = 0; i < INI_VIEWS; i++) {
		ini->views[i].ini = ini;
		TAILQ_INSERT_TAIL(&ini->view_free, &ini->views[i], link);
	}
	for (unsigned i = 0; i < INI_PARAMS; i++) {
		ini->params[i].ini = ini;
		TAILQ_INSERT_TAIL(&ini->param_free, &ini->params[i], link);
	}
	for (unsigned i = 0; i < INI_BUFFERS; i++) {
		struct buffer *u = &ini->buffer[i];
		u->ini = ini;
		u->b = block_new(INI_BLOCK_MAX);
		if (!u->b)
			return false;
		u->b->release = buffer_back;
		u->b->release_ctx = u;
		u->b->refs = 0;
		TAILQ_INSERT_TAIL(&ini->buffer_free, u, link);
		ini->n_buffer_free++;
	}
	return true;
}

void ini_pool_free(struct ini *ini)
{
	for (unsigned i = 0; i < INI_BUFFERS; i++) {
		struct block *b = ini->buffer[i].b;
		if (!b)
			continue;
		/* One that is still held elsewhere is freed by its last holder. */
		b->release = NULL;
		if (b->refs == 0) {
			b->refs = 1;
			block_unref(b);
		}
	}
	free(ini->views);
	free(ini->params);
}

struct view *view_get(struct ini *ini, struct block *b, uint32_t off, uint32_t len)
{
	struct view *v = TAILQ_FIRST(&ini->view_free);

	sm_assert(off <= b->len && len <= b->len - off);
	if (!v)
		return NULL;
	TAILQ_REMOVE(&ini->view_free, v, link);
	v->parent = block_ref(b);
	v->b = (struct block){.refs = 1,
	                      .len = len,
	                      .cap = len,
	                      .data = b->data + off,
	                      .release = view_back,
	                      .release_ctx = v};
	return v;
}

struct block *buffer_get(struct ini *ini, uint32_t len, bool second)
{
	struct buffer *u = TAILQ_FIRST(&ini->buffer_free);

	sm_assert(len <= INI_BLOCK_MAX);
	if (!u || (!second && ini->n_buffer_free <= INI_SECOND)) {
		ini->buffer_short = true;
		return NULL;
	}
	TAILQ_REMOVE(&ini->buffer_free, u, link);
	ini->n_buffer_free--;
	u->b->refs = 1;
	u->b->len = len;
	return u->b;
}

struct block *param_get(struct ini *ini)
{
	struct param *p = TAILQ_FIRST(&ini->param_free);

	if (!p)
		return NULL;
	TAILQ_REMOVE(&ini->param_free, p, link);
	memset(p->bytes, 0, sizeof(p->bytes));
	p->b = (struct block){.refs = 1,
	                      .len = sizeof(p->bytes),
	                      .cap = sizeof(p->bytes),
	                      .data = p->bytes,
	                      .release = param_back,
	                      .release_ctx = p};
	return &p->b;
}
