/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Constants of silent mirroring on the bus: smirror-protocol(7) tells what they
 * mean. For initiators and targets that are not smirror's.
 */
#ifndef SMIRROR_MIRROR_H
#define SMIRROR_MIRROR_H

#define SMIRROR_PROTOCOL_VERSION 1 /* VPD page C0h, byte 4 */

/* The vendor-unique extended message: byte 2, and the functions of byte 3. */
#define SMIRROR_MSG_CODE           0xe0
#define SMIRROR_MSG_LEADER         0x01 /* TARGET LEADER IDENTIFICATION */
#define SMIRROR_MSG_SELECT         0x02 /* TARGET SELECTION */
#define SMIRROR_MSG_RELEASE        0x03 /* BUS RELEASE */
#define SMIRROR_MSG_STATUS         0x04 /* MIRROR STATUS, target to initiator */
#define SMIRROR_MSG_FLAG_LAST      0x01 /* byte 4 */
#define SMIRROR_MSG_FLAG_BROADCAST 0x02

#define SMIRROR_VPD_PAGE      0xc0 /* capability */
#define SMIRROR_MODE_PAGE     0x30 /* membership, saved */
#define SMIRROR_MODE_PAGE_LEN 48   /* bytes, its two header bytes included */

#endif
