#include "src/cmd/cmd.h"
#include "src/cmd/out.h"

#if HAVE_FUSE
#include "fs/hooks.h"
#include "fs/mount.h"
#include "fs/mounts.h"
#include "fs/view.h"
#include "src/cmd/setting.h"
#include "src/cmd/sync.h"
#include "src/facts/tree.h"
#include "src/sync/fetch.h"
#include "src/sync/lock.h"
#include "src/sync/settings.h"
#include "store/access.h"
#include "store/app.h"
#include "store/base/utf8.h"
#include "store/session.h"

static struct { bool foreground; struct opt_list options; } o;

static int list_one(void *arg, const struct mount_entry *m)
{
	const struct cli *cli = arg;

	if (!m->genstore)
		return 0;
	if (cli->json) {
		AUTO(buf_release) struct buf line = BUF_INIT;
		struct jw j;

		out_object(&j, &line, "mount");
		jw_str(&j, "mountpoint", m->target);
		jw_str(&j, "store", m->source);
		out_object_end(&j);
	} else {
		AUTO(buf_release) struct buf text = BUF_INIT, safe = BUF_INIT;

		buf_addf(&text, "%s on %s", m->source, m->target);
		utf8_printable(&safe, buf_str(&text), text.len);
		puts(buf_str(&safe));
	}
	return 0;
}

static int list_mounts(struct cli *cli)
{
	int r = mounts_each(list_one, cli);

	return r ? cli_error(cli, EXIT_FAILED, "cannot read /proc/self/mountinfo: %s", strerror(-r)) : EXIT_DONE;
}

static int send_all(const char *store, pid_t *ret_pid, struct buf *why)
{
	int r = sync_spawn(store, ret_pid);

	if (r)
		buf_addf(why, "cannot start 'genstore sync': %s; it sends what is queued", strerror(-r));
	return r;
}

static int fetch_into(struct genstore *st, const struct mount_fetch *m, struct buf *why)
{
	const struct pull_progress progress = { m->moved, m->arg };
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(place_release) struct place place = { 0 };
	AUTO(settings_release) struct settings set = { 0 };
	AUTO(s3_freep) struct s3 *s3 = NULL;
	struct s3_options so;
	int r = generation_by_request(st, m->request_id, &g);

	if (r)
		buf_adds(why, genstore_errmsg(st));
	if (r || !g.away || (r = fetch_find(st, &g, &place, why)) || (r = settings_load(st, place.objects[0].bucket, NULL, &set, why)))
		return r;
	so = settings_options(&set);
	so.wake_fd = m->cancel_fd;
	if ((r = s3_new(&so, &s3, why)) || (r = fetch_back(st, s3, &g, &place, &progress, why)))
		return r;
	/* Nobody has looked into the tree of one that was recovered without its bytes. That it fails is no reason not to read. */
	tree_note_schema(st, g.id);
	return 0;
}

static int fetch(const struct mount_fetch *m, struct buf *why)
{
	struct genstore *st = view_handle(m->view);
	int r = st ? genstore_open(st, m->store, 0) : -ENOMEM;

	if (r)
		buf_addf(why, "what is fetched has to be kept: %s", st ? genstore_errmsg(st) : "no memory");
	else
		r = fetch_into(st, m, why);
	genstore_free(st);
	return r;
}

static const struct mount_hooks hooks = { .can_send = sync_can_send, .send = send_all, .is_sending = lock_held, .fetch = fetch };

static int parse(struct mount_options *m, struct buf *why)
{
	int r = 0;

	for (size_t i = 0; i < o.options.count && !r; i++)
		r = mount_parse(m, o.options.items[i], why);
	return r;
}

/* Whose things are shown: a token's user's, and less than that where it is asked for. */
static int take_subject(struct cli *cli, struct mount_options *m)
{
	int r = 0;

	m->subject = cli->st->subject;
	if (*m->owner)
		r = user_find(cli->st, m->owner, m->subject.user_id);
	if (!r && *m->organization)
		r = organization_find(cli->st, m->organization, m->subject.organization_id);
	if (r)
		return cli_fail(cli, r);
	if (m->at && access_is_limited(cli->st))
		return cli_usage(cli, "'at' is for the store's owner, who needs no token");
	return 0;
}

/* What no option has said: as the settings have it. */
static int take_settings(struct cli *cli, struct mount_options *m)
{
	bool views, hydrate, read_only;
	int r;

	if ((r = cli_setting_answer(cli, "mount.views", &views)) || (r = cli_setting_answer(cli, "mount.hydrate", &hydrate)) ||
	    (r = cli_setting_answer(cli, "mount.read_only", &read_only)))
		return r;
	m->noviews |= !views && !m->views;
	m->nohydrate |= !hydrate && !m->hydrate;
	m->read_only |= read_only && !m->writable;
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct mount_options m = { .store = cli->store_path, .foreground = o.foreground, .uid = -1, .gid = -1, .hooks = &hooks };
	AUTO(buf_release) struct buf why = BUF_INIT;
	AUTO(free_ptr) char *made = NULL;
	int r;

	if (!argc && !o.foreground && !o.options.count)
		return list_mounts(cli);
	if (parse(&m, &why))
		return cli_usage(cli, "%s", buf_str(&why));
	/* For the words, and the exit code, of a store that is not there or cannot be read. */
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	r = take_subject(cli, &m);
	r = r ? r : take_settings(cli, &m);
	genstore_free(MOVE(cli->st));
	if (r)
		return r;
	if (!argc && mount_default(&made, &why))
		return cli_error(cli, EXIT_FAILED, "%s", buf_str(&why));
	m.mountpoint = argc ? argv[0] : made;
	if (o.foreground)
		cli_note(cli, "serving '%s' at '%s' until it is unmounted, or Ctrl-C", m.store, m.mountpoint);
	if (mount_run(&m, &why))
		return cli_error(cli, EXIT_FAILED, "%s", buf_str(&why));
	if (!o.foreground)
		cli_note(cli, "'%s' is mounted at '%s'", m.store, m.mountpoint);
	return EXIT_DONE;
}

#else
#define MOUNT_OPTIONS "of a mount"

static struct { bool foreground; struct opt_list options; } o;

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	return cli_error(cli, EXIT_FAILED,
			 "cannot mount: this genstore was built without FUSE; use 'genstore get', 'restore' or 'export' instead");
}

#endif

static const struct opt options[] = {
	{ "foreground", 'f', OPT_FLAG, &o.foreground, NULL, "stay in the foreground" },
	{ "options", 'o', OPT_LIST, &o.options, "OPT,...", MOUNT_OPTIONS },
	{ 0 },
};

const struct command command_mount = {
	.name = "mount", .access = FOR_USERS, .arguments = "[MOUNTPOINT]", .summary = "shows the store as folders and files; alone lists the mounts",
	.options = options, .run = run, .max_args = 1,
};
