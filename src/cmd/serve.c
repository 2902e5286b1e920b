/* genstore serve */
#include "src/cmd/out.h"
#include "src/serve/serve.h"

#include <signal.h>

enum { DRAIN_MS = 10000, PORT_DEFAULT = 7420 };

static struct {
	const char *listen, *log;
} o = { .listen = "127.0.0.1:7420" };

static const struct opt options[] = {
	{ "listen", 'l', OPT_TEXT, &o.listen, "ADDR", "where: [127.0.0.1:]PORT; port 0 is any that is free (127.0.0.1:7420)" },
	{ "access-log", 0, OPT_TEXT, &o.log, "FILE", "a line of JSON for each request, '-' is standard error (none)" },
	{ 0 },
};

static int parse_listen(struct cli *cli, uint16_t *ret_port)
{
	static const char *const ours[] = { "127.0.0.1", "localhost" };
	const char *colon = strrchr(o.listen, ':'), *port = colon ? colon + 1 : o.listen;
	size_t n = colon ? (size_t)(colon - o.listen) : 0;
	bool is_ours = !colon;

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		is_ours |= strlen(ours[i]) == n && strncmp(o.listen, ours[i], n) == 0;
	if (!*port || strlen(port) > 5 || strspn(port, "0123456789") != strlen(port) || strtol(port, NULL, 10) > UINT16_MAX)
		return cli_usage(cli, "--listen takes an address like 127.0.0.1:%d, not '%s'", PORT_DEFAULT, o.listen);
	if (!is_ours)
		return cli_usage(cli, "'%s' is not on loopback, and whoever reaches the server sees everything; listen on 127.0.0.1, with a proxy"
				      " that asks who it is in front", o.listen);
	*ret_port = (uint16_t)strtol(port, NULL, 10);
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

static void tell(const struct cli *cli, const struct serve *s)
{
	AUTO(buf_release) struct buf line = BUF_INIT, url = BUF_INIT;
	struct jw j;

	buf_addf(&url, "http://127.0.0.1:%u", (unsigned)serve_port(s));
	if (cli->json) {
		out_object(&j, &line, "listening");
		jw_str(&j, "url", buf_str(&url));
		jw_str(&j, "store", cli->store_path);
		out_object_end(&j);
	} else {
		cli_note(cli, "serving '%s' at %s until Ctrl-C", cli->store_path, buf_str(&url));
	}
	out_flush();
}

static int run_until_told(struct cli *cli, const struct serve_options *so)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	struct serve *s = NULL;
	sigset_t ending;
	int number, r;

	/* Before there are threads: none of them gets these. */
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	if ((r = serve_start(so, &s, &why)))
		return cli_error(cli, cli_exit_code(r), "%s", why.len ? buf_str(&why) : strerror(-r));
	tell(cli, s);
	while (sigwait(&ending, &number))
		;
	if (!serve_stop(s, DRAIN_MS))
		cli_note(cli, "an answer that took longer than %d s was cut", DRAIN_MS / 1000);
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	struct serve_options so = { .store = cli->store_path };
	int r;

	if ((r = parse_listen(cli, &so.port)) || (r = cli_open(cli, 0)))
		return r;
	/* Its words are those of every command; who answers has handles of his own. */
	genstore_free(MOVE(cli->st));
	if ((r = open_log(cli, &so.log)))
		return r;
	r = run_until_told(cli, &so);
	if (so.log && so.log != stderr && fclose(so.log))
		return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", o.log, strerror(errno));
	return r;
}

const struct command command_serve = {
	.name = "serve", .arguments = "", .summary = "serves the store over HTTP, to programs on this machine", .options = options, .run = run,
};
