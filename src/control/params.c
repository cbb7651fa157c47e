/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/params.h"

#include "base/assert.h"
#include "control/base64.h"
#include "control/longtext.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The schema bounds every string by what its field holds; a longer one is our own bug. */
static bool copy(char *to, size_t size, const json_t *v)
{
	size_t n = json_string_length(v);

	sm_assert(n < size);
	memcpy(to, json_string_value(v), n + 1);
	return true;
}

/* A target may be named by its SCSI ID as a number. */
static bool copy_target(char to[CTL_NAME_MAX + 1], const json_t *v)
{
	if (json_is_string(v))
		return copy(to, CTL_NAME_MAX + 1, v);
	snprintf(to, CTL_NAME_MAX + 1, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return true;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#define TAKE(name)                                                                                 \
	static bool name(struct ctl_request *r, const json_t *v, const char *key,                  \
	                 struct ctl_error *e)
#define UNUSED ((void)key, (void)e)

TAKE(take_target)
{
	UNUSED;
	return copy_target(r->target, v);
}

TAKE(take_group)
{
	UNUSED;
	return copy(r->group, sizeof(r->group), v);
}

TAKE(take_name)
{
	UNUSED;
	return copy(r->name, sizeof(r->name), v);
}

TAKE(take_uuid)
{
	const char *s = json_string_value(v);
	unsigned n = 0;

	for (; *s; s++) {
		if (*s == '-')
			continue;
		if (nibble(*s) < 0 || n == 2 * UUID_LEN)
			return ctl_fail_param(e, "bad_value", key, "parameter '%s' is no UUID",
			                      key);
		r->uuid[n / 2] = (uint8_t)(r->uuid[n / 2] << 4 | nibble(*s));
		n++;
	}
	return true;
}

TAKE(take_members)
{
	UNUSED;
	r->n_members = (unsigned)json_array_size(v);
	sm_assert(r->n_members <= INI_MEMBERS_MAX);
	for (unsigned i = 0; i < r->n_members; i++)
		copy_target(r->members[i], json_array_get(v, i));
	return true;
}

TAKE(take_mode)
{
	UNUSED;
	for (unsigned m = 0; m < INI_MODE_DEFAULT; m++)
		if (strcmp(json_string_value(v), ini_mode_name((enum ini_mode)m)) == 0)
			r->mode = (enum ini_mode)m;
	return true;
}

TAKE(take_type)
{
	UNUSED;
	for (unsigned t = 0; t < JOB_TYPES; t++)
		if (strcmp(json_string_value(v), ini_job_type_name((enum ini_job_type)t)) == 0)
			r->type = (enum ini_job_type)t;
	return true;
}

TAKE(take_transfer)
{
	UNUSED;
	r->transfer = (uint32_t)json_integer_value(v);
	return true;
}

TAKE(take_window)
{
	UNUSED;
	r->window = (unsigned)json_integer_value(v);
	return true;
}

TAKE(take_max_passes)
{
	UNUSED;
	r->max_passes = (unsigned)json_integer_value(v);
	return true;
}

TAKE(take_speed)
{
	UNUSED;
	r->speed = (uint64_t)json_integer_value(v);
	return true;
}

TAKE(take_offset)
{
	UNUSED;
	r->offset = (uint64_t)json_integer_value(v);
	return true;
}

TAKE(take_length)
{
	UNUSED;
	r->length = (uint32_t)json_integer_value(v);
	return true;
}

TAKE(take_timeout)
{
	UNUSED;
	r->timeout_ms = (uint32_t)json_integer_value(v);
	return true;
}

TAKE(take_attribute)
{
	UNUSED;
	for (unsigned a = 0; a < HBA_ATTRIBUTES; a++)
		if (strcmp(json_string_value(v), hba_attribute_name((enum hba_attribute)a)) == 0)
			r->attribute = (enum hba_attribute)a;
	return true;
}

TAKE(take_lun)
{
	UNUSED;
	r->lun = (uint8_t)json_integer_value(v);
	return true;
}

TAKE(take_id)
{
	UNUSED;
	r->job = (uint32_t)json_integer_value(v);
	return true;
}

TAKE(take_assume_clean)
{
	UNUSED;
	r->assume_clean = json_is_true(v);
	return true;
}

TAKE(take_force)
{
	UNUSED;
	r->force = json_is_true(v);
	return true;
}

TAKE(take_clear)
{
	UNUSED;
	r->clear = json_is_true(v);
	return true;
}

TAKE(take_list)
{
	UNUSED;
	r->list = json_is_true(v);
	return true;
}

TAKE(take_live)
{
	UNUSED;
	r->live = json_is_true(v);
	return true;
}

TAKE(take_image)
{
	UNUSED;
	return copy(r->image, sizeof(r->image), v);
}

TAKE(take_spec)
{
	UNUSED;
	return copy(r->spec, sizeof(r->spec), v);
}

TAKE(take_objects)
{
	static const struct {
		const char *name;
		enum ini_object object;
	} kinds[] = {
	        {"bus", OBJ_BUS}, {"target", OBJ_TARGET}, {"group", OBJ_GROUP}, {"job", OBJ_JOB}};

	UNUSED;
	for (size_t i = 0; i < json_array_size(v); i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			if (!strcmp(json_string_value(json_array_get(v, i)), kinds[k].name))
				r->objects |= 1U << kinds[k].object;
	return true;
}

TAKE(take_cdb)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v);

	sm_assert(n <= 2 * sizeof(r->cdb));
	if (n != 12 && n != 20 && n != 24 && n != 32 && n != 64)
		return ctl_fail_param(e, "bad_value", key,
		                      "parameter '%s' has %zu hex digits: a CDB has 6, 10, 12, 16 "
		                      "or 32 bytes",
		                      key, n);
	for (size_t i = 0; i < n; i += 2)
		r->cdb[i / 2] = (uint8_t)(nibble(s[i]) << 4 | nibble(s[i + 1]));
	r->cdb_len = (uint8_t)(n / 2);
	return true;
}

TAKE(take_data)
{
	const char *s = json_string_value(v);
	size_t n = json_string_length(v), len, at;

	if (r->data_text.n && strcmp(s, CTL_TAKEN) == 0) {
		s = (const char *)r->data_text.p;
		n = r->data_text.n;
	}
	if (!base64_decoded_len(s, n, &len))
		return ctl_fail_param(e, "bad_value", key,
		                      "parameter '%s' is no base64: %zu characters, not a multiple "
		                      "of 4",
		                      key, n);
	if (len > WIRE_DATA_MAX)
		return ctl_fail_param(e, "too_long", key,
		                      "parameter '%s' stands for %zu bytes, at most %u", key, len,
		                      WIRE_DATA_MAX);
	if (!len)
		return true;
	r->data = block_new(len);
	if (!r->data)
		return ctl_fail(e, CTL_INTERNAL, "internal", "out of memory for %zu bytes", len);
	if (!base64_decode(s, n, r->data->data, &at))
		return ctl_fail_param(e, "bad_value", key,
		                      "parameter '%s' is no base64 at character %zu", key, at);
	r->data_len = (uint32_t)len;
	return true;
}

TAKE(take_overwrite)
{
	UNUSED;
	r->overwrite = json_is_true(v);
	return true;
}

TAKE(take_pattern)
{
	UNUSED;
	for (unsigned p = 0; p < INI_PATTERNS; p++)
		if (strcmp(json_string_value(v), ini_pattern_name((enum ini_pattern)p)) == 0)
			r->load.pattern = (enum ini_pattern)p;
	return true;
}

TAKE(take_block)
{
	UNUSED;
	r->block = (uint32_t)json_integer_value(v);
	return true;
}

TAKE(take_in_flight)
{
	UNUSED;
	r->in_flight = (unsigned)json_integer_value(v);
	return true;
}

TAKE(take_seconds)
{
	UNUSED;
	r->load.for_ns = (ns_t)json_integer_value(v) * NS_PER_S;
	return true;
}

TAKE(take_writes)
{
	UNUSED;
	r->load.writes = (uint64_t)json_integer_value(v);
	return true;
}

TAKE(take_seed)
{
	UNUSED;
	r->load.seed = (uint64_t)json_integer_value(v);
	return true;
}

static const struct {
	const char *name;
	bool (*take)(struct ctl_request *r, const json_t *v, const char *key, struct ctl_error *e);
} table[] = {
#define CTL_PARAM(sym, name, take) {name, take},
#include "control/params.def"
#undef CTL_PARAM
};

bool ctl_params_take(const json_t *params, struct span data, struct ctl_request *r,
                     struct ctl_error *e)
{
	const char *key;
	json_t *v;

	r->data_text = data;
	json_object_foreach((json_t *)(uintptr_t)params, key, v)
	{
		size_t i = 0;

		while (i < ARRAY_LEN(table) && strcmp(table[i].name, key))
			i++;
		/* A test proves that every parameter of the schema is in the table. */
		sm_assert(i < ARRAY_LEN(table));
		r->has |= 1ULL << i;
		if (!table[i].take(r, v, key, e))
			return false;
	}
	r->data_text = (struct span){0};
	return true;
}
