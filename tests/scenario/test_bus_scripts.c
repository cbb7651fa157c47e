/* SPDX-License-Identifier: BSD-2-Clause */
/* Scripts that the bus server does not queue: what is wrong with each is said, the bus stays free,
 * and the next one runs. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define OP    9
#define GROUP 1

/* Items, a letter each (see put()), and the beginning of what is said. */
static const struct {
	const char *items, *why;
} wrong[] = {
        {"sis", "a second selection"},
        {"sm", "a MESSAGE OUT of 0 bytes, 1 to 512 are possible"},
        {"siC", "a CDB of 0 bytes"},
        {"siggc", "room for more than 16777216 bytes of DATA IN"},
        {"sicc", "2 commands"},
        {"siLcdR", "TARGET LEADER IDENTIFICATION is not in the first MESSAGE OUT"},
        {"scLcdR", "TARGET LEADER IDENTIFICATION is not in the first MESSAGE OUT"},
        {"uLcdR", "TARGET LEADER IDENTIFICATION outside of a mirroring script"},
        {"sN", "TARGET SELECTION outside of a mirroring script"},
        {"sR", "BUS RELEASE outside of a mirroring script"},
        {"sT", "MIRROR STATUS outside of a mirroring script"},
        {"sdLcR", "data before a TARGET LEADER IDENTIFICATION"},
        {"sgLcR", "data before a TARGET LEADER IDENTIFICATION"},
        {"sLLcdR", "no COMMAND follows a TARGET LEADER IDENTIFICATION"},
        {"sLNcdR", "no COMMAND follows a TARGET LEADER IDENTIFICATION"},
        {"sLR", "no COMMAND follows a TARGET LEADER IDENTIFICATION"},
        {"sLccdR", "COMMAND without a TARGET LEADER IDENTIFICATION"},
        {"sLdcR", "DATA OUT that no leg is for"},
        {"sLcddR", "DATA OUT that no leg is for"},
        {"sLcdRd", "DATA OUT that no leg is for"},
        {"sLcdnR", "TARGET SELECTION of another group or operation"},
        {"sLcdoR", "TARGET SELECTION of another group or operation"},
        {"sLcdTR", "MIRROR STATUS is a target's message"},
        {"sLcdiR", "a message of a mirroring script is not of SILENT MIRRORING"},
        {"sLcdgR", "an item of kind "},
        {"sLcdRN", "MESSAGE OUT after BUS RELEASE"},
        {"sLcdRL", "MESSAGE OUT after BUS RELEASE"},
        {"sLcdP", "wrong parity in a mirroring script"},
        {"sLcd", "a mirroring script ends with BUS RELEASE"},
        {"sLcdMR", "more than "},
};

static void mirror(struct items *i, enum mirror_function function, bool first, uint16_t group,
                   uint32_t op)
{
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR,
	                     .mirror = {.function = function,
	                                .last = function != MIRROR_STATUS,
	                                .group = group,
	                                .device = function == MIRROR_SELECT,
	                                .op = op}};
	uint8_t buf[SCSI_MSG_MAX + 8];
	struct wr w = wr_init(buf, sizeof(buf));

	if (first) {
		msg_put_identify(&w, 0, true);
		msg_put_simple(&w, 1);
	}
	scsi_msg_put(&w, &m);
	it_message(i, ITEM_MSG_OUT, buf, w.n);
}

static void put(struct items *i, char what)
{
	static const uint8_t nop[] = {0x08};

	switch (what) {
	case 's': /* selection with ATN; without it */
	case 'u':
		wire_put_plain(&i->w, ITEM_SELECT, 2, what == 's' ? ITEM_ATN : 0);
		break;
	case 'i':
		it_identify(i, 1);
		break;
	case 'm':
		it_message(i, ITEM_MSG_OUT, nop, 0);
		break;
	case 'c': /* a CDB; an empty one */
		it_write16(i, 0, 8);
		break;
	case 'C':
		it_message(i, ITEM_COMMAND, nop, 0);
		break;
	case 'd':
		it_data(i, ITEM_DATA_OUT, 0, 4096, 0);
		break;
	case 'g': /* room for data in */
		it_data(i, ITEM_DATA_IN, 0, WIRE_DATA_MAX, 0);
		break;
	case 'L':
		mirror(i, MIRROR_LEADER, true, GROUP, OP);
		break;
	case 'N': /* of the operation; of another; of another group */
		mirror(i, MIRROR_SELECT, false, GROUP, OP);
		break;
	case 'n':
		mirror(i, MIRROR_SELECT, false, GROUP, OP + 1);
		break;
	case 'o':
		mirror(i, MIRROR_SELECT, false, GROUP + 1, OP);
		break;
	case 'M': /* more legs than there can be */
		for (unsigned k = 0; k <= WIRE_LEGS_MAX; k++)
			mirror(i, MIRROR_SELECT, false, GROUP, OP);
		break;
	case 'R':
		mirror(i, MIRROR_RELEASE, false, GROUP, OP);
		break;
	case 'T':
		mirror(i, MIRROR_STATUS, false, GROUP, OP);
		break;
	case 'P': {
		const struct wire_item bad = {
		        .kind = ITEM_MSG_OUT, .flags = ITEM_PARITY, .len = 1, .bytes = {nop, 1}};
		wire_item_put(&i->w, &bad);
		break;
	}
	default:
		ck_abort_msg("%c?", what);
	}
}

START_TEST(is_refused)
{
	struct rig *r = rig_new(NULL);
	struct block *data = rig_block(4096);
	struct items i;
	char want[200];

	rig_group(r, 2, ARM_FULL);
	rig_forget(r);
	it_begin(&i);
	for (const char *p = wrong[_i].items; *p; p++)
		put(&i, *p);
	ck_assert(wr_ok(&i.w));
	rig_script(r, 7, 5, &i, data);
	rig_go(r);
	r->text[r->n] = '\0';
	(void)snprintf(want, sizeof(want), "7< ERROR bad_value 5: script: %s", wrong[_i].why);
	ck_assert_msg(strncmp(r->text, want, strlen(want)) == 0, "%s: %s", wrong[_i].items,
	              r->text);
	ck_assert_ptr_eq(strchr(r->text, '\n'), r->text + r->n - 1); /* and nothing else */
	it_pass(&i, 2, 2, 1, OP, data);
	rig_script(r, 7, 5, &i, data);
	rig_go(r);
	r->text[r->n] = '\0';
	ck_assert_ptr_nonnull(strstr(r->text, "7< TENURE s5 T1 released out=8192"));
	rig_free(r);
	block_unref(data);
}
END_TEST

TAP_MAIN_TABLE("bus_scripts", NULL, NULL, TAP_EACH(is_refused, wrong));
