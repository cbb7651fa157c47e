/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon: src/initiator. Its host adapter (Hba) and its operations (Io). */

#define OPEN(k) (want[k] & ~good[k] & ~fail[k] & ALL)

/* Tags that passes hold whose tenure was not reported: the server will still speak of them. */
#if NB == 2
#define OWNED(t, k) ((ist[k] == I_FLY && HAS(waitm[k], t)) << ptag[k])
#define OWNERS(t) (OWNED(t, 0) | OWNED(t, 1))
#else
#define OWNED(t, k) ((ist[k] == I_FLY && HAS(waitm[k], t)) << ptag[k])
#define OWNERS(t) OWNED(t, 0)
#endif

/* ---- a pass: hba_pass.c ---- */

/* end_if_all_known(), pass_done(), attempt_over() */
inline pass_over(k) {
	if
	:: rep[k] && !waitm[k] ->
		ist[k] = I_RUN; rep[k] = 0; pm[k] = 0; gonem[k] = 0; abm[k] = 0; pl[k] = 0; ptag[k] = 0;
		tries[k]++
	:: else
	fi
}

/* close_member() with TAG_OVER */
inline close_over(k, t) {
	waitm[k] = waitm[k] & ~BIT(t);
	/* an ABORT TASK for this tag may be under way yet */
	if
	:: HAS(abm[k], t) -> abm[k] = abm[k] & ~BIT(t); qt[t] = qt[t] | BIT(ptag[k])
	:: else -> tb[t] = tb[t] & ~BIT(ptag[k])
	fi
}

/* close_member() with TAG_ABORT: hba_tag_drop() */
inline close_abort(k, t) {
	waitm[k] = waitm[k] & ~BIT(t);
	if
	:: HAS(here, t) -> qt[t] = qt[t] | BIT(ptag[k])
	:: else -> tb[t] = tb[t] & ~BIT(ptag[k])
	fi
}

inline judge_member(k, t) {
	if
	:: !HAS(waitm[k], t)
	:: HAS(waitm[k], t) && out == O_RESET -> close_over(k, t)
	:: HAS(waitm[k], t) && out != O_RESET && HAS(gonem[k], t) ->
		if
		:: HAS(owe, t) -> close_abort(k, t)
		:: else -> close_over(k, t)
		fi
	:: HAS(waitm[k], t) && out != O_RESET && !HAS(gonem[k], t) && !HAS(owe, t) ->
		if
		:: t == pl[k] && out == O_UNEXP -> close_abort(k, t)
		:: else -> close_over(k, t)
		fi
	:: else
	fi
}

inline on_report(k) {
	rep[k] = 1;
#ifdef M_LOGLATE
	dirty[k] = 1;
#endif
	judge_member(k, 0); judge_member(k, 1);
#if NT == 3
	judge_member(k, 2);
#endif
	pass_over(k)
}

/* find_pass(): target, tag, operation id (which names group and device, too), and its port has not gone. */
#ifdef M_OPID
#define SAME_OP(k) 1
#else
#define SAME_OP(k) (oe % 16 == pop[k])
#endif
#define BELONGS(k) (ist[k] == I_FLY && HAS(waitm[k], x) && !HAS(gonem[k], x) && ptag[k] == g && SAME_OP(k))

inline take_status(k) {
	assert(oe % 16 == pop[k] && oe / 16 == iep);	/* it is this task's */
#ifdef M_BCASTONE
	if :: ok -> good[k] = good[k] | pm[k] :: else fi;
#else
	if :: ok -> good[k] = good[k] | BIT(x) :: else fi;
#endif
	close_over(k, x);
	pass_over(k)
}

/* hba_pass_member_lost() */
inline member_lost(k, t, gone) {
	if
	:: ist[k] == I_FLY && HAS(waitm[k], t) && rep[k] ->
		waitm[k] = waitm[k] & ~BIT(t); abm[k] = abm[k] & ~BIT(t);
		tb[t] = tb[t] & ~BIT(ptag[k]);
		pass_over(k)
	:: ist[k] == I_FLY && HAS(waitm[k], t) && !rep[k] && gone -> gonem[k] = gonem[k] | BIT(t)
	:: else
	fi
}

/* nexus_lost(), hba_tags_void() */
inline nexus_lost(t, gone) {
	member_lost(0, t, gone);
#if NB == 2
	member_lost(1, t, gone);
#endif
	qt[t] = 0;
	tb[t] = OWNERS(t);
	loose = loose & ~BIT(t)
}

/* hba_all_lost(): the bus server is gone. */
inline pass_lost(k) {
	if
	:: ist[k] == I_FLY ->
		ist[k] = I_RUN; rep[k] = 0; pm[k] = 0; gonem[k] = 0; abm[k] = 0; waitm[k] = 0; pl[k] = 0; ptag[k] = 0
	:: else
	fi
}

/* ABORT TASK: a tenure of its own, in which the target's process answers when it has read all before it. What
 * it was about to say may be under way. */
