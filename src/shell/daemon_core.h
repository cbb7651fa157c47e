/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the daemon share.
 *
 *   daemon.c          life, and the moment at which the core runs
 *   daemon_bus.c      connection to the bus server, management queries
 *   daemon_server.c   the control socket: listening, who may
 *   daemon_client.c   one connection of it: lines, descriptors, what waits to be written
 *   daemon_call.c     one request: from its line to its answer
 *   daemon_methods.c, daemon_jobs.c, daemon_query.c, daemon_exec.c   the methods
 *   daemon_events.c   subscribers
 *   daemon_files.c    image files
 *   daemon_state.c    the state directory
 *   daemon_logs.c     write-intent logs, there, too
 */
#ifndef SHELL_DAEMON_CORE_H
#define SHELL_DAEMON_CORE_H

#include "control/allow.h"
#include "control/lines.h"
#include "control/request.h"
#include "control/show.h"
#include "control/state.h"
#include "shell/conn.h"
#include "shell/daemon.h"
#include "shell/listener.h"
#include "shell/loop.h"
#include "shell/pool.h"
#include "shell/workers.h"

#include <smirror/control.h>
#include <sys/queue.h>

#define DAEMON_PRODUCT     SMIRROR_CONTROL_PRODUCT
#define DAEMON_API_MAJOR   SMIRROR_CONTROL_API_MAJOR
#define DAEMON_API_MINOR   SMIRROR_CONTROL_API_MINOR
#define DAEMON_CONNECTIONS 64
#define DAEMON_REQUESTS    64 /* in flight, of one connection; job.wait apart, as many again */
#define DAEMON_FDS         8  /* descriptors of one connection that no request has claimed */
#define DAEMON_FILES       (INI_JOBS_MAX + 8)
#define DAEMON_BUCKETS     256

#define BOUND_OUT_BYTES   (4 * MIB)  /* more waits unread: no further requests are taken */
#define BOUND_EVENT_BYTES (1 * MIB)  /* more waits unread: events are dropped */
#define BOUND_DATA_BYTES  (32 * MIB) /* of requests in flight: no further ones are taken */
#define DECODE_INLINE_MAX (64 * KIB) /* longer lines are decoded in a thread */
#define ENCODE_INLINE_MAX (256 * KIB)
#define QUERY_LIMIT_NS    (5 * NS_PER_S)
#define SCAN_LIMIT_NS     (60 * NS_PER_S)
#define SAVED_LIMIT_NS    (30 * NS_PER_S)
#define UNREAD_LIMIT_NS   (30 * NS_PER_S)

struct daemon;
struct client;
struct save;
struct call;

/* ---- one request ---- */

enum call_wait {
	CALL_NEW,    /* its method runs */
	CALL_REPLY,  /* of the core, by token */
	CALL_QUERY,  /* a management frame of the bus server or a target, by mgmt_req */
	CALL_SCAN,   /* until no target is being scanned */
	CALL_SAVED,  /* of the core, that it is durable who is stale; then its task starts */
	CALL_TASK,   /* its SCSI command */
	CALL_JOBS,   /* until jobs_may_answer(): the cores ran, and jobs.json is as new as
	              * jobs_version, or could not be written; then it answers */
	CALL_ENCODE, /* its answer is made in a thread */
};

struct call {
	struct daemon *d;
	struct client *client; /* NULL: gone, nobody wants the answer */
	struct ctl_request *req;
	enum call_wait wait;
	uint64_t token;
	ns_t deadline; /* NS_NEVER: none */
	uint32_t mgmt_req;
	uint8_t target;
	uint64_t jobs_version;
	uint64_t after_run; /* CALL_JOBS: the run of the cores that is to be over */
	bool bypasses;      /* the core was told that it changes a medium */
	struct ini_bypass bypass;
	uint32_t job;
	struct hba_task task;
	struct block *data_in;
	size_t charged; /* bytes counted in client->data */
	struct work work;
	struct jw text; /* of an answer made in a thread */
	TAILQ_ENTRY(call) all, mine, bucket;
};
TAILQ_HEAD(call_list, call);

/* ---- one connection ---- */

struct client_fd {
	int fd;
	uint64_t until; /* offset in the stream: a line that ends there or behind is the last that
	                   may claim it */
};

struct chunk {
	TAILQ_ENTRY(chunk) link;
	struct jw text;
	size_t at; /* bytes written */
};
TAILQ_HEAD(chunk_list, chunk);

struct subscription {
	bool on;
	unsigned objects; /* bits of 1 << enum ini_object */
	uint64_t seq, lost;
};

