/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: unix:PATH, tcp:HOST:PORT. A TCP address that is not loopback is refused: the transport
 * is not authenticated. */
#ifndef SHELL_ADDR_H
#define SHELL_ADDR_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct addr {
	struct sockaddr_storage ss;
	socklen_t len;
	char text[160]; /* as given, or (tcp port 0, after addr_listen) with the port that was
	                   picked */
	dev_t dev;      /* of the socket file that addr_listen() made */
	ino_t ino;
};

/* False with a text that names the address and what is wrong with it. */
int addr_parse(const char *text, struct addr *out, char *why, size_t n);
/* A listening, non-blocking, close-on-exec socket. UNIX: mode 0660; a stale socket file (nobody
 * listens) is replaced, a live one refused. -1 with why. */
int addr_listen(struct addr *a, char *why, size_t n);
/* Removes the socket file of addr_listen(), if it is still the one it made. */
void addr_unlisten(const struct addr *a);
/* A connected socket; non-blocking connect, completed by conn. TCP_NODELAY, cubic congestion
 * control, large buffers. -1 with why. */
int addr_connect(const struct addr *a, char *why, size_t n);
/* Options of an accepted socket. */
void addr_tune(int fd);

#endif
