/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods: which function runs which, and those of the daemon and of groups. */
#include "shell/daemon_core.h"

#include "base/assert.h"

#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

/* ---- daemon and schema ---- */

static void put_limits(struct jw *w)
{
	jw_obj(w, "limits");
	jw_u64(w, "line_bytes", CTL_LINE_MAX);
	jw_u64(w, "depth", CTL_DEPTH_MAX);
	jw_u64(w, "connections", DAEMON_CONNECTIONS);
	jw_u64(w, "requests", DAEMON_REQUESTS);
	jw_u64(w, "descriptors", DAEMON_FDS);
	jw_u64(w, "groups", INI_GROUPS_MAX);
	jw_u64(w, "members", INI_MEMBERS_MAX);
	jw_u64(w, "jobs", INI_JOBS_MAX);
	jw_u64(w, "history", INI_HISTORY_MAX);
	jw_u64(w, "transfer_bytes", INI_BLOCK_MAX);
	jw_end_obj(w);
}

static void put_counts(const struct daemon *d, struct jw *w)
{
	unsigned ready = 0, live = 0, subscribers = 0;
	const struct client *c;

	for (uint8_t id = 0; id < HBA_UNITS; id++)
		ready += hba_target(d->hba, id)->state == HBA_READY;
	for (unsigned i = 0; i < ini_jobs(d->ini); i++)
		live += ini_job_at(d->ini, i)->state < JOB_CONCLUDED;
	TAILQ_FOREACH (c, &d->clients, link) {
		subscribers += c->sub.on;
	}
	jw_obj(w, "counts");
	jw_u64(w, "targets_ready", ready);
	jw_u64(w, "groups", ini_groups(d->ini));
	jw_u64(w, "jobs_live", live);
	jw_u64(w, "jobs", ini_jobs(d->ini));
	jw_u64(w, "connections", d->n_clients);
	jw_u64(w, "subscribers", subscribers);
	jw_u64(w, "requests", d->requests);
	jw_end_obj(w);
}

static void daemon_info(struct call *c)
{
	struct daemon *d = c->d;
	struct jw *w = call_begin(c);

	jw_obj(w, "result");
	jw_str(w, "product", DAEMON_PRODUCT);
	jw_str(w, "version", PACKAGE_VERSION);
	jw_obj(w, "api");
	jw_u64(w, "major", DAEMON_API_MAJOR);
	jw_u64(w, "minor", DAEMON_API_MINOR);
	jw_end_obj(w);
	jw_u64(w, "pid", (uint64_t)getpid());
	jw_str(w, "boot_id", d->boot_id);
	jw_uuid(w, "uuid", d->uuid);
	jw_u64(w, "id", d->cfg.id);
	jw_str(w, "bus", d->cfg.bus.text);
	jw_bool(w, "attached", d->bus_state == BUS_ATTACHED);
	jw_u64(w, "attaches", d->attaches);
	jw_str(w, "profile", d->profile);
	jw_str(w, "state_dir", d->cfg.state_dir);
	jw_str(w, "control", d->cfg.control);
	jw_u64(w, "uptime_s", (loop_now() - d->started_ns) / NS_PER_S);
	put_limits(w);
	put_counts(d, w);
	jw_end_obj(w);
	call_end(c);
}

static void rpc_discover(struct call *c)
{
	struct jw *w = call_begin(c);
	size_t n;
	const char *text = ctl_schema_compact(c->d->schema, &n);

	jw_json(w, "result", text, n);
	call_end(c);
}

static void bus_reset(struct call *c)
{
	if (c->d->bus_state != BUS_ATTACHED) {
		call_fail_kind(c, "bus_down", "not attached to the bus server at %s",
		               c->d->cfg.bus.text);
		return;
	}
	hba_reset_bus(c->d->hba);
	call_done(c);
}

/* ---- targets ---- */

static void target_list(struct call *c)
{
	struct jw *w = call_begin(c);

	jw_obj(w, "result");
	query_put_targets(c->d, w);
	jw_end_obj(w);
	call_end(c);
}

static void target_show(struct call *c)
{
	struct ini_error e;
	uint8_t id = ini_target_by(c->d->ini, c->req->target, &e);

	if (id == WIRE_NO_ID) {
		call_fail_ini(c, &e);
		return;
	}
	query_put_target(c->d, call_begin(c), "result", id);
	call_end(c);
}

