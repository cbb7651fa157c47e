/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded (LD_PRELOAD) into a program that speaks SCSI through SG_IO, of sg3_utils or
 * iscsi-test-cu: /dev/smirror/TARGET[/LUN] is a disk behind the control socket $SMIRROR_CONTROL
 * then, and each SG_IO of it a scsi.execute. Everything else is the system's.
 *
 * As the kernel does it: the status and sense of a command that completed, host_status for one that
 * did not; residuals; data that a command did not send leave the buffer as it was.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/fs.h>
#include <nettle/base64.h>
#include <pthread.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX     "/dev/smirror/"
#define DEVICES    64
#define NAME_MAX_  64
#define CDB_MAX    32
#define ROOM_FIRST (1U << 17)
#define SG_VERSION 30536
#define SG_MAJOR   21
#define TIMEOUT_MS 60000U
#define TRANSFER   (16 << 20) /* bytes of the largest command */
#define SECTOR     512
#define JIFFIES    6000 /* of SG_GET_TIMEOUT */

/* host_status and driver_status of the kernel */
enum {
	DID_OK,
	DID_NO_CONNECT,
	DID_BUS_BUSY,
	DID_TIME_OUT,
	DID_BAD_TARGET,
	DID_ABORT,
	DID_RESET = 8
};
#define DRIVER_SENSE 8

struct device {
	int fd; /* of the control socket, which stands for the device; -1: free */
	char target[NAME_MAX_];
	unsigned lun;
	char *in; /* what came */
	size_t n, room;
	size_t taken; /* ... of it the line that was given out */
	pthread_mutex_t turn;
};

static struct device devices[DEVICES];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static void __attribute__((constructor)) start(void)
{
	for (unsigned i = 0; i < DEVICES; i++)
		devices[i] = (struct device){.fd = -1, .turn = PTHREAD_MUTEX_INITIALIZER};
}

static struct device *device_of(int fd)
{
	for (unsigned i = 0; i < DEVICES && fd >= 0; i++)
		if (devices[i].fd == fd)
			return &devices[i];
	return NULL;
}

static bool is_device(const char *path)
{
	return path && strncmp(path, PREFIX, strlen(PREFIX)) == 0;
}

/* ---- the system's functions ---- */

#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ---- the control socket ---- */

