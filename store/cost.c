#include "store/event.h"

int cost_add(struct genstore *st, int64_t generation, const struct cost *c)
{
	STMT q = db_stmt(&st->db, "INSERT INTO generation_costs(generation_request_id, iteration_number, input_tokens, output_tokens,"
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
