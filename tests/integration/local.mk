# SPDX-License-Identifier: BSD-2-Clause
#
# An integration test is tests/integration/NAME.py or NAME.sh, prints TAP, starts the programs of $top_builddir
# and keeps its files in a directory of its own below $TMPDIR or /tmp. Two lines, and a
# third for one that is also to run in the build with sanitizers:
#
#	integration_tests += tests/integration/NAME.py
#	EXTRA_DIST += tests/integration/NAME.py
#	sanitized_integration_tests += tests/integration/NAME.py
