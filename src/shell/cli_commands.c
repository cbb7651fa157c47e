/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands. Each method of the schema is reached by its own name ("group create" for
 * group.create); the rest are shortcuts. */
#include "shell/cli.h"
#include "shell/cli_show.h"

#define OPERAND(word_, param_, kind_)                                                              \
	{                                                                                          \
		.word = (word_), .param = (param_), .kind = (kind_)                                \
	}
#define OPTIONAL(word_, param_, kind_)                                                             \
	{                                                                                          \
		.word = (word_), .param = (param_), .kind = (kind_), .optional = true              \
	}
#define OPTION(word_, value_, param_, kind_)                                                       \
	{                                                                                          \
		.word = (word_), .value = (value_), .param = (param_), .kind = (kind_)             \
	}
#define FLAG(word_, param_, help_)                                                                 \
	{                                                                                          \
		.word = (word_), .param = (param_), .kind = CLI_FLAG, .help = (help_)              \
	}
#define ARGS(array) .args = (array), .n_args = ARRAY_LEN(array)

#define GROUP  OPERAND("GROUP", "group", CLI_TEXT)
#define TARGET OPERAND("TARGET", "target", CLI_TEXT)
#define ID     OPERAND("ID", "id", CLI_NUMBER)
#define MODE   OPTION("--mode", "MODE", "mode", CLI_TEXT)
#define BLOCK  OPTION("--block", "SIZE", "transfer_bytes", CLI_SIZE)
#define WINDOW OPTION("--window", "N", "window", CLI_NUMBER)
#define SPEED  OPTION("--speed", "RATE", "speed_bytes_per_s", CLI_SIZE)
#define DETACH                                                                                     \
	{                                                                                          \
		.word = "--detach", .kind = CLI_FLAG,                                              \
		.help = "Return at once; the job goes on in the daemon.",                          \
	}
#define OVERWRITE FLAG("--overwrite", "overwrite", NULL)
#define PATTERN   OPTION("--pattern", "PATTERN", "pattern", CLI_TEXT)
#define IN_FLIGHT OPTION("--in-flight", "N", "in_flight", CLI_NUMBER)
#define SECONDS   OPTION("--seconds", "N", "seconds", CLI_NUMBER)
#define WRITES    OPTION("--writes", "N", "writes", CLI_NUMBER)
#define SEED      OPTION("--seed", "N", "seed", CLI_NUMBER)
#define COUNT(what)                                                                                \
	{                                                                                          \
		.word = "--count", .value = "N", .kind = CLI_NUMBER,                               \
		.help = "End after N " what ".",                                                   \
	}

static const struct cli_arg one_group[] = {GROUP};
static const struct cli_arg one_target[] = {TARGET};
static const struct cli_arg one_job[] = {ID};
static const struct cli_arg group_target[] = {GROUP, TARGET};

static const struct cli_arg events_args[] = {
        OPTION("--objects", "KIND,...", "objects", CLI_LIST),
        COUNT("events"),
};
static const struct cli_arg stats_args[] = {
        {.word = "--values",
         .kind = CLI_FLAG,
         .help = "Show the values of the timing profile, too."},
};
static const struct cli_arg trace_args[] = {
        COUNT("lines"),
        {.word = "--bus",
         .value = "ADDR",
         .kind = CLI_TEXT,
         .help = "Address of the bus server; the one of the daemon if left out."},
};
static const struct cli_arg fault_args[] = {
        TARGET,
        OPTIONAL("SPEC", "spec", CLI_TEXT),
        FLAG("--clear", "clear", "Remove all active faults."),
        FLAG("--list", "list", "Only list the active faults."),
};
#define DEVICE                                                                                     \
	{                                                                                          \
		.word = "TARGET", .kind = CLI_TEXT,                                                \
		.help = "The target: its name, its UUID or its SCSI ID.",                          \
	}
#define DEVICE_LUN                                                                                 \
	{                                                                                          \
		.word = "--lun", .value = "N", .kind = CLI_NUMBER, .help = "Logical unit; 0.",     \
	}
#define PAGE_CODE                                                                                  \
	{                                                                                          \
		.word = "PAGE", .kind = CLI_TEXT, .optional = true,                                \
		.help = "Code of one page, in hex, such as 83; all pages if left out.",            \
	}