inline abort_tag(t, tag) {
	if
	:: ts[X(t, 0)] && tt[X(t, 0)] == tag -> abort_task(X(t, 0))
	:: else
	fi;
#if NB == 2
	if
	:: ts[X(t, 1)] && tt[X(t, 1)] == tag -> abort_task(X(t, 1))
	:: else
	fi;
#endif
	skip
}
#define ABORTS(t) (ALIVE && iconn && bup && !ideaf && bsy == NONE && SPEAKS(t) && empty(bt[t]))

/* The ports that are there: wire_port frames at attach. */
inline greet() {
	if :: conn[0] -> ri!R_PUP,0,0,0,0 :: else fi;
	if :: conn[1] -> ri!R_PUP,1,0,0,0 :: else fi;
#if NT == 3
	if :: conn[2] -> ri!R_PUP,2,0,0,0 :: else fi;
#endif
	skip
}

/* ---- what comes in ---- */

proctype Hba()
{
	byte x, g, oe, out, tak, owe;
	bit ok;
end:	do
	:: d_step { ALIVE && !ideaf && ri?[R_REPORT,_,_,_,_] ->
		ri?R_REPORT,x,out,tak,owe;
		if
		:: x == 0 -> on_report(0)
#if NB == 2
		:: x == 1 -> on_report(1)
#endif
		fi;
		x = 0; out = 0; tak = 0; owe = 0 }
	:: d_step { ALIVE && !ideaf && ri?[R_STATUS,_,_,_,_] ->
		ri?R_STATUS,x,g,oe,ok;
		if
		:: BELONGS(0) -> take_status(0)
#if NB == 2
		:: !BELONGS(0) && BELONGS(1) -> take_status(1)
#endif
		:: else			/* stale */
		fi;
		x = 0; g = 0; oe = 0; ok = 0 }
	:: d_step { ALIVE && !ideaf && ri?[R_PDOWN,_,_,_,_] ->
		ri?R_PDOWN,x,_,_,_;
		here = here & ~BIT(x);
		if :: HAS(syncing, x) -> syncing = 0; rs = 0; joining = 0 :: else fi;
		nexus_lost(x, 1);
		x = 0 }
	:: d_step { ALIVE && !ideaf && ri?[R_PUP,_,_,_,_] ->
		ri?R_PUP,x,_,_,_;
		arrives(x);
		x = 0 }
	:: d_step { ALIVE && !ideaf && ri?[R_RST,_,_,_,_] ->
		ri?R_RST,_,_,_,_;
		nexus_lost(0, 0); nexus_lost(1, 0);
#if NT == 3
		nexus_lost(2, 0);
#endif
		skip }
	/* the bus server is gone; and back */
	:: d_step { ALIVE && ideaf ->
		ideaf = 0; here = 0; loose = 0; syncing = 0; rs = 0; joining = 0;
		pass_lost(0);
#if NB == 2
		pass_lost(1); tb[1] = 0;
#endif
		tb[0] = 0; tb[1] = 0; qt[0] = 0; qt[1] = 0;
#if NT == 3
		tb[2] = 0; qt[2] = 0;
#endif
		skip }
	:: d_step { ALIVE && !ideaf && !iconn && bup && RI_ROOM -> iconn = 1; greet() }
	od
}

/* ---- an operation: io.c, attempt.c, resend.c ---- */

#if NT == 3
#define TAGS_OF(m) (((m) & 1 -> tb[0] : 0) | ((m) & 2 -> tb[1] : 0) | ((m) & 4 -> tb[2] : 0))
#else
#define TAGS_OF(m) (((m) & 1 -> tb[0] : 0) | ((m) & 2 -> tb[1] : 0))
#endif
#define ALL_TAGS ((1 << NTAG) - 1)
#define TAKE(t) if :: HAS(pm[k], t) -> tb[t] = tb[t] | BIT(ptag[k]) :: else fi

/* hba_pass_hand(): one tag that is free at all members, the lowest, so that tags are used again at once; a new
 * operation id. The leader is another one after a pass that failed. */
inline hand(k) {
	pm[k] = OPEN(k); waitm[k] = pm[k];
	pl[k] = (tries[k] & 1 -> HIGHEST(pm[k]) : LOWEST(pm[k]));
	ptag[k] = LOWEST(ALL_TAGS & ~TAGS_OF(pm[k]));
	pop[k] = k * 4 + (pop[k] + 1) % 4;
	TAKE(0); TAKE(1);
#if NT == 3
	TAKE(2);
#endif
	ist[k] = I_FLY;
	sc!k
}

/* A run of blocks whose data are there begins. */
inline start(k, what, members) {
	kind[k] = what; want[k] = members; isync[k] = mem;
	good[k] = 0; fail[k] = 0; tries[k] = 0;
	ist[k] = I_RUN
}

