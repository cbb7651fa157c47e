# SPDX-License-Identifier: BSD-2-Clause
#
# Manual pages, one a line.

dist_man_MANS = \
	man/smirror-bus.8 \
	man/smirror-protocol.7 \
	man/smirror-target.8 \
	man/smirror.conf.5 \
	man/smirrorctl.1 \
	man/smirrord.8