static const struct cli_arg device_args[] = {DEVICE, DEVICE_LUN};
static const struct cli_arg device_page_args[] = {DEVICE, PAGE_CODE, DEVICE_LUN};
static const struct cli_arg sense_args[] = {
        DEVICE,
        {.word = "--descriptor", .kind = CLI_FLAG, .help = "Ask for the descriptor format (DESC)."},
        DEVICE_LUN,
};
static const struct cli_arg scsi_args[] = {
        TARGET,
        OPERAND("CDBHEX...", "cdb", CLI_HEX),
        OPTION("--in", "BYTES", "data_in_length", CLI_SIZE),
        {.word = "--out",
         .value = "FILE",
         .kind = CLI_PATH,
         .help = "Data for the target: the contents of FILE (- for standard input), at most 16 "
                 "MiB."},
        OPTION("--lun", "N", "lun", CLI_NUMBER),
        OPTION("--attribute", "NAME", "attribute", CLI_TEXT),
        OPTION("--timeout-ms", "N", "timeout_ms", CLI_NUMBER),
        {.word = "--raw",
         .value = "FILE",
         .kind = CLI_PATH,
         .help = "Write the data of the target to FILE (- for standard output), not as a hex "
                 "dump."},
};
static const struct cli_arg create_args[] = {
        OPERAND("NAME", "name", CLI_TEXT),
        OPTION("--members", "A,B,...", "members", CLI_LIST),
        MODE,
        FLAG("--assume-clean", "assume_clean", "The members hold the same data already."),
};
static const struct cli_arg set_args[] = {
        GROUP, MODE, BLOCK, WINDOW, OPTION("--max-passes", "N", "max_passes", CLI_NUMBER),
};
static const struct cli_arg import_args[] = {
        OPERAND("NAME", "name", CLI_TEXT),
        OPTION("--uuid", "UUID", "uuid", CLI_TEXT),
        FLAG("--force", "force", "Even while another initiator serves it, or without all members."),
};
static const struct cli_arg write_args[] = {
        GROUP,
        OPERAND("OFFSET", "offset_bytes", CLI_SIZE),
        {.word = "FILE",
         .kind = CLI_PATH,
         .optional = true,
         .help = "What to write, a multiple of the block size, at most 16 MiB; standard input if "
                 "left out or -."},
};
static const struct cli_arg read_args[] = {
        GROUP,
        OPERAND("OFFSET", "offset_bytes", CLI_SIZE),
        OPERAND("LENGTH", "length_bytes", CLI_SIZE),
        {.word = "FILE",
         .kind = CLI_PATH,
         .optional = true,
         .help = "Where to; if left out or -, standard output, as a hex dump when that is a "
                 "terminal."},
};
static const struct cli_arg job_create_args[] = {
        OPERAND("TYPE", "type", CLI_TEXT),
        GROUP,
        {.word = "FILE",
         .kind = CLI_PATH,
         .optional = true,
         .help = "The image; for read, the file to write. Opened here, and passed to the daemon."},
        MODE,
        BLOCK,
        WINDOW,
        SPEED,
        OVERWRITE,
        PATTERN,
        OPTION("--block-bytes", "SIZE", "block_bytes", CLI_SIZE),
        IN_FLIGHT,
        SECONDS,
        WRITES,
        SEED,
};
static const struct cli_arg job_list_args[] = {
        OPTION("--group", "GROUP", "group", CLI_TEXT),
        FLAG("--live", "live", "Only jobs that are not concluded."),
};
static const struct cli_arg job_wait_args[] = {
        ID,
        OPTION("--timeout-ms", "N", "timeout_ms", CLI_NUMBER),
};
static const struct cli_arg set_speed_args[] = {
        ID,
        OPERAND("RATE", "speed_bytes_per_s", CLI_SIZE),
};
static const struct cli_arg mirror_args[] = {
        GROUP,
        {.word = "IMAGE", .kind = CLI_PATH, .help = "The image: a regular file or a block device."},
        MODE,
        BLOCK,
        WINDOW,
        SPEED,
        DETACH,
};
static const struct cli_arg verify_args[] = {
        GROUP,
        {.word = "IMAGE",
         .kind = CLI_PATH,
         .optional = true,
         .help = "What the members have to hold; if left out, they are compared with each other."},
        BLOCK,
        WINDOW,
        SPEED,
        DETACH,
};
static const struct cli_arg read_job_args[] = {
        GROUP,
        {.word = "FILE", .kind = CLI_PATH, .help = "The file to write; what it held is lost."},
        BLOCK,
        WINDOW,
        SPEED,
        DETACH,
};
static const struct cli_arg resync_args[] = {GROUP, MODE, BLOCK, WINDOW, SPEED, DETACH};
static const struct cli_arg load_args[] = {
        GROUP,     OVERWRITE, PATTERN, OPTION("--block", "SIZE", "block_bytes", CLI_SIZE),
        IN_FLIGHT, SECONDS,   WRITES,  SEED,
        MODE,      SPEED,     DETACH,
};
static const struct cli_arg scrub_args[] = {GROUP, MODE, BLOCK, WINDOW, SPEED, DETACH};
static const struct cli_arg call_args[] = {
        {.word = "METHOD", .kind = CLI_TEXT, .help = "Name of the method, such as group.show."},
        {.word = "PARAMS",
         .kind = CLI_JSON,
         .optional = true,
         .help = "Its parameters, a JSON object."},
};

