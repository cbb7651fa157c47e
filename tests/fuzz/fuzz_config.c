/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files of all three programs: read as at SIGHUP, from a file in memory. What is
 * refused says why, in one line that names the file; what is taken can be read a second time, to
 * the same. The first byte chooses the program. Names of hosts are not looked up (the linker leads
 * getaddrinfo() here).
 */
#include "base/assert.h"
#include "shell/bus_opts.h"
#include "shell/daemon_opts.h"
#include "shell/target_opts.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out)
{
	struct addrinfo h = hints ? *hints : (struct addrinfo){0};

	h.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
	return __real_getaddrinfo(host, port, &h, out);
}

static char path[64];

static bool read_bus(enum log_level *level, char *why, size_t n)
{
	const struct bus_opts o = {.config = path, .log_level = LOG_LEVEL_INFO};
	struct bus_timing timing;

	return bus_opts_reread(&o, &timing, level, why, n);
}

static bool read_target(enum log_level *level, char *why, size_t n)
{
	const struct target_opts o = {.config = path, .log_level = LOG_LEVEL_INFO};
	struct target_again again = {.level = LOG_LEVEL_INFO};

	if (!target_opts_reread(&o, &again, why, n))
		return false;
	*level = again.level;
	for (unsigned i = 0; i < again.luns.n; i++)
		sm_assert(again.luns.v[i].lun > 0 && again.luns.v[i].lun < SCSI_LUNS);
	disk_list_free(&again.luns);
	return true;
}

static bool read_daemon(enum log_level *level, char *why, size_t n)
{
	const struct daemon_opts o = {.config = path, .log_level = LOG_LEVEL_INFO};

	return daemon_opts_reread(&o, level, why, n);
}

static bool read_one(unsigned which, enum log_level *level, char *why, size_t n)
{
	*level = LOG_LEVEL_INFO;
	return which == 0   ? read_bus(level, why, n)
	       : which == 1 ? read_target(level, why, n)
	                    : read_daemon(level, why, n);
}

static void fill(const uint8_t *p, size_t n)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("config", MFD_CLOEXEC);
		sm_assert(fd >= 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	sm_assert(ftruncate(fd, 0) == 0);
	sm_assert(n == 0 || pwrite(fd, p, n, 0) == (ssize_t)n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char why[600] = "", again[600] = "";
	enum log_level level, level_again;

	if (n == 0)
		return 0;
	fill(p + 1, n - 1);
	bool good = read_one(p[0] % 3, &level, why, sizeof(why));
	if (!good)
		sm_assert(*why && strlen(why) < sizeof(why) && !strchr(why, '\n'));
	sm_assert(read_one(p[0] % 3, &level_again, again, sizeof(again)) == good);
	sm_assert(good ? level == level_again : strcmp(why, again) == 0);
	return 0;
}