static int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = getenv("SMIRROR_CONTROL");

	if (!path || strlen(path) >= sizeof(a.sun_path)) {
		errno = ENODEV;
		return -1;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		(void)REAL(close)(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static bool more_room(struct device *d)
{
	size_t room = d->room ? 2 * d->room : ROOM_FIRST;
	char *p = realloc(d->in, room);

	if (!p)
		return false;
	d->in = p;
	d->room = room;
	return true;
}

/* The next line, with its end; NULL: the socket has closed. It stays until the next one is asked
 * for. */
static char *receive_line(struct device *d, size_t *len)
{
	size_t looked = 0;

	d->n -= d->taken;
	memmove(d->in, d->in + d->taken, d->n);
	d->taken = 0;
	for (;;) {
		char *end = d->n > looked ? memchr(d->in + looked, '\n', d->n - looked) : NULL;
		if (end) {
			*len = (size_t)(end - d->in) + 1;
			d->taken = *len;
			return d->in;
		}
		looked = d->n;
		if (d->n == d->room && !more_room(d))
			return NULL;
		ssize_t k = recv(d->fd, d->in + d->n, d->room - d->n, 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return NULL;
		d->n += (size_t)k;
	}
}

/* What came, up to 16 MiB, and how much: in base64, of the line. */
struct data {
	const char *text;
	size_t n;
};

/* The next line as JSON, but for what is in data_in, which a JSON parser takes long for; NULL:
 * there is none. */
static json_t *receive(struct device *d, struct data *data)
{
	static const char key[] = "\"data_in\":\"";
	size_t len = 0;
	char *line = receive_line(d, &len);
	char *at = line ? memmem(line, len, key, strlen(key)) : NULL;
	char *from = at ? at + strlen(key) : NULL;
	char *to = from ? memchr(from, '"', len - (size_t)(from - line)) : NULL;

	*data = (struct data){0};
	if (!to)
		return line ? json_loadb(line, len, 0, NULL) : NULL;
	*data = (struct data){from, (size_t)(to - from)};
	size_t head = (size_t)(from - line), tail = len - (size_t)(to - line);
	char *rest = malloc(head + tail);
	if (!rest)
		return NULL;
	memcpy(rest, line, head);
	memcpy(rest + head, to, tail);
	json_t *j = json_loadb(rest, head + tail, 0, NULL);
	free(rest);
	return j;
}

/* ---- devices ---- */

static bool name_it(struct device *d, const char *path)
{
	const char *name = path + strlen(PREFIX), *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : strlen(name);

	if (n == 0 || n >= sizeof(d->target)) {
		errno = ENOENT;
		return false;
	}
	memcpy(d->target, name, n);
	d->target[n] = '\0';
	d->lun = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;
	return true;
}

static int device_open(const char *path)
{
	struct device *d = NULL;

	(void)pthread_mutex_lock(&table);
	for (unsigned i = 0; i < DEVICES && !d; i++)
		if (devices[i].fd < 0)
			d = &devices[i];
	if (!d)
		errno = EMFILE;
	else if (!name_it(d, path))
		d = NULL;
	int fd = d ? dial() : -1;
	if (fd >= 0)
		d->fd = fd;
	(void)pthread_mutex_unlock(&table);
	if (fd >= 0) {
		struct data none;
		d->n = d->taken = 0;
		/* Not under the lock: jansson's first use opens and closes a file. */
		json_decref(receive(d, &none)); /* the greeting */
	}
	return fd;
}

/* ---- SG_IO ---- */

/* Copies between the caller's buffer, in one piece or several, and a flat one. */
static void copy_data(const sg_io_hdr_t *h, uint8_t *flat, size_t n, bool out)
{
	const sg_iovec_t one = {.iov_base = h->dxferp, .iov_len = h->dxfer_len};
	const sg_iovec_t *v = h->iovec_count ? h->dxferp : &one;
	size_t at = 0;

	for (unsigned i = 0; i < (h->iovec_count ? h->iovec_count : 1U) && at < n; i++) {
		size_t k = v[i].iov_len < n - at ? v[i].iov_len : n - at;
		if (out)
			memcpy(flat + at, v[i].iov_base, k);
		else
			memcpy(v[i].iov_base, flat + at, k);
		at += k;
	}
}

static bool sends(const sg_io_hdr_t *h)
{
	return h->dxfer_direction == SG_DXFER_TO_DEV && h->dxfer_len > 0;
}

static bool receives(const sg_io_hdr_t *h)
{
	return h->dxfer_direction == SG_DXFER_FROM_DEV ||
	       h->dxfer_direction == SG_DXFER_TO_FROM_DEV;
}

/* The request's line, for free(); NULL: out of memory. */
static char *make_request(const struct device *d, const sg_io_hdr_t *h, uint8_t *flat)
{
	char cdb[2 * CDB_MAX + 1] = "";
	size_t out = sends(h) ? h->dxfer_len : 0, text = BASE64_ENCODE_RAW_LENGTH(out);
	char *line = malloc(text + 512);

	if (!line)
		return NULL;
	for (unsigned i = 0; i < h->cmd_len && i < CDB_MAX; i++)
		(void)snprintf(cdb + (size_t)2 * i, 3, "%02x", h->cmdp[i]);
	int n = snprintf(line, 512,
	                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"scsi.execute\",\"params\":{"
	                 "\"target\":\"%s\",\"lun\":%u,\"cdb\":\"%s\",\"data_in_length\":%u,"
	                 "\"timeout_ms\":%u%s",
	                 d->target, d->lun, cdb, receives(h) ? h->dxfer_len : 0,
	                 h->timeout ? h->timeout : TIMEOUT_MS, out ? ",\"data_out\":\"" : "");
	char *p = line + n;
	if (out) {
		copy_data(h, flat, out, true);
		base64_encode_raw(p, out, flat);
		p += text;
		*p++ = '"';
	}
	memcpy(p, "}}\n", 4);
	return line;
}

static unsigned host_status(const char *outcome)
{
	static const struct {
		const char *name;
		unsigned status;
	} table_[] = {{"completed", DID_OK},
	              {"selection_timeout", DID_NO_CONNECT},
	              {"command_timeout", DID_TIME_OUT},
	              {"bus_reset", DID_RESET},
	              {"aborted", DID_ABORT}};

	for (size_t i = 0; outcome && i < sizeof(table_) / sizeof(table_[0]); i++)
		if (strcmp(table_[i].name, outcome) == 0)
			return table_[i].status;
	return DID_BAD_TARGET;
}

static void take_sense(sg_io_hdr_t *h, const char *hex)
{
	unsigned v;

	for (; hex && h->sb_len_wr < h->mx_sb_len && sscanf(hex, "%2x", &v) == 1; hex += 2)
		h->sbp[h->sb_len_wr++] = (unsigned char)v;
	if (h->sb_len_wr)
		h->driver_status = DRIVER_SENSE;
}

static void take_data(const sg_io_hdr_t *h, const struct data *data, uint8_t *flat)
{
	struct base64_decode_ctx ctx;
	size_t n = h->dxfer_len + 3U; /* what it decodes to at most */

	base64_decode_init(&ctx);
	if (receives(h) && data->n > 0 &&
	    data->n <= BASE64_ENCODE_RAW_LENGTH((size_t)h->dxfer_len) &&
	    base64_decode_update(&ctx, &n, flat, data->n, data->text))
		copy_data(h, flat, n, false);
}

static void take_result(sg_io_hdr_t *h, const json_t *r, const struct data *data, uint8_t *flat)
{
	h->host_status =
	        (unsigned short)host_status(json_string_value(json_object_get(r, "outcome")));
	h->status = (unsigned char)json_integer_value(json_object_get(r, "status"));
	/* CONDITION MET is none of the errors that a caller looks for here. */
	h->masked_status = h->status == 4 ? 0 : h->status >> 1 & 0x1f;
	h->resid = (int)json_integer_value(json_object_get(r, "residual"));
	take_sense(h, json_string_value(json_object_get(r, "sense")));
	take_data(h, data, flat);
	if (h->status || h->host_status || h->driver_status)
		h->info |= SG_INFO_CHECK;
}

static int sg_io(struct device *d, sg_io_hdr_t *h)
{
	uint8_t *flat = malloc((size_t)h->dxfer_len + 4);
	char *line = flat ? make_request(d, h, flat) : NULL;
	json_t *answer = NULL;
	struct data data = {0};

	h->sb_len_wr = 0;
	h->info = 0;
	h->duration = 0;
	h->msg_status = 0;
	h->driver_status = 0;
	/* The turn is over when the data, which are in what came, are taken. */
	(void)pthread_mutex_lock(&d->turn);
	if (line && send_all(d->fd, line, strlen(line)))
		answer = receive(d, &data);
	const json_t *result = json_object_get(answer, "result");
	bool ok = result != NULL;
	if (ok)
		take_result(h, result, &data, flat);
	(void)pthread_mutex_unlock(&d->turn);
	if (!ok && getenv("SGIO_DEBUG"))
		(void)fprintf(stderr, "sgio: %.200s\n", line ? line : "out of memory");
	json_decref(answer);
	free(line);
	free(flat);
	if (ok)
		return 0;
	errno = EIO;
	return -1;
}

static int device_ioctl(struct device *d, unsigned long request, void *arg)
{
	switch (request) {
	case SG_IO:
		return sg_io(d, arg);
	case SG_GET_VERSION_NUM:
		*(int *)arg = SG_VERSION;
		return 0;
	case SG_SET_TIMEOUT:
	case SG_SET_RESERVED_SIZE:
	case SG_SET_COMMAND_Q:
	case SG_SET_FORCE_PACK_ID:
		return 0;
	case SG_GET_RESERVED_SIZE:
		*(int *)arg = TRANSFER;
		return 0;
	case SG_GET_TIMEOUT:
		return JIFFIES;
	case BLKSECTGET:
		*(int *)arg = TRANSFER / SECTOR;
		return 0;
	case SG_EMULATED_HOST:
		*(int *)arg = 0;
		return 0;
	case SG_GET_SCSI_ID:
		*(struct sg_scsi_id *)arg = (struct sg_scsi_id){.lun = (int)d->lun};
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}

/* ---- what is put in their place ---- */

#define OPENS(name)                                                                                \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		va_list more;                                                                      \
		va_start(more, flags);                                                             \
		mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;          \
		va_end(more);                                                                      \
		return is_device(path) ? device_open(path) : REAL(name)(path, flags, mode);        \
	}
OPENS(open)
OPENS(open64)

/* Those of _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

int close(int fd)
{
	struct device *d;

	(void)pthread_mutex_lock(&table);
	d = device_of(fd);
	if (d)
		d->fd = -1;
	(void)pthread_mutex_unlock(&table);
	return REAL(close)(fd);
}

#define STATS(name, type)                                                                          \
	int name(const char *path, struct type *st)                                                \
	{                                                                                          \
		if (!is_device(path))                                                              \
			return REAL(name)(path, st);                                               \
		*st = (struct type){.st_mode = S_IFCHR | 0600, .st_rdev = makedev(SG_MAJOR, 0)};   \
		return 0;                                                                          \
	}                                                                                          \
	int f##name(int fd, struct type *st)                                                       \
	{                                                                                          \
		if (!device_of(fd))                                                                \
			return REAL(f##name)(fd, st);                                              \
		*st = (struct type){.st_mode = S_IFCHR | 0600, .st_rdev = makedev(SG_MAJOR, 0)};   \
		return 0;                                                                          \
	}
STATS(stat, stat)
STATS(stat64, stat64)

int ioctl(int fd, unsigned long request, ...)
{
	va_list more;
	struct device *d = device_of(fd);

	va_start(more, request);
	void *arg = va_arg(more, void *);
	va_end(more);
	return d ? device_ioctl(d, request, arg) : REAL(ioctl)(fd, request, arg);
}
