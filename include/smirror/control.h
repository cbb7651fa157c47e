/* SPDX-License-Identifier: BSD-2-Clause */
/* Constants of the daemon's control socket and of smirrorctl. The methods are in
 * control-schema.json. */
#ifndef SMIRROR_CONTROL_H
#define SMIRROR_CONTROL_H

#define SMIRROR_CONTROL_PATH      "/run/smirror/control.sock"
#define SMIRROR_CONTROL_PRODUCT   "smirror" /* of the greeting */
#define SMIRROR_CONTROL_API_MAJOR 1         /* changes when a client has to */
#define SMIRROR_CONTROL_API_MINOR 0
#define SMIRROR_CONTROL_LINE_MAX  33554432 /* bytes of one line */

/* Exit statuses of smirrorctl. */
#define SMIRROR_EXIT_GOOD    0
#define SMIRROR_EXIT_FAILED  1
#define SMIRROR_EXIT_USAGE   2
#define SMIRROR_EXIT_PARTIAL 3

#endif
