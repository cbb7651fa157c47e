/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus server: src/bus. Each step is one event of its core: atomic. */

#ifdef ARMED
#define READY(d) conn[d]
#define ASK(d) skip
#define UNWAIT(d) skip
#define ANSWERED(d) skip
#else
#define READY(d) (rp[d] & 1)
#define ASK(d) wt[d] = wt[d] | 1
#define ANSWERED(d) rp[d] = rp[d] & 2
/* tenure_unwait(): the token is void, wherever it is at the moment */
#define UNWAIT(d) \
	if \
	:: d < NT && (wt[d] & 1) -> wt[d] = 2 \
	:: d < NT && (rp[d] & 1) -> rp[d] = 2 \
	:: else \
	fi
#endif

inline drain(c5) { do :: c5?_,_,_,_,_ :: empty(c5) -> break od }
inline drain3(c3) { do :: c3?_,_,_ :: empty(c3) -> break od }

/* What a target gets of slot k's operation. */
inline burst(d, what, k) { bt[d]!what,k,pv[k],ptag[k],OE(pop[k], iep) }

inline report(out) {
	if
	:: iconn -> ri!R_REPORT,cur,out,taken,owes
	:: else
	fi
}

/* silent_identified(), tenure_command(), silent_latch(): members that are there latch the CDB. */
inline begin_op(k) {
	cur = k; drv = pl[k]; pos = P_DATA;
	taken = 0; owes = 0; nxt = NONE; relmsg = 0;
	todo = pm[k] & ~BIT(pl[k]);
	lat = SET_T(conn) & ~BIT(pl[k]);
	heard = SET_T(conn)
}

inline bus_clear() {
	bsy = NONE; drv = NONE; cur = NONE; nxt = NONE;
	pos = 0; todo = 0; lat = 0; taken = 0; owes = 0; relmsg = 0; heard = 0
}

/* tenure_end(), silent_end(): a participant that is cut off in its data phase is told. */
inline tenure_end(out) {
	assert(out != O_RELEASED || relmsg);	/* BSY goes by BUS RELEASE, death or RST alone */
	if
	:: out == O_UNEXP && pos == P_DATA ->
		owes = owes | BIT(drv);
		if
		:: drv != bsy && conn[drv] ->
			burst(drv, M_BAD, cur)
		:: else
		fi
	:: else
	fi;
	UNWAIT(drv);
	report(out);
	bus_clear()
}

/* The token is the leader's again: silent_back(). */
inline back() { drv = bsy; pos = P_MSG; ASK(bsy) }

/* port_down(), silent_port_lost() */
inline port_down(x) {
	conn[x] = 0; deaf[x] = up[x];
	drain(bt[x]); drain3(pg[x]); wt[x] = 0; rp[x] = 0;
	lat = lat & ~BIT(x); heard = heard & ~BIT(x);
	if
	:: bsy == x ->
#ifdef M_LEADERHOLDS
		skip
#else
		tenure_end(O_UNEXP)
#endif
	:: bsy != x && drv == x ->
#ifndef M_NOBACK
		back()
#else
		skip
#endif
	:: else
	fi;
	if :: iconn -> ri!R_PDOWN,x,0,0,0 :: else fi
}

inline tell_rst(x) {
	/* Of its programs some may be on their way yet. */
	do :: pg[x]?_,_,_ :: break od;
	if :: conn[x] -> bt[x]!M_RST,0,0,0,0 :: else fi
}

/* bus_reset(), and the fence for whom it waited for. */
inline rst(x) {
	if
	:: bsy != NONE -> UNWAIT(drv); report(O_RESET); bus_clear()
	:: else
	fi;
	do
	:: sc?k -> if :: iconn -> ri!R_REPORT,k,O_RESET,0,0 :: else fi
	:: empty(sc) -> break
	od;
	k = 0;
	tell_rst(0); tell_rst(1);
#if NT == 3
	tell_rst(2);
#endif
	if :: iconn -> ri!R_RST,0,0,0,0 :: else fi;
	port_down(x)
}

/* phase_over(): a participant loses the token with its port; for a leader the bus is reset. */
inline too_slow(x) {
	if
	:: drv == bsy -> rst(x)
	:: else -> port_down(x)
	fi
}

/* give(): the token goes to whom the initiator named, if that port has the operation's CDB. */
inline give(x) {
#ifdef M_NOLATCH
	if
	:: conn[x] ->
#else
	if
	:: conn[x] && HAS(lat, x) ->
#endif
		lat = lat & ~BIT(x); drv = x; pos = P_DATA; ASK(x)
	:: else -> back()
	fi
}

inline latch_broadcast(x) {
	if
	:: HAS(todo, x) && HAS(lat, x) && conn[x] ->
		burst(x, M_DATA, cur); taken = taken | BIT(x); owes = owes | BIT(x)
	:: else
	fi
}

inline data_out(x) {
	if
	:: burst(x, M_DATA, cur); taken = taken | BIT(x)
	:: MAY(F_BAD) -> faults++; burst(x, M_BAD, cur)
	fi;
	owes = owes | BIT(x);
#ifdef BCAST
	latch_broadcast(0); latch_broadcast(1);
#if NT == 3
	latch_broadcast(2);
#endif
	todo = 0;
#endif
	pos = P_MSG; ASK(x)
}