/* ---- groups ---- */

static void group_list(struct call *c)
{
	struct jw *w = call_begin(c);

	jw_obj(w, "result");
	jw_arr(w, "groups");
	for (unsigned i = 0; i < ini_groups(c->d->ini); i++)
		ctl_put_group(w, NULL, ini_group_at(c->d->ini, i));
	jw_end_arr(w);
	jw_end_obj(w);
	call_end(c);
}

static void answer_group(struct call *c, const char *name)
{
	const struct ini_group *g = ini_group_find(c->d->ini, name);

	if (!g) {
		call_fail_kind(c, "no_such_group", "there is no group %s", name);
		return;
	}
	ctl_put_group(call_begin(c), "result", g);
	call_end(c);
}

static void group_show(struct call *c)
{
	answer_group(c, c->req->group);
}

/* Commands of the core that answer later: false means that nothing has changed. */
static void started(struct call *c, bool ok, const struct ini_error *e)
{
	if (!ok)
		call_fail_ini(c, e);
}

static void group_create(struct call *c)
{
	const struct ctl_request *r = c->req;
	const char *members[INI_MEMBERS_MAX];
	uint8_t uuid[UUID_LEN];
	struct ini_error e;

	for (unsigned i = 0; i < r->n_members; i++)
		members[i] = r->members[i];
	uuid_generate(uuid);
	started(c,
	        ini_group_create(c->d->ini, r->name, members, r->n_members,
	                         r->mode == INI_MODE_DEFAULT ? INI_SILENT : r->mode,
	                         r->assume_clean, uuid, call_await_reply(c), &e),
	        &e);
}

static void group_delete(struct call *c)
{
	struct ini_error e;

	started(c, ini_group_delete(c->d->ini, c->req->group, call_await_reply(c), &e), &e);
}

static void group_add_member(struct call *c)
{
	struct ini_error e;

	started(c,
	        ini_group_add_member(c->d->ini, c->req->group, c->req->target, call_await_reply(c),
	                             &e),
	        &e);
}

static void group_remove_member(struct call *c)
{
	struct ini_error e;

	started(c,
	        ini_group_remove_member(c->d->ini, c->req->group, c->req->target,
	                                call_await_reply(c), &e),
	        &e);
}

static void group_set(struct call *c)
{
	const struct ctl_request *r = c->req;
	struct ini_group_set set = {
	        .has_mode = CTL_HAS(r, MODE),
	        .has_transfer = CTL_HAS(r, TRANSFER),
	        .has_window = CTL_HAS(r, WINDOW),
	        .has_max_passes = CTL_HAS(r, MAX_PASSES),
	        .mode = r->mode,
	        .transfer = r->transfer,
	        .window = r->window,
	        .max_passes = r->max_passes,
	};
	struct ini_error e;

	started(c, ini_group_set(c->d->ini, r->group, &set, call_await_reply(c), &e), &e);
}

static void group_import(struct call *c)
{
	const struct ctl_request *r = c->req;
	struct ini_error e;

	started(c,
	        ini_group_import(c->d->ini, r->name, CTL_HAS(r, UUID) ? r->uuid : NULL, r->force,
	                         call_await_reply(c), &e),
	        &e);
}

static void group_write(struct call *c)
{
	struct ctl_request *r = c->req;
	struct ini_error e;

	if (!r->data) {
		call_fail_kind(c, "bad_range", "group.write: no data");
		return;
	}
	r->data = daemon_bus_share(c->d, r->data);
	started(c,
	        ini_group_write(c->d->ini, r->group, r->offset, r->data_len, r->data,
	                        call_await_reply(c), &e),
	        &e);
}

static void group_read(struct call *c)
{
	const struct ctl_request *r = c->req;
	struct ini_error e;

	c->data_in = block_new(r->length);
	if (!c->data_in) {
		call_fail_kind(c, "internal", "out of memory for %u bytes", r->length);
		return;
	}
	started(c,
	        ini_group_read(c->d->ini, r->group, r->offset, r->length, c->data_in,
	                       call_await_reply(c), &e),
	        &e);
}

static void group_flush(struct call *c)
{
	struct ini_error e;

	started(c, ini_group_flush(c->d->ini, c->req->group, call_await_reply(c), &e), &e);
}

/* ---- replies ---- */

