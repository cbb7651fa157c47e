/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups and their members, and a change of who is in sync, made durable (core.h says whose
 * functions these are). */
#ifndef INITIATOR_GROUP_H
#define INITIATOR_GROUP_H

#include "initiator/parts.h"
#include "mirror/intent.h"
#include "mirror/lock.h"

/* A page with a later one makes no sense: from there on ours could not grow any more. */
#define GENERATION_MAX (UINT64_MAX / 4)

/*
 * Writing mode page 30h of a member. `page` is what is to be there: generation of the group when it
 * is in sync, 0 when it is stale, nothing when it leaves.
 */
struct page_write {
	struct hba_set_member set;
	struct group *g;
	unsigned member;
	bool busy, failed;
	bool conflict; /* importing: another initiator has written it meanwhile */
	bool told;     /* likewise: it was asked in this change, and has the page */
	unsigned tries;
	ns_t retry_at;   /* after BUSY; 0: at once */
	ns_t busy_until; /* then BUSY counts as a try; 0: it was not BUSY yet */
	bool was_here;   /* when the change began */
	bool sent;       /* set.page, since we are here */
	bool may_have;   /* this page, though it is not known to have been written */
	uint64_t before; /* was_here: the generation that its page had then */
	char why[64];
};

struct member {
	uint8_t last_unit; /* unit that it was last */
	uint64_t attach;   /* that it was looked at in */
	uint64_t power_on; /* of that in which it was seen to have been started again, last */
	uint64_t renewed;  /* in which its page was written anew, last, for its start */
	ns_t renew_at;     /* it failed: not before this */
	ns_t gone_ns;      /* when it went */
	ns_t wait_until;   /* away with the whole bus: it may come back until then */
	unsigned scans;    /* that were waited for once more, since it was here or awaited anew */
	unsigned mute;     /* attempts in a row that brought no status */
	bool seen;         /* since we are here, with a page of this generation, the last time */
	uint64_t seen_generation;
	bool was_in_sync; /* when the last change's pages were written: a state file will say so */
	bool in_sync_saved; /* so says the state file that was saved for a change last */
	uint64_t offered;   /* the latest generation that it was sent */
	bool syncing;       /* a resync job copies to it: writes go to it, too */
	bool loose;         /* a write was not aborted for sure and may still land: until it
	                       attaches anew, or the abort is confirmed, nothing more is written
	                       to it */
	lba_t mend_told;    /* the block that could not be written anew last: told once */
	uint64_t given_up;  /* a client's command changes it: the change that makes it durable that
	                       it is stale and the log does not know what it lacks; 0: none */
	bool leader_fail;   /* it failed as a leader: another one is preferred while there is one */
	struct page_write page;
	struct mode_mirror judged; /* importing: its page, as we take it to be */
};

enum presence { HERE, COMING, GONE, MUTE };

/*
 * A change: IDLE -> [USED (state file: this generation is used)] -> PAGES (MODE SELECT on those
 * whose page 30h differs) -> SAVE (state file) -> [LEFT (pages of those that only the file of
 * before trusted)] -> IDLE. Whoever needs one takes a ticket and waits until change_done has
 * reached it.
 */
enum change_phase { CHANGE_IDLE, CHANGE_USED, CHANGE_PAGES, CHANGE_SAVE, CHANGE_LEFT };

struct group {
	struct ini_group pub;
	struct ini *ini;
	bool used;
	bool listed;     /* not while it is being created, or */
	bool importing;  /* its members are being told that it is ours; first */
	bool claiming;   /* that it is about to be, which all have to hear */
	bool dissolving; /* its members' pages are being cleared */
	bool changed;    /* INI_ACT_CHANGED is due */
	struct member x[INI_MEMBERS_MAX];
	uint16_t leaving; /* members whose page is being cleared */
	uint16_t left;    /* whose page is written when the file does not trust them any more */
	enum change_phase phase;
	uint64_t change_wanted, change_running, change_done;
	uint64_t old_generation; /* before the change in work */
	uint64_t was_generation; /* as was_in_sync */
	uint64_t used_saved;     /* pub.used, as the state file has it */
	bool unannounced;        /* the change in work was given up: that could not be saved */
	bool untold;             /* a generation is owed, and those in sync were not told of it */
	unsigned pages_open;
	uint64_t save_seq;
	struct ini_error change_error; /* of the change that was done last */
	struct mir_locks locks;
	struct io_list waiting; /* ios that stand in line for their lock */
	struct intent *log;
	lba_t tail; /* what is marked in the region of this block was written before it, by a mirror
	               job whose image ends there; 0: that is not known of any */
	struct io_list unmarked;  /* ios whose regions are not durably marked yet */
	ns_t written_ns;          /* when a write ended last */
	ns_t dirty_ns;            /* since when the log has something to let go of; 0: it has not */
	ns_t clean_not_before_ns; /* after a flush that failed */
	bool cleaning;            /* such a flush is in work */
	bool clean_failed;
	ns_t save_not_before_ns; /* after a state that could not be saved */
	bool log_lost; /* all is to be copied, and the file of the log, if there is one, may not say
	                  so: until one is saved that was made after that was found, */
	bool lost_is_out; /* as the one that is being saved was */
	bool log_failed;  /* the log could not be saved, the last time */
	bool recover; /* writes were in flight at the last end: nothing is let go of before members
	                 are made equal */
	ns_t recover_failed_ns, recover_pause_ns; /* the last one; not before this has passed */
	uint64_t recover_attaches;                /* of members, at that time */
	ns_t revive_ns;                   /* when those that are let be are tried again; 0: not */
	ns_t revive_pause_ns, revived_ns; /* the pause before, and when it was over */
	uint64_t restored_generation;     /* as the state file had it */
	unsigned ios;
	struct cmd *command; /* the group command in work */
};