inline release() {
	relmsg = 1;
#ifdef ARMED
	tenure_end(O_RELEASED)
#else
	UNWAIT(drv); drv = bsy; pos = P_REL; ASK(bsy)
#endif
}

/* chain_next(), chain_begin(): a further operation of the same leader under the same tenure. */
inline chain(j) {
	UNWAIT(drv);
	report(O_CHAINED);
	sc?eval(j);
#ifdef M_CHAINLEGS
	owes0 = owes;
#endif
	begin_op(j);
#ifdef M_CHAINLEGS
	owes = owes0; owes0 = 0;
#endif
	ASK(bsy)
}

/* MESSAGE OUT: silent_message_out(). */
inline message_out() {
	if
	:: todo ->
		x = LOWEST(todo); todo = todo & ~BIT(x);
#ifdef ARMED
		give(x)
#else
		if
		:: drv == bsy -> nxt = x; pos = P_NAMED; ASK(bsy)
		:: else -> give(x)
		fi
#endif
	:: !todo -> release()
#ifdef CHAIN
	:: !todo && sc?[0] && pl[0] == bsy -> chain(0)
	:: !todo && sc?[1] && pl[1] == bsy -> chain(1)
#endif
	fi;
	x = 0
}

/* One phase, on behalf of whose port or process says so. */
inline phase(d) {
	assert(d == drv);		/* one driver of the phase lines */
	assert(HAS(heard, d));		/* who drives has heard the CDB, in this attach */
	if
	:: pos == P_DATA -> data_out(d)
	:: pos == P_MSG -> message_out()
	:: pos == P_NAMED ->
		x = nxt; nxt = NONE;
#ifdef M_BSYFREE
		if	/* the leader takes LAST for the end */
		:: !todo -> tenure_end(O_RELEASED)
		:: else -> give(x)
		fi
#else
		give(x)
#endif
		;
		x = 0
	:: pos == P_REL -> tenure_end(O_RELEASED)
	fi
}

/* conn_closed() of the daemon's port: scripts and tenure are void, targets are told, its epoch is over. */
inline initiator_down() {
	iconn = 0;
	if :: bsy != NONE -> tenure_end(O_UNEXP) :: else fi;
	do :: sc?_ :: empty(sc) -> break od;
	drain(ri);
	if :: conn[0] -> bt[0]!M_IDWN,0,0,0,0 :: else fi;
	if :: conn[1] -> bt[1]!M_IDWN,0,0,0,0 :: else fi;
#if NT == 3
	if :: conn[2] -> bt[2]!M_IDWN,0,0,0,0 :: else fi;
#endif
	iep++
}

#ifdef M_NOEPOCH
#define CURRENT(oe) 1
#else
#define CURRENT(oe) ((oe) / 16 == iep)
#endif

/* A target's port, at the bus server. */
proctype Port(byte t)
{
	byte x, k, g, oe;
	bit ok;
#ifdef M_CHAINLEGS
	byte owes0;
#endif
end:	do
	/* the driver acts */
	:: atomic { bup && drv == t && bsy != NONE && READY(t) && ROOM -> ANSWERED(t); phase(t) }
#ifndef ARMED
	/* run_continue(): a program whose token is void */
	:: atomic { bup && (rp[t] & 2) && ROOM ->
		rp[t] = rp[t] & 1;
#ifdef M_TOKEN
		if :: bsy != NONE -> phase(t) :: else fi
#endif
	   }
#ifndef M_WATCHDOG
	/* limit_tenure(): it is stopped, or too slow */
	:: atomic { bup && drv == t && bsy != NONE && ((wt[t] | rp[t]) & 1) && (hung[t] || MAY(F_SLOW)) && ROOM ->
		if :: hung[t] :: !hung[t] -> faults++ fi;
		too_slow(t) }
#endif
#endif
	/* a reselection with status: from ARBITRATION to BUS FREE without a question to anybody */
	:: d_step { bup && bsy == NONE && conn[t] && nempty(pg[t]) && ROOM ->
		pg[t]?g,oe,ok;
		if
		:: iconn && CURRENT(oe) -> ri!R_STATUS,t,g,oe,ok
		:: else			/* program_ready(): its initiator is gone */
		fi;
		g = 0; oe = 0; ok = 0 }
	/* its connection ended, or is silent */
	:: d_step { bup && conn[t] && !up[t] && RI_ROOM -> port_down(t) }
#ifndef M_WATCHDOG
	:: d_step { bup && conn[t] && hung[t] && RI_ROOM -> port_down(t) }
#endif
	od
}

/* The daemon's port. */
proctype Adapter()
{
	byte k;
end:	do
	/* tenure_select() */
	:: d_step { bup && iconn && bsy == NONE && nempty(sc) && ROOM ->
		sc?k;
		if
		:: conn[pl[k]] -> bsy = pl[k]; begin_op(k); ASK(bsy)
		:: else -> cur = k; report(O_NOSEL); cur = NONE
		fi;
		k = 0 }
	:: d_step { bup && iconn && !iup && BT_ROOM -> initiator_down() }
	od
}
