/* genstore key: init, rotate, show */
#include "src/cmd/keep.h"
#include "src/cmd/keysource.h"
#include "src/cmd/out.h"

static struct {
	const char *key_file, *passphrase_file;
	bool passphrase;
} o;

static int tell(const struct cli *cli, const char *method, int64_t values)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json)
		return EXIT_DONE;
	out_object(&j, &line, "key");
	jw_str(&j, "method", method);
	if (values >= 0)
		jw_int(&j, "values", values);
	out_object_end(&j);
	return EXIT_DONE;
}

static int run_init(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	AUTO(key_material_release) struct key_material m = { 0 };
	const char *method;
	int r;

	if ((cli->store_is_default && (r = cli_make_default(cli))) || (r = cli_open_writer(cli)))
		return r;
	if ((r = keyring_method(cli->st, &method)))
		return cli_fail(cli, r);
	/* Before a passphrase is asked for. */
	if (method)
		return cli_error(cli, EXIT_FAILED, "there is a key already; 'genstore key rotate' makes another one");
	if ((r = key_material(cli, true, &m)))
		return r;
	if ((r = keyring_init(cli->st, &m)))
		return key_fail(cli, r);
	cli_note(cli, "the store has a key, under %s; without it nothing that is sealed can be opened again", m.is_passphrase ? "that passphrase" : "that key");
	return tell(cli, m.is_passphrase ? "passphrase" : "key", -1);
}

static const struct opt rotate_options[] = {
	{ "new-key-file", 0, OPT_TEXT, &o.key_file, "FILE", "under the key in that file from now on (under what it is now)" },
	{ "new-passphrase-file", 0, OPT_TEXT, &o.passphrase_file, "FILE", "under the passphrase in that file" },
	{ "new-passphrase", 0, OPT_FLAG, &o.passphrase, NULL, "under a passphrase that is asked for on the terminal" },
	{ 0 },
};

/* What the new key is to be under. */
static int take_new(struct cli *cli, const struct key_material *old, struct key_material *ret_m)
{
	const struct key_files files = { o.key_file, o.passphrase_file };
	int r;

	if (files.key || files.passphrase)
		return key_material_of(cli, &files, ret_m);
	if (o.passphrase) {
		ret_m->is_passphrase = true;
		return secret_input(cli, "New passphrase of the store: ", &ret_m->bytes);
	}
	if ((r = secret_bytes_new(old->bytes.len, &ret_m->bytes)))
		return cli_error(cli, EXIT_FAILED, "no memory");
	memcpy(ret_m->bytes.data, old->bytes.data, old->bytes.len);
	ret_m->is_passphrase = old->is_passphrase;
	return 0;
}

static int run_rotate(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	AUTO(key_material_release) struct key_material old = { 0 }, new = { 0 };
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	int64_t count;
	int r;

	if (!!o.key_file + !!o.passphrase_file + o.passphrase > 1)
		return cli_usage(cli, "say one of --new-key-file, --new-passphrase-file and --new-passphrase");
	if ((r = cli_open_writer(cli)) || (r = key_material(cli, false, &old)))
		return r;
	/* A wrong one is told before a new one is asked for. */
	if ((r = keyring_open(cli->st, &old, &key)))
		return key_fail(cli, r);
	if ((r = take_new(cli, &old, &new)))
		return r;
	if ((r = keyring_rotate(cli->st, &old, &new, &count)))
		return key_fail(cli, r);
	cli_note(cli, "the store has a new key, and %lld sealed value%s under it", (long long)count, count == 1 ? " is" : "s are");
	return tell(cli, new.is_passphrase ? "passphrase" : "key", count);
}

static int run_show(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	const char *method;
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	if (r)
		return r;
	if ((r = keyring_method(cli->st, &method)))
		return cli_fail(cli, r);
	if (!method)
		return cli_error(cli, EXIT_NONE, "there is no key yet; 'genstore key init' makes one");
	if (!cli->json)
		printf("the store's key is under a %s\n", method);
	return tell(cli, method, -1);
}

static const struct command command_key_init = {
	.name = "key init", .arguments = "", .summary = "makes the store's key", .run = run_init,
	.more = "It is kept under what $GENSTORE_KEY_FILE or $GENSTORE_KEY_COMMAND gives (32 bytes or more), or under a passphrase: from\n"
		"$GENSTORE_PASSPHRASE_FILE, else from the terminal. The same is asked for by whatever opens a secret.",
};
static const struct command command_key_rotate = {
	.name = "key rotate", .arguments = "", .summary = "makes another key, with all that is sealed under it", .options = rotate_options, .run = run_rotate,
};
static const struct command command_key_show = {
	.name = "key show", .arguments = "", .summary = "says what the store's key is under", .run = run_show,
};
static const struct command *const group[] = { &command_key_init, &command_key_rotate, &command_key_show, NULL };

const struct command command_key = {
	.name = "key", .arguments = "COMMAND", .summary = "the key of what is sealed: init, rotate, show", .commands = group,
};
