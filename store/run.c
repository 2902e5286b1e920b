#include "store/run.h"
#include "store/base/json.h"

#include <jansson.h>

static void free_words(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void run_release(struct run *r)
{
	free_words(r->command);
	free_words(r->env);
	*r = (struct run){ 0 };
}

static int to_json(char *const *words, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_array(&j, NULL);
	for (size_t i = 0; words && words[i]; i++)
		jw_str(&j, NULL, words[i]);
	jw_end(&j);
	return buf_error(out);
}

/* An array of texts; *ret_words is not NULL then. -EUCLEAN for anything else. */
static int from_json(const char *text, char ***ret_words, size_t *ret_count)
{
	json_t *list = json_loads(text, 0, NULL);
	size_t n = json_array_size(list);
	char **words = json_is_array(list) && n <= RUN_WORDS_MAX ? calloc(n + 1, sizeof(*words)) : NULL;
	int r = words ? 0 : json_is_array(list) && n <= RUN_WORDS_MAX ? -ENOMEM : -EUCLEAN;

	for (size_t i = 0; i < n && !r; i++) {
		const char *word = json_string_value(json_array_get(list, i));

		words[i] = word ? strdup(word) : NULL;
		r = word ? words[i] ? 0 : -ENOMEM : -EUCLEAN;
	}
	json_decref(list);
	if (r) {
		free_words(words);
		return r;
	}
	*ret_words = words;
	*ret_count = n;
	return 0;
}

int run_put(struct genstore *st, int64_t generation, const struct run *run)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO main.generation_runs (generation_request_id, command, env, silence_ms, max_bytes,"
				  " decision_ms, parent_iteration) VALUES (?, ?, ?, ?, ?, ?, ?)");
	AUTO(buf_release) struct buf command = BUF_INIT, env = BUF_INIT;
	int r;

	if ((r = to_json(run->forgotten ? NULL : run->command, &command)) || (r = to_json(run->env, &env)))
		return r;
	bind_i64(&q, generation);
	bind_text(&q, run->command || run->forgotten ? buf_str(&command) : NULL);
	bind_text(&q, buf_str(&env));
	bind_i64(&q, run->silence_ms);
	bind_i64(&q, run->max_bytes);
	bind_i64(&q, run->decision_ms);
	bind_i64(&q, run->parent_iteration);
	return stmt_run(&q);
}

int run_get(struct genstore *st, int64_t generation, struct run *ret_run)
{
	STMT q = db_stmt(&st->db, "SELECT command, env, silence_ms, max_bytes, decision_ms, parent_iteration FROM generation_runs"
				  " WHERE generation_request_id = ?");
	AUTO(run_release) struct run run = { 0 };
	size_t words = 0;
	int r;

	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "how generation %lld is run is not kept", (long long)generation);
	if ((!col_null(&q, 0) && (r = from_json(col_text(&q, 0), &run.command, &words))) ||
	    (r = from_json(col_text(&q, 1), &run.env, &run.env_count)) || words == 1)
		return store_fail(st, r ? r : -EUCLEAN, "how generation %lld is run is damaged", (long long)generation);
	if (run.command && !words) {
		run.forgotten = true;
		free_words(MOVE(run.command));
	}
	run.silence_ms = col_i64(&q, 2);
	run.max_bytes = col_i64(&q, 3);
	run.decision_ms = col_i64(&q, 4);
	run.parent_iteration = col_i64(&q, 5);
	*ret_run = run;
	run = (struct run){ 0 };
	return 0;
}

/* Of one row the names that are not among ?1. */
#define MISSING "FROM json_each(coalesce(r.env, '[]')) AS e WHERE e.value NOT IN (SELECT value FROM json_each(?1))"
#define QUEUE "FROM generation_requests AS g LEFT JOIN generation_runs AS r ON r.generation_request_id = g.id WHERE g.status = 'queued' "
#define READY QUEUE "AND NOT EXISTS (SELECT 1 " MISSING ")"

int run_next(struct genstore *st, const char *names, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT g.id " READY " ORDER BY g.id LIMIT 1");
	int r;

	bind_text(&q, names);
	if ((r = stmt_step(&q)) > 0)
		*ret_id = col_i64(&q, 0);
	return r;
}

int run_ready(struct genstore *st, const char *names, int64_t *ret_n)
{
	STMT q = db_stmt(&st->db, "SELECT count(*) " READY);
	int r;

	bind_text(&q, names);
	if ((r = stmt_step(&q)) > 0)
		*ret_n = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

int run_waiting(struct genstore *st, const char *names, int64_t after, int64_t *ret_id, char **ret_missing)
{
	STMT q = db_stmt(&st->db, "SELECT g.id, (SELECT group_concat(e.value, ', ') " MISSING ") AS missing " QUEUE
				  "AND g.id > ?2 AND missing IS NOT NULL ORDER BY g.id LIMIT 1");
	int r;

	bind_text(&q, names);
	bind_i64(&q, after);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	*ret_id = col_i64(&q, 0);
	return (r = col_dup(&q, 1, ret_missing)) ? r : 1;
}
