/*
 * Who we are to S3 and where it is, as all of AWS's own tools find it out: the environment, then the profile in ~/.aws/credentials and
 * ~/.aws/config. Keys are never printed, logged or stored.
 */
#ifndef GENSTORE_SYNC_AWS_H
#define GENSTORE_SYNC_AWS_H

#include "src/sync/sigv4.h"

struct aws {
	char *access_key, *secret_key, *session_token; /* token NULL: none */
	char *region;     /* NULL: not said */
	char *endpoint;   /* http:// or https://, without a slash at the end; NULL: Amazon's */
	char *ca_bundle;  /* a file of certificates, NULL: the system's */
	char *addressing; /* "path", "virtual" or "auto"; NULL: not said */
};

/* What the program's own settings say, each NULL or set, AWS_REGION, AWS_ENDPOINT_URL and their like among them: before the profile. */
struct aws_settings { const char *profile, *region, *endpoint, *addressing; };

/*
 * Without a profile: $AWS_PROFILE, else "default". Where keys are in the environment and no profile is set, they are those. -ENOKEY: no
 * keys, or no such profile; -EACCES: a file cannot be read; -ENOTSUP: the profile gets its keys in a way that is not supported. Words go to why.
 */
int aws_load(const struct aws_settings *set, struct aws *ret_aws, struct buf *why);
void aws_release(struct aws *a);
/* Borrowed from a. */
struct sigv4_key aws_key(const struct aws *a);

#endif
