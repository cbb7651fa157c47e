# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/control/NAME.c, src/control/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/control/libcontrol.a
src_control_libcontrol_a_SOURCES = \
	src/control/allow.c \
	src/control/allow.h \
	src/control/base64.c \
	src/control/base64.h \
	src/control/error.c \
	src/control/error.h \
	src/control/history.c \
	src/control/json.c \
	src/control/json.h \
	src/control/lines.c \
	src/control/lines.h \
	src/control/longtext.c \
	src/control/longtext.h \
	src/control/methods.def \
	src/control/params.c \
	src/control/params.def \
	src/control/params.h \
	src/control/request.c \
	src/control/request.h \
	src/control/rule.c \
	src/control/rule.h \
	src/control/saved.c \
	src/control/saved.h \
	src/control/schema.c \
	src/control/schema.h \
	src/control/show.h \
	src/control/show_bus.c \
	src/control/show_group.c \
	src/control/show_job.c \
	src/control/show_target.c \
	src/control/state.c \
	src/control/state.h
nodist_src_control_libcontrol_a_SOURCES = src/control/schema_text.c
CLEANFILES += src/control/schema_text.c

# The schema as bytes: a string literal of its length is more than C promises to take.
src/control/schema_text.c: conf/control-schema.json
	$(AM_V_GEN)$(MKDIR_P) src/control && { \
		echo '/* Made from conf/control-schema.json. */'; \
		echo '#include "control/schema.h"'; \
		echo 'const char ctl_schema_text[] = {'; \
		od -An -v -to1 $(srcdir)/conf/control-schema.json | $(SED) -e 's/ \([0-7][0-7]*\)/0\1,/g'; \
		echo '};'; \
		echo 'const size_t ctl_schema_text_len = sizeof(ctl_schema_text);'; \
	} >$@.tmp && mv $@.tmp $@

unit_tests += \
	tests/unit/test_allow \
	tests/unit/test_base64 \
	tests/unit/test_json \
	tests/unit/test_lines \
	tests/unit/test_request \
	tests/unit/test_show \
	tests/unit/test_state
