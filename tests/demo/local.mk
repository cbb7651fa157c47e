# SPDX-License-Identifier: BSD-2-Clause
#
# The demonstration, which `./bootstrap demo` runs.

EXTRA_DIST += tests/demo/demo.sh
