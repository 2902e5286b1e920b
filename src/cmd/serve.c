/* genstore serve */
#include "src/cmd/keysource.h"
#include "src/cmd/out.h"
#include "src/cmd/setting.h"
#include "src/config/forms.h"
#include "src/cmd/worker.h"
#include "src/s3d/s3d.h"
#include "src/serve/jwt.h"
#include "src/serve/serve.h"

#include "store/bucket.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/wait.h>

enum { DRAIN_MS = 10000, JOBS_NOT_GIVEN = -1 };

static struct {
	const char *listen, *log, *jwt, *generator, *s3, *bucket;
	int64_t jobs;
	bool needs_token;
} o = { .jobs = JOBS_NOT_GIVEN };

static const struct opt options[] = {
	{ "listen", 'l', OPT_TEXT, &o.listen, "ADDR", "where: [127.0.0.1:]PORT; port 0 is any that is free (setting serve.listen: 127.0.0.1:7420)" },
	{ "access-log", 0, OPT_TEXT, &o.log, "FILE", "a line of JSON for each request, '-' is standard error (none)" },
	{ "require-token", 0, OPT_FLAG, &o.needs_token, NULL, "refuse whoever has no token (he is the owner)" },
	{ "jwt-secret-file", 0, OPT_TEXT, &o.jwt, "FILE", "take JSON Web Tokens that are signed with the secret in it, too" },
	{ "s3", 0, OPT_TEXT, &o.s3, "ADDR", "an S3 endpoint, too: [127.0.0.1:]PORT; for the access keys of 'token add --s3' (none)" },
	{ "s3-bucket", 0, OPT_TEXT, &o.bucket, "NAME", "the bucket in which the archives of generations are (setting s3.bucket: genstore)" },
	{ "generator", 'g', OPT_TEXT, &o.generator, "COMMAND", "run what is queued: with this command of the shell where it has none" },
	{ "jobs", 'j', OPT_INT, &o.jobs, "N", "run what is queued, so many at a time (none; with --generator 1)" },
	{ 0 },
};

/* What runs, and with what. */
struct serving {
	struct serve_options o;
	struct s3d_options s3_o;
	struct serve *s;
	struct s3d *s3; /* NULL: none */
};

static int take_listen(struct cli *cli, struct serve_options *so)
{
	AUTO(free_ptr) char *set = NULL;
	const char *text = o.listen;
	uint32_t address;
	int r;

	if (!text && (r = cli_setting(cli, "serve.listen", &set)))
		return r;
	text = text ? text : set;
	if (listen_parse(text, &address, &so->port))
		return cli_usage(cli, "--listen takes an address like 127.0.0.1:7420, not '%s'", text);
	if (!(so->needs_token = o.needs_token) && (r = cli_setting_answer(cli, "serve.require_token", &so->needs_token)))
		return r;
	if (address == INADDR_LOOPBACK)
		return 0;
	if (!so->needs_token)
		return cli_usage(cli, "'%s' is not on loopback, and whoever reaches the server sees everything; say --require-token", text);
	so->elsewhere = true;
	so->address = htonl(address);
	return 0;
}

/* Every request there is signed: it may listen anywhere. */
static int take_s3(struct cli *cli, struct s3d_options *so, char **ret_bucket)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	uint32_t address;
	int r;

	if (!o.s3)
		return o.bucket ? cli_usage(cli, "--s3-bucket needs --s3") : 0;
	if (listen_parse(o.s3, &address, &so->port))
		return cli_usage(cli, "--s3 takes an address like 127.0.0.1:9000, not '%s'", o.s3);
	so->elsewhere = address != INADDR_LOOPBACK;
	so->address = htonl(address);
	if (!(so->bucket = o.bucket)) {
		if ((r = cli_setting(cli, "s3.bucket", ret_bucket)))
			return r;
		so->bucket = *ret_bucket ? *ret_bucket : "genstore";
	}
	if (!bucket_is_name(so->bucket))
		return cli_usage(cli, "'%s' cannot be the name of a bucket: 3 to 63 of a-z 0-9 . -", so->bucket);
	if ((r = key_open(cli, &key)))
		return r;
	memcpy(so->key, key.data, sizeof(so->key));
	return 0;
}

static int check_jobs(struct cli *cli)
{
	if (o.generator && !o.generator[strspn(o.generator, " \t\n")])
		return cli_usage(cli, "--generator is empty");
	if (o.jobs != JOBS_NOT_GIVEN && (o.jobs < 1 || o.jobs > WORKER_JOBS_MAX))
		return cli_usage(cli, "--jobs is from 1 to %d", WORKER_JOBS_MAX);
	return 0;
}

/* Without a word about it there is no worker. */
static int take_jobs(struct cli *cli)
{
	if (o.jobs != JOBS_NOT_GIVEN)
		return 0;
	o.jobs = 0;
	return o.generator ? cli_setting_number(cli, "work.jobs", &o.jobs) : 0;
}

