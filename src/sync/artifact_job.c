#include "src/sync/artifact_job.h"

void artifact_job_free(struct artifact_job *j)
{
	if (!j)
		return;
	s3_call_release(&j->head);
	send_release(&j->send);
	about_release(&j->about);
	object_unref(j->object);
	artifact_release(&j->artifact);
	artifact_remote_release(&j->row);
	buf_release(&j->words);
	free(j->key);
	free(j->url);
	free(j);
}

static void job_freep(struct artifact_job **j)
{
	artifact_job_free(*j);
}

static int open_artifact(struct artifact_job *j, const char *path)
{
	AUTO(content_release) struct content c = { .id = 0 };
	int r;

	if ((r = artifact_get(j->st, path, &j->artifact)) || (r = artifact_open(j->st, &j->artifact, &j->object)) ||
	    (r = content_get(j->st, j->artifact.content_id, &c)))
		return r;
	memcpy(j->sha256, c.sha256, SHA256_SIZE);
	return about_make(&j->artifact, j->sha256, &j->about);
}

static int name_key(struct artifact_job *j, const struct settings *set)
{
	if (asprintf(&j->key, "%s%s", set->prefix, j->artifact.storage_path) < 0)
		j->key = NULL;
	if (!j->key || asprintf(&j->url, "s3://%s/%s", set->bucket, j->key) < 0) {
		j->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

int artifact_job_new(struct genstore *st, struct s3 *s3, const struct settings *set, struct send_memory *memory, struct artifact_remote *row,
		     struct artifact_job **ret_job)
{
	AUTO(job_freep) struct artifact_job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->st = st;
	j->bucket = set->bucket;
	if ((r = open_artifact(j, row->storage_path)) || (r = name_key(j, set)))
		return r;
	j->row = *row;
	*row = (struct artifact_remote){ 0 };
	j->send = (struct send){
		.st = st, .s3 = s3, .memory = memory, .bucket = j->bucket, .key = j->key, .object = j->object, .outbox_id = -j->row.id,
		.type = j->artifact.mime_type, .about = j->about.pairs, .about_count = j->about.count,
	};
	memcpy(j->send.sha256, j->sha256, SHA256_SIZE);
	s3_head(&j->head, j->key);
	s3_start(s3, &j->head);
	*ret_job = MOVE(j);
	return 0;
}

static void end(struct artifact_job *j, int r, const char *words)
{
	j->over = true;
	j->r = r;
	buf_adds(&j->words, words);
}

static bool is_text(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

/* What is about to be sent is written down: killed before the answer, the next one knows it for ours. */
static void begin(struct artifact_job *j, const char *replaces, const struct found *there)
{
	int64_t size = object_size(j->object);
	char etag[S3_ETAG_SIZE];
	int r = etag_of_object(j->st, j->object, size > S3_WHOLE_MAX ? etag_part_size(size) : 0, etag);

	/* -ENOENT: nobody asks for it any more. */
	if (r || (r = artifact_remote_try(j->st, j->row.id, etag))) {
		end(j, r == -ENOENT ? -ECANCELED : r, r == -ENOENT ? "it was cancelled" : genstore_errmsg(j->st));
		return;
	}
	snprintf(j->send.replaces, sizeof(j->send.replaces), "%s", replaces);
	j->sending = true;
	send_begin(&j->send, there);
}

static void on_head(struct artifact_job *j)
{
	const struct s3_answer *a = &j->head.answer;
	bool here = is_text(j->row.bucket, j->bucket) && is_text(j->row.key, j->key);
	bool sent = here && is_text(j->row.etag, a->etag), tried = is_text(j->row.tried_etag, a->etag);
	struct found found = { .there = true, .size = a->size };

	if (a->r == -ENOENT || a->r == -EOPNOTSUPP) {
		begin(j, "", NULL);
	} else if (a->r == -EACCES) {
		/* Keys that may write only: the server compares. */
		begin(j, here && j->row.etag ? j->row.etag : "", NULL);
	} else if (a->r) {
		end(j, a->r, buf_str(&a->words));
	} else if (sent && artifact_remote_is_current(&j->row, &j->artifact)) {
		snprintf(j->etag, sizeof(j->etag), "%s", a->etag);
		end(j, 0, "");
	} else if (sent || tried) {
		begin(j, a->etag, NULL);
	} else {
		snprintf(found.etag, sizeof(found.etag), "%s", a->etag);
		begin(j, "", &found);
	}
}

bool artifact_job_pump(struct artifact_job *j)
{
	if (!j->over && !j->sending && j->head.over)
		on_head(j);
	if (!j->over && j->sending && send_pump(&j->send)) {
		memcpy(j->etag, j->send.etag, S3_ETAG_SIZE);
		end(j, j->send.r, buf_str(&j->send.words));
	}
	return j->over;
}

int64_t artifact_job_moved(const struct artifact_job *j)
{
	return j->sending ? send_moved(&j->send) : 0;
}
