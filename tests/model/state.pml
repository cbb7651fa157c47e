/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the model is made of: its size, and all of its state. See README.md for what is left out.
 *
 * Blocks: block b is written by operation slot b of the daemon, so that slots are range locks, and two
 * operations in flight are two tasks at each target. Sets of targets are bit masks. What is a version of a
 * block is a small number; a newer one is larger.
 */

/* ---- size ---- */

#ifndef NT
#define NT 2                    /* targets: 2 or 3 */
#endif
#ifndef NB
#define NB 1                    /* blocks, and operations in flight: 1 or 2 */
#endif
#ifndef NW
#define NW 1                    /* client writes to each block */
#endif
#ifndef MAXPASS
#define MAXPASS 2               /* passes that an operation may take */
#endif
#ifndef NTAG
#define NTAG 3                  /* tags of a target: few, so that they are used again at once */
#endif
#ifndef RIQ
#define RIQ 2                   /* frames that the daemon may be behind when the bus goes on */
#endif
#ifndef BTQ
#define BTQ 1                   /* the same of a target */
#endif
#ifndef MAXFAULT
#define MAXFAULT 1              /* faults in one run, of the kinds in FAULTS */
#endif

#define F_KILL 1                /* SIGKILL of a target */
#define F_CUT  2                /* its connection is cut; the process goes on */
#define F_INI  4                /* SIGKILL of the daemon */
#define F_BUS  8                /* SIGKILL of the bus server */
#define F_HANG 16               /* a target is stopped */
#define F_BAD  32               /* a target refuses the command, or gets bad data: CHECK CONDITION */
#define F_STAT 64               /* the status timeout is too short; ABORT TASK is not confirmed in time */
#define F_SLOW 128              /* the phase timeout is too short (unarmed ports) */
#ifndef FAULTS
#define FAULTS 255
#endif
#define MAY(f) ((FAULTS & (f)) && faults < MAXFAULT)

/* Armed ports (src/bus/arm.c) act by themselves; others ask their process at each phase. Both are built:
 * -DARMED has fewer states and is for what happens above the phases. */

#define INI  NT                 /* the daemon, where something is said of ports */
#define NONE 7
#define ALL  ((1 << NT) - 1)
#define ALLB ((1 << NB) - 1)
#define BIT(x)    (1 << (x))
#define HAS(m, x) (((m) >> (x)) & 1)
#define X(t, b)   ((t) * NB + (b))
#define LOWEST(m)  ((m) & 1 -> 0 : ((m) & 2 -> 1 : 2))
#define HIGHEST(m) ((m) & 4 -> 2 : ((m) & 2 -> 1 : 0))
#if NT == 2
#define EACH_T(what) what(0) && what(1)
#define SET_T(a) (a[0] | a[1] << 1)
#else
#define EACH_T(what) what(0) && what(1) && what(2)
#define SET_T(a) (a[0] | a[1] << 1 | a[2] << 2)
#endif

byte faults;

/* ---- what survives ---- */

byte vol[NT * NB] = 1;          /* versions in the targets' stores: SIGKILL leaves the page cache */
byte pgen[NT] = 1;              /* page 30h, saved: the generation, 0 for a stale member */
byte st_sync = ALL;             /* the daemon's state file: who is in sync, ... */
byte st_gen = 1;                /* ... of which generation */
bit dirty[NB];                  /* the write-intent log */
/* ghosts: what the client knows */
byte ack[NB] = 1;               /* the newest version that was acknowledged */
byte nextv[NB] = 2;             /* the version that it writes next */

/* ---- processes and connections ---- */

bit up[NT] = 1;                 /* the target's process is there */
bit hung[NT];                   /* ... and is stopped */
bit conn[NT] = 1;               /* its port, as the bus server sees it */
bit deaf[NT];                   /* its connection is gone, and it has not noticed */
bit iup = 1, iconn = 1, ideaf;  /* the same of the daemon */
bit bup = 1;                    /* the bus server is there */
byte iep;                       /* attach epoch of the daemon's port */
#define RUNS(t) (up[t] && !hung[t])
#define SPEAKS(t) (RUNS(t) && conn[t] && !deaf[t])

