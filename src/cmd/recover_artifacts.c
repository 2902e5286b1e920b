#include "src/cmd/recover_artifacts.h"
#include "src/cmd/artifact.h"
#include "src/cmd/out.h"
#include "store/artifact_remote.h"
#include "store/base/utf8.h"

#include <jansson.h>

#define TOP "organizations/"

struct work {
	struct cli *cli;
	struct remote *remote;
	struct recovered *counts;
	struct buf keys; /* of a page, each with its NUL */
};

/* An object, on its way into the store. */
struct item {
	const char *key, *path; /* path: its storage path */
	struct session session;
	const char *rest; /* below artifacts/ */
	struct s3_call call;
	int fd;
	int64_t size;
	struct sha256 hash;
	uint8_t sha256[SHA256_SIZE];
	json_t *about; /* NULL: nothing is known of it */
	struct buf words;
};

static void item_release(struct item *i)
{
	s3_call_release(&i->call);
	if (i->fd >= 0)
		close(i->fd);
	json_decref(i->about);
	buf_release(&i->words);
}

static void say(const struct work *w, const char *key, const char *words)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!w->cli->json) {
		utf8_printable(&line, key, strlen(key));
		cli_note(w->cli, "'%s' %s", buf_str(&line), words);
		return;
	}
	out_object(&j, &line, "skipped");
	jw_str(&j, "key", key);
	jw_str(&j, "message", words);
	out_object_end(&j);
}

static bool take_uuid(const char **at, char out[ID_UUID])
{
	if (strlen(*at) < ID_UUID || (*at)[ID_UUID - 1] != '/')
		return false;
	memcpy(out, *at, ID_UUID - 1);
	out[ID_UUID - 1] = '\0';
	*at += ID_UUID;
	return id_is_uuid(out);
}

static bool take_word(const char **at, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*at, word, n))
		return false;
	*at += n;
	return true;
}

static bool parse(struct item *i)
{
	const char *at = i->path;

	if (!take_word(&at, TOP) || !take_uuid(&at, i->session.organization_id) || !take_word(&at, "sessions/") ||
	    !take_uuid(&at, i->session.id) || !take_word(&at, "artifacts/") || !*at)
		return false;
	i->rest = at;
	/* It is made on demand. */
	return strcmp(at, ARTIFACT_BUNDLE) != 0;
}

static int take_bytes(void *arg, const void *data, size_t n)
{
	struct item *i = arg;

	sha256_update(&i->hash, data, n);
	i->size += (int64_t)n;
	for (size_t done = 0; done < n;) {
		ssize_t more = write(i->fd, (const char *)data + done, n - done);

		if (more < 0)
			return -errno;
		done += (size_t)more;
	}
	return i->size > ARTIFACT_BYTES_MAX ? -EFBIG : 0;
}

static const char *about_text(const struct item *i, const char *name)
{
	return json_string_value(json_object_get(i->about, name));
}

