/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who breaks the rules: an ERROR for each frame that is refused; one that goes on loses its
 * connection. An answer that comes too late (an old token) is no crime and happens to the best, so
 * refusals are forgiven with time.
 */
#include "bus/core.h"

#include <stdarg.h>
#include <stdio.h>

static void fill(struct wire_error *e, uint8_t code, uint8_t type, uint32_t ref, const char *fmt,
                 va_list ap)
{
	e->code = code;
	e->frame_type = type;
	e->ref = ref;
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
}

void forgive(struct forgiven *f, ns_t each, ns_t now)
{
	while (f->n > 0 && now - f->since >= each) {
		f->n--;
		f->since += each;
	}
	if (f->n == 0)
		f->since = now;
}

void refuse(struct bus *b, struct conn *c, uint8_t code, uint8_t type, uint32_t ref,
            const char *fmt, ...)
{
	va_list ap;

	if (c->state == CONN_NONE)
		return;
	va_start(ap, fmt);
	fill(&act_send(b, c->handle, WIRE_ERROR)->error, code, type, ref, fmt, ap);
	va_end(ap);
	b->stats.refused_frames++;
	if (c->state == CONN_PORT)
		b->port[c->id].refused++;
	forgive(&c->refusals, REFUSAL_FORGET_NS, b->now);
	if (++c->refusals.n >= REFUSALS_MAX)
		refuse_conn(b, c, code, type, 0, "%u frames were refused", c->refusals.n);
}

void refuse_conn(struct bus *b, struct conn *c, uint8_t code, uint8_t type, uint32_t ref,
                 const char *fmt, ...)
{
	va_list ap;
	uint8_t id = c->id;
	bool was_port = c->state == CONN_PORT;
	struct wire_frame *f = act_send(b, c->handle, WIRE_REFUSED);

	va_start(ap, fmt);
	fill(&f->error, code, type, ref, fmt, ap);
	va_end(ap);
	act_close(b, c, f->error.text);
	if (was_port)
		port_down(b, &b->port[id]);
}

void tell_error(struct bus *b, const struct port *p, uint8_t code, uint8_t type, uint32_t ref,
                const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(&act_to(b, p, WIRE_ERROR)->error, code, type, ref, fmt, ap);
	va_end(ap);
}
