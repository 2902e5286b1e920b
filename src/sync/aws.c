#include "src/sync/aws.h"
#include "src/sync/ini.h"

#include <fcntl.h>
#include <openssl/crypto.h>

static void forget(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

void aws_release(struct aws *a)
{
	free(a->access_key);
	forget(a->secret_key);
	forget(a->session_token);
	free(a->region);
	free(a->endpoint);
	free(a->ca_bundle);
	free(a->addressing);
	*a = (struct aws){ 0 };
}

struct sigv4_key aws_key(const struct aws *a)
{
	return (struct sigv4_key){ a->access_key, a->secret_key, a->session_token };
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* The first of two variables that says something. */
static const char *either(const char *name, const char *other)
{
	const char *value = from_env(name);

	return value ? value : from_env(other);
}

/* What is said first stays. */
static int keep(char **slot, const char *value)
{
	if (*slot || !value || !*value)
		return 0;
	*slot = strdup(value);
	return *slot ? 0 : -ENOMEM;
}

struct search {
	const char *profile;
	bool config;       /* the file is ~/.aws/config, where profiles but the default are "profile NAME" */
	bool found;        /* there is a section for it */
	struct aws *into;
	char *services;    /* the name of the section with its endpoints */
	const char *other; /* a way to get keys that is not ours */
	char *service_endpoint;
};

static int take_text(struct search *s, const char *key, const char *value)
{
	const struct { const char *key; char **slot; } slots[] = {
		{ "aws_access_key_id", &s->into->access_key }, { "aws_secret_access_key", &s->into->secret_key },
		{ "aws_session_token", &s->into->session_token }, { "region", &s->into->region },
		{ "s3.endpoint_url", &s->service_endpoint }, { "endpoint_url", &s->into->endpoint },
		{ "s3.addressing_style", &s->into->addressing }, { "ca_bundle", &s->into->ca_bundle }, { "services", &s->services },
	};

	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		if (!strcmp(slots[i].key, key))
			return keep(slots[i].slot, value);
	return 0;
}

static const char *const other_ways[] = { "credential_process", "role_arn", "sso_session", "sso_start_url", "credential_source" };

static int take(void *arg, const char *section, const char *key, const char *value)
{
	struct search *s = arg;
	bool is_default = !strcmp(s->profile, "default") && !strcmp(section, "default");
	const char *name = s->config && !is_default && !strncmp(section, "profile ", 8) ? section + 8 : section;

	if (s->config && name == section && !is_default)
		return 0;
	if (strcmp(name, s->profile))
		return 0;
	s->found = true;
	for (size_t i = 0; i < ARRAY_LEN(other_ways); i++)
		if (!strcmp(other_ways[i], key))
			s->other = other_ways[i];
	return take_text(s, key, value);
}

static int take_service(void *arg, const char *section, const char *key, const char *value)
{
	struct search *s = arg;

	if (strncmp(section, "services ", 9) || strcmp(section + 9, s->services) || strcmp(key, "s3.endpoint_url"))
		return 0;
	return keep(&s->service_endpoint, value);
}

static int slurp(const char *path, struct buf *out)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;

	out->max = INI_SIZE_MAX;
	while (n > 0 && !buf_error(out)) {
		void *to = buf_reserve(out, 4096);

		n = to ? read(fd, to, 4096) : 0;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	return n < 0 ? -errno : buf_error(out);
}

/* A file that is not there says nothing. */
static int read_file(const char *variable, const char *name, struct buf *text, struct buf *why)
{
	const char *given = from_env(variable), *home = getenv("HOME");
	AUTO(buf_release) struct buf path = BUF_INIT;
	int r;

	if (given)
		buf_adds(&path, given);
	else
		buf_addf(&path, "%s/.aws/%s", home ? home : "", name);
	r = slurp(buf_str(&path), text);
	if (!r || r == -ENOENT || r == -ENOTDIR)
		return 0;
	buf_addf(why, "cannot read '%s': %s", buf_str(&path), strerror(-r));
	return r == -ENOMEM ? r : -EACCES;
}

static void wipe(struct buf *text)
{
	if (text->data)
		OPENSSL_cleanse(text->data, text->len);
	buf_release(text);
}

static int read_profile(struct search *s, struct buf *why)
{
	AUTO(wipe) struct buf credentials = BUF_INIT, config = BUF_INIT;
	int r;

	if ((r = read_file("AWS_SHARED_CREDENTIALS_FILE", "credentials", &credentials, why)) ||
	    (r = read_file("AWS_CONFIG_FILE", "config", &config, why)) ||
	    (r = ini_each(buf_str(&credentials), credentials.len, take, s)))
		return r;
	s->config = true;
	if ((r = ini_each(buf_str(&config), config.len, take, s)))
		return r;
	return s->services ? ini_each(buf_str(&config), config.len, take_service, s) : 0;
}

/* Keys of the environment are a whole: none of the others is joined to them. */
static int keys_of_env(struct aws *a)
{
	const char *access = from_env("AWS_ACCESS_KEY_ID"), *secret = from_env("AWS_SECRET_ACCESS_KEY");
	int r;

	if (!access || !secret)
		return 0;
	if ((r = keep(&a->access_key, access)) || (r = keep(&a->secret_key, secret)))
		return r;
	return keep(&a->session_token, from_env("AWS_SESSION_TOKEN"));
}

static int places(const struct aws_settings *set, struct aws *a)
{
	int r;

	if ((r = keep(&a->region, set->region)) || (r = keep(&a->endpoint, set->endpoint)) || (r = keep(&a->addressing, set->addressing)))
		return r;
	return keep(&a->ca_bundle, from_env("AWS_CA_BUNDLE"));
}

/* -ENOKEY or -ENOTSUP with words where there are no keys to go on with. */
static int judge(const struct search *s, bool named, const struct aws *a, struct buf *why)
{
	if (named && !s->found)
		return buf_addf(why, "there is no profile '%s' in ~/.aws/config or ~/.aws/credentials", s->profile) ? -ENOMEM : -ENOKEY;
	if (a->access_key && a->secret_key)
		return 0;
	if (s->other) {
		buf_addf(why, "profile '%s' gets its keys by %s, which is not supported; run"
			 " eval \"$(aws configure export-credentials --profile %s --format env)\" first", s->profile, s->other, s->profile);
		return -ENOTSUP;
	}
	buf_addf(why, "no keys for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws configure'");
	return -ENOKEY;
}

static void search_release(struct search *s)
{
	free(s->services);
	free(s->service_endpoint);
}

/* The endpoint of the service goes before the one for all of them; what was said outside of the files before both. */
static void choose_endpoint(struct search *s, struct aws *a, char *said)
{
	char *chosen = said ? said : s->service_endpoint ? MOVE(s->service_endpoint) : MOVE(a->endpoint);

	free(a->endpoint);
	a->endpoint = chosen;
	for (size_t n = chosen ? strlen(chosen) : 0; n && chosen[n - 1] == '/';)
		chosen[--n] = '\0';
}

int aws_load(const struct aws_settings *set, struct aws *ret_aws, struct buf *why)
{
	const char *named = set->profile ? set->profile : either("AWS_PROFILE", "AWS_DEFAULT_PROFILE");
	AUTO(aws_release) struct aws a = { 0 };
	AUTO(search_release) struct search s = { .profile = named ? named : "default", .into = &a };
	char *endpoint;
	int r;

	if ((r = places(set, &a)) || (!set->profile && (r = keys_of_env(&a))))
		return r;
	endpoint = MOVE(a.endpoint);
	/* The token of a file is not joined to the keys of the environment: it would spoil them. */
	if (a.access_key && !a.session_token && !(a.session_token = strdup("")))
		r = -ENOMEM;
	r = r ? r : read_profile(&s, why);
	choose_endpoint(&s, &a, endpoint);
	if (a.session_token && !*a.session_token)
		free(MOVE(a.session_token));
	if (r || (r = judge(&s, named != NULL, &a, why)))
		return r;
	*ret_aws = a;
	a = (struct aws){ 0 };
	return 0;
}
