/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/addr.h"

#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG      64
#define SOCKET_BYTES (1024 * 1024) /* of a socket, each way; more only leaves the cache */
#define SOCKET_MODE  0660
#define LOCK_TRIES   100
#define LOCK_WAIT_NS (10 * NS_PER_MS)

/* ---- text to address ---- */

static int parse_unix(const char *text, const char *path, struct addr *a, char *why, size_t n)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (path[0] == '\0') {
		(void)snprintf(why, n, "%s: the path is missing", text);
		return 0;
	}
	if (strlen(path) >= sizeof(un.sun_path)) {
		(void)snprintf(why, n, "%s: the path has %zu bytes, the most is %zu", text,
		               strlen(path), sizeof(un.sun_path) - 1);
		return 0;
	}
	(void)strcpy(un.sun_path, path);
	memcpy(&a->ss, &un, sizeof(un));
	a->len = sizeof(un);
	return 1;
}

static bool is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
	}
	return false;
}

/* Splits HOST:PORT or [HOST]:PORT. */
static bool split_host(const char *hostport, char *host, size_t n, const char **port)
{
	const char *colon = strrchr(hostport, ':');
	const char *end = colon;

	if (!colon)
		return false;
	if (hostport[0] == '[') {
		hostport++;
		if (end == hostport || *--end != ']')
			return false;
	}
	size_t len = (size_t)(end - hostport);
	if (len == 0 || len >= n)
		return false;
	memcpy(host, hostport, len);
	host[len] = '\0';
	*port = colon + 1;
	return true;
}

static bool is_port(const char *p)
{
	size_t n = strlen(p);
	return n > 0 && n <= 5 && strspn(p, "0123456789") == n && strtoul(p, NULL, 10) <= 65535;
}

