# SPDX-License-Identifier: BSD-2-Clause
#
# A scenario test is tests/scenario/test_NAME.c, which ends in TAP_MAIN (#include "unit/tap_main.h"), and a line
# below: scenario_tests += tests/scenario/test_NAME

# The host adapter against a bus server in the hands of the test.
fake_bus = tests/scenario/fake_bus.c tests/scenario/fake_bus.h

scenario_tests += tests/scenario/test_hba_tasks
tests_scenario_test_hba_tasks_SOURCES = $(fake_bus) tests/scenario/test_hba_tasks.c

scenario_tests += tests/scenario/test_hba_scan
tests_scenario_test_hba_scan_SOURCES = $(fake_bus) tests/scenario/test_hba_scan.c

scenario_tests += tests/scenario/test_hba_units
tests_scenario_test_hba_units_SOURCES = $(fake_bus) tests/scenario/test_hba_units.c

scenario_tests += tests/scenario/test_hba_flow
tests_scenario_test_hba_flow_SOURCES = $(fake_bus) tests/scenario/test_hba_flow.c

scenario_tests += tests/scenario/test_hba_passes
tests_scenario_test_hba_passes_SOURCES = $(fake_bus) tests/scenario/test_hba_passes.c

scenario_tests += tests/scenario/test_hba_fuzz
tests_scenario_test_hba_fuzz_SOURCES = $(fake_bus) tests/scenario/test_hba_fuzz.c

# The three cores in one process, through encoded frames.
couple = \
	tests/scenario/couple.c \
	tests/scenario/couple.h \
	tests/scenario/couple_check.c \
	tests/scenario/couple_check.h

scenario_tests += tests/scenario/test_couple
tests_scenario_test_couple_SOURCES = $(couple) tests/scenario/test_couple.c

scenario_tests += tests/scenario/test_couple_broadcast
tests_scenario_test_couple_broadcast_SOURCES = $(couple) tests/scenario/test_couple_broadcast.c

scenario_tests += tests/scenario/test_couple_connect
tests_scenario_test_couple_connect_SOURCES = $(couple) tests/scenario/test_couple_connect.c

scenario_tests += tests/scenario/test_couple_parity
tests_scenario_test_couple_parity_SOURCES = $(couple) tests/scenario/test_couple_parity.c

scenario_tests += tests/scenario/test_couple_units
tests_scenario_test_couple_units_SOURCES = $(couple) tests/scenario/test_couple_units.c

scenario_tests += tests/scenario/test_couple_random
tests_scenario_test_couple_random_SOURCES = $(couple) tests/scenario/test_couple_random.c

# Groups and jobs, with a host adapter and disks in the test's memory.
fake_hba_sources = \
	tests/scenario/fake_hba.c \
	tests/scenario/fake_hba.h \
	tests/scenario/rig.c \
	tests/scenario/rig.h

scenario_tests += tests/scenario/test_mirror_jobs
tests_scenario_test_mirror_jobs_SOURCES = tests/scenario/test_mirror_jobs.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_job_control
tests_scenario_test_job_control_SOURCES = tests/scenario/test_job_control.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_load_jobs
tests_scenario_test_load_jobs_SOURCES = tests/scenario/test_load_jobs.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_owner
tests_scenario_test_owner_SOURCES = tests/scenario/test_owner.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_member_loss
tests_scenario_test_member_loss_SOURCES = tests/scenario/test_member_loss.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_intents
tests_scenario_test_intents_SOURCES = tests/scenario/test_intents.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_in_sync
tests_scenario_test_in_sync_SOURCES = tests/scenario/test_in_sync.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_resume
tests_scenario_test_resume_SOURCES = tests/scenario/test_resume.c $(fake_hba_sources)
scenario_tests += tests/scenario/test_groups
tests_scenario_test_groups_SOURCES = tests/scenario/test_groups.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_bypass
tests_scenario_test_bypass_SOURCES = tests/scenario/test_bypass.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_group_io
tests_scenario_test_group_io_SOURCES = tests/scenario/test_group_io.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_group_generations
tests_scenario_test_group_generations_SOURCES = tests/scenario/test_group_generations.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_group_refusals
tests_scenario_test_group_refusals_SOURCES = tests/scenario/test_group_refusals.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_verify_read_resync
tests_scenario_test_verify_read_resync_SOURCES = tests/scenario/test_verify_read_resync.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_mend
tests_scenario_test_mend_SOURCES = tests/scenario/test_mend.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_restart
tests_scenario_test_restart_SOURCES = tests/scenario/test_restart.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_scrub
tests_scenario_test_scrub_SOURCES = tests/scenario/test_scrub.c $(fake_hba_sources)

