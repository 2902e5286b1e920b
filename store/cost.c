#include "store/cost.h"

int cost_add(struct genstore *st, int64_t generation, const struct cost *c)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.generation_costs(generation_request_id, iteration_number, input_tokens, output_tokens,"
				  " duration_ms, cost_usd, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_i64(&q, generation);
	bind_i64(&q, c->iteration);
	bind_i64(&q, c->input_tokens);
	bind_i64(&q, c->output_tokens);
	bind_i64(&q, c->duration_ms);
	bind_real(&q, c->cost_usd);
	bind_text(&q, now);
	return stmt_run(&q);
}

int cost_total(struct genstore *st, int64_t generation, struct cost *ret_c)
{
	STMT q = db_stmt(&st->db, "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
				  " coalesce(sum(duration_ms), 0), coalesce(sum(cost_usd), 0.0) FROM generation_costs"
				  " WHERE generation_request_id = ?");
	int r;

	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_c = (struct cost){ .iteration = col_i64(&q, 0), .input_tokens = col_i64(&q, 1), .output_tokens = col_i64(&q, 2),
				.duration_ms = col_i64(&q, 3), .cost_usd = col_real(&q, 4) };
	return 0;
}

static const char *const groups[COST_GROUPS] = {
	[COST_ITERATION] = "iteration", [COST_GENERATION] = "generation", [COST_APP] = "app", [COST_USER] = "user", [COST_MONTH] = "month",
};

const char *cost_group_name(enum cost_group group)
{
	return groups[group];
}

int cost_sums(struct genstore *st, enum cost_group group, const struct cost_filter *f, int (*each)(void *arg, const struct cost_sum *s), void *arg)
{
	STMT q = db_stmt(&st->db, "SELECT CASE ?1 WHEN 'iteration' THEN g.request_id || iif(c.iteration_number, '@' || c.iteration_number, '')"
				  " WHEN 'generation' THEN g.request_id WHEN 'app' THEN g.app_id WHEN 'user' THEN g.user_id"
				  " ELSE substr(c.created_at, 1, 7) END AS key,"
				  " CASE ?1 WHEN 'app' THEN a.app_name WHEN 'user' THEN u.name END, count(DISTINCT g.id), count(*),"
				  " sum(c.input_tokens), sum(c.output_tokens), sum(c.duration_ms), sum(c.cost_usd)"
				  " FROM generation_costs AS c JOIN generation_requests AS g ON g.id = c.generation_request_id"
				  " JOIN apps AS a ON a.id = g.app_id JOIN users AS u ON u.id = g.user_id"
				  " WHERE (?2 = 0 OR g.id = ?2) AND (?3 IS NULL OR a.app_name = ?3) AND (?4 IS NULL OR g.user_id = ?4)"
				  " AND (?5 IS NULL OR c.created_at >= ?5) AND (?6 IS NULL OR c.created_at < ?6)"
				  " GROUP BY key ORDER BY min(c.id)");
	const char *const texts[] = { f->app_name, f->user_id, f->since, f->until };
	int r;

	bind_text(&q, groups[group]);
	bind_i64(&q, f->generation);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		bind_text(&q, texts[i]);
	while ((r = stmt_step(&q)) > 0) {
		const struct cost_sum s = { col_text(&q, 0), col_text(&q, col_null(&q, 1) ? 0 : 1), col_i64(&q, 2),
					    { .iteration = col_i64(&q, 3), .input_tokens = col_i64(&q, 4), .output_tokens = col_i64(&q, 5),
					      .duration_ms = col_i64(&q, 6), .cost_usd = col_real(&q, 7) } };

		if ((r = each(arg, &s)))
			return r;
	}
	return r;
}
