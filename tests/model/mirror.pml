/* SPDX-License-Identifier: BSD-2-Clause */
/* A model of smirror: bus server, targets, daemon. README.md says what it is of, and how it is run. */
#include "state.pml"
#include "target.pml"
#include "bus.pml"
#include "nemesis.pml"
#include "group.pml"
#include "daemon.pml"

#ifdef LIVE
/* The bus becomes free again. */
ltl bus_free { [] ((bsy != NONE) -> <> (bsy == NONE)) }
#endif

init {
	atomic {
		mem = ALL; gen = 1; here = ALL;
		kg[0] = 1; kg[1] = 1;
#if NT == 3
		kg[2] = 1;
#endif
		run Port(0); run Port(1);
		run Target(0); run Target(1);
#if NT == 3
		run Port(2); run Target(2);
#endif
		run Adapter(); run Hba(); run Change();
		run Io(0);
#if NB == 2
		run Io(1);
#endif
		run Nemesis(); run Monitor()
	}
}
