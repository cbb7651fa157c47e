/* SPDX-License-Identifier: BSD-2-Clause */
/* Silent mirroring passes on the bus core, as transcripts. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

START_TEST(two_targets_armed)
{
	struct rig *r = rig_new(NULL);
	struct block *data = rig_block(4096);
	struct items i;

	rig_group(r, 2, ARM_FULL);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 11, &i, data);
	rig_go(r);
	rig_expect(
	        r,
	        "T1 ARBITRATION ids=7 win=7\n"
	        "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 "
	        "op9) atn\n"
	        "T1 COMMAND drv=2 WRITE(16)\n"
	        "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:taken(4096)\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

TAP_MAIN("bus_pass", two_targets_armed);
