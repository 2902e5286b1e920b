#include "src/cmd/rev.h"
#include "src/cmd/away.h"

int cli_revision(struct cli *cli, const char *text, struct revision *ret_rev)
{
	int r = revision_find(cli->st, NULL, text, ret_rev);

	return r ? cli_fail(cli, r) : 0;
}

int cli_generation(struct cli *cli, const char *text, struct revision *ret_rev)
{
	if (strchr(text, '@'))
		return cli_usage(cli, "'%s' takes a whole generation, not an iteration like '%s'", cli->command->name, text);
	return cli_revision(cli, text, ret_rev);
}

int cli_here(struct cli *cli, const char *text, struct revision *ret_rev)
{
	AUTO(revision_release) struct revision rev = { 0 };
	int r = cli_revision(cli, text, &rev);

	if (!r && rev.away) {
		if ((r = away_bring(cli, &rev.generation)))
			return r;
		revision_release(&rev);
		rev = (struct revision){ 0 };
		r = cli_revision(cli, text, &rev);
	}
	if (r)
		return r;
	*ret_rev = rev;
	rev = (struct revision){ 0 };
	return 0;
}

int cli_tree(struct cli *cli, const char *text, struct revision *ret_rev, struct manifest **ret_m)
{
	size_t top;
	int r = cli_here(cli, text, ret_rev);

	if (r)
		return r;
	if ((r = revision_path(cli->st, ret_rev, "", ret_m, &top)))
		return cli_fail(cli, r);
	return 0;
}

int cli_path(struct cli *cli, const char *text, struct revision *ret_rev, struct manifest **ret_m, size_t *ret_entry)
{
	AUTO(free_ptr) char *rev = NULL, *path = NULL;
	int r;

	if ((r = revision_split(text, &rev, &path)))
		return cli_fail(cli, r);
	if ((r = cli_here(cli, rev, ret_rev)))
		return r;
	if ((r = revision_path(cli->st, ret_rev, path, ret_m, ret_entry)))
		return cli_fail(cli, r);
	return 0;
}