scenario_tests += tests/scenario/test_jobs_random
tests_scenario_test_jobs_random_SOURCES = tests/scenario/test_jobs_random.c $(fake_hba_sources)

# The bus core with the test at all of its ports.
bus_rig = \
	tests/scenario/bus_items.c \
	tests/scenario/bus_items.h \
	tests/scenario/bus_rig.c \
	tests/scenario/bus_rig.h

scenario_tests += tests/scenario/test_bus_pass
tests_scenario_test_bus_pass_SOURCES = $(bus_rig) tests/scenario/test_bus_pass.c

scenario_tests += tests/scenario/test_bus_broadcast
tests_scenario_test_bus_broadcast_SOURCES = $(bus_rig) tests/scenario/test_bus_broadcast.c

scenario_tests += tests/scenario/test_bus_chain
tests_scenario_test_bus_chain_SOURCES = $(bus_rig) tests/scenario/test_bus_chain.c

# Targets on the bus: bus core and target cores, with the test as the initiator.
scenario_tests += tests/scenario/test_disks
tests_scenario_test_disks_SOURCES = \
	tests/scenario/disks.c \
	tests/scenario/disks.h \
	tests/scenario/test_disks.c

scenario_tests += tests/scenario/test_bus_over
tests_scenario_test_bus_over_SOURCES = $(bus_rig) tests/scenario/test_bus_over.c
scenario_tests += tests/scenario/test_bus_conventional
tests_scenario_test_bus_conventional_SOURCES = $(bus_rig) tests/scenario/test_bus_conventional.c

scenario_tests += tests/scenario/test_bus_messages
tests_scenario_test_bus_messages_SOURCES = $(bus_rig) tests/scenario/test_bus_messages.c

scenario_tests += tests/scenario/test_bus_connect
tests_scenario_test_bus_connect_SOURCES = $(bus_rig) tests/scenario/test_bus_connect.c

scenario_tests += tests/scenario/test_bus_qas
tests_scenario_test_bus_qas_SOURCES = $(bus_rig) tests/scenario/test_bus_qas.c

scenario_tests += tests/scenario/test_bus_units
tests_scenario_test_bus_units_SOURCES = $(bus_rig) tests/scenario/test_bus_units.c

scenario_tests += tests/scenario/test_bus_units_wrong
tests_scenario_test_bus_units_wrong_SOURCES = $(bus_rig) tests/scenario/test_bus_units_wrong.c

scenario_tests += tests/scenario/test_bus_limits
tests_scenario_test_bus_limits_SOURCES = $(bus_rig) tests/scenario/test_bus_limits.c

scenario_tests += tests/scenario/test_bus_hold
tests_scenario_test_bus_hold_SOURCES = $(bus_rig) tests/scenario/test_bus_hold.c

scenario_tests += tests/scenario/test_bus_scripts
tests_scenario_test_bus_scripts_SOURCES = $(bus_rig) tests/scenario/test_bus_scripts.c

scenario_tests += tests/scenario/test_bus_rogue
tests_scenario_test_bus_rogue_SOURCES = $(bus_rig) tests/scenario/test_bus_rogue.c

scenario_tests += tests/scenario/test_bus_fuzz
tests_scenario_test_bus_fuzz_SOURCES = $(bus_rig) tests/scenario/test_bus_fuzz.c
