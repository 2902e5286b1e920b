/*
 * Where an artifact is: its type's folder and its name, in the storage path of the artifact management design, which is also the path
 * in the mount, of URLs (below artifacts/) and in a bundle:
 *
 *	organizations/{organization_id}/sessions/{session_id}/artifacts/{folder}/{name}
 *
 * A type has a folder of its own name, but for `diagram` (diagrams) and `readme` (none: at the top).
 */
#ifndef GENSTORE_ARTIFACT_PATH_H
#define GENSTORE_ARTIFACT_PATH_H

#include "store/base/buf.h"
#include "store/session.h"

enum {
	ARTIFACT_TYPE_MAX = 50,  /* characters, as the design's columns have them */
	ARTIFACT_NAME_MAX = 255,
	ARTIFACT_KEY_MAX = 1024, /* bytes of a storage path: what S3 takes for a key */
	ARTIFACT_PART_MAX = 255, /* bytes of a part of a name: what file systems take */
};

/* What is generated on demand has this name at the top of a session: no artifact can. */
#define ARTIFACT_BUNDLE "bundle.zip"

/* A type from a type or the name of its folder; of any other text the text itself. */
const char *artifact_type_of(const char *text);
/* "" at the top. */
const char *artifact_folder(const char *type);

/* -EINVAL with words for what cannot be a type: other than 1 to ARTIFACT_TYPE_MAX of a-z 0-9 . _ -, not beginning with a dot. */
int artifact_check_type(struct genstore *st, const char *type);
/*
 * -ENOTSUP with words for a name that cannot be kept: empty or absolute, with a part that is empty, . or .., with a backslash, a control
 * character, not UTF-8; below the top for a readme. -ENAMETOOLONG: over a limit.
 */
int artifact_check_name(struct genstore *st, const char *type, const char *name);

/* Appends the storage path; type and name NULL: up to and with "artifacts/". */
int artifact_storage_path(const struct session *s, const char *type, const char *name, struct buf *out);
/* The path below artifacts/, borrowed from a storage path; "" where that is none of this form. */
const char *artifact_path(const char *storage_path);
/* "FOLDER/NAME", "TYPE/NAME" or, of a readme, "NAME": appends its storage path. What cannot be a name is none that is there. */
int artifact_locate(const struct session *s, const char *path, struct buf *out);

#endif
