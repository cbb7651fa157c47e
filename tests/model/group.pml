/* SPDX-License-Identifier: BSD-2-Clause */
/* The group: who is in sync, and how that becomes durable. src/initiator/member.c, change.c, io.c. */

/* member_page() */
#define PAGE(t) (HAS(mem | joining, t) -> gen : 0)

/* group_change() */
inline change(with_generation) { cw = 1; bump = bump | with_generation }

/* member_stale() of all that are here and older: adopt_generation() */
inline stale_if_older(t) {
	if
	:: HAS(mem & here, t) && kg[t] < gen -> mem = mem & ~BIT(t)
	:: else
	fi
}

/* member_arrives() */
inline arrives(t) {
	here = here | BIT(t); kg[t] = pgen[t];
	if
	:: !HAS(mem, t)
#ifndef M_PAGEIGNORED
	:: HAS(mem, t) && kg[t] < gen && !(cph == 1 && HAS(wash, t) && kg[t] == bef[t]) -> mem = mem & ~BIT(t)
	:: HAS(mem, t) && kg[t] > gen ->
		gen = kg[t];
		stale_if_older(0); stale_if_older(1);
#if NT == 3
		stale_if_older(2);
#endif
#ifndef M_ADOPT
		change(0)
#endif
#endif
	:: else
	fi;
	if :: kg[t] != PAGE(t) -> change(0) :: else fi
}

/* ---- the change: pages first, then the state file ---- */

#if NB == 2
#define EACH_K(what) what(0); what(1)
#else
#define EACH_K(what) what(0)
#endif
#define BEGUN(k) if :: tw[k] == 2 -> tw[k] = 1 :: else fi
#define DONE(k) if :: tw[k] == 1 -> tw[k] = 0 :: else fi

#define WRITTEN(t) (!HAS(here, t) || kg[t] == PAGE(t))
#define NOT_AWAITED(t) (!HAS(mem, t) || HAS(here, t) || !conn[t])

/* pages_done(): a member in sync without the new generation is stale, if another one has it. */
inline page_of(t) {
	if
	:: HAS(mem, t) && !HAS(have, t) && !((have & mem) == 0 && (!HAS(here | wash, t) || (HAS(here, t) -> kg[t] : bef[t]) == gen)) -> mem = mem & ~BIT(t)
	:: else
	fi
}
#define HAVE(t) (HAS((mem | joining) & here, t) && kg[t] == gen)

/* MODE SELECT and MODE SENSE of page 30h; it may die before it says so. */
#define WRITE_PAGE(t) \
	:: atomic { ALIVE && cph == 1 && !WRITTEN(t) && iconn && !ideaf && bup && bsy == NONE && SPEAKS(t) -> \
		pgen[t] = PAGE(t); \
		if \
		:: kg[t] = pgen[t] \
		:: MAY(F_KILL) -> kill_target(t) \
		fi }