struct client {
	struct daemon *d;
	int fd;
	struct event *ev_read, *ev_write;
	struct ctl_peer peer;
	enum ctl_who who;
	struct ctl_lines lines;
	uint64_t came; /* bytes of the stream */
	unsigned n_fds;
	struct client_fd fds[DAEMON_FDS];
	struct chunk_list out;
	size_t out_bytes;
	ns_t unread_since; /* the peer has read nothing of what waits since then; 0: nothing waits
	                    */
	struct call_list calls;
	unsigned in_flight, waits;
	size_t data;        /* bytes of requests in flight */
	bool reading;       /* ev_read is added */
	bool ended;         /* the peer sends no more */
	bool closing;       /* when all is written */
	bool dead;          /* to be freed at the end of this turn */
	bool decoding;      /* a thread has its line */
	struct work decode; /* that work */
	char *line;         /* DECODE: its line */
	size_t line_len;
	struct ctl_decoded decoded;
	struct subscription sub;
	uint64_t executed, written; /* scsi.execute, group.write: logged in sum */
	TAILQ_ENTRY(client) link;
};
TAILQ_HEAD(client_list, client);

/* ---- the daemon ---- */

enum bus_state { BUS_DOWN, BUS_ATTACHING, BUS_ATTACHED };

struct daemon_file {
	bool used, closing;
	int fd;
	uint64_t size; /* when the job began */
	uint32_t kept; /* the number of the job, under which the service manager has it, too */
	unsigned work; /* pieces of work in threads */
	struct workers
	        *workers; /* its own: a file that gives no answer holds up its job, no other */
};

#define DIRTY_MAX 128
struct dirty { /* what subscribers are to be told */
	enum ini_object object;
	bool gone;
	uint32_t id;
	char name[INI_NAME_MAX + 1];
};

struct daemon {
	struct daemon_config cfg;
	struct loop *loop;
	struct hba *hba;
	struct ini *ini;
	struct ctl_schema *schema;
	struct workers *workers;
	struct pool *pool;
	ns_t started_ns;
	char boot_id[37];
	int exit_status;
	bool ready, draining, stopped;
	ns_t drain_until, tick_at;

	/* bus */
	struct conn *bus;
	enum bus_state bus_state;
	bool ever_attached;
	ns_t twin_until;   /* another process is this device, and may be silent by then; 0: none */
	uint32_t epoch;    /* of the last attach, */
	uint64_t bus_boot; /* and of its bus server */
	uint64_t attaches;
	char profile[TARGET_NAME_MAX + 1];
	struct ring *ring; /* of this attach; NULL: none */
	bool ring_shared;  /* the bus server has taken it */
	char bus_why[200]; /* last trouble, so that it is logged once */
	ns_t retry_at, retry_delay, attach_until;
	ns_t heartbeat_ns, ping_at, heard_at;
	uint32_t next_mgmt;

	/* control socket */
	struct listener *listener;
	gid_t group;
	struct client_list clients;
	unsigned n_clients;
	struct call_list calls;
	struct call_list buckets[DAEMON_BUCKETS];
	uint64_t next_token, requests;
	struct jw scratch;

	/* events */
	unsigned n_dirty;
	struct dirty dirty[DIRTY_MAX];
	bool dirty_lost; /* more changed than fits: everything is told again */
	ns_t events_at;

	/* files */
	struct daemon_file files[DAEMON_FILES];
	uint64_t files_open; /* pieces of work on files */

	/* state directory */
	int dir_fd; /* locked */
	uint8_t uuid[UUID_LEN];
	struct ctl_state *state; /* what is being put together */
	bool saving, save_again;
	uint64_t save_seq, save_again_seq;
	struct save *save, *jobs_save;
	struct ctl_jobs old_jobs; /* of earlier runs, until the core has them */
	bool jobs_saving, jobs_broken, jobs_touched;
	uint64_t jobs_sum; /* of what was written last */
	/* As it is now, is on disk, and was tried last; what failed is tried again, not before
	 * jobs_retry_at. */
	uint64_t jobs_version, jobs_done, jobs_tried;
	ns_t jobs_retry_at;
	uint64_t core_runs;   /* that are over */
	unsigned logs_saving; /* pieces of work on write-intent logs */
};

/* daemon.c */
void daemon_stop(struct daemon *d, int status);

/* daemon_bus.c */
bool daemon_bus_start(struct daemon *d);
void daemon_bus_run(struct daemon *d, ns_t now);
ns_t daemon_bus_deadline(const struct daemon *d);
/* A block for data that are going to targets: in shared memory if there is some left. NULL: out of
 * memory. */
struct block *daemon_bus_block(struct daemon *d, size_t len);
/* The same bytes in shared memory, if there is some left: one copy here spares each target two.
 * Takes a reference over, and gives one. */
struct block *daemon_bus_share(struct daemon *d, struct block *b);
/* Sends what the hba has to send; true if there was something. */
bool daemon_bus_output(struct daemon *d);
/* Asks the bus server (to: WIRE_NO_ID) or a target; the answer comes to query_answer(). */
void daemon_bus_query(struct daemon *d, struct call *c, enum wire_mgmt_kind kind, uint8_t to,
                      const char *payload);

