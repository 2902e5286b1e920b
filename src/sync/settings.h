/*
 * Where to sync to: the settings s3.* (src/config), then the files of ~/.aws. Nothing is sent before there
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

#endif