/* member.c */
void members_watch(struct ini *ini);
/* A change that was not finished has sent it a page of this generation. */
bool member_offered(const struct group *g, unsigned member, uint64_t generation);
/* Its page, as it is now. */
void member_seen(struct member *x, const struct hba_target *t);
void member_arrives(struct group *g, unsigned member, const struct hba_target *t);
/* It is no member any more: what may still land on it is remembered. */
void member_leaves(struct group *g, unsigned member);
void members_look(struct ini *ini); /* takes notice of what came and went */
enum presence member_presence(const struct group *g, unsigned member);
/* The members of `of` that can be sent something now. */
uint16_t members_here(const struct group *g, uint16_t of);
/* Those of the set that leave the in-sync set when all of it has failed in something. If that were
 * all that are in sync, one stays, one that is here: alone it is consistent with itself, and a
 * group that has no member in sync cannot be read any more. */
uint16_t members_that_may_leave(const struct group *g, uint16_t set);
uint16_t members_in_sync(const struct group *g);
/* Those, and those that a state file may trust until a change in work is durable: a daemon that
 * starts with it takes them for equal, but for what is marked in the log. */
uint16_t members_trusted(const struct group *g);
uint16_t members_syncing(const struct group *g);
/* Stale ones that are here and lack no more than the log knows of. */
uint16_t members_logged(const struct group *g);
/* The page that the member is to have. */
struct mode_mirror member_page(const struct group *g, unsigned member);
/* Takes a member out of the in-sync set (durable with the next change). True if it was in it. */
bool member_stale(struct group *g, unsigned member, const char *why);
/* The same; and the log does not know what it lacks. */
bool member_doubt(struct group *g, unsigned member, const char *why);
/* Nobody is in sync, and it was one of those that were, last: another one of them has more. */
void member_not_latest(struct group *g, unsigned member);

/* restart.c */
/* A member has come: if its target was started again, that is noted, for jobs, too. */
void restart_seen(struct group *g, unsigned member, const struct hba_target *t);
/* Of these, who can be read from: not who was started again, as long as one that was not may come.
 */
uint16_t restart_readable(const struct group *g, uint16_t of);
/* Something that was acknowledged and not flushed may be gone: whoever has it flushed is told. */
void restart_lost(struct group *g);
void restart_look(struct group *g);  /* what comes of it, now that all that came were seen */
void restart_renew(struct group *g); /* what it has cost, if anything, is made good */

/* revive.c */
void revive_touch(struct ini *ini); /* something changed: groups are looked at */
void revive_run(struct ini *ini);

/* group.c */
struct group *group_find(const struct ini *ini, const char *name);
struct group *group_need(struct ini *ini, const char *name, struct ini_error *e);
struct group *group_of(const struct ini *ini, const uint8_t uuid[UUID_LEN], unsigned *member);
bool group_name_free(const struct ini *ini, const char *name, struct ini_error *e);
struct group *group_new(struct ini *ini, const char *name, struct ini_error *e);
void group_list(struct group *g);
void group_unlist(struct group *g); /* no state file names it any more */
void group_gone(struct group *g);
bool group_name_ok(const char *name);
void group_changed(struct group *g);
/* Checks a READY target as a member of g (or of a new group). */
bool group_admit(struct ini *ini, struct group *g, uint8_t id, struct ini_error *e);
/* Adds it, stale; the index. */
unsigned group_append(struct group *g, uint8_t id);
uint32_t group_transfer(const struct group *g, uint32_t wanted, uint16_t members);
const char *uuid_text(const uint8_t uuid[UUID_LEN], char buf[37]);
bool uuid_parse_text(const char *text, uint8_t out[UUID_LEN]);

/* change.c */
/* What the group is now is what a state file may have. */
void group_settled(struct group *g);
/* And now it has it. */
void group_saved(struct group *g);
/* The state file has the group's members as they are: the last change was saved. */
bool group_is_saved(const struct group *g);
uint64_t group_change(struct group *g, bool bump); /* a ticket; bump: the generation grows */
/* The next change makes the generation later than this one, as soon as a member in sync is there.
 * It is kept in the state. */
void group_owes(struct group *g, uint64_t generation);
bool group_change_done(const struct group *g, uint64_t ticket);
/* It is here, and its page is as it is to be. */
bool member_has_page(const struct group *g, unsigned member);
void change_step(struct group *g);
ns_t changes_deadline(const struct ini *ini);
uint64_t save_request(struct ini *ini);
bool save_is_done(const struct ini *ini, uint64_t seq);

/* owner.c: who serves the group */
bool page_has_owner(const struct mode_mirror *page);
/* Another initiator's. */
bool page_is_foreign(const struct ini *ini, const struct mode_mirror *page);
/* Another initiator has taken it over: its members look as if they were away. */
bool group_is_lost(const struct group *g);
void group_look_at_owner(struct group *g);
/* The name of who has it, its UUID if it is not on the bus; "": we. */
void group_server(const struct group *g, char *name, size_t n);
bool group_is_ours(const struct group *g, struct ini_error *e); /* false, with the error: lost */

/* broadcast.c: who can take part in a broadcast pass. False, with the error: this target cannot,
 * beside these members; these members cannot (those that are not there do not count). */
bool broadcast_admits(const struct group *g, uint16_t members, const struct hba_target *t,
                      struct ini_error *e);
bool broadcast_check(const struct group *g, uint16_t members, struct ini_error *e);
/* At this moment, all of them can. */
bool broadcast_fits(const struct group *g, uint16_t members);

#endif