/* The bytes, and what goes along with them, which they have to fit. */
static int fetch(struct work *w, struct item *i)
{
	char hex[HEX_SHA256_SIZE];
	const char *sha256;
	int r;

	if ((i->fd = artifact_spool()) < 0)
		return i->fd;
	sha256_init(&i->hash);
	s3_get(&i->call, i->key, 0, -1);
	i->call.sink = take_bytes;
	i->call.sink_arg = i;
	if ((r = s3_wait(w->remote->s3, &i->call))) {
		buf_adds(&i->words, buf_str(&i->call.answer.words));
		return r;
	}
	sha256_final(&i->hash, i->sha256);
	hex_encode(i->sha256, SHA256_SIZE, hex);
	i->about = json_loads(i->call.answer.about, JSON_REJECT_DUPLICATES, NULL);
	sha256 = about_text(i, "sha256");
	if (sha256 && strcmp(sha256, hex)) {
		buf_adds(&i->words, "is not what was sent: its bytes have another SHA-256 than its metadata");
		return -EBADMSG;
	}
	return lseek(i->fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* Of the type that it was sent as, where its folder is that one's. *ret_name: of it, in rest. */
static int find_type(const struct item *i, struct buf *type, const char **ret_name)
{
	const char *sent = about_text(i, "type"), *slash = strchr(i->rest, '/'), *folder;
	size_t n = slash ? (size_t)(slash - i->rest) : 0;

	folder = sent ? artifact_folder(sent) : NULL;
	*ret_name = n ? slash + 1 : i->rest;
	if (sent && strlen(folder) == n && !strncmp(folder, i->rest, n))
		return buf_adds(type, sent);
	buf_add(type, i->rest, n);
	folder = n ? artifact_type_of(buf_str(type)) : "readme";
	if (buf_error(type) || folder == buf_str(type))
		return buf_error(type);
	buf_reset(type);
	return buf_adds(type, folder);
}

/* It is in the bucket as it is here. */
static int note_sent(struct work *w, const struct item *i)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(artifact_remote_release) struct artifact_remote row = { 0 };
	struct genstore *st = w->cli->st;
	struct artifact_remote there = {
		.bucket = w->remote->set.bucket, .key = (char *)(uintptr_t)i->key, .etag = (char *)(uintptr_t)i->call.answer.etag, .size = i->size,
	};
	int64_t count = 0;
	bool again;
	int r;

	memcpy(there.sha256, i->sha256, SHA256_SIZE);
	if ((r = artifact_get(st, i->path, &a)) == -ENOENT)
		return store_fail(st, -EINVAL, "its key is not that of its type and name");
	if (r || (r = artifact_remote_queue_one(st, &a, &count)) || (r = artifact_remote_get(st, i->path, &row)))
		return r;
	return artifact_remote_done(st, row.id, &a, &there, &again);
}

static int put(struct work *w, struct item *i, struct artifact_batch *b)
{
	AUTO(free_ptr) char *metadata = json_is_object(json_object_get(i->about, "metadata")) ? json_dumps(json_object_get(i->about, "metadata"), JSON_COMPACT) : NULL;
	const char *id = about_text(i, "artifact_id"), *created = about_text(i, "created_at"), *conversation = about_text(i, "conversation_id");
	struct artifact_place where = { .organization = i->session.organization_id, .session = i->session.id, .metadata = metadata };
	struct artifact_put done;
	int64_t at;
	TXN t = txn_begin(&w->cli->st->db);
	int r = t.error;

	where.artifact_id = id && id_is_uuid(id) ? id : NULL;
	where.created_at = created && !clock_parse(created, &at) ? created : NULL;
	where.conversation = conversation && id_is_uuid(conversation) ? conversation : NULL;
	if (r || (r = artifact_batch_commit(b, &where, &done)) || (r = note_sent(w, i)))
		return r;
	return txn_commit(&t);
}

static int keep(struct work *w, struct item *i)
{
	AUTO(artifact_batch_freep) struct artifact_batch *b = NULL;
	AUTO(buf_release) struct buf type = BUF_INIT;
	const char *name;
	int r;

	if ((r = find_type(i, &type, &name)) || (r = artifact_batch_new(w->cli->st, &b)) || (r = artifact_batch_file(b, buf_str(&type), name, i->fd)) ||
	    (r = put(w, i, b)))
		buf_addf(&i->words, "cannot be kept: %s", genstore_errmsg(w->cli->st));
	return r;
}

static void tell(struct work *w, struct item *i, int r)
{
	if (r) {
		w->counts->failed++;
		w->counts->code = w->counts->code ? w->counts->code : remote_code(r);
		say(w, i->key, *buf_str(&i->words) ? buf_str(&i->words) : strerror(-r));
		return;
	}
	w->counts->recovered++;
	w->counts->bytes += i->size;
	if (!i->about)
		say(w, i->key, "says nothing of itself: its id, time, conversation and metadata are not known");
	if (!w->cli->json)
		puts(i->path);
	else if (i->about && !json_object_get(i->about, "sha256"))
		say(w, i->key, "has no SHA-256 to be compared with");
}

static void recover_one(struct work *w, const char *key)
{
	AUTO(artifact_release) struct artifact here = { 0 };
	AUTO(item_release) struct item i = { .key = key, .path = key + strlen(w->remote->set.prefix), .fd = -1 };
	int r;

	if (!parse(&i)) {
		if (!i.rest)
			say(w, key, "is not the key of an artifact");
		return;
	}
	if (!(r = artifact_get(w->cli->st, i.path, &here))) {
		w->counts->here++;
		return;
	}
	r = r == -ENOENT ? 0 : r;
	if (!r && !(r = fetch(w, &i)))
		r = keep(w, &i);
	tell(w, &i, r);
}

static int note_key(void *arg, const struct s3_object *o)
{
	struct work *w = arg;

	return buf_add(&w->keys, o->key, strlen(o->key) + 1);
}

static int list_page(struct work *w, const char *prefix, char **token)
{
	AUTO(free_ptr) char *before = *token;
	struct s3_call c;
	int r;

	*token = NULL;
	buf_reset(&w->keys);
	s3_list(&c, prefix, 0, before);
	if ((r = s3_wait(w->remote->s3, &c)))
		r = cli_error(w->cli, remote_code(r), "cannot list the bucket: %s", buf_str(&c.answer.words));
	else if ((r = s3_list_read(&c.answer, note_key, w, token)))
		r = cli_error(w->cli, EXIT_REMOTE, "cannot list the bucket: its answer is no listing");
	s3_call_release(&c);
	return r;
}

int recover_artifacts(struct cli *cli, struct remote *remote, struct recovered *ret_counts)
{
	struct work w = { .cli = cli, .remote = remote, .counts = ret_counts };
	AUTO(free_ptr) char *token = NULL, *prefix = NULL;
	int r = asprintf(&prefix, "%s" TOP, remote->set.prefix) < 0 ? -ENOMEM : 0;

	if (r)
		return cli_error(cli, EXIT_FAILED, "no memory");
	do {
		if ((r = list_page(&w, prefix, &token)))
			break;
		for (size_t at = 0; at < w.keys.len; at += strlen((const char *)w.keys.data + at) + 1)
			recover_one(&w, (const char *)w.keys.data + at);
	} while (token);
	buf_release(&w.keys);
	return r;
}
