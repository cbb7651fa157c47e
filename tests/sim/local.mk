# SPDX-License-Identifier: BSD-2-Clause
#
# The simulator: all cores together in one process, with a virtual clock and faults. Scenario and unit tests link
# with libsim.a; add its files to the list below (tests/sim/NAME.c, tests/sim/NAME.h), included as "sim/NAME.h".

noinst_LIBRARIES += tests/sim/libsim.a
tests_sim_libsim_a_SOURCES = \
	tests/sim/medium.c \
	tests/sim/medium.h

# The simulator, tests/sim/sim; tests/README.md says how it is used. Plain `make` builds it, too;
# `make sim SEEDS=n FIRST=s JOBS=n` runs seeds s to s+n-1.
noinst_LIBRARIES += tests/sim/libsimulator.a
tests_sim_libsimulator_a_SOURCES = \
	tests/sim/cuts.c \
	tests/sim/end.c \
	tests/sim/faults.c \
	tests/sim/marks.def \
	tests/sim/memory.c \
	tests/sim/model.c \
	tests/sim/model.h \
	tests/sim/mutant.h \
	tests/sim/mutants.def \
	tests/sim/net.c \
	tests/sim/net.h \
	tests/sim/node_bus.c \
	tests/sim/node_disk.c \
	tests/sim/node_files.c \
	tests/sim/node_host.c \
	tests/sim/node_jobs.c \
	tests/sim/owners.c \
	tests/sim/rest.c \
	tests/sim/rest.h \
	tests/sim/seen.c \
	tests/sim/sim.c \
	tests/sim/sim.h \
	tests/sim/store.c \
	tests/sim/store.h \
	tests/sim/tables.c \
	tests/sim/work.c
# Mutants stand in place of functions of the cores.
simulator_mutants = tests/sim/mutant_bus.c tests/sim/mutant_ini.c tests/sim/mutant_tgt.c
simulator_ldflags = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=aligned_alloc -Wl,--wrap=free \
	-Wl,--wrap=crc32c -Wl,--wrap=group_change_done -Wl,--wrap=group_is_ours -Wl,--wrap=hba_scan -Wl,--wrap=hba_pass_status \
	-Wl,--wrap=hba_pass_aborted -Wl,--wrap=hba_tag_abort -Wl,--wrap=hba_tag_pick -Wl,--wrap=intent_flushed -Wl,--wrap=intent_plan \
	-Wl,--wrap=intent_ticket -Wl,--wrap=io_lasts -Wl,--wrap=job_complete_members \
	-Wl,--wrap=job_spoiled -Wl,--wrap=log_begin -Wl,--wrap=member_has_page \
	-Wl,--wrap=member_stale -Wl,--wrap=members_syncing -Wl,--wrap=mir_lock_granted -Wl,--wrap=restart_seen -Wl,--wrap=script_is_for -Wl,--wrap=scripts_void -Wl,--wrap=scsi_sense_put \
	-Wl,--wrap=chain_begin -Wl,--wrap=hba_tag_take -Wl,--wrap=limit_run -Wl,--wrap=members_that_may_leave -Wl,--wrap=run_continue \
	-Wl,--wrap=silent_port_lost -Wl,--wrap=source_step -Wl,--wrap=tenure_lost -Wl,--wrap=tgt_port_burst -Wl,--wrap=tgt_silent_message -Wl,--wrap=tgt_task_fail \
	-Wl,--wrap=tgt_cmd_run_mode_sense -Wl,--wrap=tgt_members_unread -Wl,--wrap=tgt_order_may_start -Wl,--wrap=tgt_task_abort -Wl,--wrap=tgt_task_abort_all
simulator_libs = tests/sim/libsimulator.a tests/sim/libsim.a $(program_libs)

noinst_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/main.c $(simulator_mutants)
tests_sim_sim_LDFLAGS = $(simulator_ldflags)
tests_sim_sim_LDADD = $(simulator_libs)

scenario_tests += tests/scenario/test_sim
tests_scenario_test_sim_SOURCES = tests/scenario/test_sim.c $(simulator_mutants)
tests_scenario_test_sim_LDFLAGS = $(simulator_ldflags)
tests_scenario_test_sim_LDADD = tests/unit/libtap.a $(simulator_libs) $(CHECK_LIBS)

# Each mutant, and the seed that finds it; an error when one is not found.
.PHONY: sim-mutants
sim-mutants: tests/sim/sim$(EXEEXT)
	tests/sim/sim$(EXEEXT) --all-mutants --seeds 1..$(MUTANT_SEEDS) --jobs $(JOBS)

SEEDS = 10000
FIRST = 1
# The one that is the hardest to find takes 8,000 to 17,000 of them.
MUTANT_SEEDS = 20000
JOBS = 1
.PHONY: sim
sim: tests/sim/sim$(EXEEXT)
	tests/sim/sim$(EXEEXT) --seeds $(FIRST)..$$(($(FIRST) + $(SEEDS) - 1)) --jobs $(JOBS)
