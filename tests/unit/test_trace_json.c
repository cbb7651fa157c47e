/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of the trace, letter by letter: programs outside read it. */
#include "shell/trace_json.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <jansson.h>
#include <string.h>

static char line[TRACE_LINE_MAX];

static struct bus_trace event(enum scsi_phase phase)
{
	return (struct bus_trace){
	        .seq = 17,
	        .t_ns = 12345,
	        .dur_ns = 980,
	        .tenure = 3,
	        .phase = phase,
	        .init = 7,
	        .leader = 2,
	        .driver = 4,
	        .bsy = 1U << 2,
	        .target = WIRE_NO_ID,
	        .winner = WIRE_NO_ID,
	};
}

static void expect(const struct bus_trace *e, const char *text)
{
	size_t n = trace_json(e, line, sizeof(line));
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(line[n - 1], '\n');
	line[n - 1] = '\0';
	ck_assert_str_eq(line, text);
	json_error_t error;
	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(json != NULL, "%s: %s", error.text, line);
	json_decref(json);
}

#define COMMON "{\"seq\":17,\"t_ns\":12345,\"dur_ns\":980,\"tenure\":3,"

/* A DATA phase of these units. */
static struct bus_trace units(enum scsi_phase phase, const char *hex)
{
	static uint8_t octets[256];
	struct bus_trace e = event(phase);
	e.leader = WIRE_NO_ID;
	e.units = true;
	e.octets = (struct span){octets, hex_get(hex, octets, sizeof(octets))};
	return e;
}

#define DATA_PHASE(p)                                                                              \
	COMMON "\"phase\":\"" p "\",\"init\":7,\"leader\":null,\"bsy\":[2],\"sel\":[],"            \
	       "\"driver\":4,\"atn\":false,\"bytes\":0,\"crc_ok\":null,\"op\":null,\"msg\":null,"  \
	       "\"units\":["

START_TEST(test_units)
{
	struct bus_trace e =
	        units(PHASE_DATA_OUT, "00 00000014 0100000900050000000000000000001400000000 "
	                              "01 00000014 0001000212000000600000000000000000000000");
	expect(&e, DATA_PHASE("DATA OUT") "{\"name\":\"L_Q\",\"bytes\":20,"
	                                  "\"hex\":\"0100000900050000000000000000001400000000\","
	                                  "\"type\":\"LAST COMMAND\",\"tag\":9,\"lun\":5,"
	                                  "\"length\":20},"
	                                  "{\"name\":\"COMMAND\",\"bytes\":20,"
	                                  "\"hex\":\"0001000212000000600000000000000000000000\","
	                                  "\"attribute\":\"HEAD OF QUEUE\","
	                                  "\"command\":\"INQUIRY\"}]}");
	e = units(PHASE_DATA_OUT, "01 00000014 0000010000000000000000000000000000000000");
	expect(&e, DATA_PHASE("DATA OUT") "{\"name\":\"COMMAND\",\"bytes\":20,"
	                                  "\"hex\":\"0000010000000000000000000000000000000000\","
	                                  "\"attribute\":\"SIMPLE\","
	                                  "\"function\":\"ABORT TASK\"}]}");
	e = units(PHASE_DATA_IN, "02 00000200 03 0000000e 0000020200000002000000007000");
	expect(&e, DATA_PHASE("DATA IN") "{\"name\":\"DATA\",\"bytes\":512},"
	                                 "{\"name\":\"STATUS\",\"bytes\":14,"
	                                 "\"hex\":\"0000020200000002000000007000\","
	                                 "\"status\":\"CHECK CONDITION\","
	                                 "\"sense\":\"7000\"}]}");
	e = units(PHASE_DATA_IN, "03 00000010 00000100000000000000000400000007");
	expect(&e, DATA_PHASE("DATA IN") "{\"name\":\"STATUS\",\"bytes\":16,"
	                                 "\"hex\":\"00000100000000000000000400000007\","
	                                 "\"status\":\"GOOD\",\"failure\":\"ILLEGAL REQUEST "
	                                 "RECEIVED IN SPI L_Q INFORMATION UNIT\"}]}");
	/* What cannot be read is there by its bytes; a LUN that has no number has none. */
	e = units(PHASE_DATA_OUT, "00 00000002 0100 01 00000001 ff 03 00000000 "
	                          "00 00000014 7f00000980000000000000000000000000000000");
	expect(&e, DATA_PHASE("DATA OUT") "{\"name\":\"L_Q\",\"bytes\":2,\"hex\":\"0100\"},"
	                                  "{\"name\":\"COMMAND\",\"bytes\":1,\"hex\":\"ff\"},"
	                                  "{\"name\":\"STATUS\",\"bytes\":0},"
	                                  "{\"name\":\"L_Q\",\"bytes\":20,"
	                                  "\"hex\":\"7f00000980000000000000000000000000000000\","
	                                  "\"type\":\"RESERVED\",\"tag\":9,\"length\":0}]}");
}
END_TEST

