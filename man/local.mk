# SPDX-License-Identifier: BSD-2-Clause
#
# Manual pages, one a line.

dist_man_MANS = \
	man/smirror-target.8 \
	man/smirror-protocol.7 \
	man/smirrorctl.1
