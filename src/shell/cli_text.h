/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts for a terminal: names from outside made harmless, quantities made readable. All return buf.
 */
#ifndef SHELL_CLI_TEXT_H
#define SHELL_CLI_TEXT_H

#include "base/units.h"

/* s with control characters (C0, DEL, C1, and those that turn the direction of writing or break
 * lines) as \xNN or \u{NNNN} and what is not UTF-8 as \xNN; cut with "..." where it does not fit.
 */
const char *cli_clean(const char *s, char *buf, size_t n);
/* Characters of UTF-8, each taken as one column. */
size_t cli_width(const char *s);
/* "853 MB/s": powers of 1000. */
const char *cli_rate_text(uint64_t bytes_per_s, char *buf, size_t n);
/* "12.3 ms": three digits. */
const char *cli_ns_text(ns_t ns, char *buf, size_t n);
/* "0:07", "1:02:03", "3 d 1:02:03" */
const char *cli_clock_text(uint64_t seconds, char *buf, size_t n);

#endif