START_TEST(test_data)
{
	struct bus_trace e = event(PHASE_DATA_OUT);
	e.bytes = 65536;
	e.crc = BUS_CRC_OK;
	e.has_op = true;
	e.op = 9;
	expect(&e, COMMON
	       "\"phase\":\"DATA OUT\",\"init\":7,\"leader\":2,\"bsy\":[2],\"sel\":[],"
	       "\"driver\":4,\"atn\":false,\"bytes\":65536,\"crc_ok\":true,\"op\":9,\"msg\":null}");
	e.crc = BUS_CRC_BAD;
	e.has_op = false;
	e.leader = WIRE_NO_ID;
	expect(&e,
	       COMMON "\"phase\":\"DATA OUT\",\"init\":7,\"leader\":null,\"bsy\":[2],\"sel\":[],"
	              "\"driver\":4,\"atn\":false,\"bytes\":65536,\"crc_ok\":false,\"op\":null,"
	              "\"msg\":null}");
}
END_TEST

START_TEST(test_messages)
{
	static const uint8_t octets[] = {0x20, 0x05, 0x01, 0x0a, 0xe0, 0x02, 0x01,
	                                 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x09};
	struct bus_trace e = event(PHASE_MESSAGE_OUT);
	e.atn = true;
	e.bytes = sizeof(octets);
	e.octets = (struct span){octets, sizeof(octets)};
	e.has_op = true;
	e.op = 9;
	expect(&e,
	       COMMON "\"phase\":\"MESSAGE OUT\",\"init\":7,\"leader\":2,\"bsy\":[2],\"sel\":[],"
	              "\"driver\":4,\"atn\":true,\"bytes\":14,\"crc_ok\":null,\"op\":9,\"msg\":["
	              "{\"name\":\"SIMPLE\",\"hex\":\"2005\"},"
	              "{\"name\":\"TARGET SELECTION\",\"hex\":\"010ae0020100010200000009\","
	              "\"group\":1,\"device\":2,\"last\":true,\"op\":9}]}");
}
END_TEST

START_TEST(test_malformed_messages)
{
	static const uint8_t octets[] = {0x08, 0x01, 0x0a, 0xe0};
	struct bus_trace e = event(PHASE_MESSAGE_OUT);
	e.octets = (struct span){octets, sizeof(octets)};
	e.bytes = sizeof(octets);
	expect(&e,
	       COMMON "\"phase\":\"MESSAGE OUT\",\"init\":7,\"leader\":2,\"bsy\":[2],\"sel\":[],"
	              "\"driver\":4,\"atn\":false,\"bytes\":4,\"crc_ok\":null,\"op\":null,\"msg\":["
	              "{\"name\":\"NO "
	              "OPERATION\",\"hex\":\"08\"},{\"name\":\"MALFORMED\",\"hex\":\"010ae0\"}]}");
}
END_TEST

START_TEST(test_arbitration)
{
	struct bus_trace e = event(PHASE_ARBITRATION);
	e.leader = e.driver = WIRE_NO_ID;
	e.ids = e.bsy = 1U << 7 | 1U << 3 | 1U << 15;
	e.sel = 1U << 7;
	e.winner = 7;
	expect(&e, COMMON
	       "\"phase\":\"ARBITRATION\",\"init\":7,\"leader\":null,\"bsy\":[3,7,15],\"sel\":[7],"
	       "\"driver\":null,\"atn\":false,\"bytes\":0,\"crc_ok\":null,\"op\":null,\"msg\":null,"
	       "\"ids\":[3,7,15],\"winner\":7}");
}
END_TEST

START_TEST(test_rest)
{
	static const uint8_t cdb[16] = {0x8a, [13] = 8};
	static const uint8_t odd[] = {0xc1, 0, 0, 0, 0, 0};
	struct bus_trace e = event(PHASE_COMMAND);
	e.bytes = 16;
	e.octets = (struct span){cdb, sizeof(cdb)};
	expect(&e, COMMON
	       "\"phase\":\"COMMAND\",\"init\":7,\"leader\":2,\"bsy\":[2],\"sel\":[],"
	       "\"driver\":4,\"atn\":false,\"bytes\":16,\"crc_ok\":null,\"op\":null,\"msg\":null,"
	       "\"cdb\":\"8a000000000000000000000000080000\",\"name\":\"WRITE(16)\"}");
	e.octets = (struct span){odd, sizeof(odd)};
	ck_assert_uint_gt(trace_json(&e, line, sizeof(line)), 0);
	ck_assert_ptr_nonnull(strstr(line, "\"cdb\":\"c10000000000\",\"name\":\"OPCODE C1h\""));
	e = event(PHASE_STATUS);
	e.status = 2;
	ck_assert_uint_gt(trace_json(&e, line, sizeof(line)), 0);
	ck_assert_ptr_nonnull(strstr(line, ",\"status\":\"CHECK CONDITION\"}"));
	e = event(PHASE_RESELECTION);
	e.target = 2;
	ck_assert_uint_gt(trace_json(&e, line, sizeof(line)), 0);
	ck_assert_ptr_nonnull(strstr(line, "\"msg\":null,\"target\":2}"));
}
END_TEST

START_TEST(test_bounds)
{
	static uint8_t many[512];
	struct bus_trace e = event(PHASE_MESSAGE_IN);
	memset(many, 0x08, sizeof(many));
	e.octets = (struct span){many, sizeof(many)};
	size_t n = trace_json(&e, line, sizeof(line));
	ck_assert_uint_gt(n, 512 * 30); /* the most that a phase can hold fits */
	for (size_t cap = 0; cap < n; cap += cap < 400 ? 1 : 997)
		ck_assert_uint_eq(trace_json(&e, line, cap), 0);
}
END_TEST

TAP_MAIN("trace_json", test_data, test_units, test_messages, test_malformed_messages,
         test_arbitration, test_rest, test_bounds);
