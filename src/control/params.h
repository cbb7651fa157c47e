/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONTROL_PARAMS_H
#define CONTROL_PARAMS_H

#include "control/request.h"

/* Parameters that the schema has passed go into r; what it cannot tell (base64, hex, UUID text) is
 * checked here. data: the text that was taken out of the line (longtext.h), or empty. */
bool ctl_params_take(const json_t *params, struct span data, struct ctl_request *r,
                     struct ctl_error *e);

#endif
