# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/target/NAME.c, src/target/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/target/libtarget.a
src_target_libtarget_a_SOURCES = \
	src/target/background.c \
	src/target/background.h \
	src/target/abort.c \
	src/target/allegiance.c \
	src/target/cmd.h \
	src/target/cmd_buffer.c \
	src/target/cmd_copy.c \
	src/target/cmd_diag.c \
	src/target/cmd_format.c \
	src/target/cmd_inquiry.c \
	src/target/cmd_log.c \
	src/target/cmd_misc.c \
	src/target/cmd_mode.c \
	src/target/cmd_report.c \
	src/target/cmd_reserve.c \
	src/target/cmd_rw.c \
	src/target/cmd_unmap.c \
	src/target/commands.def \
	src/target/conflicts.def \
	src/target/copy.c \
	src/target/copy.h \
	src/target/core.h \
	src/target/dispatch.c \
	src/target/exceptions.c \
	src/target/fault.c \
	src/target/fault.h \
	src/target/limits.c \
	src/target/lu.c \
	src/target/lu.h \
	src/target/message.c \
	src/target/mode.c \
	src/target/mode.h \
	src/target/modes.def \
	src/target/order.c \
	src/target/port.c \
	src/target/protect.c \
	src/target/protect.h \
	src/target/reply.c \
	src/target/reserve.c \
	src/target/reserve.h \
	src/target/silent.c \
	src/target/target.c \
	src/target/target.h \
	src/target/task.c \
	src/target/task.h \
	src/target/tenure.h \
	src/target/ua.c \
	src/target/ua.h \
	src/target/vpd.c \
	src/target/work.c

unit_tests += tests/unit/test_reserve
unit_tests += \
	tests/unit/test_target_commands \
	tests/unit/test_target_copy \
	tests/unit/test_target_inquiry \
	tests/unit/test_target_faults \
	tests/unit/test_target_format \
	tests/unit/test_target_log \
	tests/unit/test_target_luns \
	tests/unit/test_target_mode \
	tests/unit/test_target_order \
	tests/unit/test_target_pass \
	tests/unit/test_target_protect_format \
	tests/unit/test_target_protection \
	tests/unit/test_target_random \
	tests/unit/test_target_cdbs \
	tests/unit/test_target_report \
	tests/unit/test_target_reserve \
	tests/unit/test_target_sbc \
	tests/unit/test_target_messages \
	tests/unit/test_target_tasks \
	tests/unit/test_target_units \
	tests/unit/test_target_taskset \
	tests/unit/test_target_thin
tests_unit_test_target_commands_SOURCES = tests/unit/test_target_commands.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_copy_SOURCES = tests/unit/test_target_copy.c tests/unit/disk.c tests/unit/disk.h tests/unit/hex.c tests/unit/hex.h
tests_unit_test_target_faults_SOURCES = tests/unit/test_target_faults.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_inquiry_SOURCES = tests/unit/test_target_inquiry.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_log_SOURCES = tests/unit/test_target_log.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_luns_SOURCES = tests/unit/test_target_luns.c tests/unit/disk.c tests/unit/disk.h tests/unit/hex.c tests/unit/hex.h
tests_unit_test_target_mode_SOURCES = tests/unit/test_target_mode.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_order_SOURCES = tests/unit/test_target_order.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_pass_SOURCES = tests/unit/test_target_pass.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_protect_format_SOURCES = tests/unit/test_target_protect_format.c tests/unit/protected.c tests/unit/protected.h tests/unit/disk.c tests/unit/disk.h tests/unit/hex.c tests/unit/hex.h
tests_unit_test_target_protection_SOURCES = tests/unit/test_target_protection.c tests/unit/protected.c tests/unit/protected.h tests/unit/disk.c tests/unit/disk.h tests/unit/hex.c tests/unit/hex.h
tests_unit_test_target_cdbs_SOURCES = tests/unit/test_target_cdbs.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_report_SOURCES = tests/unit/test_target_report.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_sbc_SOURCES = tests/unit/test_target_sbc.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_messages_SOURCES = tests/unit/test_target_messages.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_taskset_SOURCES = tests/unit/test_target_taskset.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_tasks_SOURCES = tests/unit/test_target_tasks.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_units_SOURCES = tests/unit/test_target_units.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_thin_SOURCES = tests/unit/test_target_thin.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_reserve_SOURCES = tests/unit/test_target_reserve.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_format_SOURCES = tests/unit/test_target_format.c tests/unit/disk.c tests/unit/disk.h
tests_unit_test_target_random_SOURCES = tests/unit/test_target_random.c tests/unit/disk.c tests/unit/disk.h
