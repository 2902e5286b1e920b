/*
 * What every command is made of: a row in the table of main.c, options that say where they go, a store to open,
 * and one way each to fail.
 *
 *	static struct { const char *label; bool force; } o;
 *	static const struct opt options[] = {
 *		{ "label", 'l', OPT_TEXT, &o.label, "L", "what to call it" },
 *		{ "force", 'f', OPT_FLAG, &o.force, NULL, "do not ask" },
 *		{ 0 },
 *	};
 *	static int run(struct cli *cli, int argc, char **argv) { ... }       arguments only, options are parsed
 *	const struct command command_x = { "x", "REQ [FILE]", "does x", options, run, 1, 2 };
 *
 * stdout is data, stderr is talk. With --json stdout has one object a line with a message_type; errors too.
 */
#ifndef GENSTORE_CMD_H
#define GENSTORE_CMD_H

#include "store/base/json.h"
#include "store/generation.h"
#include "store/store.h"

/* The contract of exit codes (man page, interface). New ones may come; none changes. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PARTLY = 3,
	EXIT_NONE = 4,      /* no such thing, or not yours */
	EXIT_REMOTE = 5,
	EXIT_NO_STORE = 10,
	EXIT_LOCKED = 11,
	EXIT_KEY = 12,
	EXIT_DAMAGED = 13,
	EXIT_NEWER = 14,
	EXIT_INTERRUPTED = 130,
};

struct cli {
	const char *store_path; /* --store, $GENSTORE_STORE or the default */
	bool store_is_default;
	bool json;
	bool untrusted; /* --untrusted: verify the store before believing it */
	int verbosity; /* -1 quiet, 0, 1 verbose */
	bool color;    /* stderr is a terminal and NO_COLOR is not set */
	const struct command *command;
	struct genstore *st;
	char *owned_path;
	const struct opt_list *set; /* --set */
	const char *token_file; /* --token-file: whoever the token is for runs the command */
};

enum opt_kind {
	OPT_FLAG,   /* bool */
	OPT_TEXT,   /* const char * */
	OPT_INT,    /* int64_t, digits only; the command checks its range */
	OPT_LIST,   /* struct opt_list, may be repeated */
};

enum { OPT_LIST_MAX = 64 };
struct opt_list { const char *items[OPT_LIST_MAX]; size_t count; };

struct opt {
	const char *name; /* NULL ends the table */
	char letter;      /* 0: none */
	enum opt_kind kind;
	void *target;
	const char *value; /* what its argument is called in the help */
	const char *help;
};

/*
 * Who may run it. Of users it sees what is theirs (store/access.h); what reads or changes the file as a whole is its owner's, and with
 * a token there is no such command.
 */
enum command_access { FOR_OWNER, FOR_USERS };

struct command {
	const char *name;
	const char *arguments; /* "REQ [FILE]" */
	const char *summary;   /* one line, lower case, no full stop */
	const struct opt *options;
	int (*run)(struct cli *cli, int argc, char **argv); /* returns an exit code */
	int min_args, max_args; /* max -1: any number */
	bool hidden;
	const char *more;      /* lines for its help, or NULL */
	bool rest;             /* what follows "--" is a command line: options are not looked for in it */
	enum command_access access;
	bool takes_key;        /* its argument is the key of a setting */
	const struct command *const *commands; /* a group: its commands, named "group word", to a NULL; it has no run */
};

extern const struct command *const commands[];

/* Opens cli->st with GENSTORE_* flags. 0, or an exit code with the error told. */
int cli_open(struct cli *cli, unsigned flags);

/* Tell an error and return the exit code. One line: what failed, why; what to do behind "; ". */
int cli_error(struct cli *cli, int code, const char *fmt, ...) PRINTF(3, 4);
int cli_usage(struct cli *cli, const char *fmt, ...) PRINTF(2, 3);
/* The store's last error, with the exit code that belongs to r. */
int cli_fail(struct cli *cli, int r);
int cli_exit_code(int r);

/* A line of talk on stderr; not with -q. */
void cli_note(const struct cli *cli, const char *fmt, ...) PRINTF(2, 3);
/* Only with -v. */
void cli_debug(const struct cli *cli, const char *fmt, ...) PRINTF(2, 3);

/* What an option like --since was given, a date or RFC 3339, in the form of the tables. */
int cli_time(struct cli *cli, const char *option, const char *text, char out[CLOCK_TEXT]);

/* Asks on the terminal; without one, or with force, says true only for force. */
bool cli_confirm(const struct cli *cli, bool force, const char *fmt, ...) PRINTF(3, 4);

/* Usage of a command, or of the program for NULL. */
void cli_help(FILE *to, const struct command *c);
const struct command *command_find(const char *name);
/* Of a group, by its own word; NULL when there is none, or this is no group. */
const struct command *command_of(const struct command *group, const char *word);
/* What it is called within its group. */
const char *command_word(const struct command *c);

#endif