const struct cli_command cli_commands[] = {
        {.words = "status",
         .run = cli_run_status,
         .summary = "Show daemon, bus, targets, groups and running jobs",
         .about = ""},
        {.words = "mirror",
         .method = "job.create",
         ARGS(mirror_args),
         .run = cli_run_job,
         .job_type = "mirror",
         .summary = "Mirror an image onto all members of a group",
         .about = "The members hold the image afterwards, stale ones too; the last block is padded "
                  "with zeros. Ctrl-C detaches: the job goes on."},
        {.words = "verify",
         .method = "job.create",
         ARGS(verify_args),
         .run = cli_run_job,
         .job_type = "verify",
         .summary = "Compare the members of a group with an image, or with each other",
         .about = "Ends with status 1 when blocks differ."},
        {.words = "read",
         .method = "job.create",
         ARGS(read_job_args),
         .run = cli_run_job,
         .job_type = "read",
         .summary = "Read a group into a file",
         .about = "From a member that is in sync."},
        {.words = "resync",
         .method = "job.create",
         ARGS(resync_args),
         .run = cli_run_job,
         .job_type = "resync",
         .summary = "Bring stale members up to date from one that is in sync",
         .about = ""},
        {.words = "scrub",
         .method = "job.create",
         ARGS(scrub_args),
         .run = cli_run_job,
         .job_type = "scrub",
         .summary = "Compare the members in sync with each other, and repair those that differ",
         .about = "A block that a member does not have as most others do, or that its medium "
                  "does not give any more, is written anew. Without a majority nothing is "
                  "written: the blocks are reported, and those members become stale."},
        {.words = "load",
         .method = "job.create",
         ARGS(load_args),
         .run = cli_run_load,
         .job_type = "load",
         .summary = "Write generated data to a group, and measure that",
         .about = "Overwrites what the group holds; its members stay in sync. Shows writes per "
                  "second "
                  "and how long they took."},
        {.words = "group create",
         .method = "group.create",
         ARGS(create_args),
         .print = cli_show_group},
        {.words = "group list", .method = "group.list", .print = cli_show_groups},
        {.words = "group show", .method = "group.show", ARGS(one_group), .print = cli_show_group},
        {.words = "group delete",
         .method = "group.delete",
         ARGS(one_group),
         .print = cli_show_done},
        {.words = "group add-member",
         .method = "group.add_member",
         ARGS(group_target),
         .print = cli_show_group},
        {.words = "group remove-member",
         .method = "group.remove_member",
         ARGS(group_target),
         .print = cli_show_group},
        {.words = "group set", .method = "group.set", ARGS(set_args), .print = cli_show_group},
        {.words = "group import",
         .method = "group.import",
         ARGS(import_args),
         .print = cli_show_group},
        {.words = "group write",
         .method = "group.write",
         ARGS(write_args),
         .run = cli_run_group_write},
        {.words = "group read", .method = "group.read", ARGS(read_args), .run = cli_run_group_read},
        {.words = "group flush", .method = "group.flush", ARGS(one_group), .print = cli_show_done},
        {.words = "job create", .method = "job.create", ARGS(job_create_args), .run = cli_run_job},
        {.words = "job list", .method = "job.list", ARGS(job_list_args), .print = cli_show_jobs},
        {.words = "job show", .method = "job.show", ARGS(one_job), .print = cli_show_job},
        {.words = "job wait", .method = "job.wait", ARGS(job_wait_args), .run = cli_run_wait},
        {.words = "job pause", .method = "job.pause", ARGS(one_job), .print = cli_show_job_line},
        {.words = "job resume", .method = "job.resume", ARGS(one_job), .print = cli_show_job_line},
        {.words = "job cancel", .method = "job.cancel", ARGS(one_job), .print = cli_show_job_line},
        {.words = "job set-speed",
         .method = "job.set_speed",
         ARGS(set_speed_args),
         .print = cli_show_job_line},
        {.words = "job dismiss",
         .method = "job.dismiss",
         ARGS(one_job),
         .print = cli_show_job_line},
        {.words = "target list", .method = "target.list", .print = cli_show_targets},
        {.words = "target show",
         .method = "target.show",
         ARGS(one_target),
         .print = cli_show_target},
        {.words = "target fault", .method = "target.fault", ARGS(fault_args), .run = cli_run_fault},
        {.words = "target inquiry",
         ARGS(device_args),
         .run = cli_run_inquiry,
         .summary = "Show what a target says to INQUIRY",
         .about = "The standard data, decoded. For vital product data see target vpd."},
        {.words = "target vpd",
         ARGS(device_page_args),
         .run = cli_run_vpd,
         .summary = "Show the vital product data of a target",
         .about = "Those that page 00h lists, decoded."},
        {.words = "target modes",
         ARGS(device_page_args),
         .run = cli_run_modes,
         .summary = "Show the mode pages of a target",
         .about = "Each field: its current, default and saved value, and whether it can be "
                  "changed."},
        {.words = "target log",
         ARGS(device_page_args),
         .run = cli_run_log,
         .summary = "Show the log pages of a target",
         .about = "Those that page 00h lists, cumulative values."},
        {.words = "target sense",
         ARGS(sense_args),
         .run = cli_run_sense,
         .summary = "Show the sense data of a target",
         .about = "By REQUEST SENSE: a UNIT ATTENTION that it tells is told to nobody else."},
        {.words = "target opcodes",
         ARGS(device_args),
         .run = cli_run_opcodes,
         .summary = "Show the commands that a target has",
         .about = "By REPORT SUPPORTED OPERATION CODES."},
        {.words = "scsi", .method = "scsi.execute", ARGS(scsi_args), .run = cli_run_scsi},
        {.words = "scsi execute", .method = "scsi.execute", ARGS(scsi_args), .run = cli_run_scsi},
        {.words = "bus show", .method = "bus.show", .print = cli_show_bus},
        {.words = "bus scan", .method = "bus.scan", .print = cli_show_targets},
        {.words = "bus stats", .method = "bus.stats", ARGS(stats_args), .run = cli_run_stats},
        {.words = "bus reset", .method = "bus.reset", .print = cli_show_done},
        {.words = "bus trace",
         ARGS(trace_args),
         .run = cli_run_trace,
         .summary = "Show what happens on the bus, as it happens",
         .about = "One line of JSON for each phase, until Ctrl-C. Asks the daemon only where the "
                  "bus "
                  "server is, and connects to that as a tap."},
        {.words = "events", .method = "events.subscribe", ARGS(events_args), .run = cli_run_events},
        {.words = "events subscribe",
         .method = "events.subscribe",
         ARGS(events_args),
         .run = cli_run_events},
        {.words = "daemon info", .method = "daemon.info", .print = cli_show_daemon},
        {.words = "rpc discover", .method = "rpc.discover"},
        {.words = "call",
         ARGS(call_args),
         .run = cli_run_call,
         .summary = "Call any method of the control socket",
         .about = "The result is printed as JSON."},
};
const size_t cli_commands_n = ARRAY_LEN(cli_commands);
