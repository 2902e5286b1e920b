/* What a command says on stderr, and how it fails. */
#include "src/cmd/credential.h"
#include "src/cmd/out.h"
#include "store/base/utf8.h"

#include <stdarg.h>
#include <sys/stat.h>

/* By errno: the exit code that belongs to it. Everything else is EXIT_FAILED. */
int cli_exit_code(int r)
{
	static const struct { int error, code; } table[] = {
		{ 0, EXIT_DONE },          { ENOENT, EXIT_NONE },      { EPERM, EXIT_NONE },
		{ EINVAL, EXIT_USAGE },    { EBUSY, EXIT_LOCKED },     { EUCLEAN, EXIT_DAMAGED },
		{ EBADMSG, EXIT_DAMAGED }, { EPROTO, EXIT_NEWER },     { EINTR, EXIT_INTERRUPTED },
		{ EHOSTUNREACH, EXIT_REMOTE }, { ENOTUNIQ, EXIT_USAGE }, { EKEYREJECTED, EXIT_KEY },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].error == -r)
			return table[i].code;
	return EXIT_FAILED;
}

static const char *code_name(int code)
{
	static const struct { int code; const char *name; } names[] = {
		{ EXIT_USAGE, "usage" },     { EXIT_PARTLY, "partly" },     { EXIT_NONE, "not_found" },
		{ EXIT_REMOTE, "remote" },   { EXIT_NO_STORE, "no_store" }, { EXIT_LOCKED, "locked" },
		{ EXIT_KEY, "wrong_key" },   { EXIT_DAMAGED, "damaged" },   { EXIT_NEWER, "newer" },
		{ EXIT_INTERRUPTED, "interrupted" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].code == code)
			return names[i].name;
	return "failed";
}

/* "what failed; what to do": the hint is what stands behind the last "; ". */
static void error_object(int code, const char *message)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const char *hint = NULL;
	struct jw j;

	for (const char *p = message; (p = strstr(p, "; ")); p += 2)
		hint = p;
	out_object(&j, &line, "error");
	jw_str(&j, "code", code_name(code));
	jw_int(&j, "exit_code", code);
	jw_strn(&j, "message", message, hint ? (size_t)(hint - message) : strlen(message));
	jw_str(&j, "hint", hint ? hint + 2 : NULL);
	out_object_end(&j);
}

static int tell(const struct cli *cli, int code, const char *message)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (cli->json) {
		error_object(code, message);
		return code;
	}
	utf8_printable(&text, message, strlen(message));
	fflush(stdout);
	fprintf(stderr, "%sgenstore:%s %s\n", cli->color ? "\033[31m" : "", cli->color ? "\033[0m" : "", buf_str(&text));
	return code;
}

int cli_error(struct cli *cli, int code, const char *fmt, ...)
{
	AUTO(buf_release) struct buf message = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&message, fmt, ap);
	va_end(ap);
	return tell(cli, code, buf_str(&message));
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	AUTO(buf_release) struct buf message = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&message, fmt, ap);
	va_end(ap);
	buf_addf(&message, "; see 'genstore help%s%s'", cli->command ? " " : "", cli->command ? cli->command->name : "");
	return tell(cli, EXIT_USAGE, buf_str(&message));
}

int cli_fail(struct cli *cli, int r)
{
	const char *words = cli->st ? genstore_errmsg(cli->st) : "";

	return tell(cli, cli_exit_code(r), *words ? words : strerror(-r));
}

/* https://reproducible-builds.org/specs/source-date-epoch/: the time of what is in an archive. */
static int obey_source_date(struct cli *cli)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	size_t digits = text ? strspn(text, "0123456789") : 0;

	if (!text || !*text)
		return 0;
	if (text[digits] || digits > 11)
		return cli_error(cli, EXIT_USAGE, "SOURCE_DATE_EPOCH is '%s'; it takes seconds since 1970", text);
	cli->st->source_date = strtoll(text, NULL, 10);
	return 0;
}

/* Somebody else wrote it: it is verified before anything in it is believed, which reads all of it. */
static bool is_foreign(const char *path)
{
	struct stat sb;

	return !stat(path, &sb) && sb.st_uid != geteuid();
}

int cli_open(struct cli *cli, unsigned flags)
{
	int r;

	if (!cli->st)
		cli->st = genstore_new();
	if (!cli->st)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if (cli->untrusted || is_foreign(cli->store_path))
		flags |= GENSTORE_UNTRUSTED;
	r = genstore_open(cli->st, cli->store_path, flags);
	if (r == -ENOENT)
		return tell(cli, EXIT_NO_STORE, genstore_errmsg(cli->st));
	if (r)
		return cli_fail(cli, r);
	return (r = credential_apply(cli)) ? r : obey_source_date(cli);
}

/* Names in it can come from a store that somebody else wrote: nothing steers the terminal. */
PRINTF(1, 0)
static void talk(const char *fmt, va_list ap)
{
	AUTO(buf_release) struct buf text = BUF_INIT, safe = BUF_INIT;

	buf_vaddf(&text, fmt, ap);
	utf8_printable(&safe, buf_str(&text), text.len);
	fflush(stdout);
	fprintf(stderr, "%s\n", buf_str(&safe));
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->verbosity < 0)
		return;
	va_start(ap, fmt);
	talk(fmt, ap);
	va_end(ap);
}

void cli_debug(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->verbosity < 1)
		return;
	va_start(ap, fmt);
	talk(fmt, ap);
	va_end(ap);
}

int cli_time(struct cli *cli, const char *option, const char *text, char out[CLOCK_TEXT])
{
	char whole[64];
	int64_t seconds;

	snprintf(whole, sizeof(whole), "%s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
	if (clock_parse(whole, &seconds))
		return cli_usage(cli, "--%s takes a date like 2026-01-31 or a time like 2026-01-31T12:00:00Z, not '%s'", option, text);
	clock_format(seconds, out);
	return 0;
}

bool cli_confirm(const struct cli *cli, bool force, const char *fmt, ...)
{
	char answer[16];
	va_list ap;

	if (force)
		return true;
	if (cli->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(" [y/N] ", stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
