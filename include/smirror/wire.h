/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants of the wire between a device and smirror-bus: for programs that
 * speak it without smirror's sources. A frame is a header of 12 bytes (type, where the data are,
 * two reserved ones, length of the head, length of the data: 32 bits each, big-endian), the head,
 * the data.
 */
#ifndef SMIRROR_WIRE_H
#define SMIRROR_WIRE_H

#define SMIRROR_WIRE_VERSION    1
#define SMIRROR_WIRE_HEADER_LEN 12
#define SMIRROR_WIRE_HEAD_MAX   16384    /* bytes */
#define SMIRROR_WIRE_DATA_MAX   16777216 /* bytes: the longest data phase */
#define SMIRROR_WIRE_NO_ID      0xff     /* where a SCSI ID does not apply */

#define SMIRROR_ROLE_TARGET    1
#define SMIRROR_ROLE_INITIATOR 2
#define SMIRROR_ROLE_TAP       3
/* With one of these, in ATTACH: behind the name follow the epoch (32 bits) and the boot (64) of the
 * process's last ATTACHED, 0 if there was none. Where its UUID is attached on its ID by another
 * attach than that one, it is refused until that one is found silent; REFUSED tells how many
 * milliseconds of silence that is (ref). Without heartbeats it supersedes, as one without this bit
 * does. */
#define SMIRROR_ROLE_OWN 0x80

/* Types of frames. */
#define SMIRROR_FRAME_ATTACH   1
#define SMIRROR_FRAME_ATTACHED 2
#define SMIRROR_FRAME_REFUSED  3
#define SMIRROR_FRAME_ERROR    4
#define SMIRROR_FRAME_PING     5
#define SMIRROR_FRAME_PONG     6
#define SMIRROR_FRAME_PORT     7
#define SMIRROR_FRAME_ARM      8
#define SMIRROR_FRAME_MEMBERS  9
#define SMIRROR_FRAME_SCRIPT   10
#define SMIRROR_FRAME_CANCEL   11
#define SMIRROR_FRAME_TENURE   12
#define SMIRROR_FRAME_BURST    13
#define SMIRROR_FRAME_PROGRAM  14
#define SMIRROR_FRAME_RESET    15
#define SMIRROR_FRAME_MGMT     16
#define SMIRROR_FRAME_TRACE    17
#define SMIRROR_FRAME_RING     18
#define SMIRROR_FRAME_LIMITS   19

/* Byte 1 of a header: where the data are. */
#define SMIRROR_DATA_FOLLOW 0 /* behind the head */
#define SMIRROR_DATA_IN_RING                                                                       \
	1 /* in shared memory: the head begins with ring, offset, generation (32 bits each) */

#endif
