/* The thread, and what it is given. */
#include "fs/scribe_inside.h"

static struct job *next_job(struct scribe *s)
{
	struct job *job;

	pthread_mutex_lock(&s->lock);
	while (!s->first && !s->ended)
		pthread_cond_wait(&s->more, &s->lock);
	if ((job = s->first) && !(s->first = job->next))
		s->last = &s->first;
	pthread_mutex_unlock(&s->lock);
	return job;
}

static ssize_t run(struct scribe *s, const struct job *job)
{
	if (!job->write && job->what.order == SCRIBE_QUEUE)
		return scribe_queue(s, job->what.file, job->name);
	return scribe_run(s, drafts_own(s->drafts, job->what.file), job);
}

static void *work(void *arg)
{
	struct scribe *s = arg;
	struct job *job;

	while ((job = next_job(s))) {
		ssize_t r = run(s, job);

		if (job->what.done)
			job->what.done(job->what.arg, r, s->reply);
		pthread_mutex_lock(&s->lock);
		s->behind -= job->write ? job->what.n : 0;
		pthread_mutex_unlock(&s->lock);
		free(job->data);
		free(job);
		/* At rest there is nothing beside the store. */
		if (s->st && !scribe_uploads(s))
			genstore_free(MOVE(s->st));
	}
	for (int64_t i; (i = drafts_first(s->drafts));)
		scribe_drop(s, drafts_own(s->drafts, i));
	genstore_free(MOVE(s->st));
	return NULL;
}

int scribe_new(struct view *v, const struct scribe_sink *sink, struct scribe **ret_s)
{
	struct scribe *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->view = v;
	s->drafts = v->drafts;
	s->sink = *sink;
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	if ((r = pthread_create(&s->thread, NULL, work, s))) {
		free(s);
		return -r;
	}
	*ret_s = s;
	return 0;
}

void scribe_free(struct scribe *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	free(s->reply);
	free(s);
}

static void add(struct scribe *s, struct job *job)
{
	*s->last = job;
	s->last = &job->next;
	pthread_cond_signal(&s->more);
}

int scribe_write(struct scribe *s, int64_t file, int64_t offset, const void *data, size_t n, scribe_done done, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));
	bool behind;
	int r;

	if (!job || !(job->data = malloc(n + !n)) || (r = drafts_grow(s->drafts, file, offset + (int64_t)n))) {
		r = !job || !job->data ? -ENOMEM : r;
		if (job)
			free(job->data);
		free(job);
		return r;
	}
	memcpy(job->data, data, n);
	job->write = true;
	job->what = (struct scribe_request){ .file = file, .offset = offset, .n = n };
	pthread_mutex_lock(&s->lock);
	s->behind += n;
	behind = s->behind <= SCRIBE_BEHIND;
	if (!behind)
		job->what.done = done;
	job->what.arg = arg;
	add(s, job);
	pthread_mutex_unlock(&s->lock);
	return behind;
}

int scribe_ask(struct scribe *s, const struct scribe_request *request)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->what = *request;
	if (request->name)
		snprintf(job->name, sizeof(job->name), "%s", request->name);
	job->what.name = NULL;
	pthread_mutex_lock(&s->lock);
	add(s, job);
	pthread_mutex_unlock(&s->lock);
	return 0;
}
