# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/initiator/NAME.c, src/initiator/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/initiator/libinitiator.a
src_initiator_libinitiator_a_SOURCES = \
	src/initiator/attempt.c \
	src/initiator/broadcast.c \
	src/initiator/bypass.c \
	src/initiator/change.c \
	src/initiator/cmd.c \
	src/initiator/compare.c \
	src/initiator/core.h \
	src/initiator/error.c \
	src/initiator/group.c \
	src/initiator/group.h \
	src/initiator/group_cmd.c \
	src/initiator/group_io.c \
	src/initiator/hba.c \
	src/initiator/hba.h \
	src/initiator/hba_check.c \
	src/initiator/hba_core.h \
	src/initiator/hba_inquiry.c \
	src/initiator/hba_member.c \
	src/initiator/hba_pass.c \
	src/initiator/hba_probe.c \
	src/initiator/hba_reset.c \
	src/initiator/hba_scan.c \
	src/initiator/hba_sched.c \
	src/initiator/hba_tag.c \
	src/initiator/hba_task.c \
	src/initiator/heal.c \
	src/initiator/import.c \
	src/initiator/import.h \
	src/initiator/import_judge.c \
	src/initiator/ini.c \
	src/initiator/initiator.h \
	src/initiator/intents.c \
	src/initiator/intents.h \
	src/initiator/io.c \
	src/initiator/io.h \
	src/initiator/job.c \
	src/initiator/job.h \
	src/initiator/job_end.c \
	src/initiator/job_load.c \
	src/initiator/job_restore.c \
	src/initiator/job_run.c \
	src/initiator/job_sweep.c \
	src/initiator/job_target.c \
	src/initiator/job_time.c \
	src/initiator/member.c \
	src/initiator/mend.c \
	src/initiator/names.c \
	src/initiator/output.c \
	src/initiator/owner.c \
	src/initiator/parts.h \
	src/initiator/pool.c \
	src/initiator/resend.c \
	src/initiator/restart.c \
	src/initiator/revive.c \
	src/initiator/source.c

unit_tests += tests/unit/test_hba_core tests/unit/test_verdict
