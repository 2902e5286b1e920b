#include "src/sync/settings.h"
#include "src/config/forms.h"
#include "src/config/resolve.h"

void settings_release(struct settings *s)
{
	free(s->bucket);
	free(s->prefix);
	free(s->account);
	aws_release(&s->aws);
	*s = (struct settings){ 0 };
}

int settings_bucket(struct genstore *st, char **ret_bucket)
{
	AUTO(setting_value_release) struct setting_value v = { 0 };
	int r = setting_look(st, setting_find("s3.bucket"), &v);

	if (r)
		return r;
	*ret_bucket = MOVE(v.text);
	return 0;
}

int settings_place(struct genstore *st, char **ret_place)
{
	AUTO(setting_value_release) struct setting_value v = { 0 };
	AUTO(free_ptr) char *bucket = NULL;
	const char *prefix;
	size_t n;
	int r;

	*ret_place = NULL;
	if ((r = settings_bucket(st, &bucket)) || !bucket || (r = setting_look(st, setting_find("s3.prefix"), &v)))
		return r;
	prefix = v.text ? v.text : "";
	n = strlen(prefix);
	return asprintf(ret_place, "s3://%s/%s%s", bucket, prefix, n && prefix[n - 1] != '/' ? "/" : "") < 0 ? -ENOMEM : 0;
}

static int take_bucket(struct genstore *st, const char *given, struct settings *s, struct buf *why)
{
	int r = given ? 0 : setting_get(st, "s3.bucket", &s->bucket, why);

	if (given && !(s->bucket = strdup(given)))
		return -ENOMEM;
	if (r)
		return r;
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
	int r = given ? 0 : setting_get(st, "s3.prefix", &set, why);
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
	int r = setting_get_number(st, "s3.bandwidth", &s->bandwidth, NULL, why);

	return r ? r : setting_get_number(st, "s3.timeout", &s->timeout_ms, NULL, why);
}

static int take_aws(struct genstore *st, struct settings *s, struct buf *why)
{
	AUTO(free_ptr) char *profile = NULL, *region = NULL, *endpoint = NULL, *addressing = NULL;
	struct aws_settings set;
	int r;

	if ((r = setting_get(st, "s3.profile", &profile, why)) || (r = setting_get(st, "s3.region", &region, why)) ||
	    (r = setting_get(st, "s3.endpoint", &endpoint, why)) || (r = setting_get(st, "s3.addressing", &addressing, why)))
		return r;
	set = (struct aws_settings){ profile, region, endpoint, addressing };
	return aws_load(&set, &s->aws, why);
}

int settings_load(struct genstore *st, const char *bucket, const char *prefix, struct settings *ret_s, struct buf *why)
{
	AUTO(settings_release) struct settings s = { 0 };
	int r;

	if ((r = take_bucket(st, bucket, &s, why)) || (r = take_prefix(st, prefix, &s, why)) || (r = setting_get(st, "s3.account", &s.account, why)) ||
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
