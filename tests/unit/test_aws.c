#include "src/sync/aws.h"
#include "src/sync/ini.h"
#include "tests/unit/test.h"

#include <sys/stat.h>

static int note(void *arg, const char *section, const char *key, const char *value)
{
	return buf_addf(arg, "[%s] %s=%s\n", section, key, value);
}

TEST(a_profile_file_is_read_as_amazons_tools_read_it)
{
	static const char text[] = "# a comment\n[default]\nRegion = eu-west-1 ; here\n\n[profile   work ]\nsecret=a#b=c;d\r\ns3 =\n"
				   "  addressing_style = path\n\tendpoint_url=http://h:1\noutput = json\nno equals\n empty =\n[cut";
	AUTO(buf_release) struct buf got = BUF_INIT;

	CHECK_EQ(ini_each(text, strlen(text), note, &got), 0);
	CHECK_STR(buf_str(&got), "[default] region=eu-west-1\n[profile work] secret=a#b=c;d\n[profile work] s3.addressing_style=path\n"
		  "[profile work] s3.endpoint_url=http://h:1\n[profile work] output=json\n");
	CHECK_EQ(ini_each(text, INI_SIZE_MAX + 1, note, &got), -EINVAL);
}

/* Files and variables of its own; what was in the environment comes back. */
static const char *const variables[] = {
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION",
	"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME",
};

struct home {
	char dir[32];
	char *saved[ARRAY_LEN(variables)];
};

static void put(const struct home *h, const char *name, const char *text)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	FILE *f;

	buf_addf(&path, "%s/.aws/%s", h->dir, name);
	if ((f = fopen(buf_str(&path), "we"))) {
		fputs(text, f);
		fclose(f);
	}
}

static struct home home_make(void)
{
	struct home h = { .dir = "/tmp/genstore-aws-XXXXXX" };
	char aws[64];

	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *value = getenv(variables[i]);

		h.saved[i] = value ? strdup(value) : NULL;
		unsetenv(variables[i]);
	}
	if (mkdtemp(h.dir) && snprintf(aws, sizeof(aws), "%s/.aws", h.dir) > 0)
		mkdir(aws, 0700);
	setenv("HOME", h.dir, 1);
	return h;
}

static void home_release(struct home *h)
{
	static const char *const names[] = { ".aws/credentials", ".aws/config", ".aws", "" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(buf_release) struct buf path = BUF_INIT;

		buf_addf(&path, "%s/%s", h->dir, names[i]);
		remove(buf_str(&path));
	}
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		if (h->saved[i])
			setenv(variables[i], h->saved[i], 1);
		else
			unsetenv(variables[i]);
		free(h->saved[i]);
	}
}

#define HOME AUTO(home_release) struct home

TEST(keys_come_from_the_environment_before_the_profile)
{
	HOME h = home_make();
	AUTO(aws_release) struct aws a = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	put(&h, "credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=file\naws_session_token=old\n");
	put(&h, "config", "[default]\nregion=eu-north-1\n");
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "env", 1);
	CHECK_EQ(aws_load(&(struct aws_settings){ 0 }, &a, &why), 0);
	CHECK_STR(a.access_key, "ENV");
	CHECK_STR(a.secret_key, "env");
	CHECK(!a.session_token);
	CHECK_STR(a.region, "eu-north-1");
}

TEST(a_profile_that_is_named_goes_before_the_environment)
{
	HOME h = home_make();
	AUTO(aws_release) struct aws a = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	put(&h, "credentials", "[work]\naws_access_key_id=WORK\naws_secret_access_key=w\naws_session_token=t\n");
	put(&h, "config", "[profile work]\nregion = us-west-2\nservices = here\nendpoint_url = https://all\n"
	    "[services here]\ns3 =\n  endpoint_url = https://only-s3/\n[work]\nregion = wrong\n");
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "env", 1);
	CHECK_EQ(aws_load(&(struct aws_settings){ .profile = "work" }, &a, &why), 0);
	CHECK_STR(a.access_key, "WORK");
	CHECK_STR(a.session_token, "t");
	CHECK_STR(a.region, "us-west-2");
	CHECK_STR(a.endpoint, "https://only-s3");
}

TEST(what_the_settings_say_goes_before_the_profile)
{
	HOME h = home_make();
	AUTO(aws_release) struct aws a = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	put(&h, "config", "[default]\naws_access_key_id=A\naws_secret_access_key=s\nendpoint_url=http://file\nregion=file\n");
	CHECK_EQ(aws_load(&(struct aws_settings){ .endpoint = "http://set//", .region = "set" }, &a, &why), 0);
	CHECK_STR(a.endpoint, "http://set");
	CHECK_STR(a.region, "set");
	aws_release(&a);
	CHECK_EQ(aws_load(&(struct aws_settings){ 0 }, &a, &why), 0);
	CHECK_STR(a.endpoint, "http://file");
	CHECK_STR(a.region, "file");
}

TEST(keys_that_are_not_there_are_missed_with_words)
{
	HOME h = home_make();
	AUTO(aws_release) struct aws a = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	CHECK_EQ(aws_load(&(struct aws_settings){ 0 }, &a, &why), -ENOKEY);
	CHECK(strstr(buf_str(&why), "set AWS_ACCESS_KEY_ID"));
	buf_reset(&why);
	CHECK_EQ(aws_load(&(struct aws_settings){ .profile = "nobody" }, &a, &why), -ENOKEY);
	CHECK(strstr(buf_str(&why), "no profile 'nobody'"));
	buf_reset(&why);
	put(&h, "config", "[profile role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = y\n");
	CHECK_EQ(aws_load(&(struct aws_settings){ .profile = "role" }, &a, &why), -ENOTSUP);
	CHECK(strstr(buf_str(&why), "by role_arn"));
	buf_reset(&why);
	setenv("AWS_CONFIG_FILE", h.dir, 1);
	CHECK_EQ(aws_load(&(struct aws_settings){ 0 }, &a, &why), -EACCES);
	CHECK(strstr(buf_str(&why), "cannot read"));
}
