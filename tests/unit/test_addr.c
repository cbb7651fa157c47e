/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/units.h"
#include "shell/addr.h"
#include "shell/listener.h"
#include "shell/loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/smirror-addr.XXXXXX";
static char path[64], text[80];
static char why[512];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	(void)snprintf(text, sizeof(text), "unix:%s", path);
	why[0] = '\0';
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(dir);
}

START_TEST(addresses_are_read)
{
	static const struct {
		const char *text;
		int family;
	} rows[] = {
	        {"unix:/run/smirror/bus.sock", AF_UNIX},
	        {"unix:s", AF_UNIX},
	        {"tcp:127.0.0.1:0", AF_INET},
	        {"tcp:127.1.2.3:65535", AF_INET},
	        {"tcp:[::1]:80", AF_INET6},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a;
		ck_assert_msg(addr_parse(rows[i].text, &a, why, sizeof(why)), "%s", why);
		ck_assert_int_eq(a.ss.ss_family, rows[i].family);
		ck_assert_str_eq(a.text, rows[i].text);
	}
}
END_TEST

START_TEST(what_is_no_address_is_named)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	        {"", "\"\" is not an address: unix:PATH or tcp:HOST:PORT"},
	        {"/run/s", "\"/run/s\" is not an address: unix:PATH or tcp:HOST:PORT"},
	        {"udp:127.0.0.1:5",
	         "\"udp:127.0.0.1:5\" is not an address: unix:PATH or tcp:HOST:PORT"},
	        {"unix:", "unix:: the path is missing"},
	        {"tcp:", "tcp:: it is not of the form tcp:HOST:PORT"},
	        {"tcp:127.0.0.1", "tcp:127.0.0.1: it is not of the form tcp:HOST:PORT"},
	        {"tcp::80", "tcp::80: it is not of the form tcp:HOST:PORT"},
	        {"tcp:[]:80", "tcp:[]:80: it is not of the form tcp:HOST:PORT"},
	        {"tcp:[::1:80", "tcp:[::1:80: it is not of the form tcp:HOST:PORT"},
	        {"tcp:127.0.0.1:", "tcp:127.0.0.1:: \"\" is not a port (0 to 65535)"},
	        {"tcp:127.0.0.1:x", "tcp:127.0.0.1:x: \"x\" is not a port (0 to 65535)"},
	        {"tcp:127.0.0.1:65536",
	         "tcp:127.0.0.1:65536: \"65536\" is not a port (0 to 65535)"},
	        {"tcp:127.0.0.1:-1", "tcp:127.0.0.1:-1: \"-1\" is not a port (0 to 65535)"},
	        {"tcp:10.1.2.3:80",
	         "tcp:10.1.2.3:80: 10.1.2.3 is not a loopback address; the transport is not "
	         "authenticated, so others are refused"},
	        {"tcp:0.0.0.0:80",
	         "tcp:0.0.0.0:80: 0.0.0.0 is not a loopback address; the transport is not "
	         "authenticated, so others are refused"},
	};
	char longer[200] = "unix:";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = {.len = 77};
		ck_assert_msg(!addr_parse(rows[i].text, &a, why, sizeof(why)), "%s is taken",
		              rows[i].text);
		ck_assert_str_eq(why, rows[i].why);
		ck_assert_uint_eq(a.len, 77);
	}
	struct addr a;
	memset(longer + 5, 'x', 108);
	ck_assert(!addr_parse(longer, &a, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "the path has 108 bytes, the most is 107"));
	memset(longer + 5, 'x', 190);
	ck_assert(!addr_parse(longer, &a, why, sizeof(why)));
}
END_TEST

