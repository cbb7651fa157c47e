# SPDX-License-Identifier: BSD-2-Clause

bin_PROGRAMS += smirrorctl
smirrorctl_SOURCES = src/programs/smirrorctl.c
smirrorctl_LDADD = $(program_libs)
smirrorctl_LDFLAGS = $(SM_PROGRAM_LDFLAGS)
