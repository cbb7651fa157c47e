/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/phase.h"
#include "unit/tap_main.h"

/* SPI-3, 10.5: MSG, C/D, I/O. */
START_TEST(information_phases_are_their_lines)
{
	ck_assert_int_eq(PHASE_DATA_OUT, 0);
	ck_assert_int_eq(PHASE_DATA_IN, 1);
	ck_assert_int_eq(PHASE_COMMAND, 2);
	ck_assert_int_eq(PHASE_STATUS, 3);
	ck_assert_int_eq(PHASE_MESSAGE_OUT, 6);
	ck_assert_int_eq(PHASE_MESSAGE_IN, 7);
}
END_TEST

START_TEST(names)
{
	static const char *const want[PHASE_KINDS + 1] = {
	        "DATA OUT",  "DATA IN",     "COMMAND",    "STATUS",   "RESERVED",
	        "RESERVED",  "MESSAGE OUT", "MESSAGE IN", "BUS FREE", "ARBITRATION",
	        "SELECTION", "RESELECTION", "RESET",      "RESERVED",
	};
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		ck_assert_str_eq(scsi_phase_name((enum scsi_phase)i), want[i]);
}
END_TEST

TAP_MAIN("phase", information_phases_are_their_lines, names);
