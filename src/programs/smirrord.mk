# SPDX-License-Identifier: BSD-2-Clause

sbin_PROGRAMS += smirrord
smirrord_SOURCES = src/programs/smirrord.c
smirrord_LDADD = $(program_libs)
smirrord_LDFLAGS = $(SM_PROGRAM_LDFLAGS)
