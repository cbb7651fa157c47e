# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/shell/NAME.c, src/shell/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/shell/libshell.a
src_shell_libshell_a_SOURCES = \
	src/shell/addr.c \
	src/shell/addr.h \
	src/shell/args.c \
	src/shell/args.h \
	src/shell/cli.c \
	src/shell/cli.h \
	src/shell/cli_commands.c \
	src/shell/cli_conn.c \
	src/shell/cli_conn.h \
	src/shell/cli_data.c \
	src/shell/cli_data.h \
	src/shell/cli_decode.c \
	src/shell/cli_decode.h \
	src/shell/cli_device.c \
	src/shell/cli_device.h \
	src/shell/cli_device_show.c \
	src/shell/cli_help.c \
	src/shell/cli_help.h \
	src/shell/cli_job.c \
	src/shell/cli_pages.def \
	src/shell/cli_parse.c \
	src/shell/cli_parse.h \
	src/shell/cli_progress.c \
	src/shell/cli_progress.h \
	src/shell/cli_run.c \
	src/shell/cli_scsi.c \
	src/shell/cli_show.c \
	src/shell/cli_show.h \
	src/shell/cli_show_job.c \
	src/shell/cli_show_load.c \
	src/shell/cli_show_stats.c \
	src/shell/cli_status.c \
	src/shell/cli_table.c \
	src/shell/cli_table.h \
	src/shell/cli_text.c \
	src/shell/cli_text.h \
	src/shell/cli_trace.c \
	src/shell/buddy.c \
	src/shell/buddy.h \
	src/shell/bus_opts.c \
	src/shell/bus_rings.c \
	src/shell/bus_rings.h \
	src/shell/bus_opts.h \
	src/shell/bus_run.c \
	src/shell/bus_run.h \
	src/shell/bus_tap.c \
	src/shell/bus_tap.h \
	src/shell/conffile.c \
	src/shell/conffile.h \
	src/shell/conn.c \
	src/shell/conn.h \
	src/shell/daemon.c \
	src/shell/daemon.h \
	src/shell/daemon_bus.c \
	src/shell/daemon_call.c \
	src/shell/daemon_client.c \
	src/shell/daemon_core.h \
	src/shell/daemon_events.c \
	src/shell/daemon_exec.c \
	src/shell/daemon_files.c \
	src/shell/daemon_jobs.c \
	src/shell/daemon_logs.c \
	src/shell/daemon_methods.c \
	src/shell/daemon_opts.c \
	src/shell/daemon_opts.h \
	src/shell/daemon_query.c \
	src/shell/daemon_server.c \
	src/shell/daemon_state.c \
	src/shell/disk_opts.c \
	src/shell/disk_opts.h \
	src/shell/dirsync.c \
	src/shell/dirsync.h \
	src/shell/fdstore.c \
	src/shell/fdstore.h \
	src/shell/fileio.c \
	src/shell/fileio.h \
	src/shell/inbuf.c \
	src/shell/inbuf.h \
	src/shell/listener.c \
	src/shell/listener.h \
	src/shell/log.c \
	src/shell/log.h \
	src/shell/loop.c \
	src/shell/loop.h \
	src/shell/meta.c \
	src/shell/meta.h \
	src/shell/notify.c \
	src/shell/notify.h \
	src/shell/outq.c \
	src/shell/outq.h \
	src/shell/pool.c \
	src/shell/pool.h \
	src/shell/ring.c \
	src/shell/ring.h \
	src/shell/sigbus.c \
	src/shell/sigbus.h \
	src/shell/stall.c \
	src/shell/stall.h \
	src/shell/store.c \
	src/shell/store.h \
	src/shell/store_atomic.c \
	src/shell/store_begun.c \
	src/shell/store_begun.h \
	src/shell/store_beside.c \
	src/shell/store_beside.h \
	src/shell/store_inside.h \
	src/shell/store_left.c \
	src/shell/store_make.c \
	src/shell/store_map.c \
	src/shell/store_mapped.c \
	src/shell/store_protect.c \
	src/shell/store_protected.c \
	src/shell/store_repair.c \
	src/shell/store_sums.c \
	src/shell/target_disk.c \
	src/shell/target_disk.h \
	src/shell/target_io.c \
	src/shell/target_io.h \
	src/shell/target_opts.c \
	src/shell/target_opts.h \
	src/shell/target_run.c \
	src/shell/target_run.h \
	src/shell/trace_json.c \
	src/shell/trace_json.h \
	src/shell/workers.c \
	src/shell/workers.h

unit_tests += \
	tests/unit/test_addr \
	tests/unit/test_args \
	tests/unit/test_cli_commands \
	tests/unit/test_cli_conn \
	tests/unit/test_cli_data \
	tests/unit/test_cli_decode \
	tests/unit/test_cli_parse \
	tests/unit/test_cli_progress \
	tests/unit/test_cli_show \
	tests/unit/test_cli_show_job \
	tests/unit/test_cli_table \
	tests/unit/test_cli_text \
	tests/unit/test_conffile \
	tests/unit/test_bus_rings \
	tests/unit/test_conn \
	tests/unit/test_conn_rings \
	tests/unit/test_inbuf \
	tests/unit/test_loop \
	tests/unit/test_outq \
	tests/unit/test_pool \
	tests/unit/test_buddy \
	tests/unit/test_ring \
	tests/unit/test_trace_json
unit_tests += \
	tests/unit/test_disk_opts \
	tests/unit/test_fileio \
	tests/unit/test_meta \
	tests/unit/test_stall \
	tests/unit/test_store \
	tests/unit/test_store_atomic \
	tests/unit/test_store_begun \
	tests/unit/test_store_integrity \
	tests/unit/test_store_make \
	tests/unit/test_store_mapped \
	tests/unit/test_store_protect \
	tests/unit/test_store_sync \
	tests/unit/test_target_disk \
	tests/unit/test_target_io
# These of the store's system calls are the test's.
tests_unit_test_store_sync_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fsync -Wl,--wrap=fdatasync \
	-Wl,--wrap=posix_fadvise -Wl,--wrap=ftruncate -Wl,--wrap=pread -Wl,--wrap=pwrite \
	-Wl,--wrap=fallocate -Wl,--wrap=fstat -Wl,--wrap=fstatfs -Wl,--wrap=statfs
