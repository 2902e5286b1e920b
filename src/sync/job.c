#include "src/sync/job.h"

const char *const job_names[JOB_OBJECTS] = { "app.tar.gz", "metadata.json" };

enum { LISTED_MAX = 100 };

char *job_key(const struct settings *set, const char *request_id, const char *name)
{
	char *key;

	return asprintf(&key, "%sgenerations/%s/%s", set->prefix, request_id, name) < 0 ? NULL : key;
}

void job_free(struct job *j)
{
	if (!j)
		return;
	s3_call_release(&j->list);
	send_release(&j->send);
	for (size_t i = 0; i < JOB_OBJECTS; i++) {
		object_unref(j->objects[i]);
		free(j->keys[i]);
	}
	free(j->url);
	free(j->prefix);
	generation_release(&j->generation);
	outbox_row_release(&j->row);
	buf_release(&j->words);
	free(j);
}

static void job_freep(struct job **j)
{
	job_free(*j);
}

static int hash_object(struct genstore *st, const struct object *o, uint8_t out[SHA256_SIZE])
{
	AUTO(free_ptr) uint8_t *bytes = malloc((size_t)object_size(o) + 1);
	ssize_t n = bytes ? object_read(st, o, 0, (size_t)object_size(o), bytes) : -ENOMEM;

	if (n < 0)
		return (int)n;
	sha256_of(bytes, (size_t)n, out);
	return 0;
}

static int open_objects(struct job *j)
{
	struct generation *g = &j->generation;
	int r = generation_get(j->st, j->row.generation, g);

	if (r)
		return r;
	if (!g->metadata_id)
		return -EAGAIN;
	if ((r = generation_archive(j->st, g, &j->objects[0])) || (r = generation_metadata(j->st, g, &j->objects[1])))
		return r;
	memcpy(j->sha256[0], g->archive_sha256, SHA256_SIZE);
	return hash_object(j->st, j->objects[1], j->sha256[1]);
}

static int name_keys(struct job *j, const struct settings *set)
{
	for (size_t i = 0; i < JOB_OBJECTS; i++)
		if (!(j->keys[i] = job_key(set, j->generation.request_id, job_names[i])))
			return -ENOMEM;
	j->prefix = job_key(set, j->generation.request_id, "");
	if (!j->prefix || asprintf(&j->url, "s3://%s/%s", set->bucket, j->prefix) < 0) {
		j->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

int job_new(struct genstore *st, struct s3 *s3, const struct settings *set, struct send_memory *memory, struct outbox_row *row,
	    struct job **ret_job)
{
	AUTO(job_freep) struct job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->st = st;
	j->s3 = s3;
	j->memory = memory;
	j->bucket = set->bucket;
	j->at = -1;
	j->row = *row;
	r = open_objects(j);
	r = r ? r : name_keys(j, set);
	if (r) {
		j->row = (struct outbox_row){ 0 };
		return r;
	}
	*row = (struct outbox_row){ 0 };
	s3_list(&j->list, j->prefix, LISTED_MAX, NULL);
	s3_start(s3, &j->list);
	*ret_job = MOVE(j);
	return 0;
}

static int note_found(void *arg, const struct s3_object *o)
{
	struct job *j = arg;

	for (size_t i = 0; i < JOB_OBJECTS; i++)
		if (!strcmp(o->key, j->keys[i])) {
			j->found[i] = (struct found){ .there = true, .size = o->size };
			snprintf(j->found[i].etag, sizeof(j->found[i].etag), "%s", o->etag);
		}
	return 0;
}

static void end(struct job *j, int r, const char *words)
{
	j->over = true;
	j->r = r;
	buf_adds(&j->words, words);
}

static void next_object(struct job *j)
{
	if (j->at >= 0) {
		memcpy(j->etags[j->at], j->send.etag, S3_ETAG_SIZE);
		j->sent += object_size(j->objects[j->at]);
	}
	send_release(&j->send);
	if (++j->at == JOB_OBJECTS) {
		end(j, 0, "");
		return;
	}
	j->send = (struct send){
		.st = j->st, .s3 = j->s3, .memory = j->memory, .bucket = j->bucket, .key = j->keys[j->at],
		.object = j->objects[j->at], .outbox_id = j->row.id,
	};
	memcpy(j->send.sha256, j->sha256[j->at], SHA256_SIZE);
	send_begin(&j->send, &j->found[j->at]);
}

/* Keys that may write and not list are enough: If-None-Match protects what is there. */
static void on_list(struct job *j)
{
	const struct s3_answer *a = &j->list.answer;
	AUTO(free_ptr) char *token = NULL;

	if (!a->r)
		s3_list_read(a, note_found, j, &token);
	if (a->r && a->r != -EACCES && a->r != -EOPNOTSUPP)
		end(j, a->r, buf_str(&a->words));
	else
		next_object(j);
}

bool job_pump(struct job *j)
{
	if (!j->over && j->at < 0 && j->list.over)
		on_list(j);
	while (!j->over && j->at >= 0 && send_pump(&j->send))
		if (j->send.r)
			end(j, j->send.r, buf_str(&j->send.words));
		else
			next_object(j);
	return j->over;
}

int64_t job_size(const struct job *j)
{
	return object_size(j->objects[0]) + object_size(j->objects[1]);
}

int64_t job_moved(const struct job *j)
{
	return j->sent + (j->at >= 0 && j->send.object ? send_moved(&j->send) : 0);
}

void job_objects(const struct job *j, struct remote_object out[JOB_OBJECTS])
{
	for (size_t i = 0; i < JOB_OBJECTS; i++) {
		out[i] = (struct remote_object){
			.size = object_size(j->objects[i]), .name = (char *)(uintptr_t)job_names[i], .bucket = (char *)(uintptr_t)j->bucket,
			.key = j->keys[i], .etag = (char *)(uintptr_t)j->etags[i],
		};
		memcpy(out[i].sha256, j->sha256[i], SHA256_SIZE);
	}
}
