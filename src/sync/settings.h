/*
 * Where to sync to: the environment, then the settings of the store (`genstore config`), then the files of ~/.aws. Nothing is sent before there
 * is a bucket: a default name could be a stranger's.
 */
#ifndef GENSTORE_SYNC_SETTINGS_H
#define GENSTORE_SYNC_SETTINGS_H

#include "src/sync/aws.h"
#include "src/sync/s3.h"
#include "store/store.h"

struct settings {
	char *bucket;
	char *prefix; /* of all keys: "" or "folder/" */
	char *account;
	int64_t bandwidth, timeout_ms;
	struct aws aws;
};
void settings_release(struct settings *s);

/* What can be set: its name, what it is, and whether a text can be its value. */
struct setting {
	const char *key, *what;
	bool (*valid)(const char *value);
};
extern const struct setting settings_known[]; /* ended by a NULL key */
const struct setting *setting_find(const char *key);

/* Its value, NULL where it is not set. -EINVAL with words: it cannot be what it is. */
int settings_get(struct genstore *st, const char *key, char **ret_value, struct buf *why);
/* The bucket, or NULL where none is configured. */
int settings_bucket(struct genstore *st, char **ret_bucket);
/* "s3://bucket/" and the prefix, or NULL where none is configured. */
int settings_place(struct genstore *st, char **ret_place);
/*
 * -ENODEV: no bucket is configured; -EINVAL: a setting cannot be; else as aws_load(). Words go to why. bucket and prefix, where
 * not NULL, are those of the command line.
 */
int settings_load(struct genstore *st, const char *bucket, const char *prefix, struct settings *ret_s, struct buf *why);
struct s3_options settings_options(const struct settings *s);

/* "10M" -> bytes; -EINVAL. Powers of 1024, as everywhere else on the command line. */
int settings_bytes(const char *text, int64_t *ret_n);

#endif
