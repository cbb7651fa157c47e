/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What SBC-3 says of each command of a disk, clause by clause: what it does to the store and
 * answers, and the field at which it is refused. Each row is a disk of its own: 64 blocks of 512
 * bytes, in which block 9 is all 11h and all others are 0.
 */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <stdio.h>
#include <string.h>

#define END     "STATUS(GOOD) COMMAND COMPLETE FREE"
#define MET     "STATUS(CONDITION MET) COMMAND COMPLETE FREE"
#define CHECK   "STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define DATA(n) "DATA-IN(" n ") " END

#define NINE 9

static struct disk *sbc_disk(void)
{
	struct disk *d = disk_new();
	memset(d->media + (size_t)NINE * 512, 0x11, 512);
	return d;
}

/* ---- what is done ---- */

static const struct disk_row rows[] = {
        /* READ CAPACITY: an LBA comes with PMI (SBC-2) */
        {"READ CAPACITY(10) command", "25:9", NULL, "cont " DATA("8"), NULL},
        {"READ CAPACITY(10) command", "25:1.00000009.0000.0100", NULL, "cont " DATA("8"), NULL},
        {"READ CAPACITY(10) command", "25:1.00000009:4", NULL, "cont " CHECK, "5/24/0 cdb 2"},
        {"READ CAPACITY(10) command", "25:7.0200", NULL, "cont " CHECK, "5/24/0 cdb 8.1"},
        {"READ CAPACITY(16) command", "9e10:8.00000020.0000", NULL, "cont " DATA("32"), NULL},
        {"READ CAPACITY(16) command", "9e10:7.09.00000020.0100", NULL, "cont " DATA("32"), NULL},
        {"READ CAPACITY(16) command", "9e10:7.09.00000020.0000", NULL, "cont " CHECK,
         "5/24/0 cdb 2"},
        /* SAM-5, CONTROL byte: what is reserved, or obsolete, of it */
        {"CONTROL byte", "00:4.c0", NULL, "cont " END, NULL},
        {"CONTROL byte, LINK", "00:4.01", NULL, "cont " CHECK, "5/24/0 cdb 5.0"},
        {"CONTROL byte", "28:8.20", NULL, "cont " CHECK, "5/24/0 cdb 9.5"},
        /* READ, WRITE: 6, 10, 12, 16 */
        {"READ(6) command", "0800000900.00", NULL, "cont " CHECK,
         "5/21/0 cdb 1"}, /* 0: 256 blocks */
        {"READ(6) command",
         "08000009"
         "0100",
         NULL, "read 9+1; cont " DATA("512"), NULL},
        {"READ(6) command",
         "08e00009"
         "0100",
         NULL, "cont " CHECK, "5/24/0 cdb 1.7"},
        {"READ(10) command", "28:4.09.00.0000.00", NULL, "cont " END, NULL}, /* 0: none */
        {"READ(10) command", "28:4.40.00.0000.00", NULL, "cont " END,
         NULL}, /* ... and the end is there */
        {"READ(10) command", "28:4.41.00.0000.00", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"READ(10) command", "28:4.40.00.0001.00", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"READ(10) command", "2810:3.09.00.0001.00", NULL, "read 9+1; cont " DATA("512"),
         NULL}, /* DPO */
        {"READ(10) command", "2808:3.09.00.0001.00", NULL, "read 9+1; flush; cont " DATA("512"),
         NULL},
        {"READ(10) command", "2802:3.09.00.0001.00", NULL, "read 9+1; cont " DATA("512"),
         NULL}, /* FUA_NV */
        {"READ(10) command", "2804:3.09.00.0001.00", NULL, "read 9+1; cont " DATA("512"),
         NULL}, /* RARC */
        {"READ(10) command", "2801:3.09.00.0001.00", NULL, "cont " CHECK, "5/24/0 cdb 1.0"},
        {"READ(10) command", "28:4.09.20.0001.00", NULL, "cont " CHECK, "5/24/0 cdb 6.5"},
        {"Grouping function", "28:4.09.1f.0001.00", NULL, "read 9+1; cont " DATA("512"),
         NULL}, /* a GROUP NUMBER is ignored */
        {"READ(12) command", "a8:4.09.00000001.8000", NULL, "cont " CHECK, "5/24/0 cdb 10.7"},
        {"READ(12) command", "a8:4.09.00000001.0000", NULL, "read 9+1; cont " DATA("512"), NULL},
        {"READ(16) command", "8818:7.09.00000001.0000", NULL, "read 9+1; flush; cont " DATA("512"),
         NULL},
        {"READ(16) command", "88:8.09.00000038.0000", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"READ(16) command", "88:8.09.00000001.4100", NULL, "cont " CHECK, "5/24/0 cdb 14.6"},
        {"WRITE(6) command",
         "0a200009"
         "0100",
         "512:22", "cont " CHECK, "5/24/0 cdb 1.5"},
        {"WRITE(10) command", "2a04:3.09.00.0001.00", "512:22", "cont " CHECK, "5/24/0 cdb 1.2"},
        {"WRITE(10) command", "2a18:3.09.00.0001.00", "512:22", "write 9+1; flush; cont " END,
         NULL},
        {"WRITE(12) command", "aa:4.09.00000000.0000", NULL, "cont " END, NULL},
        /* VERIFY: BYTCHK 00b the medium, 01b block by block, 11b all with one, 10b reserved */
        {"VERIFY(12) command", "af00:3.09.00000002.0000", NULL, "verify 9+2; cont " END, NULL},
        {"VERIFY(12) command", "af02:3.09.00000001.0000", "512:11", "compare 9+1; cont " END, NULL},
        {"VERIFY(12) command", "af02:3.09.00000002.0000", "1024:11", "compare 9+2; cont " CHECK,
         "e/1d/0 info 10"},
        {"VERIFY(12) command", "af06:3.09.00000001.0000", "512:11", "compare 9+1; cont " END, NULL},
        {"VERIFY(12) command", "af06:3.08.00000002.0000", "512:00", "compare 8+2; cont " CHECK,
         "e/1d/0 info 9"},
        {"VERIFY(12) command", "af06:3.09.00000000.0000", NULL, "cont " END, NULL},
        {"VERIFY(12) command", "af04:3.09.00000001.0000", NULL, "cont " CHECK, "5/24/0 cdb 1.2"},
        {"VERIFY(12) command", "af10:3.09.00000001.0000", NULL, "verify 9+1; cont " END,
         NULL}, /* DPO */
        {"VERIFY(12) command", "af08:3.09.00000001.0000", NULL, "cont " CHECK, "5/24/0 cdb 1.3"},
        {"VERIFY(12) command", "af20:3.09.00000001.0000", NULL, "cont " CHECK, "5/24/0 cdb 1.7"},
        {"VERIFY(12) command", "af:4.3f.00000002.0000", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"VERIFY(10) command", "2f06:3.08.00.0001.00", "512:00", "compare 8+1; cont " END, NULL},
        {"VERIFY(16) command", "8f02:7.09.00000001.0000", "512:11", "compare 9+1; cont " END, NULL},
        /* WRITE AND VERIFY: 00b, 01b; the others are reserved */
        {"WRITE AND VERIFY(12) command", "ae00:3.04.00000001.0000", "512:22",
         "write 4+1; flush; verify 4+1; cont " END, NULL},
        {"WRITE AND VERIFY(12) command", "ae02:3.04.00000001.0000", "512:22",
         "write 4+1; flush; compare 4+1; cont " END, NULL},
        {"WRITE AND VERIFY(12) command", "ae06:3.04.00000001.0000", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.2"},
        {"WRITE AND VERIFY(12) command", "ae01:3.04.00000001.0000", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.0"},
        {"WRITE AND VERIFY(12) command", "ae:4.40.00000001.0000", "512:22", "cont " CHECK,
         "5/21/0 cdb 2"},
        {"WRITE AND VERIFY(12) command", "ae:4.04.00000001.4000", "512:22", "cont " CHECK,
         "5/24/0 cdb 10.6"},
        /* PRE-FETCH: CONDITION MET where all fits; 0 is up to the end */
        {"PRE-FETCH(10) command", "34:4.09.00.0002.00", NULL, "verify 9+2; cont " MET, NULL},
        {"PRE-FETCH(10) command", "34:4.3e.00.0000.00", NULL, "verify 62+2; cont " MET, NULL},
        {"PRE-FETCH(10) command", "3402:3.09.00.0001.00", NULL, "verify 9+1; cont " MET,
         NULL}, /* IMMED */
        {"PRE-FETCH(10) command", "3401:3.09.00.0001.00", NULL, "cont " CHECK, "5/24/0 cdb 1.0"},
        {"PRE-FETCH(10) command", "34:4.40.00.0000.00", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"PRE-FETCH(10) command", "34:4.3f.00.0002.00", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"PRE-FETCH(16) command", "90:8.09.00000002.0000", NULL, "verify 9+2; cont " MET, NULL},
        {"PRE-FETCH(16) command", "90:8.40.00000000.0000", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"PRE-FETCH(16) command", "90:8.09.00000001.2300", NULL, "cont " CHECK, "5/24/0 cdb 14.5"},
        /* SYNCHRONIZE CACHE */
        {"SYNCHRONIZE CACHE(10) command", "3506:3.09.00.0001.00", NULL, "flush; cont " END,
         NULL}, /* SYNC_NV, IMMED */
        {"SYNCHRONIZE CACHE(10) command", "3508:3.09.00.0001.00", NULL, "cont " CHECK,
         "5/24/0 cdb 1.3"},
        /* WRITE SAME: one block to each, at least to one (WSNZ); NDOB: zeros, without data */
        {"WRITE SAME(10) command", "41:4.0a.00.0003.00", "512:22", "write each 10+3; cont " END,
         NULL},
        {"WRITE SAME(10) command", "41:4.3d.00.0003.00", "512:22", "write each 61+3; cont " END,
         NULL},
        {"WRITE SAME(10) command", "41:4.3d.00.0000.00", "512:22", "cont " CHECK, "5/24/0 cdb 7"},
        {"WRITE SAME(10) command", "41:4.41.00.0000.00", "512:22", "cont " CHECK, "5/21/0 cdb 2"},
        {"WRITE SAME(10) command", "41:4.3f.00.0002.00", "512:22", "cont " CHECK, "5/21/0 cdb 2"},
        {"WRITE SAME(10) command", "4101:3.0a.00.0003.00", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.0"},
        {"WRITE SAME(10) command", "4102:3.0a.00.0003.00", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.1"}, /* LBDATA */
        {"WRITE SAME(10) command", "4108:3.0a.00.0003.00", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.3"}, /* UNMAP */
        {"WRITE SAME(10) command", "4120:3.0a.00.0003.00", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.7"},
        {"WRITE SAME(16) command", "93:8.0a.00000003.0000", "512:22", "write each 10+3; cont " END,
         NULL},
        {"WRITE SAME(16) command", "9301:7.09.00000002.0000", NULL, "zero 9+2; cont " END, NULL},
        {"WRITE SAME(16) command", "9301:7.3f.00000000.0000", NULL, "cont " CHECK, "5/24/0 cdb 10"},
        {"WRITE SAME(16) command", "9318:7.09.00000002.0000", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.4"}, /* ANCHOR */
        {"WRITE SAME(16) command", "93:8.09.00000038.0000", "512:22", "cont " CHECK,
         "5/21/0 cdb 2"},
        /* COMPARE AND WRITE: INFORMATION is the offset of the first byte that differs */
        {"COMPARE AND WRITE command", "89:8.09.000000.01.0000", "1024:11",
         "compare 9+1; write 9+1; cont " END, NULL},
        {"COMPARE AND WRITE command", "8908:7.09.000000.01.0000", "1024:11",
         "compare 9+1; write 9+1; flush; cont " END, NULL},
        {"COMPARE AND WRITE command", "89:8.09.000000.02.0000", "2048:11",
         "compare 9+2; cont " CHECK, "e/1d/0 info 512"},
        {"COMPARE AND WRITE command", "89:8.08.000000.01.0000", "1024:11",
         "compare 8+1; cont " CHECK, "e/1d/0 info 0"},
        {"COMPARE AND WRITE command", "89:8.09.000000.00.0000", NULL, "cont " END, NULL},
        {"COMPARE AND WRITE command", "8904:7.09.000000.01.0000", "1024:11", "cont " CHECK,
         "5/24/0 cdb 1.2"},
        {"COMPARE AND WRITE command", "8920:7.09.000000.01.0000", "1024:11", "cont " CHECK,
         "5/24/0 cdb 1.7"},
        {"COMPARE AND WRITE command", "89:8.09.000100.01.0000", "1024:11", "cont " CHECK,
         "5/24/0 cdb 11.0"},
        {"COMPARE AND WRITE command", "89:8.40.000000.01.0000", "1024:11", "cont " CHECK,
         "5/21/0 cdb 2"},
        /* ORWRITE */
        {"ORWRITE(16) command", "8b:8.09.00000002.0000", "1024:22", "or 9+2; cont " END, NULL},
        {"ORWRITE(16) command", "8b18:7.09.00000001.0000", "512:22", "or 9+1; flush; cont " END,
         NULL},
        {"ORWRITE(16) command", "8b20:7.09.00000001.0000", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.7"},
        {"ORWRITE(16) command", "8b02:7.09.00000001.0000", "512:22", "cont " CHECK,
         "5/24/0 cdb 1.1"},
        {"ORWRITE(16) command", "8b:8.3f.00000002.0000", "1024:22", "cont " CHECK, "5/21/0 cdb 2"},
        {"ORWRITE(16) command", "8b:8.09.00000000.0000", NULL, "cont " END, NULL},
        /* WRITE ATOMIC(16), of SBC-4: all or nothing; no boundaries */
        {"WRITE ATOMIC(16)", "9c:8.09.0000.0002.0000", "1024:22", "atomic 9+2; cont " END, NULL},
        {"WRITE ATOMIC(16)", "9c18:7.09.0000.0002.0000", "1024:22", "atomic 9+2; flush; cont " END,
         NULL},
        {"WRITE ATOMIC(16)", "9c:8.09.0000.0000.0000", NULL, "cont " END, NULL},
        {"WRITE ATOMIC(16)", "9c:8.40.0000.0000.0000", NULL, "cont " END, NULL},
        {"WRITE ATOMIC(16)", "9c:8.41.0000.0000.0000", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"WRITE ATOMIC(16)", "9c:8.3f.0000.0002.0000", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"WRITE ATOMIC(16), ATOMIC BOUNDARY", "9c:8.09.0001.0002.0000", NULL, "cont " CHECK,
         "5/24/0 cdb 10"},
        {"WRITE ATOMIC(16), WRPROTECT", "9c20:7.09.0000.0002.0000", NULL, "cont " CHECK,
         "5/24/0 cdb 1.7"},
        {"WRITE ATOMIC(16)", "9c02:7.09.0000.0002.0000", NULL, "cont " CHECK, "5/24/0 cdb 1.1"},
        {"WRITE ATOMIC(16), GROUP NUMBER", "9c:8.09.0000.0002.2000", NULL, "cont " CHECK,
         "5/24/0 cdb 14.5"},
        /* PREVENT ALLOW MEDIUM REMOVAL */
        {"PREVENT ALLOW MEDIUM REMOVAL command", "1e:3.0000", NULL, "cont " END, NULL},
        {"PREVENT ALLOW MEDIUM REMOVAL command", "1e:3.0100", NULL, "cont " END, NULL},
        {"PREVENT ALLOW MEDIUM REMOVAL command", "1e:3.0300", NULL, "cont " CHECK,
         "5/24/0 cdb 4.1"},
        {"PREVENT ALLOW MEDIUM REMOVAL command", "1e01:2.0100", NULL, "cont " CHECK,
         "5/24/0 cdb 1.0"},
        {"PREVENT ALLOW MEDIUM REMOVAL command", "1e00.01.00.0100", NULL, "cont " CHECK,
         "5/24/0 cdb 2.0"},
        {"PREVENT ALLOW MEDIUM REMOVAL command", "1e00.00.01.0100", NULL, "cont " CHECK,
         "5/24/0 cdb 3.0"},
        /* START STOP UNIT */
        {"START STOP UNIT command", "1b01:2.0100", NULL, "cont " END, NULL}, /* IMMED */
        {"START STOP UNIT command", "1b02:2.0100", NULL, "cont " CHECK, "5/24/0 cdb 1.1"},
        {"START STOP UNIT command", "1b:3.0200", NULL, "cont " CHECK, "5/24/0 cdb 4.1"},
        {"START STOP UNIT command", "1b:3.0800", NULL, "cont " CHECK, "5/24/0 cdb 4.3"},
        {"START STOP UNIT command", "1b:3.1000", NULL, "cont " END, NULL}, /* ACTIVE */
        {"START STOP UNIT command", "1b:3.1300", NULL, "cont " END,
         NULL}, /* ... LOEJ and START ignored */
        {"START STOP UNIT command", "1b:3.2000", NULL, "cont " END, NULL},        /* IDLE */
        {"START STOP UNIT command", "1b:3.3000", NULL, "flush; cont " END, NULL}, /* STANDBY */
        {"START STOP UNIT command", "1b:3.3400", NULL, "cont " END, NULL}, /* ... with NO_FLUSH */
        {"START STOP UNIT command", "1b:2.01.2000", NULL, "cont " CHECK,
         "5/24/0 cdb 3.0"}, /* IDLE_B */
        {"START STOP UNIT command", "1b:3.7000", NULL, "cont " CHECK,
         "5/24/0 cdb 4.7"}, /* LU_CONTROL */
        {"START STOP UNIT command", "1b:3.b000", NULL, "cont " CHECK,
         "5/24/0 cdb 4.7"}, /* FORCE_STANDBY_0 */
        {"START STOP UNIT command", "1b:3.0000", NULL, "flush; arm front; cont " END, NULL},
        {"START STOP UNIT command", "1b:3.0400", NULL, "cont " END "; arm front", NULL},
        /* SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS: SPC-4 */
        {"SEND DIAGNOSTIC command", "1d04:4", NULL, "verify 0+64; cont " END, NULL},
        {"SEND DIAGNOSTIC command", "1d07:4", NULL, "verify 0+64; cont " END,
         NULL}, /* DEVOFFL, UNITOFFL */
        {"SEND DIAGNOSTIC command", "1da0:4", NULL, "verify 0+64; cont " END,
         NULL}, /* 101b: short */
        {"SEND DIAGNOSTIC command", "1dc0:4", NULL, "verify 0+64; cont " END,
         NULL}, /* 110b: extended */
        {"SEND DIAGNOSTIC command", "1d20:4", NULL, "cont " CHECK,
         "5/24/0 cdb 1.7"}, /* in the background */
        {"SEND DIAGNOSTIC command", "1da4:4", NULL, "cont " CHECK, "5/24/0 cdb 1.7"}, /* both */
        {"SEND DIAGNOSTIC command", "1d08:4", NULL, "cont " CHECK, "5/24/0 cdb 1.3"},
        {"SEND DIAGNOSTIC command", "1d10:4", NULL, "cont " END, NULL},
        {"SEND DIAGNOSTIC command", "1d10000004.00", "4:00", "cont " END, NULL},
        {"SEND DIAGNOSTIC command", "1d10000004.00", "4:01", "cont " CHECK, "5/26/0 data 0"},
        {"SEND DIAGNOSTIC command", "1d10000005.00", "5:00", "cont " CHECK, "5/26/0 data 2"},
        {"SEND DIAGNOSTIC command", "1d10000003.00", "3:00", "cont " CHECK, "5/24/0 cdb 3"},
        {"SEND DIAGNOSTIC command", "1d14000004.00", "4:00", "cont " CHECK, "5/24/0 cdb 3"},
        {"SEND DIAGNOSTIC command", "1d00000004.00", "4:00", "cont " CHECK, "5/24/0 cdb 1.4"},
        {"SEND DIAGNOSTIC command", "1d04010000.00", NULL, "cont " CHECK, "5/24/0 cdb 2.0"},
        {"RECEIVE DIAGNOSTIC RESULTS command", "1c0100.00ff.00", NULL, "cont " DATA("5"), NULL},
        {"RECEIVE DIAGNOSTIC RESULTS command", "1c0000.0004.00", NULL, "cont " DATA("4"), NULL},
        {"RECEIVE DIAGNOSTIC RESULTS command", "1c0101.00ff.00", NULL, "cont " CHECK,
         "5/24/0 cdb 2"},
        {"RECEIVE DIAGNOSTIC RESULTS command", "1c0300.00ff.00", NULL, "cont " CHECK,
         "5/24/0 cdb 1.1"},
        /* WRITE BUFFER, READ BUFFER: SPC-4 */
        {"WRITE BUFFER command", "3b02.00.000000.000200.00", "512:22", "cont " END, NULL},
        {"WRITE BUFFER command", "3b02.00.000ffc.000004.00", "4:22", "cont " END, NULL},
        {"WRITE BUFFER command", "3b02.00.000ffc.000005.00", "5:22", "cont " CHECK, "5/24/0 cdb 6"},
        {"WRITE BUFFER command", "3b02.00.001001.000000.00", NULL, "cont " CHECK, "5/24/0 cdb 3"},
        {"WRITE BUFFER command", "3b02.01.000000.000004.00", "4:22", "cont " CHECK, "5/24/0 cdb 2"},
        {"WRITE BUFFER command", "3b0a.00.000000.001000.00", "4096:22", "cont " END, NULL},
        {"WRITE BUFFER command", "3b0a.00.000000.001001.00", "4097:22", "cont " CHECK,
         "5/24/0 cdb 6"},
        {"WRITE BUFFER command", "3b05.00.000000.000004.00", "4:22", "cont " CHECK,
         "5/24/0 cdb 1.4"},
        {"WRITE BUFFER command", "3b2a.00.000000.000004.00", "4:22", "cont " CHECK,
         "5/24/0 cdb 1.5"},
        {"READ BUFFER command", "3c02.00.000000.000200.00", NULL, "cont " DATA("512"), NULL},
        {"READ BUFFER command", "3c02.00.000ff0.000200.00", NULL, "cont " DATA("16"), NULL},
        {"READ BUFFER command", "3c02.00.001000.000200.00", NULL, "cont " END, NULL},
        {"READ BUFFER command", "3c02.00.001001.000200.00", NULL, "cont " CHECK, "5/24/0 cdb 3"},
        {"READ BUFFER command", "3c02.01.000000.000200.00", NULL, "cont " CHECK, "5/24/0 cdb 2"},
        {"READ BUFFER command", "3c03.00.000000.000004.00", NULL, "cont " DATA("4"), NULL},
        {"READ BUFFER command", "3c0b.00.000000.000004.00", NULL, "cont " DATA("4"), NULL},
        {"READ BUFFER command", "3c0a.00.000000.000004.00", NULL, "cont " CHECK, "5/2c/0"},
        {"READ BUFFER command", "3c1c.00.000000.000004.00", NULL, "cont " CHECK, "5/24/0 cdb 1.4"},
        /* READ DEFECT DATA */
        {"READ DEFECT DATA(10) command", "370018.000000.00.00ff.00", NULL, "cont " DATA("4"), NULL},
        {"READ DEFECT DATA(10) command", "37001d.000000.00.0002.00", NULL, "cont " DATA("2"), NULL},
        {"READ DEFECT DATA(10) command", "37001e.000000.00.00ff.00", NULL, "cont " CHECK,
         "5/24/0 cdb 2.2"},
        {"READ DEFECT DATA(10) command", "370038.000000.00.00ff.00", NULL, "cont " CHECK,
         "5/24/0 cdb 2.5"},
        {"READ DEFECT DATA(10) command", "370118.000000.00.00ff.00", NULL, "cont " CHECK,
         "5/24/0 cdb 1.0"},
        {"READ DEFECT DATA(10) command", "370018.000001.00.00ff.00", NULL, "cont " CHECK,
         "5/24/0 cdb 5.0"},
        {"READ DEFECT DATA(12) command", "b718:4.000000ff.0000", NULL, "cont " DATA("8"), NULL},
        {"READ DEFECT DATA(12) command", "b71f:4.000000ff.0000", NULL, "cont " CHECK,
         "5/24/0 cdb 1.2"},
        {"READ DEFECT DATA(12) command", "b738:4.000000ff.0000", NULL, "cont " CHECK,
         "5/24/0 cdb 1.5"},
        {"READ DEFECT DATA(12) command", "b718:4.000000ff.0100", NULL, "cont " CHECK,
         "5/24/0 cdb 10.0"},
};

START_TEST(as_the_clause_says)
{
	struct disk *d = sbc_disk();
	disk_does(d, &rows[_i]);
	disk_free(d);
}
END_TEST

/* ---- what comes back ---- */

START_TEST(data_of_the_quick_ones)
{
	static const uint8_t pages[] = {0, 0, 0, 1, 0};
	static const uint8_t ten[] = {0, 0x1d, 0, 0}, twelve[] = {0, 0x08, 0, 0, 0, 0, 0, 0};
	struct disk *d = sbc_disk();
	(void)disk_command_with(d, "1c0100.00ff.00", NULL);
	ck_assert_mem_eq(d->in, pages, sizeof(pages));
	/* The format and the lists asked for, and nothing in them. */
	(void)disk_command_with(d, "37001d.000000.00.00ff.00", NULL);
	ck_assert_mem_eq(d->in, ten, sizeof(ten));
	(void)disk_command_with(d, "b708:4.000000ff.0000", NULL);
	ck_assert_mem_eq(d->in, twelve, sizeof(twelve));
	disk_free(d);
}
END_TEST

/* SPC-4, READ BUFFER command, echo buffer: an initiator reads what it wrote, or is told that
 * another one has. */
START_TEST(echo_buffer)
{
	static const uint8_t ten[] = {1, 0, 0x10, 0}, data[] = {0, 0, 0x10, 0};
	static const uint8_t none[] = {0, 0, 0, 0};
	struct disk *d = sbc_disk();
	const char *read6 = "t=3 ini=6 epoch=9 want sel msg=80 cmd=3c0a.00.000000.000100.00";
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "t=1 ini=6 epoch=9 want sel msg=80 cmd=00:5"); /* its power on */
	(void)disk_command_with(d, "3c0b.00.000000.000004.00", NULL);
	ck_assert_mem_eq(d->in, ten, 4);
	(void)disk_command_with(d, "3c03.00.000000.000004.00", NULL);
	ck_assert_mem_eq(d->in, data, 4);
	(void)disk_command_with(d, "3c03.01.000000.000004.00", NULL);
	ck_assert_mem_eq(d->in, none, 4);
	(void)disk_command_with(d, "3b0a.00.000000.000008.00", "8:5a");
	ck_assert_str_eq(disk_command_with(d, "3c0a.00.000000.000100.00", NULL), "cont " DATA("8"));
	ck_assert_uint_eq(d->in[7], 0x5a);
	/* the other one never wrote; then it does, and the first is told */
	ck_assert_str_eq(disk_burst(d, read6), "cont " CHECK);
	ck_assert_str_eq(disk_burst(d, "t=2 ini=6 epoch=9 want sel msg=80 "
	                               "cmd=3b0a.00.000000.000004.00 out=4:a5"),
	                 "cont " END);
	ck_assert_str_eq(disk_burst(d, read6), "cont " DATA("4"));
	ck_assert_str_eq(disk_command_with(d, "3c0a.00.000000.000100.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "b/3f/f");
	/* a reset ends that, too */
	(void)disk_reset(d);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_command_with(d, "3c0a.00.000000.000100.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "5/2c/0");
	/* the data buffer is everybody's, and another one */
	(void)disk_command_with(d, "3b02.00.000010.000004.00", "4:77");
	(void)disk_command_with(d, "3c02.00.00000f.000006.00", NULL);
	ck_assert_uint_eq(d->in[0], 0);
	ck_assert_uint_eq(d->in[1], 0x77);
	ck_assert_uint_eq(d->in[4], 0x77);
	ck_assert_uint_eq(d->in[5], 0);
	/* one that comes again has written nothing */
	(void)disk_port(d, 6, 10, true);
	(void)disk_burst(d, "t=4 ini=6 epoch=10 want sel msg=80 cmd=00:5");
	ck_assert_str_eq(
	        disk_burst(d, "t=5 ini=6 epoch=10 want sel msg=80 cmd=3c0a.00.000000.000100.00"),
	        "cont " CHECK);
	disk_free(d);
}
END_TEST

/* SBC-3, power conditions: one holds until the medium is needed; SPC-4, pollable sense data: it
 * can be polled. */
START_TEST(power_conditions)
{
	struct disk *d = sbc_disk();
	(void)disk_command_with(d, "1b:3.2000", NULL);
	ck_assert_str_eq(disk_sense(d), "0/5e/3");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " END);
	ck_assert_str_eq(disk_sense(d), "0/5e/3");
	(void)disk_command_with(d, "1b:3.3000", NULL);
	ck_assert_str_eq(disk_sense(d), "0/5e/4");
	ck_assert_str_eq(disk_command_with(d, "28:4.40.00.0001.00", NULL), "cont " CHECK);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_sense(d), "0/5e/4"); /* one that is refused needs no medium */
	ck_assert_str_eq(disk_command_with(d, "28:4.09.00.0001.00", NULL),
	                 "read 9+1; cont " DATA("512"));
	ck_assert_str_eq(disk_sense(d), "0/0/0");
	/* From the stopped state a condition starts it. */
	(void)disk_command_with(d, "1b:3.0000", NULL);
	ck_assert_str_eq(disk_sense(d), "2/4/2");
	ck_assert_str_eq(disk_command_with(d, "1b:3.3400", NULL), "cont " END "; arm full");
	ck_assert_str_eq(disk_sense(d), "0/5e/4");
	(void)disk_command_with(d, "1b:3.1000", NULL);
	ck_assert_str_eq(disk_sense(d), "0/0/0");
	disk_free(d);
}
END_TEST

/* More than the cache takes: GOOD, and what fits is there. */
START_TEST(pre_fetch_of_too_much)
{
	struct tgt_config c = disk_config();
	c.lu.blocks = 70000;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_command_with(d, "90:8.00.00008000.0000", NULL),
	                 "verify 0+32768; cont " MET);
	ck_assert_str_eq(disk_command_with(d, "90:8.00.00008001.0000", NULL),
	                 "verify 0+32768; cont " END);
	ck_assert_str_eq(disk_command_with(d, "90:8.00.00000000.0000", NULL),
	                 "verify 0+32768; cont " END);
	disk_free(d);
}
END_TEST

/* What the writing ones leave behind, and what not. */
START_TEST(what_is_on_the_medium)
{
	struct disk *d = sbc_disk();
	(void)disk_command_with(d, "8b:8.09.00000002.0000", "1024:22");
	ck_assert(disk_block_is(d, 8, 0) && disk_block_is(d, 9, 0x33) &&
	          disk_block_is(d, 10, 0x22) && disk_block_is(d, 11, 0));
	(void)disk_command_with(d, "41:4.0a.00.0003.00", "512:44");
	ck_assert(disk_block_is(d, 9, 0x33) && disk_block_is(d, 10, 0x44) &&
	          disk_block_is(d, 12, 0x44) && disk_block_is(d, 13, 0));
	(void)disk_command_with(d, "9301:7.0a.00000002.0000", NULL);
	ck_assert(disk_block_is(d, 9, 0x33) && disk_block_is(d, 11, 0) &&
	          disk_block_is(d, 12, 0x44));
	d->media[9 * 512 + 100] = 0;
	(void)disk_command_with(d, "89:8.09.000000.01.0000", "1024:33");
	ck_assert_str_eq(disk_sense(d), "e/1d/0 info 100");
	ck_assert_uint_eq(d->media[9 * 512 + 100], 0);
	disk_free(d);
}
END_TEST

/* The first half of the data is compared, the second half is written. */
START_TEST(compare_and_write_has_two_halves)
{
	struct disk *d = sbc_disk();
	struct block *data = block_new(2048);
	struct wire_frame f = {.type = WIRE_BURST, .data = data};
	uint8_t encoded[256];
	const uint8_t cdb[16] = {0x89, [9] = 9, [13] = 2};
	memset(data->data, 0x11, 512);
	memset(data->data + 512, 0, 512);
	memset(data->data + 1024, 0x55, 512);
	memset(data->data + 1536, 0x66, 512);
	struct wr w = wr_init(encoded, sizeof(encoded));
	wire_put_plain(&w, ITEM_SELECT, 7, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, "\x80", 1);
	wire_put_bytes(&w, ITEM_COMMAND, cdb, sizeof(cdb));
	wire_put_data(&w, ITEM_DATA_OUT, 0, 2048, crc_data(0, data->data, 2048));
	f.burst = (struct wire_burst){.tenure = 700,
	                              .token = 800,
	                              .role = BURST_TARGET,
	                              .initiator = 7,
	                              .epoch = 3,
	                              .wanted = true,
	                              .items = {encoded, w.n}};
	ck_assert_str_eq(disk_frame(d, &f), "compare 9+2; write 9+2; cont " END);
	ck_assert(disk_block_is(d, 9, 0x55) && disk_block_is(d, 10, 0x66) &&
	          disk_block_is(d, 11, 0));
	block_unref(data);
	disk_free(d);
}
END_TEST

/* VPD page B0h: 1 MiB. */
START_TEST(atomic_writes_have_a_limit)
{
	struct tgt_config c = disk_config();
	c.lu.blocks = 4096;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_command_with(d, "9c:8.01.0000.0800.0000", "1048576:22"),
	                 "atomic 1+2048; cont " END);
	ck_assert_str_eq(disk_command_with(d, "9c:8.01.0000.0801.0000", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 12");
	disk_free(d);
}
END_TEST

/* VPD page B0h: at most 32768 blocks. */
START_TEST(write_same_has_a_limit)
{
	char why[200];
	struct tgt_config c = disk_config();
	struct disk *d = disk_new();
	tgt_free(d->t);
	c.lu.blocks = 1ULL << 33; /* the medium is not touched */
	d->t = tgt_new(&c, why, sizeof(why));
	ck_assert_ptr_nonnull(d->t);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	static const char *const too_many[] = {
	        "9301:12.0000", /* WSNZ */
	        "9301:8.00008001.0000",
	        "9301:3.01.ffff7fff.00008001.0000",
	};
	for (size_t i = 0; i < ARRAY_LEN(too_many); i++) {
		ck_assert_str_eq(disk_command_with(d, too_many[i], NULL), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 10");
	}
	ck_assert_str_eq(disk_command_with(d, "41:4.00.00.8001.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 7");
	d->hold = true;
	ck_assert_str_eq(disk_command_with(d, "9301:3.01.ffff8000.00008000.0000", NULL),
	                 "zero 8589901824+32768");
	disk_free(d);
}
END_TEST

/* Each keeps its blocks to itself while it is at work. */
START_TEST(writes_that_read_keep_others_out)
{
	static const char *const first[] = {
	        "t=1 want sel msg=c02005 cmd=89:8.09.000000.01.0000 out=1024:11",
	        "t=1 want sel msg=c02005 cmd=8b:8.09.00000001.0000 out=512:11",
	        "t=1 want sel msg=c02005 cmd=93:8.00.00000040.0000 out=512:11",
	        "t=1 want sel msg=c02005 cmd=9301:7.00.00000040.0000",
	};
	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		struct disk *d = sbc_disk();
		d->hold = true;
		(void)disk_burst(d, first[i]);
		ck_assert_uint_eq(d->n_held, 1);
		ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02006 cmd=2a:4.09.00.0001.00 "
		                               "out=512:33 free"),
		                 "");
		ck_assert_uint_eq(d->n_held, 1);
		ck_assert_ptr_nonnull(strstr(disk_release(d), "write 9+1; resel 7 IDENTIFY "
		                                              "SIMPLE(6) " END));
		ck_assert(disk_block_is(d, 9, 0x33));
		disk_free(d);
	}
}
END_TEST

/* The medium fails, by itself or by a fault. */
START_TEST(bad_medium)
{
	struct disk *d = sbc_disk();
	(void)disk_fault(d, "medium-error:lba=12,times=3");
	ck_assert_str_eq(disk_command_with(d, "1d04:4", NULL), "verify 0+12; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "4/3e/3");
	ck_assert_str_eq(disk_command_with(d, "34:4.0a.00.0004.00", NULL),
	                 "verify 10+2; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/11/0 info 12");
	ck_assert_str_eq(disk_command_with(d, "ae:4.0b.00000002.0000", "1024:22"),
	                 "write 11+1; flush; verify 11+1; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 12");
	/* A write that is compared first is not done by half. */
	(void)disk_fault(d, "medium-error:lba=10,times=2");
	ck_assert_str_eq(disk_command_with(d, "89:8.09.000000.02.0000", "2048:11"), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 10");
	ck_assert_str_eq(disk_command_with(d, "41:4.09.00.0003.00", "512:22"),
	                 "write each 9+1; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 10");
	(void)disk_fault(d, "medium-error:lba=10,times=1");
	ck_assert_str_eq(disk_command_with(d, "9c:8.09.0000.0002.0000", "1024:22"), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 10");
	d->result = STORE_ERROR;
	ck_assert_str_eq(disk_command_with(d, "9301:7.20.00000002.0000", NULL),
	                 "zero 32+2; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 32");
	ck_assert_str_eq(disk_command_with(d, "8b:8.20.00000001.0000", "512:22"),
	                 "or 32+1; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 32");
	ck_assert_str_eq(disk_command_with(d, "1d04:4", NULL), "verify 0+64; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "4/3e/3");
	disk_free(d);
}
END_TEST

/* A write does not run into a self test. */
START_TEST(self_test_keeps_writes_out)
{
	struct disk *d = sbc_disk();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=c02005 cmd=1d04:4"),
	                 "cont DISCONNECT FREE; verify 0+64");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02006 cmd=2a:6.0001.00 out=512:33 free"), "");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY SIMPLE(5) " END "; write 0+1");
	ck_assert_str_eq(disk_release(d), "resel 7 IDENTIFY SIMPLE(6) " END);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_sbc", NULL, NULL, TAP_EACH(as_the_clause_says, rows),
               TAP_ONCE(data_of_the_quick_ones), TAP_ONCE(echo_buffer), TAP_ONCE(power_conditions),
               TAP_ONCE(pre_fetch_of_too_much), TAP_ONCE(what_is_on_the_medium),
               TAP_ONCE(compare_and_write_has_two_halves),
               TAP_ONCE(writes_that_read_keep_others_out), TAP_ONCE(write_same_has_a_limit),
               TAP_ONCE(atomic_writes_have_a_limit), TAP_ONCE(bad_medium),
               TAP_ONCE(self_test_keeps_writes_out));
