/* SPDX-License-Identifier: BSD-2-Clause */
/* Stable names of enumerations, as the control socket shows them. */
#include "initiator/initiator.h"

const char *ini_kind_name(enum ini_kind kind)
{
	switch (kind) {
	case INI_OK:
		return "ok";
	case INI_E_NO_SUCH_GROUP:
		return "no_such_group";
	case INI_E_NO_SUCH_JOB:
		return "no_such_job";
	case INI_E_NO_SUCH_TARGET:
		return "no_such_target";
	case INI_E_EXISTS:
		return "exists";
	case INI_E_BAD_NAME:
		return "bad_name";
	case INI_E_NO_MEMBERS:
		return "no_members";
	case INI_E_TOO_MANY:
		return "too_many";
	case INI_E_DUPLICATE:
		return "duplicate";
	case INI_E_MIXED_BLOCK_SIZE:
		return "mixed_block_size";
	case INI_E_MEMBER_OF_OTHER:
		return "member_of_other";
	case INI_E_NOT_MIRRORING:
		return "not_mirroring";
	case INI_E_MEMBER_MISSING:
		return "member_missing";
	case INI_E_IMAGE_TOO_LARGE:
		return "image_too_large";
	case INI_E_IMAGE_EMPTY:
		return "image_empty";
	case INI_E_BUSY:
		return "busy";
	case INI_E_BAD_STATE:
		return "bad_state";
	case INI_E_BAD_RANGE:
		return "bad_range";
	case INI_E_BAD_VALUE:
		return "bad_value";
	case INI_E_UNSYNCED:
		return "unsynced";
	case INI_E_UNSUPPORTED:
		return "unsupported";
	case INI_E_DEVICE:
		return "device";
	case INI_E_BUS_DOWN:
		return "bus_down";
	case INI_E_STATE_DIR:
		return "state_dir";
	case INI_E_LOST:
		return "data_lost";
	case INI_E_IO:
		return "io";
	case INI_E_SHUTDOWN:
		return "shutdown";
	case INI_KINDS:
		break;
	}
	return "unknown";
}

const char *ini_mode_name(enum ini_mode m)
{
	switch (m) {
	case INI_SILENT:
		return "silent";
	case INI_CONVENTIONAL:
		return "conventional";
	case INI_BROADCAST:
		return "broadcast";
	case INI_MODE_DEFAULT:
		break;
	}
	return "default";
}

const char *ini_pattern_name(enum ini_pattern p)
{
	switch (p) {
	case INI_RANDOM:
		return "random";
	case INI_SEQUENTIAL:
		return "sequential";
	case INI_PATTERNS:
		break;
	}
	return "unknown";
}

const char *ini_job_type_name(enum ini_job_type t)
{
	switch (t) {
	case JOB_MIRROR:
		return "mirror";
	case JOB_VERIFY:
		return "verify";
	case JOB_RESYNC:
		return "resync";
	case JOB_READ:
		return "read";
	case JOB_LOAD:
		return "load";
	case JOB_SCRUB:
		return "scrub";
	case JOB_TYPES:
		break;
	}
	return "unknown";
}

const char *ini_job_state_name(enum ini_job_state s)
{
	switch (s) {
	case JOB_CREATED:
		return "created";
	case JOB_WAITING:
		return "waiting";
	case JOB_RUNNING:
		return "running";
	case JOB_PAUSED:
		return "paused";
	case JOB_CONCLUDED:
		return "concluded";
	case JOB_DISMISSED:
		return "dismissed";
	}
	return "unknown";
}

const char *ini_conclusion_name(enum ini_conclusion c)
{
	switch (c) {
	case JOB_NONE:
		return "none";
	case JOB_SUCCESS:
		return "success";
	case JOB_PARTIAL:
		return "partial";
	case JOB_FAILED:
		return "failed";
	case JOB_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}
