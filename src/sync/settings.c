#include "src/sync/settings.h"
#include "src/git/url.h"
#include "store/config.h"
#include "store/git_repo.h"

#include <ctype.h>

enum { BUCKET_MIN = 3, BUCKET_MAX = 63, PREFIX_MAX = 512, TIMEOUT_MAX = 3600, ORGANIZATION_MAX = 39 };

void settings_release(struct settings *s)
{
	free(s->bucket);
	free(s->prefix);
	free(s->account);
	aws_release(&s->aws);
	*s = (struct settings){ 0 };
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and what old buckets and other servers have. */
static bool is_bucket(const char *s)
{
	size_t n = strlen(s);

	return n >= BUCKET_MIN && n <= BUCKET_MAX && isalnum((unsigned char)*s) &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == n && !strstr(s, "..");
}

static bool is_prefix(const char *s)
{
	return *s && strlen(s) <= PREFIX_MAX && *s != '/' && !strstr(s, "//") && strcspn(s, "\t\r\n?#*\\") == strlen(s);
}

static bool is_endpoint(const char *s)
{
	return (!strncmp(s, "http://", 7) || !strncmp(s, "https://", 8)) && strcspn(s, " \t\r\n?#@") == strlen(s);
}

static bool is_word(const char *s)
{
	return *s && strcspn(s, " \t\r\n/") == strlen(s);
}

static bool is_account(const char *s)
{
	return strlen(s) == 12 && strspn(s, "0123456789") == 12;
}

static bool is_addressing(const char *s)
{
	return !strcmp(s, "path") || !strcmp(s, "virtual") || !strcmp(s, "auto");
}

int settings_bytes(const char *text, int64_t *ret_n)
{
	static const char units[] = "kKMGT";
	static const int shifts[] = { 10, 10, 20, 30, 40 };
	char *end;
	const char *unit;
	int64_t n;

	errno = 0;
	n = strtoll(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || !isdigit((unsigned char)*text) || (*end && (!unit || end[1])))
		return -EINVAL;
	return __builtin_mul_overflow(n, unit ? (int64_t)1 << shifts[unit - units] : 1, ret_n) ? -EINVAL : 0;
}

static bool is_bandwidth(const char *s)
{
	int64_t n;

	return !settings_bytes(s, &n);
}

static bool is_timeout(const char *s)
{
	size_t n = strlen(s);

	return n && n < 6 && strspn(s, "0123456789") == n && atoi(s) >= 1 && atoi(s) <= TIMEOUT_MAX;
}

static bool is_answer(const char *s)
{
	return !strcmp(s, "yes") || !strcmp(s, "no");
}

static bool is_template(const char *s)
{
	AUTO(free_ptr) char *text = NULL;
	AUTO(git_url_release) struct git_url u = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	return !git_url_fill(s, "req_x", &text) && !git_url_parse(text, &u, &why);
}

/* https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication */
static bool is_organization(const char *s)
{
	size_t n = strlen(s);

	return n && n <= ORGANIZATION_MAX && *s != '-' && s[n - 1] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

/* An address that repositories stand below, as a git host's is. */
static bool is_api(const char *s)
{
	AUTO(free_ptr) char *text = NULL;
	AUTO(git_url_release) struct git_url u = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	return asprintf(&text, "%s/x", s) >= 0 && !git_url_parse(text, &u, &why) && !u.user;
}

const struct setting settings_known[] = {
	{ "s3.bucket", "the bucket to sync to", is_bucket },
	{ "s3.prefix", "a folder in it, in front of generations/", is_prefix },
	{ "s3.endpoint", "the server, where it is not Amazon's: http[s]://host[:port]", is_endpoint },
	{ "s3.region", "the bucket's region (us-east-1)", is_word },
	{ "s3.profile", "the profile in ~/.aws that has the keys", is_word },
	{ "s3.addressing", "path, virtual or auto: where the bucket's name stands in addresses", is_addressing },
	{ "s3.account", "the account that has to own the bucket, 12 digits", is_account },
	{ "s3.bandwidth", "at most so many bytes a second are sent, like 500k or 2M (0: no limit)", is_bandwidth },
	{ "s3.timeout", "seconds without a byte until a connection is given up (30)", is_timeout },
	{ "github.organization", "the organization on GitHub that repositories are made in", is_organization },
	{ "github.private", "no: repositories are made public (yes)", is_answer },
	{ "github.api", "the address of GitHub's API (https://api.github.com)", is_api },
	{ "git.remote_template", "the repository that a generation is sent to, on any other git host: https://host/{request_id}", is_template },
	{ "git.author", "author and committer of commits: Name <address>", git_author_valid },
	{ "git.prompts", "yes: prompts are in the messages of commits (no)", is_answer },
	{ NULL, NULL, NULL },
};

const struct setting *setting_find(const char *key)
{
	for (const struct setting *s = settings_known; s->key; s++)
		if (!strcmp(s->key, key))
			return s;
	return NULL;
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int settings_bucket(struct genstore *st, char **ret_bucket)
{
	const char *given = from_env("GENSTORE_S3_BUCKET");

	given = given ? given : from_env("S3_BUCKET");
	if (!given)
		return config_get(st, "s3.bucket", ret_bucket);
	*ret_bucket = strdup(given);
	return *ret_bucket ? 0 : -ENOMEM;
}

int settings_place(struct genstore *st, char **ret_place)
{
	AUTO(free_ptr) char *bucket = NULL, *prefix = NULL;
	size_t n;
	int r;

	*ret_place = NULL;
	if ((r = settings_bucket(st, &bucket)) || !bucket || (r = config_get(st, "s3.prefix", &prefix)))
		return r;
	n = prefix ? strlen(prefix) : 0;
	return asprintf(ret_place, "s3://%s/%s%s", bucket, prefix ? prefix : "", n && prefix[n - 1] != '/' ? "/" : "") < 0 ? -ENOMEM : 0;
}

/* What another program wrote into the settings is looked at again. */
int settings_get(struct genstore *st, const char *key, char **ret_value, struct buf *why)
{
	int r = config_get(st, key, ret_value);

	if (r)
		buf_adds(why, genstore_errmsg(st));
	else if (*ret_value && !setting_find(key)->valid(*ret_value))
		r = buf_addf(why, "the setting %s cannot be '%s'; see 'genstore config list'", key, *ret_value) ? -ENOMEM : -EINVAL;
	return r;
}

static int take_bucket(struct genstore *st, const char *given, struct settings *s, struct buf *why)
{
	int r = given ? 0 : settings_bucket(st, &s->bucket);

	if (given && !(s->bucket = strdup(given)))
		return -ENOMEM;
	if (r)
		return buf_adds(why, genstore_errmsg(st)), r;
	if (!s->bucket) {
		buf_adds(why, "no bucket is configured; 'genstore config set s3.bucket NAME', and nothing is sent before");
		return -ENODEV;
	}
	if (is_bucket(s->bucket))
		return 0;
	buf_addf(why, "'%s' cannot be the name of a bucket", s->bucket);
	return -EINVAL;
}

static int take_prefix(struct genstore *st, const char *given, struct settings *s, struct buf *why)
{
	AUTO(free_ptr) char *set = NULL;
	int r = given ? 0 : settings_get(st, "s3.prefix", &set, why);
	const char *prefix = given ? given : set ? set : "";
	size_t n = strlen(prefix);

	while (n && prefix[n - 1] == '/')
		n--;
	if (!r && asprintf(&s->prefix, "%.*s%s", (int)n, prefix, n ? "/" : "") < 0)
		r = -ENOMEM;
	return r;
}

static int take_numbers(struct genstore *st, struct settings *s, struct buf *why)
{
	AUTO(free_ptr) char *bandwidth = NULL, *timeout = NULL;
	int r;

	if ((r = settings_get(st, "s3.bandwidth", &bandwidth, why)) || (r = settings_get(st, "s3.timeout", &timeout, why)))
		return r;
	if (bandwidth)
		settings_bytes(bandwidth, &s->bandwidth);
	s->timeout_ms = timeout ? atoi(timeout) * 1000 : 0;
	return 0;
}

static int take_aws(struct genstore *st, struct settings *s, struct buf *why)
{
	AUTO(free_ptr) char *profile = NULL, *region = NULL, *endpoint = NULL, *addressing = NULL;
	struct aws_settings set;
	int r;

	if ((r = settings_get(st, "s3.profile", &profile, why)) || (r = settings_get(st, "s3.region", &region, why)) ||
	    (r = settings_get(st, "s3.endpoint", &endpoint, why)) || (r = settings_get(st, "s3.addressing", &addressing, why)))
		return r;
	set = (struct aws_settings){ profile, region, endpoint, addressing };
	return aws_load(&set, &s->aws, why);
}

int settings_load(struct genstore *st, const char *bucket, const char *prefix, struct settings *ret_s, struct buf *why)
{
	AUTO(settings_release) struct settings s = { 0 };
	int r;

	if ((r = take_bucket(st, bucket, &s, why)) || (r = take_prefix(st, prefix, &s, why)) || (r = settings_get(st, "s3.account", &s.account, why)) ||
	    (r = take_numbers(st, &s, why)) || (r = take_aws(st, &s, why)))
		return r;
	*ret_s = s;
	s = (struct settings){ 0 };
	return 0;
}

struct s3_options settings_options(const struct settings *s)
{
	return (struct s3_options){
		.bucket = s->bucket, .endpoint = s->aws.endpoint, .region = s->aws.region, .addressing = s->aws.addressing,
		.account = s->account, .ca_bundle = s->aws.ca_bundle, .key = aws_key(&s->aws), .timeout_ms = s->timeout_ms,
		.bandwidth = s->bandwidth, .wake_fd = -1,
	};
}
