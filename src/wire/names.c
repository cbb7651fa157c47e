/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of codes and outcomes: stable, for logs and for the control interface. */
#include "wire/wire.h"

const char *wire_code_name(uint8_t code)
{
	static const char *const names[] = {
	        [CODE_OK] = "ok",
	        [CODE_VERSION] = "version",
	        [CODE_ID_HELD] = "id_held",
	        [CODE_UUID_HELD] = "uuid_held",
	        [CODE_BAD_FRAME] = "bad_frame",
	        [CODE_BAD_STATE] = "bad_state",
	        [CODE_NOT_YOURS] = "not_yours",
	        [CODE_FLOOD] = "flood",
	        [CODE_CONFLICT] = "conflict",
	        [CODE_NO_PORT] = "no_port",
	        [CODE_BAD_VALUE] = "bad_value",
	        [CODE_SUPERSEDED] = "superseded",
	        [CODE_SHUTDOWN] = "shutdown",
	};
	return code < ARRAY_LEN(names) ? names[code] : NULL;
}

const char *wire_outcome_name(uint8_t outcome)
{
	static const char *const names[] = {
	        [OUTCOME_COMPLETE] = "complete",
	        [OUTCOME_DISCONNECTED] = "disconnected",
	        [OUTCOME_RELEASED] = "released",
	        [OUTCOME_SELECTION_TIMEOUT] = "selection_timeout",
	        [OUTCOME_UNEXPECTED_FREE] = "unexpected_free",
	        [OUTCOME_RESET] = "reset",
	        [OUTCOME_CANCELLED] = "cancelled",
	        [OUTCOME_BAD_SCRIPT] = "bad_script",
	        [OUTCOME_NO_NEXUS] = "no_nexus",
	        [OUTCOME_MORE] = "more",
	        [OUTCOME_CHAINED] = "chained",
	};
	return outcome < ARRAY_LEN(names) ? names[outcome] : NULL;
}
