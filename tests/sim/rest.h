/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SIM_REST_H
#define TESTS_SIM_REST_H

struct ini;
struct hba;

/* What an initiator without work still has; NULL: nothing. */
const char *rest_kept(const struct ini *ini, const struct hba *h);

#endif
