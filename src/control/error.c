/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/error.h"

#include "control/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool ctl_fail(struct ctl_error *e, int code, const char *kind, const char *format, ...)
{
	va_list args;

	*e = (struct ctl_error){.code = code, .kind = kind};
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return false;
}

bool ctl_fail_param(struct ctl_error *e, const char *kind, const char *parameter,
                    const char *format, ...)
{
	va_list args;

	*e = (struct ctl_error){.code = CTL_INVALID_PARAMS, .kind = kind};
	snprintf(e->parameter, sizeof(e->parameter), "%s", parameter);
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return false;
}

bool ctl_fail_ini(struct ctl_error *e, const struct ini_error *ini)
{
	*e = (struct ctl_error){
	        .code = CTL_FAILED, .kind = ini_kind_name(ini->kind), .has_ini = true, .ini = *ini};
	snprintf(e->text, sizeof(e->text), "%s", ini->text);
	return false;
}

void ctl_begin_answer(struct jw *w, const char *id)
{
	jw_obj(w, NULL);
	jw_raw(w, "\"jsonrpc\":\"2.0\",\"id\":", 21);
	if (*id)
		jw_raw(w, id, strlen(id));
	else
		jw_raw(w, "null", 4);
	w->comma = true;
}

void ctl_end_answer(struct jw *w)
{
	jw_end_obj(w);
	jw_raw(w, "\n", 1);
	w->comma = false;
}

void ctl_put_done(struct jw *w, const char *id)
{
	ctl_begin_answer(w, id);
	jw_obj(w, "result");
	jw_end_obj(w);
	ctl_end_answer(w);
}

void ctl_put_error(struct jw *w, const char *id, const struct ctl_error *e)
{
	char code[16];
	int n = snprintf(code, sizeof(code), "%d", e->code);

	ctl_begin_answer(w, id);
	jw_obj(w, "error");
	jw_json(w, "code", code, (size_t)n);
	jw_str(w, "message", e->text);
	jw_obj(w, "data");
	jw_str(w, "kind", e->kind);
	if (*e->parameter)
		jw_str(w, "parameter", e->parameter);
	if (e->has_ini && *e->ini.member)
		jw_str(w, "member", e->ini.member);
	if (e->has_ini && e->ini.has_status)
		ctl_put_status(w, e->ini.status);
	if (e->has_ini && e->ini.has_sense)
		ctl_put_sense(w, "sense", &e->ini.sense);
	jw_end_obj(w);
	jw_end_obj(w);
	ctl_end_answer(w);
}
