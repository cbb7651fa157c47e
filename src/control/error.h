/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors of the control socket: JSON-RPC codes, and data.kind, the stable string. */
#ifndef CONTROL_ERROR_H
#define CONTROL_ERROR_H

#include "control/json.h"
#include "initiator/initiator.h"

#define CTL_PARSE_ERROR     (-32700)
#define CTL_INVALID_REQUEST (-32600)
#define CTL_NO_METHOD       (-32601)
#define CTL_INVALID_PARAMS  (-32602)
#define CTL_INTERNAL        (-32603)
#define CTL_FAILED          (-32000) /* the request was right, but could not be carried out */
#define CTL_DENIED          (-32001)
#define CTL_LIMIT           (-32002) /* a limit of the connection */

#define CTL_TEXT_MAX 512

struct ctl_error {
	int code;
	const char *kind; /* of a static string */
	char parameter[64];
	char text[CTL_TEXT_MAX];
	bool has_ini;
	struct ini_error ini; /* has_ini: member, status, sense */
};

/* Fills e; returns false, for `return ctl_fail(...)`. */
bool ctl_fail(struct ctl_error *e, int code, const char *kind, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* The same, about a parameter. */
bool ctl_fail_param(struct ctl_error *e, const char *kind, const char *parameter,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* From the core. */
bool ctl_fail_ini(struct ctl_error *e, const struct ini_error *ini);

/* A whole answer, with its line end. id is JSON; "" becomes null. */
void ctl_put_error(struct jw *w, const char *id, const struct ctl_error *e);
/* An answer up to its result, which the caller puts with key "result"; and its end. */
void ctl_begin_answer(struct jw *w, const char *id);
void ctl_end_answer(struct jw *w);
/* An answer whose result is an empty object. */
void ctl_put_done(struct jw *w, const char *id);

#endif
