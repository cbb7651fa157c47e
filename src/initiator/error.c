/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors, reasons and log lines as text. */
#include "initiator/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void copy_text(char *to, size_t n, const char *from)
{
	size_t len = strnlen(from, n - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

const char *errno_text(int err)
{
	const char *text = strerrordesc_np(err);

	return text ? text : "unknown error";
}

bool ini_refuse(struct ini_error *e, enum ini_kind kind, const char *fmt, ...)
{
	va_list ap;

	*e = (struct ini_error){.kind = kind};
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return false;
}

const char *why_text(const struct why *why, char *buf, size_t n)
{
	if (why->has_sense) {
		const char *text = scsi_sense_text(why->sense.asc, why->sense.ascq);
		if (text)
			(void)snprintf(buf, n, "%s: %s", scsi_sense_key_name(why->sense.key), text);
		else
			(void)snprintf(buf, n, "%s, ASC %02Xh/%02Xh",
			               scsi_sense_key_name(why->sense.key), why->sense.asc,
			               why->sense.ascq);
		return buf;
	}
	if (why->status != STATUS_NONE && why->status != SCSI_GOOD) {
		copy_text(buf, n, scsi_status_name(why->status));
		return buf;
	}
	copy_text(buf, n, why->what ? why->what : "unknown");
	return buf;
}

void ini_error_why(struct ini_error *e, const char *member, const struct why *why)
{
	copy_text(e->member, sizeof(e->member), member);
	e->has_status = why->status != STATUS_NONE;
	e->status = e->has_status ? why->status : 0;
	e->has_sense = why->has_sense;
	e->sense = why->sense;
}

void ini_log(struct ini *ini, int level, const char *fmt, ...)
{
	va_list ap;

	if (ini->log_n == INI_LOG_LINES) {
		ini->log_lost++;
		return;
	}
	struct log_line *line = &ini->log[(ini->log_first + ini->log_n++) % INI_LOG_LINES];
	line->level = level;
	va_start(ap, fmt);
	(void)vsnprintf(line->text, sizeof(line->text), fmt, ap);
	va_end(ap);
}
