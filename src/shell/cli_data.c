/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_data.h"

#include "control/base64.h"
#include "shell/cli_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads to the end, at most `max` bytes; -1 with errno (EFBIG: there are more). */
static ssize_t read_all(int fd, uint8_t *p, size_t max)
{
	size_t n = 0;
	uint8_t more;

	for (;;) {
		ssize_t got = n < max ? read(fd, p + n, max - n) : read(fd, &more, 1);

		if (got == 0)
			return (ssize_t)n;
		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0 && n == max) {
			errno = EFBIG;
			return -1;
		}
		n += got > 0 ? (size_t)got : 0;
	}
}

static json_t *encode(const uint8_t *p, size_t n)
{
	char *text = malloc(base64_encoded_len(n) + 1);
	json_t *j = text ? json_stringn(text, base64_encode(p, n, text)) : NULL;

	free(text);
	return j;
}

json_t *cli_data_from(struct cli *cli, const char *path)
{
	bool std = strcmp(path, "-") == 0;
	int fd = std ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *p = fd < 0 ? NULL : malloc(CLI_DATA_MAX);
	ssize_t n = p ? read_all(fd, p, CLI_DATA_MAX) : -1;
	json_t *j = n >= 0 ? encode(p, (size_t)n) : NULL;

	if (!j && errno == EFBIG)
		(void)cli_fail(cli, CLI_FAILED, "%s: more than %llu bytes", path, CLI_DATA_MAX);
	else if (!j)
		(void)cli_fail(cli, CLI_FAILED, "%s: %s", path, strerror(errno));
	free(p);
	if (fd >= 0 && !std)
		(void)close(fd);
	return j;
}

uint8_t *cli_data_decode(struct cli *cli, const json_t *text, size_t *n)
{
	const char *s = json_string_value(text);
	size_t len = json_string_length(text), at = 0;
	uint8_t *p = NULL;

	if (s && base64_decoded_len(s, len, n) && (p = malloc(*n + 1)) != NULL &&
	    base64_decode(s, len, p, &at))
		return p;
	free(p);
	(void)cli_fail(cli, CLI_FAILED, "the daemon's answer holds no base64");
	return NULL;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno != EINTR)
			return false;
		p += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
	return true;
}

bool cli_data_to(struct cli *cli, const char *path, const uint8_t *p, size_t n)
{
	bool std = strcmp(path, "-") == 0;
	int fd = std ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	(void)fflush(stdout);
	bool ok = fd >= 0 && write_all(fd, p, n);
	int err = errno;
	if (fd >= 0 && !std && close(fd) != 0 && ok) {
		ok = false;
		err = errno;
	}
	if (!ok)
		(void)cli_fail(cli, CLI_FAILED, "%s: %s", std ? "standard output" : path,
		               strerror(err));
	return ok;
}

void cli_hex_dump(FILE *to, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at += 16) {
		size_t len = n - at < 16 ? n - at : 16;

		(void)fprintf(to, "%08zx ", at);
		for (size_t i = 0; i < 16; i++) {
			if (i < len)
				(void)fprintf(to, "%s%02x", i == 8 ? "  " : " ", p[at + i]);
			else
				(void)fputs(i == 8 ? "    " : "   ", to);
		}
		(void)fputs("  |", to);
		for (size_t i = 0; i < len; i++)
			(void)fputc(p[at + i] >= 0x20 && p[at + i] < 0x7f ? p[at + i] : '.', to);
		(void)fputs("|\n", to);
	}
}

int cli_run_group_write(struct cli *cli)
{
	const char *path = cli_local_text(cli, "FILE");
	json_t *data = cli_data_from(cli, path ? path : "-");

	if (!data)
		return cli->status;
	(void)json_object_set_new(cli->params, "data", data);
	json_t *result = cli_call(cli, "group.write", cli->params, -1);
	if (!result)
		return cli->status;
	if (cli->json)
		cli_put_json(result);
	else
		(void)printf("%llu bytes written\n", (unsigned long long)cli_u64(result, "bytes"));
	json_decref(result);
	return CLI_OK;
}

int cli_run_group_read(struct cli *cli)
{
	const char *path = cli_local_text(cli, "FILE");
	json_t *result = cli_call(cli, "group.read", cli->params, -1);
	size_t n = 0;

	if (!result)
		return cli->status;
	if (cli->json && !path) {
		cli_put_json(result);
		json_decref(result);
		return CLI_OK;
	}
	uint8_t *p = cli_data_decode(cli, json_object_get(result, "data"), &n);
	json_decref(result);
	if (!p)
		return cli->status;
	bool ok = true;
	if (!path && isatty(STDOUT_FILENO))
		cli_hex_dump(stdout, p, n);
	else
		ok = cli_data_to(cli, path ? path : "-", p, n);
	free(p);
	return ok ? CLI_OK : cli->status;
}