static void put_data(struct jw *w, struct call *c)
{
	ctl_begin_answer(w, c->req->id);
	jw_obj(w, "result");
	jw_base64(w, "data", c->data_in->data, c->req->length);
	jw_end_obj(w);
	ctl_end_answer(w);
}

static void encode_run(struct work *work)
{
	struct call *c = (struct call *)((char *)work - offsetof(struct call, work));

	put_data(&c->text, c);
}

static void encode_done(struct work *work)
{
	struct call *c = (struct call *)((char *)work - offsetof(struct call, work));

	if (c->client && !c->req->notification)
		client_take(c->client, &c->text);
	call_free(c);
}

static void answer_data(struct call *c)
{
	if (c->req->length > ENCODE_INLINE_MAX) {
		c->wait = CALL_ENCODE;
		c->work = (struct work){.run = encode_run, .done = encode_done};
		workers_add(c->d->workers, &c->work);
		return;
	}
	struct jw *w = call_begin(c);
	jw_obj(w, "result");
	jw_base64(w, "data", c->data_in->data, c->req->length);
	jw_end_obj(w);
	call_end(c);
}

static void answer_written(struct call *c)
{
	struct jw *w = call_begin(c);

	jw_obj(w, "result");
	jw_u64(w, "bytes", c->req->data_len);
	jw_end_obj(w);
	call_end(c);
}

void method_reply(struct call *c, const struct ini_action *a)
{
	/* The action is the core's, and what is called here calls the core. */
	struct ini_error error = a->error;

	if (c->req->method == CTL_SCSI_EXECUTE)
		exec_go(c);
	else if (c->req->method == CTL_GROUP_WRITE)
		answer_written(c);
	else if (c->req->method == CTL_GROUP_READ)
		answer_data(c);
	else if (c->req->method == CTL_GROUP_DELETE || c->req->method == CTL_GROUP_FLUSH)
		call_done(c);
	else if (c->req->method == CTL_GROUP_CREATE || c->req->method == CTL_GROUP_IMPORT)
		answer_group(c, c->req->name);
	else if (c->req->method != CTL_JOB_WAIT)
		answer_group(c, c->req->group);
	else if (error.kind != INI_OK && !ini_job_find(c->d->ini, c->req->job))
		call_fail_ini(c, &error);
	else
		jobs_answer(c);
}

/* ---- dispatch ---- */

static void (*const table[CTL_METHODS])(struct call *) = {
        [CTL_DAEMON_INFO] = daemon_info,
        [CTL_RPC_DISCOVER] = rpc_discover,
        [CTL_EVENTS_SUBSCRIBE] = events_subscribe,
        [CTL_BUS_SHOW] = query_bus,
        [CTL_BUS_SCAN] = query_scan,
        [CTL_BUS_RESET] = bus_reset,
        [CTL_BUS_STATS] = query_bus,
        [CTL_TARGET_LIST] = target_list,
        [CTL_TARGET_SHOW] = target_show,
        [CTL_TARGET_FAULT] = query_fault,
        [CTL_SCSI_EXECUTE] = exec_start,
        [CTL_GROUP_CREATE] = group_create,
        [CTL_GROUP_LIST] = group_list,
        [CTL_GROUP_SHOW] = group_show,
        [CTL_GROUP_DELETE] = group_delete,
        [CTL_GROUP_ADD_MEMBER] = group_add_member,
        [CTL_GROUP_REMOVE_MEMBER] = group_remove_member,
        [CTL_GROUP_SET] = group_set,
        [CTL_GROUP_IMPORT] = group_import,
        [CTL_GROUP_WRITE] = group_write,
        [CTL_GROUP_READ] = group_read,
        [CTL_GROUP_FLUSH] = group_flush,
        [CTL_JOB_CREATE] = jobs_create,
        [CTL_JOB_LIST] = jobs_list,
        [CTL_JOB_SHOW] = jobs_show,
        [CTL_JOB_WAIT] = jobs_wait,
        [CTL_JOB_PAUSE] = jobs_change,
        [CTL_JOB_RESUME] = jobs_change,
        [CTL_JOB_CANCEL] = jobs_change,
        [CTL_JOB_SET_SPEED] = jobs_change,
        [CTL_JOB_DISMISS] = jobs_change,
};

void method_run(struct call *c)
{
	sm_assert(c->req->method < CTL_METHODS && table[c->req->method]);
	table[c->req->method](c);
}