/* daemon_server.c */
bool server_start(struct daemon *d, char *why, size_t n);
void server_stop(struct daemon *d);

/* daemon_client.c */
struct client *client_new(struct daemon *d, int fd, const struct ctl_peer *peer, enum ctl_who who);
/* Copies text to what waits to be written. */
void client_put(struct client *c, const struct jw *text);
/* The same, takes the buffer over. */
void client_take(struct client *c, struct jw *text);
/* The first descriptor that came with the line, for the caller to close; -1: none. */
int client_claim(struct client *c);
/* Writes, goes on with requests that had to wait, frees what is dead: at the end of each turn. */
void clients_turn(struct daemon *d);
void clients_tick(struct daemon *d, ns_t now);
void clients_free(struct daemon *d);
void client_greet(struct client *c);

/* daemon_call.c */
/* A line was decoded (its request is taken over, or its error answered). */
void call_start(struct client *c, struct ctl_decoded *decoded);
/* An answer: begin, put "result" into the writer, end. The call is gone after call_end(). */
struct jw *call_begin(struct call *c);
void call_end(struct call *c);
void call_done(struct call *c);
void call_fail(struct call *c, const struct ctl_error *e);
void call_fail_ini(struct call *c, const struct ini_error *e);
void call_fail_kind(struct call *c, const char *kind, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Its token is given to the core. */
uint64_t call_await_reply(struct call *c);
/* Takes the reply of the core. */
void call_reply(struct daemon *d, const struct ini_action *a);
void call_orphan(struct call *c);
void calls_run(struct daemon *d, ns_t now);
ns_t calls_deadline(const struct daemon *d);
void call_free(struct call *c);

/* daemon_methods.c: runs the method of c->req */
void method_run(struct call *c);
/* The core's reply to c came, and it is good. */
void method_reply(struct call *c, const struct ini_action *a);

/* daemon_jobs.c */
void jobs_create(struct call *c);
void jobs_list(struct call *c);
void jobs_show(struct call *c);
void jobs_wait(struct call *c);
void jobs_change(struct call *c);
bool jobs_may_answer(const struct call *c); /* one that is CALL_JOBS */
/* Answers with the job c->job as it is now. */
void jobs_answer(struct call *c);

/* daemon_query.c */
void query_bus(struct call *c);
void query_fault(struct call *c);
void query_scan(struct call *c);
void query_answer(struct daemon *d, const struct wire_mgmt *m);
void query_put_targets(struct daemon *d, struct jw *w);
void query_put_target(struct daemon *d, struct jw *w, const char *key, uint8_t id);

/* daemon_exec.c */
void exec_start(struct call *c);
void exec_go(struct call *c);
/* The call ends. */
void exec_over(struct call *c);

/* daemon_events.c */
void events_subscribe(struct call *c);
void events_note(struct daemon *d, enum ini_object object, uint32_t id, const char *name,
                 bool gone);
void events_run(struct daemon *d, ns_t now);

/* daemon_files.c */
/* Takes over fd (also on failure). The handle, or -1 with e. */
int files_add(struct daemon *d, int fd, bool writing, uint64_t *size, struct ctl_error *e);
void files_act(struct daemon *d, const struct ini_action *a);
bool files_busy(const struct daemon *d); /* something is in work for a job */
/* Waits for what is in work. False: one gives no answer, and threads still have memory of ours. */
bool files_end(struct daemon *d);
void files_free(struct daemon *d);
/* The file of a job is kept by the service manager, if there is one that does. */
void files_keep(struct daemon *d, int file, uint32_t job);
/* The file of a job of an earlier life, if it was kept: fills in what ini_restore_job() is to know
 * of it. */
void files_reopen(struct daemon *d, struct ini_job *j);

/* daemon_state.c */
/* Locks the directory and restores what is there. */
bool state_start(struct daemon *d, char *why, size_t n);
bool state_restore(struct daemon *d, char *why, size_t n);
void state_save(struct daemon *d, uint64_t seq);
/* Writes jobs.json if a job came, was steered, got on, ended or was dismissed, or if that failed
 * before. */
void state_jobs(struct daemon *d);
/* When it is to be called by itself; NS_NEVER: not. */
ns_t state_deadline(const struct daemon *d);
/* The daemon is ending: what could not be written is tried once more, at once. */
void state_end(struct daemon *d);
bool state_idle(const struct daemon *d);
void state_stop(struct daemon *d);
/* Makes n bytes the file `name` of the directory, durably: after a crash there is what was there
 * before, or them. An errno value. */
int state_write_file(int dir, const char *name, const void *bytes, size_t n);

/* daemon_logs.c */
/* Gives the core the logs of its groups. */
void logs_restore(struct daemon *d);
void logs_save(struct daemon *d, const struct ini_action *a);

#endif
