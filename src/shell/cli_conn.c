/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_conn.h"

#include "control/lines.h"
#include "shell/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING_NS (10 * NS_PER_S)
#define SEND_NS     (60 * NS_PER_S)
#define READ_BYTES  (64 * KIB)
#define WHY_MAX     512

struct cli_conn {
	int fd;
	json_int_t next_id;
	struct ctl_lines lines;
	bool ended;
	char why[WHY_MAX];
};

static const int held[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t caught;
static bool holding;
static sigset_t outside; /* the mask while waiting */

static void on_signal(int signo)
{
	caught = signo;
}

void cli_hold_signals(void)
{
	const struct sigaction act = {.sa_handler = on_signal};
	sigset_t set;

	if (holding)
		return;
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		(void)sigaddset(&set, held[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &outside);
	for (size_t i = 0; i < ARRAY_LEN(held); i++) {
		struct sigaction old;

		/* What was ignored at the start (nohup) stays so. */
		if (sigaction(held[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(held[i], &act, NULL);
		(void)sigdelset(&outside, held[i]);
	}
	holding = true;
}

int cli_signal(void)
{
	return (int)caught;
}

ns_t cli_now(void)
{
	return loop_now();
}

const char *cli_conn_why(const struct cli_conn *c)
{
	return c->why;
}

static void set_why(struct cli_conn *c, const char *what, int err)
{
	(void)snprintf(c->why, sizeof(c->why), "%s%s%s", what, err ? ": " : "",
	               err ? strerror(err) : "");
}

/* Waits for an event of a socket, or a pipe, until `end`: 1, 0 when the time is over, -1 for a
 * signal. */
static int wait_for(int fd, short events, ns_t end)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		ns_t now = cli_now(), left = end > now ? end - now : 0;
		const struct timespec t = {.tv_sec = (time_t)(left / NS_PER_S),
		                           .tv_nsec = (long)(left % NS_PER_S)};
		int n = ppoll(&p, 1, end == NS_NEVER ? NULL : &t, holding ? &outside : NULL);

		if (n > 0)
			return 1;
		if (n < 0 && errno == EINTR && caught)
			return -1;
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return 0;
	}
}

bool cli_may_write(void)
{
	return wait_for(STDOUT_FILENO, POLLOUT, NS_NEVER) >= 0;
}

/* A line as JSON; NULL with why. */
static json_t *parse(struct cli_conn *c, const char *line, size_t n)
{
	json_error_t e;
	json_t *m = json_loadb(line, n, 0, &e);

	if (json_is_object(m))
		return m;
	json_decref(m);
	set_why(c, "what the daemon sent is not understood", 0);
	return NULL;
}

/* Reads what is there. False at the end, with why. */
static bool fill(struct cli_conn *c)
{
	char *room = ctl_lines_room(&c->lines, READ_BYTES);

	if (!room) {
		set_why(c, "out of memory", 0);
		return false;
	}
	ssize_t n = recv(c->fd, room, READ_BYTES, 0);
	if (n > 0) {
		ctl_lines_came(&c->lines, (size_t)n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	set_why(c, "the daemon closed the connection", n < 0 ? errno : 0);
	return false;
}

enum cli_got cli_conn_next(struct cli_conn *c, ns_t limit, json_t **out)
{
	ns_t now = cli_now(), end = limit > NS_NEVER - now ? NS_NEVER : now + limit;

	*out = NULL;
	while (!c->ended) {
		char *line = NULL;
		size_t n = 0;

		switch (ctl_lines_next(&c->lines, &line, &n)) {
		case CTL_LINE:
			*out = parse(c, line, n);
			c->ended = !*out;
			return *out ? CLI_GOT_MESSAGE : CLI_GOT_END;
		case CTL_LINE_TOO_LONG:
			set_why(c, "the daemon sent a line that is too long", 0);
			c->ended = true;
			return CLI_GOT_END;
		case CTL_LINE_NONE:
			break;
		}
		int ready = wait_for(c->fd, POLLIN, end);
		if (ready <= 0)
			return ready < 0 ? CLI_GOT_SIGNAL : CLI_GOT_TIMEOUT;
		c->ended = !fill(c);
	}
	return CLI_GOT_END;
}

bool cli_answers(const json_t *m, json_int_t id)
{
	const json_t *v = json_object_get(m, "id");

	return json_is_integer(v) && json_integer_value(v) == id;
}

/* Sends bytes, the descriptor with the first of them. */
static bool send_all(struct cli_conn *c, const char *p, size_t n, int fd)
{
	ns_t end = cli_now() + SEND_NS;

	while (n > 0) {
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control = {.bytes = {0}};
		struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
		struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

		if (fd >= 0) {
			m.msg_control = control.bytes;
			m.msg_controllen = sizeof(control.bytes);
			struct cmsghdr *h = CMSG_FIRSTHDR(&m);
			h->cmsg_level = SOL_SOCKET;
			h->cmsg_type = SCM_RIGHTS;
			h->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(h), &fd, sizeof(fd));
		}
		ssize_t sent = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
			fd = -1;
		} else if (errno == EAGAIN) {
			if (wait_for(c->fd, POLLOUT, end) == 0) {
				set_why(c, "the daemon does not read what it is sent", 0);
				return false;
			}
		} else if (errno != EINTR) {
			set_why(c, "cannot send to the daemon", errno);
			return false;
		}
	}
	return true;
}

json_int_t cli_conn_send(struct cli_conn *c, const char *method, const json_t *params, int fd)
{
	json_int_t id = c->next_id++;
	json_t *request =
	        json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", id, "method", method);

	if (json_object_size(params) > 0)
		(void)json_object_set(request, "params", (json_t *)(uintptr_t)params);
	char *line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	size_t n = line ? strlen(line) : 0;
	bool ok = line != NULL;
	if (!ok)
		set_why(c, "out of memory", 0);
	else {
		line[n] = '\n'; /* in the place of the NUL */
		ok = send_all(c, line, n + 1, fd);
	}
	free(line);
	return ok ? id : 0;
}

static int connect_to(const char *path, char *why, size_t n)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path)) {
		(void)snprintf(why, n, "the path is longer than %zu bytes", sizeof(a.sun_path) - 1);
		errno = 0;
		return -1;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	int err = errno;
	(void)snprintf(why, n, "%s%s", strerror(err),
	               err == EACCES ? ": it is for root, the daemon's user and the group smirror"
	                             : "");
	if (fd >= 0)
		(void)close(fd);
	errno = err;
	return -1;
}

/* The greeting, or an error in its place. */
static bool greeted(struct cli_conn *c)
{
	json_t *m = NULL;

	switch (cli_conn_next(c, GREETING_NS, &m)) {
	case CLI_GOT_MESSAGE:
		break;
	case CLI_GOT_TIMEOUT:
		set_why(c, "the daemon does not answer", 0);
		return false;
	case CLI_GOT_SIGNAL:
		set_why(c, "interrupted", 0);
		return false;
	case CLI_GOT_END:
		return false;
	}
	const json_t *error = json_object_get(m, "error"), *product = json_object_get(m, "product");
	const json_t *major = json_object_get(json_object_get(m, "api"), "major");
	bool ok = false;
	if (json_is_object(error)) {
		const char *text = json_string_value(json_object_get(error, "message"));
		set_why(c, text ? text : "refused", 0);
	} else if (!json_is_string(product) || strcmp(json_string_value(product), "smirror") != 0) {
		set_why(c, "what listens there is no smirrord", 0);
	} else if (json_integer_value(major) != CLI_API_MAJOR) {
		(void)snprintf(c->why, sizeof(c->why),
		               "the daemon speaks version %" JSON_INTEGER_FORMAT
		               " of the control protocol, this program version %d",
		               json_integer_value(major), CLI_API_MAJOR);
	} else {
		ok = true;
	}
	json_decref(m);
	return ok;
}

struct cli_conn *cli_conn_open(const char *path, char *why, size_t n)
{
	int fd = connect_to(path, why, n);
	struct cli_conn *c = fd < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c) {
		if (fd >= 0) {
			(void)snprintf(why, n, "out of memory");
			(void)close(fd);
		}
		return NULL;
	}
	c->fd = fd;
	c->next_id = 1;
	ctl_lines_init(&c->lines, CLI_LINE_MAX);
	if (greeted(c))
		return c;
	(void)snprintf(why, n, "%s", c->why);
	cli_conn_free(c);
	errno = 0;
	return NULL;
}

void cli_conn_free(struct cli_conn *c)
{
	if (!c)
		return;
	(void)close(c->fd);
	ctl_lines_free(&c->lines);
	free(c);
}
