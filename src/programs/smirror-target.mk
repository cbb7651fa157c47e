# SPDX-License-Identifier: BSD-2-Clause

sbin_PROGRAMS += smirror-target
smirror_target_SOURCES = src/programs/smirror-target.c
smirror_target_LDADD = $(program_libs)
smirror_target_LDFLAGS = $(SM_PROGRAM_LDFLAGS)
