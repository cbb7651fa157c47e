# SPDX-License-Identifier: BSD-2-Clause
#
# Manual pages: dist_man_MANS += man/smirror-bus.8

dist_man_MANS =
