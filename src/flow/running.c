#include "src/flow/running.h"
#include "src/flow/flow.h"
#include "store/base/json.h"

#include <fcntl.h>
#include <jansson.h>

static const char prefix[] = "running/";

/* A process, so that another one with the same number is not taken for it. */
struct process {
	int64_t pid, start; /* start: clock ticks since boot, proc(5) */
	char boot[40], host[65];
};

/* A small file of /proc as text. */
static int read_text(const char *path, char *out, size_t size)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return -errno;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* proc(5): the 22nd field; the second is a name in parentheses that may hold anything. */
static int start_time(int64_t pid, int64_t *ret_start)
{
	char path[40], text[1024], *p;
	int r;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	if ((r = read_text(path, text, sizeof(text))))
		return r;
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	*ret_start = p ? strtoll(p, NULL, 10) : 0;
	return 0;
}

static int myself(struct process *p)
{
	int r;

	*p = (struct process){ .pid = getpid() };
	if ((r = start_time(p->pid, &p->start)) || (r = read_text("/proc/sys/kernel/random/boot_id", p->boot, sizeof(p->boot))))
		return r;
	return gethostname(p->host, sizeof(p->host) - 1) ? -errno : 0;
}

int running_put(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO store_state(key, value) VALUES ('running/' || ?, ?)");
	AUTO(buf_release) struct buf value = BUF_INIT;
	struct process p;
	struct jw j;
	int r = myself(&p);

	if (r)
		return store_fail(st, r, "cannot read '/proc': %s", strerror(-r));
	jw_begin(&j, &value, 0);
	jw_object(&j, NULL);
	jw_int(&j, "pid", p.pid);
	jw_int(&j, "start", p.start);
	jw_str(&j, "boot_id", p.boot);
	jw_str(&j, "host", p.host);
	jw_end(&j);
	bind_text(&q, request_id);
	bind_text(&q, buf_str(&value));
	return stmt_run(&q);
}

int running_drop(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM store_state WHERE key = 'running/' || ?");

	bind_text(&q, request_id);
	return stmt_run(&q);
}

/* A process on another machine cannot be seen from here: it counts as living. So does what cannot be read. */
static bool lives(const char *value, const struct process *me)
{
	json_t *v = json_loads(value ? value : "", 0, NULL);
	const char *boot = json_string_value(json_object_get(v, "boot_id"));
	const char *host = json_string_value(json_object_get(v, "host"));
	int64_t pid = json_integer_value(json_object_get(v, "pid")), start = json_integer_value(json_object_get(v, "start")), now;
	bool gone = false;

	if (boot && host && pid > 0 && strcmp(host, me->host) == 0)
		gone = strcmp(boot, me->boot) != 0 || start_time(pid, &now) == -ENOENT || now != start;
	json_decref(v);
	return !gone;
}

/* The first key behind `after` whose process is gone. 1, or 0 when there is none. */
static int next_orphan(struct genstore *st, const char *after, char **ret_key)
{
	STMT q = db_stmt(&st->db, "SELECT key, value FROM store_state WHERE key > ? AND key < 'running0' ORDER BY key");
	struct process me;
	int r;

	bind_text(&q, after);
	while ((r = stmt_step(&q)) > 0) {
		if ((r = myself(&me)))
			return store_fail(st, r, "cannot read '/proc': %s", strerror(-r));
		if (!lives(col_text(&q, 1), &me))
			return (r = col_dup(&q, 0, ret_key)) ? r : 1;
	}
	return r;
}

static int pause_one(struct genstore *st, const char *request_id, bool *ret_paused)
{
	static const char words[] = "genstore ended while this was being generated: paused; its finished iterations are kept";
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_by_request(st, request_id, &g);

	*ret_paused = !r && strcmp(g.status, "generating") == 0;
	if (*ret_paused && !(r = generation_set_status(st, g.id, "paused", NULL)))
		r = event_add(st, g.id, "log", "warn", words, sizeof(words) - 1, NULL);
	return r == -ENOENT ? 0 : r;
}

/* The first orphan behind `after`, looked up again now that nobody else can take it: 1 and its key, 0 when there is none. */
static int adopt_one(struct genstore *st, const char *after, char **ret_key, bool *ret_paused)
{
	AUTO(free_ptr) char *key = NULL;
	int r;

	TXN t = txn_begin(&st->db);

	if (t.error)
		return t.error;
	if ((r = next_orphan(st, after, &key)) <= 0)
		return r;
	if ((r = pause_one(st, key + sizeof(prefix) - 1, ret_paused)) || (r = running_drop(st, key + sizeof(prefix) - 1)) ||
	    (r = txn_commit(&t)))
		return r;
	*ret_key = MOVE(key);
	return 1;
}

int flow_adopt_orphans(struct genstore *st, void (*told)(void *arg, const char *request_id), void *arg)
{
	AUTO(free_ptr) char *seen = NULL;
	int r;

	if (st->read_only)
		return 0;
	if ((r = next_orphan(st, prefix, &seen)) <= 0)
		return r;
	free(seen);
	seen = strdup(prefix);
	while (seen) {
		char *key = NULL;
		bool paused = false;

		if ((r = adopt_one(st, seen, &key, &paused)) <= 0)
			return r;
		free(seen);
		seen = key;
		if (paused && told)
			told(arg, key + sizeof(prefix) - 1);
	}
	return -ENOMEM;
}
