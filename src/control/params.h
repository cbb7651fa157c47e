/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONTROL_PARAMS_H
#define CONTROL_PARAMS_H

#include "control/request.h"

/* Parameters that the schema has passed go into r; what it cannot tell (base64, hex, UUID text) is
 * checked here. */
bool ctl_params_take(const json_t *params, struct ctl_request *r, struct ctl_error *e);

#endif
