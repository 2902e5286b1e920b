#include "src/cmd/away.h"
#include "src/cmd/out.h"
#include "src/facts/tree.h"
#include "store/access.h"

int away_find(struct cli *cli, const struct generation *g, struct remote *remote, struct place *ret_place)
{
	AUTO(place_release) struct place p = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	int r = fetch_find(cli->st, g, &p, &words);

	if (r)
		return cli_error(cli, r == -ENOENT ? EXIT_FAILED : cli_exit_code(r), "%s", buf_str(&words));
	if (remote->s3 && strcmp(remote->set.bucket, p.objects[0].bucket))
		remote_release(remote);
	if (!remote->s3 && (r = remote_open(cli, p.objects[0].bucket, NULL, remote)))
		return r;
	*ret_place = p;
	p = (struct place){ 0 };
	return 0;
}

static void show_progress(void *arg, int64_t done, int64_t total)
{
	struct progress *p = arg;

	p->total = total;
	progress_update(p, done, "bytes");
}

static int fetch(struct cli *cli, struct genstore *st, struct remote *remote, const struct generation *g, bool quiet)
{
	AUTO(place_release) struct place place = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	struct progress bar;
	const struct pull_progress progress = { show_progress, &bar };
	int r = away_find(cli, g, remote, &place);

	if (r)
		return r;
	if (!quiet)
		progress_begin(&bar, cli, "fetching", g->archive_size);
	r = fetch_back(st, remote->s3, g, &place, quiet ? NULL : &progress, &words);
	if (!quiet)
		progress_end(&bar);
	if (r)
		return cli_error(cli, remote_code(r), "cannot fetch '%s' from the bucket: %s", g->request_id,
				 *buf_str(&words) ? buf_str(&words) : strerror(-r));
	/* Of one that was recovered without its bytes nobody has looked into the tree yet. */
	if ((r = tree_note_schema(st, g->id)))
		cli_debug(cli, "the tables of '%s' were not noted: %s", g->request_id, strerror(-r));
	return 0;
}

int away_fetch(struct cli *cli, struct genstore *st, struct remote *remote, const struct generation *g)
{
	return fetch(cli, st, remote, g, false);
}

/* Among the objects of another command those of progress have no place. */
int away_bring(struct cli *cli, const struct generation *g)
{
	AUTO(remote_release) struct remote remote = { 0 };
	struct genstore *st = genstore_new();
	int r = st ? 0 : -ENOMEM;

	/* For whom it is. */
	if (!r && access_is_limited(cli->st))
		r = access_limit(st, &cli->st->subject);
	if (!r)
		r = genstore_open(st, cli->store_path, 0);
	if (r)
		r = cli_error(cli, cli_exit_code(r), "'%s' is in the bucket only, and what is fetched has to be kept: %s", g->request_id,
			      st ? genstore_errmsg(st) : "no memory");
	else
		r = fetch(cli, st, &remote, g, cli->json);
	genstore_free(st);
	return r;
}
