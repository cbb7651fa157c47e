/* SPDX-License-Identifier: BSD-2-Clause */
/* Actions of a step, and the memory they point to. */
#include "bus/core.h"

#include <stdio.h>
#include <string.h>

void act_reset(struct bus *b)
{
	for (unsigned i = 0; i < b->n_held; i++)
		block_unref(b->held[i]);
	b->n_held = 0;
	b->n_actions = 0;
	b->n_traces = 0;
	b->arena_n = 0;
	b->more = false;
}

bool act_room(const struct bus *b)
{
	return b->n_actions + TENURE_ACTIONS <= ACTIONS_MAX &&
	       b->n_traces + TENURE_TRACES <= TRACES_MAX && b->arena_n + TENURE_ARENA <= ARENA_MAX;
}

struct spent act_spent(const struct bus *b)
{
	return (struct spent){b->n_actions, b->n_traces, b->arena_n};
}

bool act_beyond(const struct bus *b, const struct spent *since)
{
	return b->n_actions - since->actions > PROGRAM_ACTIONS ||
	       b->n_traces - since->traces > PROGRAM_TRACES ||
	       b->arena_n - since->arena > PROGRAM_ARENA;
}

static struct bus_action *action(struct bus *b, enum bus_action_kind kind, uint32_t handle)
{
	sm_assert(b->n_actions < ACTIONS_MAX);
	struct bus_action *a = &b->action[b->n_actions++];
	a->kind = kind;
	a->handle = handle;
	a->text = NULL;
	a->lazy = false;
	return a;
}

struct wire_frame *act_send(struct bus *b, uint32_t handle, enum wire_type type)
{
	struct wire_frame *f = &action(b, BUS_ACT_SEND, handle)->frame;
	f->type = type;
	f->data = NULL;
	f->small = (struct span){NULL, 0};
	return f;
}

struct wire_frame *act_to(struct bus *b, const struct port *p, enum wire_type type)
{
	sm_assert(p->up);
	return act_send(b, b->conn[p->conn].handle, type);
}

void act_lazy(struct bus *b)
{
	sm_assert(b->n_actions > 0);
	b->action[b->n_actions - 1].lazy = true;
}

void act_data(struct bus *b, struct wire_frame *f, struct block *data, uint32_t off, uint32_t len)
{
	if (!data || len == 0)
		return;
	sm_assert(off <= data->len && len <= data->len - off);
	sm_assert(b->n_held < ACTIONS_MAX);
	b->held[b->n_held++] = block_ref(data);
	if (off == 0 && len == data->len)
		f->data = data;
	else
		f->small = (struct span){data->data + off, len};
}

uint8_t *act_arena(struct bus *b, size_t n)
{
	sm_assert(n <= ARENA_MAX - b->arena_n);
	uint8_t *p = b->arena + b->arena_n;
	b->arena_n += n;
	return p;
}

struct span act_copy(struct bus *b, const void *p, size_t n)
{
	uint8_t *to = act_arena(b, n);
	if (n > 0)
		memcpy(to, p, n);
	return (struct span){to, n};
}

void act_close(struct bus *b, struct conn *c, const char *text)
{
	size_t n = strlen(text) + 1;
	struct bus_action *a = action(b, BUS_ACT_CLOSE, c->handle);
	a->text = (const char *)act_copy(b, text, n).p;
	c->state = CONN_NONE;
}

void act_tap(struct bus *b, uint32_t handle)
{
	(void)action(b, BUS_ACT_TAP, handle);
}

struct bus_trace *act_trace(struct bus *b)
{
	sm_assert(b->n_traces < TRACES_MAX);
	return &b->trace[b->n_traces++];
}