proctype Change()
{
	byte have;
end:	do
	:: d_step { ALIVE && cph == 0 && cw ->
		cw = 0; cph = 1; oldgen = gen; wash = here;
		bef[0] = kg[0]; bef[1] = kg[1];
#if NT == 3
		bef[2] = kg[2];
#endif
		if :: bump && ((mem & here) || !mem) -> gen++ :: else fi;
		bump = 0;
		EACH_K(BEGUN) }
	WRITE_PAGE(0)
	WRITE_PAGE(1)
#if NT == 3
	WRITE_PAGE(2)
#endif
	:: d_step { ALIVE && cph == 1 && EACH_T(WRITTEN) && EACH_T(NOT_AWAITED) ->
		have = HAVE(0) | HAVE(1) << 1;
#if NT == 3
		have = have | HAVE(2) << 2;
#endif
		if :: !(have & mem) && mem -> gen = oldgen :: else fi;
		page_of(0); page_of(1);
#if NT == 3
		page_of(2);
#endif
		/* only now it is in sync */
		if
		:: joining && (have & joining) && (have & mem) && rs == ALLB -> mem = mem | joining; syncing = 0; rs = 0
		:: joining && !((have & joining) && (have & mem) && rs == ALLB) -> change(0)
		:: else
		fi;
		joining = 0;
		have = 0; wash = 0; oldgen = 0; bef[0] = 0; bef[1] = 0;
#if NT == 3
		bef[2] = 0;
#endif
		cph = 2 }
	:: d_step { ALIVE && cph == 2 ->
		st_sync = mem; st_gen = gen; cph = 0;
		EACH_K(DONE) }

	/* resync: a stale member that is here gets what the log has, and then is in sync */
	:: d_step { ALIVE && iconn && !ideaf && !syncing && !rec && cph == 0 && !cw && (here & ~mem & ~loose) && (mem & here) ->
		syncing = BIT(LOWEST(here & ~mem & ~loose));
#ifdef M_TRUSTED
		rs = ALLB
#else
		rs = ALLB & ~DIRTY
#endif
	   }
	/* It has all: its page is next, and then it is in sync. Until then, writes go to it, and are not
	 * acknowledged for it alone. */
	:: d_step { ALIVE && syncing && rs == ALLB && cph == 0 && !cw ->
#ifdef M_JOINEARLY
		mem = mem | syncing; syncing = 0; rs = 0;
#else
		joining = syncing;
#endif
		change(1) }
	od
}

/* ---- the end of an operation ---- */

/* leave_in_sync(): the members that failed leave; if all did, one stays, which is consistent with itself. */
inline leave_in_sync(k) {
	f = fail[k] & mem;
#ifndef M_ALLLEAVE
	if
	:: (mem & ~f) == 0 && (f & here) -> f = f & ~BIT(LOWEST(f & here))
	:: (mem & ~f) == 0 && !(f & here) -> f = f & ~BIT(LOWEST(f))
	:: else
	fi;
#endif
	mem = mem & ~f;
	change(1);
	tw[k] = 2
}

/* job_spoiled(): a member that is being copied to missed a write, or has what no other one has. */
inline tell_resync(k) {
	if
	:: kind[k] != K_RESYNC && syncing && (fail[k] & syncing || !(isync[k] & ~fail[k])) -> rs = rs & ~BIT(k)
	:: else
	fi
}

inline run_done(k) {
#ifndef M_SPOILED
	tell_resync(k);
#endif
	ist[k] = I_DUR;
	if
	:: kind[k] != K_RESYNC && (fail[k] & mem) -> leave_in_sync(k)
	/* Who left the group for another operation, or for a newer page, is to be durable, too, before this one
	 * is acknowledged without it. */
#ifndef M_ACKOTHER
	:: !(kind[k] != K_RESYNC && (fail[k] & mem)) && cw -> tw[k] = 2
	:: !(kind[k] != K_RESYNC && (fail[k] & mem)) && !cw && cph -> tw[k] = 1
#endif
	:: else
	fi;
#ifdef M_ACKEARLY
	tw[k] = 0;
#endif
	skip
}

/* Acknowledged: a member that is in sync, and was from the start, has it. */
#ifdef M_ACKSTART
#define HOLDERS(k) (isync[k] & ~fail[k])
#else
#define HOLDERS(k) (isync[k] & mem & ~fail[k])
#endif

inline finish(k) {
	if
	:: kind[k] == K_WRITE && HOLDERS(k) -> ack[k] = pv[k]
	:: kind[k] == K_RECOVER && HOLDERS(k) -> rec = rec & ~BIT(k)
	:: kind[k] == K_RESYNC && !fail[k] && want[k] == syncing -> rs = rs | BIT(k)
	:: kind[k] == K_RESYNC && fail[k] && want[k] == syncing -> syncing = 0; rs = 0; joining = 0
	:: else
	fi;
	ist[k] = I_IDLE; kind[k] = 0; pv[k] = 0; want[k] = 0; isync[k] = 0; good[k] = 0; fail[k] = 0; tries[k] = 0
}
