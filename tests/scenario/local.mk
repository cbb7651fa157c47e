# SPDX-License-Identifier: BSD-2-Clause
#
# A scenario test is tests/scenario/test_NAME.c, which ends in TAP_MAIN (#include "unit/tap_main.h"), and a line
# below: scenario_tests += tests/scenario/test_NAME
