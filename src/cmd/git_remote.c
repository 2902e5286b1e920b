/* git-remote-genstore: what `git clone genstore::REQ` runs (gitremote-helpers(7)). The program under another name. */
#include "src/cmd/cmd.h"
#include "src/git/upload.h"

#define SCHEME "genstore://"

/* "genstore::todo-app" comes without its scheme, "genstore://todo-app" with it. */
static const char *name_in(const char *url)
{
	return strncmp(url, SCHEME, strlen(SCHEME)) ? url : url + strlen(SCHEME);
}

static int serve(struct cli *cli, const char *name, struct pkt_reader *in)
{
	AUTO(git_repo_freep) struct git_repo *repo = NULL;
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	if (r)
		return r;
	if ((r = git_repo_open(cli->st, name, &repo)))
		return cli_fail(cli, r);
	if ((r = pkt_write(STDOUT_FILENO, "\n", 1)) || (r = upload_pack(cli->st, repo, in, STDOUT_FILENO)))
		/* Who asked has the words, or is not there any more. */
		return EXIT_FAILED;
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(pkt_reader_release) struct pkt_reader in = { .fd = STDIN_FILENO };
	const char *line;
	int r;

	while ((r = pkt_read_line(&in, &line)) > 0 && *line) {
		if (strcmp(line, "connect git-upload-pack") == 0)
			return serve(cli, name_in(argv[argc - 1]), &in);
		if (strcmp(line, "connect git-receive-pack") == 0)
			return cli_error(cli, EXIT_FAILED, "nothing can be pushed into a store; 'genstore import' takes a folder");
		if (strcmp(line, "capabilities") != 0)
			return cli_error(cli, EXIT_FAILED, "git asks for '%s', which a store does not have", line);
		if ((r = pkt_write(STDOUT_FILENO, "connect\n\n", 9)))
			return EXIT_FAILED;
	}
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_git_remote = {
	.name = "git-remote-genstore", .access = FOR_USERS, .arguments = "REMOTE URL", .summary = "lets git clone from a store", .run = run,
	.min_args = 1, .max_args = 2, .hidden = true, .rest = true,
	.more = "git runs it for 'git clone genstore::REQ'; there is no other use for it.",
};
