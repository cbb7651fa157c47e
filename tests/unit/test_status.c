/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/status.h"
#include "unit/tap_main.h"

#include <string.h>

static const struct {
	uint8_t status;
	const char *name;
} rows[] = {
        {0x00, "GOOD"},       {0x02, "CHECK CONDITION"},      {0x04, "CONDITION MET"},
        {0x08, "BUSY"},       {0x18, "RESERVATION CONFLICT"}, {0x28, "TASK SET FULL"},
        {0x30, "ACA ACTIVE"}, {0x40, "TASK ABORTED"},
};

START_TEST(names_all_that_there_are)
{
	for (unsigned status = 0; status <= 0xff; status++) {
		const char *want = "UNKNOWN STATUS";
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (rows[i].status == status)
				want = rows[i].name;
		ck_assert_str_eq(scsi_status_name((uint8_t)status), want);
	}
}
END_TEST

TAP_MAIN("status", names_all_that_there_are);
