/* SPDX-License-Identifier: BSD-2-Clause */
/* Who kills, stops and cuts, at any step, and starts again; and what has to hold at each. */

inline forget_tasks(x) {
	ts[x] = T_FREE; tv[x] = 0; tt[x] = 0; te[x] = 0;
	dr[x] = 0			/* what the store had not done is not done */
}

inline kill_target(t) {
	faults++; up[t] = 0; deaf[t] = 0;
	forget_tasks(X(t, 0));
#if NB == 2
	forget_tasks(X(t, 1));
#endif
	skip
}

#if NB == 2
#define DIRTY (dirty[0] | dirty[1] << 1)
#else
#define DIRTY dirty[0]
#endif

inline forget_io(k) {
	ist[k] = I_IDLE; kind[k] = 0; pv[k] = 0; want[k] = 0; isync[k] = 0; good[k] = 0; fail[k] = 0; tries[k] = 0;
	pm[k] = 0; waitm[k] = 0; gonem[k] = 0; abm[k] = 0; pl[k] = 0; ptag[k] = 0; pop[k] = 0; rep[k] = 0; tw[k] = 0
}

/* What the bus server still runs of a script goes with the connection: slots are looked at by it until then. */
inline boot() {
	forget_io(0);
#if NB == 2
	forget_io(1);
#endif
	tb[0] = 0; tb[1] = 0; qt[0] = 0; qt[1] = 0; kg[0] = 0; kg[1] = 0;
	bef[0] = 0; bef[1] = 0;
#if NT == 3
	tb[2] = 0; qt[2] = 0; kg[2] = 0; bef[2] = 0;
#endif
	here = 0; loose = 0; cph = 0; cw = 0; bump = 0; wash = 0; oldgen = 0; syncing = 0; rs = 0; joining = 0;
	mem = st_sync; gen = st_gen;
#ifdef M_NORECOVER
	rec = 0;
#else
	rec = DIRTY;
#endif
	iup = 1
}

inline kill_bus() {
	faults++; bup = 0;
	conn[0] = 0; deaf[0] = up[0]; drain(bt[0]); drain3(pg[0]); wt[0] = 0; rp[0] = 0;
	conn[1] = 0; deaf[1] = up[1]; drain(bt[1]); drain3(pg[1]); wt[1] = 0; rp[1] = 0;
#if NT == 3
	conn[2] = 0; deaf[2] = up[2]; drain(bt[2]); drain3(pg[2]); wt[2] = 0; rp[2] = 0;
#endif
	if :: iconn -> iconn = 0; ideaf = iup; iep++ :: else fi;
	do :: sc?_ :: empty(sc) -> break od;
	drain(ri);
	bus_clear()
}

#define HARM(t) \
	:: d_step { MAY(F_KILL) && up[t] -> kill_target(t) } \
	:: d_step { MAY(F_CUT) && up[t] && conn[t] && bup && RI_ROOM -> faults++; port_down(t) } \
	:: d_step { MAY(F_HANG) && RUNS(t) && conn[t] -> faults++; hung[t] = 1 } \
	:: d_step { !up[t] && !conn[t] -> up[t] = 1; hung[t] = 0 } \
	:: d_step { hung[t] && !conn[t] -> hung[t] = 0 }

proctype Nemesis()
{
	byte k;
#ifdef M_CHAINLEGS
	byte owes0;
#endif
end:	do
	HARM(0)
	HARM(1)
#if NT == 3
	HARM(2)
#endif
	:: d_step { MAY(F_INI) && iup -> faults++; iup = 0; ideaf = 0 }
	:: d_step { !iup && !iconn -> boot() }
	:: d_step { MAY(F_BUS) && bup -> kill_bus() }
	:: d_step { !bup -> bup = 1 }
	od
}

/* ---- the rules ---- */

/* Trusted are members in sync that are here; and, whatever has died, those that the state file says are in sync
 * and whose own page does not say otherwise. */
#define TRUSTED(t) ((iup && HAS(mem & here, t)) || (HAS(st_sync, t) && pgen[t] >= st_gen))
/* Acknowledged data are on all that are trusted. */
#define HAS_ACKED(t) (!TRUSTED(t) || (vol[X(t, 0)] >= ack[0] && (NB == 1 || vol[X(t, NB - 1)] >= ack[NB - 1])))
/* Where the log is clean, members in sync are equal. */
#define EQUAL(t, u, b) (dirty[b] || !HAS(mem & here, t) || !HAS(mem & here, u) || vol[X(t, b)] == vol[X(u, b)])
#if NT == 3
#define ALL_EQUAL(b) (EQUAL(0, 1, b) && EQUAL(0, 2, b) && EQUAL(1, 2, b))
#else
#define ALL_EQUAL(b) EQUAL(0, 1, b)
#endif
/* And there is always one in sync. */
#define RULES (EACH_T(HAS_ACKED) && st_sync != 0 && (!iup || (mem != 0 && ALL_EQUAL(0) && ALL_EQUAL(NB - 1))))

/* When nothing more happens, all has healed: the bus is free, no operation is left, all members are in sync
 * again, and the log is clean; but for a member whose old write may still land, which has to attach anew. */
#define IDLE(k) (ist[k] == I_IDLE && nextv[k] == NW + 2 && (!dirty[k] || loose))
#if NB == 2
#define ALL_IDLE (IDLE(0) && IDLE(1))
#else
#define ALL_IDLE IDLE(0)
#endif
#define HEALED (bsy == NONE && drv == NONE && ALL_IDLE && (mem | loose) == ALL && st_sync == mem && rec == 0 && cph == 0 && \
	empty(ri) && empty(sc) && EACH_T(RUNS))

proctype Monitor()
{
end:	do
	:: atomic { !(RULES) -> assert(RULES) }
	:: atomic { timeout -> assert(HEALED); break }
	od
}