static int take_secret(struct cli *cli, struct secret_bytes *secret, struct serve_options *so)
{
	int r = o.jwt ? secret_file(cli, o.jwt, "the file of the secret", EXIT_KEY, secret) : cli_setting_secret(cli, "serve.jwt_secret", secret);

	if (r || (!o.jwt && !secret->len))
		return r;
	if (secret->len < JWT_SECRET_MIN)
		return cli_error(cli, EXIT_KEY, "the secret in '%s' has %zu bytes, and HS256 needs at least %d", o.jwt ? o.jwt : "serve.jwt_secret", secret->len,
				 JWT_SECRET_MIN);
	so->jwt_secret = secret->data;
	so->jwt_secret_n = secret->len;
	return 0;
}

static int open_log(struct cli *cli, FILE **ret_log)
{
	if (!o.log)
		return 0;
	*ret_log = strcmp(o.log, "-") == 0 ? stderr : fopen(o.log, "ae");
	if (!*ret_log)
		return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", o.log, strerror(errno));
	setvbuf(*ret_log, NULL, _IOLBF, 0);
	return 0;
}

static void add_url(struct buf *out, bool elsewhere, in_addr_t at, uint16_t port)
{
	const struct in_addr address = { .s_addr = elsewhere ? at : htonl(INADDR_LOOPBACK) };
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, host, sizeof(host));
	buf_addf(out, "http://%s:%u", host, (unsigned)port);
}

static void tell(const struct cli *cli, const struct serving *v)
{
	AUTO(buf_release) struct buf line = BUF_INIT, url = BUF_INIT, s3 = BUF_INIT;
	struct jw j;

	add_url(&url, v->o.elsewhere, v->o.address, serve_port(v->s));
	if (v->s3)
		add_url(&s3, v->s3_o.elsewhere, v->s3_o.address, s3d_port(v->s3));
	if (cli->json) {
		out_object(&j, &line, "listening");
		jw_str(&j, "url", buf_str(&url));
		if (v->s3) {
			jw_str(&j, "s3_url", buf_str(&s3));
			jw_str(&j, "s3_bucket", v->s3_o.bucket);
		}
		jw_str(&j, "store", cli->store_path);
		out_object_end(&j);
	} else {
		cli_note(cli, "serving '%s' at %s until Ctrl-C", cli->store_path, buf_str(&url));
		if (v->s3)
			cli_note(cli, "S3 at %s, generations are in the bucket '%s'", buf_str(&s3), v->s3_o.bucket);
	}
	out_flush();
}

/* Until a signal ends it, or the worker ends by itself. */
static int wait_for_end(struct cli *cli, const sigset_t *ending, pid_t *worker)
{
	int number, status;

	for (;;) {
		if (sigwait(ending, &number) || (number == SIGCHLD && (!*worker || waitpid(*worker, &status, WNOHANG) != *worker)))
			continue;
		if (number != SIGCHLD)
			return EXIT_DONE;
		*worker = 0;
		return cli_error(cli, EXIT_FAILED, "the worker ended, and the server with it; what it was doing is in the store");
	}
}

static int start(struct cli *cli, struct serving *v)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = serve_start(&v->o, &v->s, &why);

	if (!r && o.s3)
		r = s3d_start(&v->s3_o, &v->s3, &why);
	return r ? cli_error(cli, cli_exit_code(r), "%s", why.len ? buf_str(&why) : strerror(-r)) : 0;
}

static void stop(struct cli *cli, struct serving *v)
{
	bool whole = s3d_stop(v->s3, DRAIN_MS);

	if (!serve_stop(v->s, DRAIN_MS) || !whole)
		cli_note(cli, "an answer that took longer than %d s was cut", DRAIN_MS / 1000);
}

static int serve_and_work(struct cli *cli, struct serving *v, const sigset_t *ending, const sigset_t *before)
{
	pid_t worker = 0;
	int r = start(cli, v);

	if (!r && o.jobs && (r = worker_start(cli, o.jobs, o.generator, before, &worker)))
		r = cli_error(cli, EXIT_FAILED, "cannot start a worker: %s", strerror(-r));
	if (!r) {
		tell(cli, v);
		r = wait_for_end(cli, ending, &worker);
	}
	worker_end(worker);
	stop(cli, v);
	return r;
}

static int run_until_told(struct cli *cli, struct serving *v)
{
	sigset_t ending, before;

	/* Before there are threads: none of them gets these. */
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ending, &before);
	return serve_and_work(cli, v, &ending, &before);
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	AUTO(secret_bytes_release) struct secret_bytes secret = { 0 };
	struct serving v = { .o.store = cli->store_path, .s3_o.store = cli->store_path };
	AUTO(free_ptr) char *bucket = NULL;
	int r;

	if ((r = check_jobs(cli)) || (r = cli_open(cli, 0)) || (r = take_listen(cli, &v.o)) || (r = take_secret(cli, &secret, &v.o)) ||
	    (r = take_jobs(cli)) || (r = take_s3(cli, &v.s3_o, &bucket)))
		return r;
	/* Its words are those of every command; who answers has handles of his own. */
	genstore_free(MOVE(cli->st));
	if (!(r = open_log(cli, &v.o.log)))
		r = run_until_told(cli, &v);
	OPENSSL_cleanse(v.s3_o.key, sizeof(v.s3_o.key));
	if (v.o.log && v.o.log != stderr && fclose(v.o.log))
		return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", o.log, strerror(errno));
	return r;
}

const struct command command_serve = {
	.name = "serve", .arguments = "", .summary = "serves the store over HTTP, to programs on this machine", .options = options, .run = run,
};
