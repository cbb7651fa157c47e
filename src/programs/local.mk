# SPDX-License-Identifier: BSD-2-Clause
#
# One fragment a program, smirror-bus.mk for instance:
#
#	sbin_PROGRAMS += smirror-bus
#	smirror_bus_SOURCES = src/programs/smirror-bus.c
#	smirror_bus_LDADD = $(program_libs)

include src/programs/smirror-bus.mk
include src/programs/smirror-target.mk
include src/programs/smirrord.mk
include src/programs/smirrorctl.mk