/* Bursts and more, bus server to target. */
#define M_DATA 1                /* LATCH, COMMAND, data: b, version, tag, op and epoch */
#define M_BAD  2                /* the same, but refused, cut off or damaged */
#define M_IDWN 3                /* PORT: the daemon's went */
#define M_RST  4                /* RESET */
chan bt[NT] = [BTQ + 3] of { byte, byte, byte, byte, byte };
/* Programs that want to reselect, target to bus server: tag, op and epoch, good. */
chan pg[NT] = [3] of { byte, byte, bit };
/* Scripts, daemon to bus server: the slot. Their contents are in the slot. */
chan sc = [NB] of { byte };
/* Reports and more, bus server to daemon. */
#define R_REPORT 1              /* slot, outcome, legs that took data, legs that owe a status */
#define R_STATUS 2              /* target, tag, op and epoch, good */
#define R_PDOWN  3              /* PORT: target */
#define R_PUP    4
#define R_RST    5
chan ri = [RIQ + 5] of { byte, byte, byte, byte, byte };
/* The bus server's next step waits for room: who is behind by so much has its kernel's buffers full. */
#if NT == 2
#define BT_ROOM (len(bt[0]) <= BTQ && len(bt[1]) <= BTQ)
#else
#define BT_ROOM (len(bt[0]) <= BTQ && len(bt[1]) <= BTQ && len(bt[2]) <= BTQ)
#endif
#define RI_ROOM (len(ri) <= RIQ)
#define ROOM (RI_ROOM && BT_ROOM)
#define OE(op, e) ((op) + 16 * (e))

/* ---- the bus (src/bus/core.h: struct tenure) ---- */

byte bsy = NONE;                /* who asserts BSY: the leader, from SELECTION to BUS FREE */
byte drv = NONE;                /* who has the phase token */
byte cur = NONE;                /* the slot whose script runs */
#define P_DATA  1               /* the driver has the CDB: DATA OUT is next */
#define P_MSG   2               /* MESSAGE OUT is next: names the next one, or releases */
#define P_NAMED 3               /* unarmed leader: it heard TARGET SELECTION, and is to let go of the lines */
#define P_REL   4               /* unarmed leader: it heard BUS RELEASE, and is to let go of BSY */
byte pos;
byte nxt = NONE;                /* P_NAMED: whom */
byte todo;                      /* members that are still to be named */
byte lat;                       /* members that latched leader, tag and CDB, and were not named yet */
byte taken, owes;               /* legs so far */
byte heard;                     /* ghost: ports that heard COMMAND, and did not go since */
bit relmsg;                     /* ghost: BUS RELEASE was sent in this tenure */
/* A process that is asked (bit 0), and its answer under way. Bit 1: the same with a token that was taken
 * back meanwhile. Token numbers are never used again: what is left of them is whether it is the one. */
byte wt[NT], rp[NT];

#define O_RELEASED 0
#define O_CHAINED  1
#define O_NOSEL    2            /* selection timeout */
#define O_UNEXP    3            /* unexpected BUS FREE */
#define O_RESET    4

/* ---- targets: the task of block b at target t is at X(t, b) ---- */

#define T_FREE 0
#define T_WAIT 1                /* has its data; an aborted write to its block is in the store yet (order.c) */
#define T_RUN  2                /* in the store */
#define T_GOOD 3                /* done, the status not sent */
#define T_BAD  4
byte ts[NT * NB], tv[NT * NB], tt[NT * NB], te[NT * NB];
byte dr[NT * NB];               /* TASK_DRAIN: the version of an aborted write that may still land */

/* ---- the daemon: lost when it dies ---- */

/* Host adapter (hba_pass.c, hba_tag.c) and operation (io.c, resend.c), by slot. */
#define I_IDLE 0
#define I_RUN  1                /* decides: a pass to whom is open, or the end */
#define I_FLY  2                /* a pass was handed to the port */
#define I_DUR  3                /* waits for a change of the group to be durable */
#define K_WRITE 1
#define K_RECOVER 2             /* of a region that the log has: from a member in sync to all of them */
#define K_RESYNC 3              /* to a member that comes back */
byte ist[NB], kind[NB];
byte pv[NB];                    /* the version that it writes */
byte want[NB];                  /* members that it is for */
byte isync[NB];                 /* those of them that were in sync at its start */
byte good[NB], fail[NB];        /* those with GOOD; those given up */
byte tries[NB];
byte pm[NB], waitm[NB], gonem[NB], abm[NB]; /* of a pass: members, no outcome yet, port gone meanwhile, to abort */
byte pl[NB], ptag[NB], pop[NB]; /* leader, tag, operation id */
bit rep[NB];                    /* its tenure was reported */
byte tw[NB];                    /* I_DUR: 2 the change has not begun, 1 it runs, 0 it is done */
byte tb[NT];                    /* tags that are not free */
byte qt[NT];                    /* of these: their owner has left, ABORT TASK is due */
/* Group (member.c, change.c). */
byte here;                      /* members that are on the bus, as the daemon knows it */
byte loose;                     /* a write of theirs may still land: not used before RST or a new attach */
byte mem;                       /* members in sync, in memory */
byte gen, oldgen, kg[NT];       /* generation; before the change; of each page as it was read last */
byte cph;                       /* change: 0 none, 1 pages are written, 2 the state file is */
bit cw, bump;                   /* another one is wanted; with a new generation */
byte wash, bef[NT];             /* members that were here when it began, and the generations of their pages */
byte rec;                       /* blocks that are to be recovered */
byte syncing, rs;               /* a member that comes back; blocks that it has already */
byte joining;                   /* it has all of them, and the change that makes it a member in sync is under way */
#define ALIVE iup
