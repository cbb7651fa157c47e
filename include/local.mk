# SPDX-License-Identifier: BSD-2-Clause
#
# What is installed for other programs: the constants of the wire and of the control protocol. Included as
# <smirror/NAME.h>, they include nothing of src/. Add a header to the list below (include/smirror/NAME.h).

smirrorincludedir = $(includedir)/smirror
smirrorinclude_HEADERS = \
	include/smirror/control.h \
	include/smirror/mirror.h \
	include/smirror/wire.h