START_TEST(a_unix_socket_has_its_mode)
{
	struct addr a;
	struct stat st;

	(void)umask(077);
	ck_assert(addr_parse(text, &a, why, sizeof(why)));
	int fd = addr_listen(&a, why, sizeof(why));
	ck_assert_msg(fd >= 0, "%s", why);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	int c = addr_connect(&a, why, sizeof(why));
	ck_assert_msg(c >= 0, "%s", why);
	(void)close(c);
	(void)close(fd);
	addr_unlisten(&a);
	ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
	struct addr a, b;
	struct stat st;

	ck_assert(addr_parse(text, &a, why, sizeof(why)));
	b = a;
	int first = addr_listen(&a, why, sizeof(why));
	ck_assert_int_ge(first, 0);
	ck_assert_int_eq(addr_listen(&b, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, ": a server is listening there already"));
	(void)close(first);
	ck_assert_int_eq(addr_connect(&a, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "cannot connect: Connection refused"));
	int second = addr_listen(&b, why, sizeof(why));
	ck_assert_msg(second >= 0, "%s", why);
	/* The first one's clean-up, late, leaves the second's file alone (inodes may be reused at
	 * once: then it is told by nothing, and this says nothing). */
	if (a.ino != b.ino) {
		addr_unlisten(&a);
		ck_assert_int_eq(stat(path, &st), 0);
	}
	(void)close(second);
}
END_TEST

START_TEST(a_file_is_not_replaced)
{
	struct addr a;
	struct stat st;
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	(void)fclose(f);
	ck_assert(addr_parse(text, &a, why, sizeof(why)));
	ck_assert_int_eq(addr_listen(&a, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "there is a file, which is not a socket"));
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

START_TEST(a_missing_directory_is_named)
{
	struct addr a;

	ck_assert(addr_parse("unix:/nonexistent/s", &a, why, sizeof(why)));
	ck_assert_int_eq(addr_listen(&a, why, sizeof(why)), -1);
	ck_assert_str_eq(why, "unix:/nonexistent/s: cannot listen: No such file or directory");
	ck_assert_int_eq(addr_connect(&a, why, sizeof(why)), -1);
	ck_assert_str_eq(why, "unix:/nonexistent/s: cannot connect: No such file or directory");
}
END_TEST

START_TEST(the_port_that_was_picked_is_told)
{
	struct addr a, b;
	char algorithm[16] = "";
	socklen_t len = sizeof(algorithm);
	int one = 0;

	ck_assert(addr_parse("tcp:127.0.0.1:0", &a, why, sizeof(why)));
	int fd = addr_listen(&a, why, sizeof(why));
	ck_assert_msg(fd >= 0, "%s", why);
	ck_assert_str_ne(a.text, "tcp:127.0.0.1:0");
	ck_assert(addr_parse(a.text, &b, why, sizeof(why)));
	int c = addr_connect(&b, why, sizeof(why));
	ck_assert_msg(c >= 0, "%s", why);
	ck_assert_int_eq(getsockopt(c, IPPROTO_TCP, TCP_CONGESTION, algorithm, &len), 0);
	ck_assert_str_eq(algorithm, "cubic");
	len = sizeof(one);
	ck_assert_int_eq(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
	ck_assert_int_eq(one, 1);
	/* The port is taken. */
	ck_assert_int_eq(addr_listen(&b, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, "Address already in use"));
	(void)close(c);
	(void)close(fd);
}
END_TEST

static int accepted;

static void on_accepted(void *ctx, int fd)
{
	(void)ctx;
	accepted++;
	(void)close(fd);
}

START_TEST(a_shortage_of_descriptors_passes)
{
	struct event_base *base = event_base_new();
	struct addr a;
	struct rlimit limit, none;

	ck_assert(addr_parse(text, &a, why, sizeof(why)));
	int fd = addr_listen(&a, why, sizeof(why));
	struct listener *l = listener_new(base, fd, on_accepted, NULL);
	ck_assert_ptr_nonnull(l);
	int c = addr_connect(&a, why, sizeof(why));
	ck_assert_int_ge(c, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	(void)event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(accepted, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* It has not spun, but waited: the next try is not at once. */
	ns_t start = loop_now();
	while (accepted == 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_gt(loop_now() - start, 50 * NS_PER_MS);
	listener_free(l);
	(void)close(c);
	event_base_free(base);
}
END_TEST

TAP_MAIN_WITH("addr", setup, teardown, addresses_are_read, what_is_no_address_is_named,
              a_unix_socket_has_its_mode, a_stale_socket_is_replaced, a_file_is_not_replaced,
              a_missing_directory_is_named, the_port_that_was_picked_is_told,
              a_shortage_of_descriptors_passes);
