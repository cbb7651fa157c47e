# SPDX-License-Identifier: BSD-2-Clause
#
# Every test prints TAP. Lists, each filled by the fragment of its directory:
#
#	static_checks      scripts that judge the source and the libraries (tests/)
#	unit_tests         one file of C each, linked with all libraries and Check (tests/unit/)
#	scenario_tests     the same, driving several cores at once (tests/scenario/)
#	model_checks       what is run of the protocol's model (tests/model/)
#	integration_tests  scripts, .sh or .py, with the real programs (tests/integration/)
#	helper_programs    what such scripts start beside them
#
# The build with sanitizers runs, of the integration tests, $(sanitized_integration_tests) when ./bootstrap starts it;
# SANITIZE=yes is in their environment then.
#
# `make check` runs them all, side by side with -j; `make check-static`, `check-unit`, `check-scenario` and
# `check-integration` one list, `check-rogue` those integration tests in which somebody breaks the rules; `make check TESTS=tests/unit/test_x` one test. The log is tests/unit/test_x.log.
# Scripts find their way by top_srcdir, top_builddir, CC, NM and the like, which are in their environment.

static_checks = \
	tests/check_floors.py \
	tests/check_dist.sh \
	tests/check_man.sh \
	tests/check_purity.sh \
	tests/check_style.sh

EXTRA_DIST += $(static_checks) tests/tap.sh tests/README.md tests/RESULTS.md tests/coverage.py

include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/crash/local.mk
include tests/steps/local.mk
include tests/sim/local.mk
include tests/scenario/local.mk
include tests/integration/local.mk
include tests/bench/local.mk
include tests/soak/local.mk
include tests/demo/local.mk
include tests/model/local.mk

check_PROGRAMS = $(unit_tests) $(scenario_tests) $(helper_programs)
INTEGRATION = $(integration_tests)
STATIC = $(static_checks)
TESTS = $(INTEGRATION) $(STATIC) $(model_checks) $(scenario_tests) $(unit_tests)

# What a test program links with that does not say otherwise.
LDADD = tests/unit/libtap.a tests/sim/libsim.a $(program_libs) $(CHECK_LIBS)

TEST_EXTENSIONS = .sh .py
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(BASH)
PY_LOG_COMPILER = $(PYTHON3)
if SANITIZE
sanitize = yes
else
sanitize = no
endif
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	SANITIZE=$(sanitize); export SANITIZE; \
	CC='$(CC)'; export CC; \
	MAKE='$(MAKE)'; export MAKE; \
	NM='$(NM)'; export NM; \
	AR='$(AR)'; export AR; \
	CLANG_FORMAT='$(CLANG_FORMAT)'; export CLANG_FORMAT; \
	MANDOC='$(MANDOC)'; export MANDOC; \
	SYSTEMD_ANALYZE='$(SYSTEMD_ANALYZE)'; export SYSTEMD_ANALYZE; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	: "$${CK_DEFAULT_TIMEOUT:=180}"; export CK_DEFAULT_TIMEOUT;

# Formats what .clang-format does not agree with.
.PHONY: format
format:
	cd $(top_srcdir) && find src include tests -name '*.[ch]' -exec $(CLANG_FORMAT) -i {} +

.PHONY: list-test-logs
list-test-logs:
	@printf '%s\n' $(TEST_LOGS)

.PHONY: check-static check-unit check-scenario check-integration check-rogue
check-static:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(static_checks)'
check-unit:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_tests)'
check-scenario:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(scenario_tests)'
check-integration:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(integration_tests)'
check-rogue:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(rogue_tests)'

# What of the cores the unit and scenario tests run, in a build of its own.
.PHONY: coverage
coverage:
	$(MKDIR_P) coverage
	cd coverage && $(abs_top_srcdir)/configure --disable-lto CC='$(CC)' CFLAGS='-g -O0 --coverage' \
		LDFLAGS=--coverage >/dev/null
	find coverage -name '*.gcda' -exec rm -f {} +
	$(MAKE) $(AM_MAKEFLAGS) -C coverage check INTEGRATION= STATIC= model_checks=
	$(PYTHON3) $(top_srcdir)/tests/coverage.py coverage
