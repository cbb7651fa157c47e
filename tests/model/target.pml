/* SPDX-License-Identifier: BSD-2-Clause */
/* A target's process: src/target. Its tasks, its store, its connection. */

/* tgt_task_abort(): what is in the store may still land. */
inline abort_task(x) {
	if
	:: ts[x] == T_RUN -> dr[x] = tv[x]
	:: else
	fi;
	ts[x] = T_FREE; tv[x] = 0; tt[x] = 0; te[x] = 0
}

inline abort_all(t) {
	abort_task(X(t, 0));
#if NB == 2
	abort_task(X(t, 1));
#endif
	skip
}

/* tgt_order_may_start() */
#ifdef M_ORDER
#define MAY_START(x) 1
#else
#define MAY_START(x) (dr[x] == 0)
#endif

/* Two live tasks of one tag are overlapped commands. */
#if NB == 2
#define TAG_IS_LIVE(t, b, g, oe) \
	(ts[X(t, 1 - (b))] && tt[X(t, 1 - (b))] == (g) && te[X(t, 1 - (b))] / 16 == (oe) / 16)
#else
#define TAG_IS_LIVE(t, b, g, oe) 0
#endif

/* data_out(), tgt_silent_accept(): a task begins. */
inline begin_task(t, b) {
	assert(ts[X(t, b)] == T_FREE && !TAG_IS_LIVE(t, b, g, oe));
	tv[X(t, b)] = v; tt[X(t, b)] = g; te[X(t, b)] = oe
}

inline take_data(t, b) {
	bt[t]?M_DATA,b,v,g,oe;
	begin_task(t, b);
	if
	:: MAY_START(X(t, b)) -> ts[X(t, b)] = T_RUN
	:: else -> ts[X(t, b)] = T_WAIT
	fi;
	v = 0; g = 0; oe = 0
}

inline refuse(t, b) {
	bt[t]?M_BAD,b,v,g,oe;
	begin_task(t, b);
#ifdef M_CUTGOOD
	ts[X(t, b)] = T_GOOD;
#else
	ts[X(t, b)] = T_BAD;
#endif
	v = 0; g = 0; oe = 0
}

inline land(x) {
	vol[x] = tv[x]; ts[x] = T_GOOD
}

inline land_aborted(x) {
	vol[x] = dr[x]; dr[x] = 0;
	if :: ts[x] == T_WAIT -> ts[x] = T_RUN :: else fi
}

inline send_status(t, x) {
	pg[t]!tt[x],te[x],(ts[x] == T_GOOD);
	ts[x] = T_FREE; tv[x] = 0; tt[x] = 0; te[x] = 0
}

/* Its part in one block. A further task of a block waits in the burst queue: what is left out is that the
 * process knows of it already. */
#define BLOCK(t, b) \
	:: d_step { SPEAKS(t) && bt[t]?[M_DATA,b,v,g,oe] && ts[X(t, b)] == T_FREE -> take_data(t, b) } \
	:: d_step { SPEAKS(t) && bt[t]?[M_BAD,b,v,g,oe] && ts[X(t, b)] == T_FREE -> refuse(t, b) } \
	:: d_step { RUNS(t) && ts[X(t, b)] == T_RUN -> land(X(t, b)) } \
	:: d_step { RUNS(t) && dr[X(t, b)] != 0 -> land_aborted(X(t, b)) } \
	:: d_step { SPEAKS(t) && ts[X(t, b)] >= T_GOOD && nfull(pg[t]) -> send_status(t, X(t, b)) }

proctype Target(byte t)
{
	byte v, g, oe;
end:	do
	/* lose_all(), detached(): all that hung on the connection is void */
	:: d_step { RUNS(t) && deaf[t] ->
		deaf[t] = 0;
#ifndef M_DETACH
		abort_all(t)
#endif
	   }
	:: d_step { RUNS(t) && !deaf[t] && !conn[t] && bup && ROOM ->
		conn[t] = 1;
		if :: iconn -> ri!R_PUP,t,0,0,0 :: else fi }
	BLOCK(t, 0)
#if NB == 2
	BLOCK(t, 1)
#endif
	/* lose_nexus(): the daemon's port went */
	:: d_step { SPEAKS(t) && bt[t]?[M_IDWN,_,_,_,_] ->
		bt[t]?M_IDWN,_,_,_,_;
		abort_all(t) }
	:: d_step { SPEAKS(t) && bt[t]?[M_RST,_,_,_,_] ->
		bt[t]?M_RST,_,_,_,_;
#ifndef M_RSTKEEPS
		abort_all(t)
#endif
	   }
#ifndef ARMED
	/* tgt_silent_answer(): it is asked, and answers with the token that it was given; a tenure that ended
	 * before it read so far needs no answer */
	:: atomic { SPEAKS(t) && (wt[t] & 2) ->
		wt[t] = wt[t] & 1;
		if :: rp[t] = rp[t] | 2 :: skip fi }
	:: d_step { SPEAKS(t) && wt[t] == 1 -> wt[t] = 0; rp[t] = rp[t] | 1 }
#endif
	od
}
