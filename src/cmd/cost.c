/* genstore cost */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "store/app.h"
#include "store/cost.h"

static struct {
	const char *by, *app, *user, *since, *until;
} o;

static const struct opt options[] = {
	{ "by", 'b', OPT_TEXT, &o.by, "WHAT", "iteration, generation, app, user or month (generation; with REQ iteration)" },
	{ "app", 0, OPT_TEXT, &o.app, "NAME", "of that app" },
	{ "user", 0, OPT_TEXT, &o.user, "NAME", "of that user's generations" },
	{ "since", 0, OPT_TEXT, &o.since, "TIME", "from then on: 2026-01-31, or with a time as RFC 3339 has it" },
	{ "until", 0, OPT_TEXT, &o.until, "TIME", "before that" },
	{ 0 },
};

struct report {
	const struct cli *cli;
	enum cost_group group;
	struct table table;
	struct cost_sum total;
	char id[ID_UUID], since[CLOCK_TEXT], until[CLOCK_TEXT]; /* what the filter borrows */
};

static void numbers(struct jw *j, const struct cost_sum *s)
{
	jw_int(j, "generations", s->generations);
	jw_int(j, "input_tokens", s->cost.input_tokens);
	jw_int(j, "output_tokens", s->cost.output_tokens);
	jw_int(j, "duration_ms", s->cost.duration_ms);
	jw_real(j, "cost_usd", s->cost.cost_usd);
}

static void add_row(struct table *t, const char *label, const struct cost *c)
{
	char human[HUMAN_SIZE];

	table_cell(t, label);
	table_cellf(t, "%lld", (long long)c->input_tokens);
	table_cellf(t, "%lld", (long long)c->output_tokens);
	table_cell(t, human_ms(c->duration_ms, human));
	table_cellf(t, "%.4f", c->cost_usd);
}

static int each(void *arg, const struct cost_sum *s)
{
	struct report *p = arg;
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	p->total.cost.iteration++;
	p->total.cost.input_tokens += s->cost.input_tokens;
	p->total.cost.output_tokens += s->cost.output_tokens;
	p->total.cost.duration_ms += s->cost.duration_ms;
	p->total.cost.cost_usd += s->cost.cost_usd;
	if (!p->cli->json) {
		add_row(&p->table, s->label, &s->cost);
		return 0;
	}
	out_object(&j, &line, "cost");
	jw_str(&j, cost_group_name(p->group), s->label);
	if (s->key != s->label && strcmp(s->key, s->label) != 0)
		jw_str(&j, "id", s->key);
	numbers(&j, s);
	out_object_more(&j);
	return 0;
}

static int take_group(struct cli *cli, bool one, enum cost_group *ret_group)
{
	*ret_group = one ? COST_ITERATION : COST_GENERATION;
	if (!o.by)
		return 0;
	for (*ret_group = 0; *ret_group < COST_GROUPS; ++*ret_group)
		if (strcmp(o.by, cost_group_name(*ret_group)) == 0)
			return 0;
	return cli_usage(cli, "--by takes iteration, generation, app, user or month, not '%s'", o.by);
}

static int take_filter(struct cli *cli, const char *req, struct report *p, struct cost_filter *f)
{
	int r;

	if (req) {
		AUTO(revision_release) struct revision rev = { 0 };

		if ((r = cli_generation(cli, req, &rev)))
			return r;
		f->generation = rev.generation.id;
	}
	if (o.user && (r = user_find(cli->st, o.user, p->id)))
		return cli_fail(cli, r);
	f->app_name = o.app;
	f->user_id = o.user ? p->id : NULL;
	f->since = o.since ? p->since : NULL;
	f->until = o.until ? p->until : NULL;
	return 0;
}

static void finish(struct report *p)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!p->cli->json) {
		if (p->total.cost.iteration > 1)
			add_row(&p->table, "in all", &p->total.cost);
		table_end(&p->table);
		if (!p->total.cost.iteration)
			cli_note(p->cli, "nothing has cost anything");
		return;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, "rows", p->total.cost.iteration);
	jw_int(&j, "input_tokens", p->total.cost.input_tokens);
	jw_int(&j, "output_tokens", p->total.cost.output_tokens);
	jw_int(&j, "duration_ms", p->total.cost.duration_ms);
	jw_real(&j, "cost_usd", p->total.cost.cost_usd);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const char *const heads[COST_GROUPS] = { "ITERATION", "GENERATION", "APP", "USER", "MONTH" };
	const char *titles[] = { NULL, "TOKENS IN", "OUT", "TIME", "USD" };
	struct report p = { .cli = cli };
	struct cost_filter f = { 0 };
	int r;

	if ((r = take_group(cli, argc, &p.group)) || (o.since && (r = cli_time(cli, "since", o.since, p.since))) ||
	    (o.until && (r = cli_time(cli, "until", o.until, p.until))) || (r = cli_open(cli, GENSTORE_READ_ONLY)) ||
	    (r = take_filter(cli, argc ? argv[0] : NULL, &p, &f)))
		return r;
	titles[0] = heads[p.group];
	table_begin(&p.table, titles, ARRAY_LEN(titles), "lrrrr");
	if ((r = cost_sums(cli->st, p.group, &f, each, &p))) {
		buf_release(&p.table.cells);
		return cli_fail(cli, r);
	}
	finish(&p);
	return EXIT_DONE;
}

const struct command command_cost = {
	.name = "cost", .access = FOR_USERS, .arguments = "[REQ]", .summary = "what generations took: tokens, time and money", .options = options, .run = run, .max_args = 1,
};