/* READ(16) from a member in sync: it waits for the writes of before it (order.c). */
#ifdef M_READRACE
#define QUIET(t, k) 1
#else
#define QUIET(t, k) (ts[X(t, k)] != T_WAIT && ts[X(t, k)] != T_RUN && dr[X(t, k)] == 0)
#endif
#define SOURCE(t, k) (HAS(mem & here & ~loose, t) && iconn && !ideaf && bup && bsy == NONE && SPEAKS(t) && \
	empty(bt[t]) && QUIET(t, k))
#define READS(t) (SOURCE(t, k) && ALIVE && ist[k] == I_IDLE)

inline recover_from(t) {
	pv[k] = vol[X(t, k)];
#ifndef M_SOURCEKEPT
	start(k, K_RECOVER, mem)
#else
	start(k, K_RECOVER, mem & ~BIT(t))
#endif
}

#define early(t) if :: HAS(waitm[k], t) -> tb[t] = tb[t] & ~BIT(ptag[k]) :: else fi
#define GIVE_UP(t) \
	:: d_step { ALIVE && ist[k] == I_RUN && HAS(OPEN(k), t) && (HAS(loose, t) || (!HAS(here, t) && !conn[t])) -> \
		fail[k] = fail[k] | BIT(t) }
#define ABORT_OF(t) \
	:: d_step { ABORTS(t) && ist[k] == I_FLY && HAS(abm[k], t) -> \
		abort_tag(t, ptag[k]); \
		abm[k] = abm[k] & ~BIT(t); close_over(k, t); pass_over(k) } \
	:: d_step { ALIVE && ist[k] == I_FLY && HAS(abm[k], t) && MAY(F_STAT) -> \
		faults++; abm[k] = abm[k] & ~BIT(t); waitm[k] = waitm[k] & ~BIT(t); loose = loose | BIT(t); \
		pass_over(k) }

proctype Io(byte k)
{
	byte f;
end:	do
	/* ini_group_write(): the log first, then members in sync and those that are being copied to */
	:: d_step { ALIVE && iconn && !ideaf && ist[k] == I_IDLE && !HAS(rec, k) && nextv[k] <= NW + 1 ->
		pv[k] = nextv[k]; nextv[k]++;
#ifndef M_LOGLATE
		dirty[k] = 1;
#endif
#ifdef M_WANTSYNC
		start(k, K_WRITE, mem)
#else
		start(k, K_WRITE, mem | syncing)
#endif
	   }
	/* recovery of a region that the log has; the source is written, too */
	:: d_step { READS(0) && HAS(rec, k) -> recover_from(0) }
	:: d_step { READS(1) && HAS(rec, k) -> recover_from(1) }
#if NT == 3
	:: d_step { READS(2) && HAS(rec, k) -> recover_from(2) }
#endif
	/* resync: of what the log has */
	:: d_step { READS(0) && syncing && !HAS(rs, k) -> pv[k] = vol[X(0, k)]; start(k, K_RESYNC, syncing) }
	:: d_step { READS(1) && syncing && !HAS(rs, k) -> pv[k] = vol[X(1, k)]; start(k, K_RESYNC, syncing) }
#if NT == 3
	:: d_step { READS(2) && syncing && !HAS(rs, k) -> pv[k] = vol[X(2, k)]; start(k, K_RESYNC, syncing) }
#endif

	/* sort_out(), attempt_start() */
	GIVE_UP(0)
	GIVE_UP(1)
#if NT == 3
	GIVE_UP(2)
#endif
	:: d_step { ALIVE && ist[k] == I_RUN && OPEN(k) && tries[k] >= MAXPASS -> fail[k] = fail[k] | OPEN(k) }
	:: d_step { ALIVE && iconn && !ideaf && ist[k] == I_RUN && OPEN(k) && tries[k] < MAXPASS &&
		    (OPEN(k) & ~here) == 0 && (OPEN(k) & loose) == 0 && TAGS_OF(OPEN(k)) != ALL_TAGS && nfull(sc) ->
		hand(k) }

	/* the status timeout is over: ABORT TASK, its end, or not even that in time */
	:: d_step { ALIVE && ist[k] == I_FLY && rep[k] && waitm[k] && !abm[k] && MAY(F_STAT) ->
		faults++;
#ifdef M_TAGEARLY
		early(0); early(1);
		waitm[k] = 0; pass_over(k)
#else
		abm[k] = waitm[k]
#endif
	   }
	ABORT_OF(0)
	ABORT_OF(1)
#if NT == 3
	ABORT_OF(2)
#endif

	/* run_done() */
	:: d_step { ALIVE && ist[k] == I_RUN && !OPEN(k) -> run_done(k); f = 0 }
	/* durable_step(), and the client's answer */
	:: d_step { ALIVE && ist[k] == I_DUR && tw[k] == 0 -> finish(k) }
	/* the log is cleared lazily: when all that the group has are in sync */
	:: d_step { ALIVE && ist[k] == I_IDLE && dirty[k] && !HAS(rec, k) && cph == 0 && !cw &&
#ifdef M_CLEAREARLY
		    1 ->
#else
		    mem == ALL ->
#endif
		dirty[k] = 0 }
	od
}
