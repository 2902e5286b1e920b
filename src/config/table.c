/* The table of settings. The manual's section CONFIGURATION has the same ones in the same order (tests/cli/test_config.py). */
#include "src/cmd/worker.h"
#include "src/config/forms.h"
#include "src/config/setting.h"
#include "src/flow/flow.h"
#include "src/git/github.h"
#include "store/git_repo.h"

#define HOUR ((int64_t)3600 * 1000)

const struct setting settings_known[] = {
	{ .key = "s3.bucket", .what = "the bucket to sync to; nothing is sent before there is one", .form = "the name of a bucket: 3 to 63 of a-z 0-9 . - _",
	  .valid = is_bucket, .variables = { "GENSTORE_S3_BUCKET", "S3_BUCKET" }, .flag = "recover s3://BUCKET" },
	{ .key = "s3.artifacts_bucket", .what = "the bucket for typed artifacts", .form = "the name of a bucket: 3 to 63 of a-z 0-9 . - _",
	  .otherwise = "s3.bucket", .valid = is_bucket, .variables = { "GENSTORE_S3_ARTIFACTS_BUCKET", "ARTIFACTS_BUCKET" } },
	{ .key = "s3.prefix", .what = "a folder in it, in front of generations/ and organizations/", .form = "the name of a folder, which does not begin with /",
	  .valid = is_prefix, .variables = { "GENSTORE_S3_PREFIX" }, .flag = "recover s3://BUCKET/PREFIX" },
	{ .key = "s3.endpoint", .type = SETTING_URL, .what = "the server, where it is not Amazon's", .form = "http[s]://host[:port]",
	  .otherwise = "what ~/.aws says, else Amazon's", .valid = is_endpoint,
	  .variables = { "GENSTORE_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL" } },
	{ .key = "s3.region", .what = "the bucket's region", .form = "the name of a region, like eu-west-1",
	  .otherwise = "what ~/.aws says, else us-east-1", .valid = is_word, .variables = { "GENSTORE_S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION" } },
	{ .key = "s3.profile", .what = "the profile in ~/.aws that has the keys", .form = "the name of a profile",
	  .otherwise = "AWS_PROFILE, else default", .valid = is_word, .variables = { "GENSTORE_S3_PROFILE" } },
	{ .key = "s3.addressing", .type = SETTING_CHOICE, .what = "where the bucket's name stands in addresses", .choices = { "path", "virtual", "auto" },
	  .otherwise = "what ~/.aws says, else auto", .variables = { "GENSTORE_S3_ADDRESSING" } },
	{ .key = "s3.account", .what = "the account that has to own the bucket", .form = "12 digits", .otherwise = "whoever owns it", .valid = is_account,
	  .variables = { "GENSTORE_S3_ACCOUNT" } },
	{ .key = "s3.bandwidth", .type = SETTING_SIZE, .preset = "0", .what = "at most so many bytes a second are sent; 0: no limit",
	  .variables = { "GENSTORE_S3_BANDWIDTH" } },
	{ .key = "s3.timeout", .type = SETTING_DURATION, .preset = "30s", .min = 1000, .max = HOUR,
	  .what = "so long without a byte, and a connection is given up", .variables = { "GENSTORE_S3_TIMEOUT" } },

	{ .key = "github.organization", .what = "the organization on GitHub that repositories are made in", .form = "the name of an organization",
	  .valid = is_organization, .variables = { "GENSTORE_GITHUB_ORGANIZATION" } },
	{ .key = "github.private", .type = SETTING_BOOLEAN, .preset = "yes", .what = "whether repositories are made private",
	  .variables = { "GENSTORE_GITHUB_PRIVATE" } },
	{ .key = "github.api", .type = SETTING_URL, .preset = GITHUB_API, .what = "the address of GitHub's API", .form = "https://host[/path]",
	  .valid = is_api, .variables = { "GENSTORE_GITHUB_API", "GITHUB_API_URL" } },
	{ .key = "git.remote_template", .type = SETTING_URL, .what = "the repository that a generation is sent to, on any other git host",
	  .form = "an address like https://host/{request_id}", .valid = is_template, .variables = { "GENSTORE_GIT_REMOTE_TEMPLATE" }, .flag = "push REQ URL" },
	/* What decides about the ids of commits is the store's alone: they are the same everywhere. */
	{ .key = "git.author", .preset = GIT_AUTHOR, .what = "author and committer of commits", .form = "Name <address>", .valid = git_author_valid },
	{ .key = "git.prompts", .type = SETTING_BOOLEAN, .preset = "no", .what = "whether prompts are in the messages of commits" },

	{ .key = "sync.to", .type = SETTING_CHOICE, .preset = "s3", .what = "where sync sends to", .choices = { "s3", "github", "s3,github" },
	  .variables = { "GENSTORE_SYNC_TO" }, .flag = "sync --to" },

	{ .key = "generate.max_iterations", .type = SETTING_INTEGER, .preset = "10", .min = 1, .max = FLOW_ITERATIONS_MAX,
	  .what = "how often a generator runs at most, in modes that run it more than once", .variables = { "GENSTORE_GENERATE_MAX_ITERATIONS" },
	  .flag = "generate --max-iterations" },
	{ .key = "generate.timeout", .type = SETTING_DURATION, .preset = "30m", .what = "so long without a word, and a generator has failed; 0: never",
	  .variables = { "GENSTORE_GENERATE_TIMEOUT" }, .flag = "generate --timeout" },
	{ .key = "generate.decision_timeout", .type = SETTING_DURATION, .preset = "24h", .min = 1000,
	  .what = "so long without an answer, and a generation is paused; a terminal has no limit unless this is set",
	  .variables = { "GENSTORE_GENERATE_DECISION_TIMEOUT" }, .flag = "generate --decision-timeout" },
	{ .key = "generate.max_size", .type = SETTING_SIZE, .preset = "10G", .what = "of the workspace and the tree in it; 0: no limit",
	  .variables = { "GENSTORE_GENERATE_MAX_SIZE" }, .flag = "generate --max-size" },
	{ .key = "generate.max_log", .type = SETTING_SIZE, .preset = "256M", .what = "of the log that is kept; 0: no limit",
	  .variables = { "GENSTORE_GENERATE_MAX_LOG" }, .flag = "generate --max-log" },
	{ .key = "generate.to", .type = SETTING_CHOICE, .preset = SETTING_NOWHERE, .what = "where a generation is sent when it is complete",
	  .choices = { SETTING_NOWHERE, "s3", "github", "s3,github" }, .variables = { "GENSTORE_GENERATE_TO" }, .flag = "generate --to" },
	{ .key = "work.jobs", .type = SETTING_INTEGER, .preset = "1", .min = 1, .max = WORKER_JOBS_MAX, .what = "so many generations a worker runs at a time",
	  .variables = { "GENSTORE_WORK_JOBS" }, .flag = "work --jobs" },

	{ .key = "mount.views", .type = SETTING_BOOLEAN, .preset = "yes", .what = "whether a mount shows trees, logs and apps beside what a bucket would have",
	  .variables = { "GENSTORE_MOUNT_VIEWS" }, .flag = "mount -o noviews" },
	{ .key = "mount.hydrate", .type = SETTING_BOOLEAN, .preset = "yes", .what = "whether a read in a mount fetches what is in a bucket only",
	  .variables = { "GENSTORE_MOUNT_HYDRATE" }, .flag = "mount -o nohydrate" },
	{ .key = "mount.read_only", .type = SETTING_BOOLEAN, .preset = "no", .what = "whether mounts cannot be written to",
	  .variables = { "GENSTORE_MOUNT_READ_ONLY" }, .flag = "mount -o ro" },

	{ .key = "serve.listen", .preset = "127.0.0.1:7420", .what = "where serve listens; port 0 is any that is free", .form = "an address like 127.0.0.1:7420",
	  .valid = is_listen, .variables = { "GENSTORE_SERVE_LISTEN" }, .flag = "serve --listen" },
	{ .key = "serve.require_token", .type = SETTING_BOOLEAN, .preset = "no", .what = "whether who has no token is refused; he is the owner otherwise",
	  .variables = { "GENSTORE_SERVE_REQUIRE_TOKEN" }, .flag = "serve --require-token" },
	{ .key = "serve.jwt_secret", .type = SETTING_SECRET, .what = "JSON Web Tokens that are signed with it are taken, too",
	  .form = "text of at least 32 bytes", .valid = is_jwt_secret, .variables = { "GENSTORE_SERVE_JWT_SECRET" }, .flag = "serve --jwt-secret-file" },
	{ 0 },
};