static int parse_tcp(const char *text, const char *hostport, struct addr *a, char *why, size_t n)
{
	char host[128];
	const char *port = NULL;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;

	if (!split_host(hostport, host, sizeof(host), &port)) {
		(void)snprintf(why, n, "%s: it is not of the form tcp:HOST:PORT", text);
		return 0;
	}
	if (!is_port(port)) {
		(void)snprintf(why, n, "%s: \"%s\" is not a port (0 to 65535)", text, port);
		return 0;
	}
	int e = getaddrinfo(host, port, &hints, &list);
	if (e != 0) {
		(void)snprintf(why, n, "%s: %s: %s", text, host,
		               e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
		return 0;
	}
	bool ok = is_loopback(list->ai_addr);
	if (ok) {
		memcpy(&a->ss, list->ai_addr, list->ai_addrlen);
		a->len = list->ai_addrlen;
	} else {
		(void)snprintf(why, n,
		               "%s: %s is not a loopback address; the transport is not "
		               "authenticated, so others are refused",
		               text, host);
	}
	freeaddrinfo(list);
	return ok;
}

int addr_parse(const char *text, struct addr *out, char *why, size_t n)
{
	struct addr a = {.len = 0};
	int ok = 0;

	if (strlen(text) >= sizeof(a.text))
		(void)snprintf(why, n, "the address \"%.40s...\" has %zu bytes, the most is %zu",
		               text, strlen(text), sizeof(a.text) - 1);
	else if (strncmp(text, "unix:", 5) == 0)
		ok = parse_unix(text, text + 5, &a, why, n);
	else if (strncmp(text, "tcp:", 4) == 0)
		ok = parse_tcp(text, text + 4, &a, why, n);
	else
		(void)snprintf(why, n, "\"%s\" is not an address: unix:PATH or tcp:HOST:PORT",
		               text);
	if (!ok)
		return 0;
	(void)strcpy(a.text, text);
	*out = a;
	return 1;
}

static const char *unix_path(const struct addr *a)
{
	return ((const struct sockaddr_un *)&a->ss)->sun_path;
}

/* ---- sockets ---- */

static void set_bytes(int fd, int option, int force, int bytes)
{
	/* FORCE passes the system's limit, with privilege. */
	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

/* Tuning is for speed only: a failure is none of the connection's. */
void addr_tune(int fd)
{
	int domain = 0, one = 1;
	socklen_t len = sizeof(domain);

	set_bytes(fd, SO_SNDBUF, SO_SNDBUFFORCE, SOCKET_BYTES);
	set_bytes(fd, SO_RCVBUF, SO_RCVBUFFORCE, SOCKET_BYTES);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain == AF_UNIX)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* BBR, the default of some systems, is two to three times slower on loopback. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

static int open_socket(const struct addr *a)
{
	return socket(a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int fail(int fd, const struct addr *a, const char *what, char *why, size_t n)
{
	(void)snprintf(why, n, "%s: %s: %s", a->text, what, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* ---- listening ---- */

/*
 * Two servers that start at once must not take each other's fresh socket for a stale one: whoever
 * looks and binds holds a lock on the directory. Without it (it cannot be read, or is locked by
 * somebody for long) we go on: then it is only that race.
 */
static int lock_directory(const struct addr *a)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	(void)strcpy(path, unix_path(a));
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
		const struct timespec wait = {.tv_nsec = LOCK_WAIT_NS};
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		(void)nanosleep(&wait, NULL);
	}
	return fd;
}

/* Removes a socket file on which nobody listens. False with why when there is something else. */
static bool remove_stale(const struct addr *a, char *why, size_t n)
{
	struct stat st;

	if (lstat(unix_path(a), &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		(void)snprintf(why, n, "%s: there is a file, which is not a socket", a->text);
		return false;
	}
	int fd = open_socket(a);
	if (fd < 0)
		return fail(fd, a, "socket", why, n) == 0;
	bool stale =
	        connect(fd, (const struct sockaddr *)&a->ss, a->len) != 0 && errno == ECONNREFUSED;
	(void)close(fd);
	if (!stale)
		(void)snprintf(why, n, "%s: a server is listening there already", a->text);
	else if (unlink(unix_path(a)) != 0)
		(void)snprintf(why, n, "%s: cannot remove the old socket: %s", a->text,
		               strerror(errno));
	else
		return true;
	return false;
}

static int listen_unix(struct addr *a, char *why, size_t n)
{
	if (!remove_stale(a, why, n))
		return -1;
	int fd = open_socket(a);
	if (fd < 0)
		return fail(fd, a, "socket", why, n);
	/* Never wider than meant, not even between bind and chmod. */
	(void)fchmod(fd, 0600);
	if (bind(fd, (const struct sockaddr *)&a->ss, a->len) != 0)
		return fail(fd, a, "cannot listen", why, n);
	struct stat st;
	if (chmod(unix_path(a), SOCKET_MODE) != 0 || lstat(unix_path(a), &st) != 0 ||
	    listen(fd, BACKLOG) != 0)
		return fail(fd, a, "cannot listen", why, n);
	a->dev = st.st_dev;
	a->ino = st.st_ino;
	return fd;
}

static int listen_tcp(struct addr *a, char *why, size_t n)
{
	int one = 1;
	int fd = open_socket(a);

	if (fd < 0)
		return fail(fd, a, "socket", why, n);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	addr_tune(fd);
	if (bind(fd, (const struct sockaddr *)&a->ss, a->len) != 0 || listen(fd, BACKLOG) != 0)
		return fail(fd, a, "cannot listen", why, n);
	/* Port 0: which one was it? The text keeps the host as it was given. */
	socklen_t len = sizeof(a->ss);
	if (getsockname(fd, (struct sockaddr *)&a->ss, &len) != 0)
		return fail(fd, a, "getsockname", why, n);
	a->len = len;
	unsigned port = a->ss.ss_family == AF_INET
	                        ? ntohs(((const struct sockaddr_in *)&a->ss)->sin_port)
	                        : ntohs(((const struct sockaddr_in6 *)&a->ss)->sin6_port);
	char *colon = strrchr(a->text, ':');
	(void)snprintf(colon, sizeof(a->text) - (size_t)(colon - a->text), ":%u", port);
	return fd;
}

int addr_listen(struct addr *a, char *why, size_t n)
{
	if (a->ss.ss_family != AF_UNIX)
		return listen_tcp(a, why, n);
	int lock = lock_directory(a);
	int fd = listen_unix(a, why, n);
	if (lock >= 0)
		(void)close(lock);
	return fd;
}

void addr_unlisten(const struct addr *a)
{
	struct stat st;

	/* Another server may have put its own there since. */
	if (a->ss.ss_family == AF_UNIX && a->ino != 0 && lstat(unix_path(a), &st) == 0 &&
	    st.st_dev == a->dev && st.st_ino == a->ino)
		(void)unlink(unix_path(a));
}

/* ---- connecting ---- */

int addr_connect(const struct addr *a, char *why, size_t n)
{
	int fd = open_socket(a);

	if (fd < 0)
		return fail(fd, a, "socket", why, n);
	addr_tune(fd);
	/* A UNIX socket connects at once; EAGAIN: the server's queue is full. */
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) != 0 && errno != EINPROGRESS)
		return fail(fd, a, "cannot connect", why, n);
	return fd;
}
