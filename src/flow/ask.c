/* Questions of mode confirm_first: asked where there is a terminal and in the store, and answered from wherever the first answer comes. */
#include "src/flow/state.h"

static int write_question(struct flow *f)
{
	int r;

	do
		r = question_put(f->st, f->g.id, &f->question);
	while (flow_waits(f, r));
	return r;
}

static int drop_question(struct flow *f)
{
	int r;

	do
		r = question_drop(f->st, f->g.id);
	while (flow_waits(f, r));
	question_release(&f->question);
	f->until_ms = 0;
	f->heard_ms = clock_ms();
	return r;
}

int flow_ask(struct flow *f, struct question *q)
{
	char at[CLOCK_TEXT], until[CLOCK_TEXT];
	int64_t now = clock_now(&f->st->clock);
	int r;

	clock_format(now, at);
	clock_format(now + f->o->decision_ms / 1000, until);
	question_release(&f->question);
	f->question = *q;
	*q = (struct question){ 0 };
	if ((r = flow_keep(&f->question.asked_at, at)) || (f->o->decision_ms && (r = flow_keep(&f->question.until, until))))
		return r;
	f->until_ms = f->o->decision_ms ? clock_ms() + f->o->decision_ms : 0;
	/* What was said before it is seen before it. */
	if ((r = flow_flush(f)) || (r = write_question(f)))
		return r;
	f->o->tell(f->o->arg, &(struct flow_news){ .kind = FLOW_ASKS, .generation = &f->g, .question = &f->question });
	return 0;
}

static void tell_answered(struct flow *f, const char *how)
{
	f->o->tell(f->o->arg, &(struct flow_news){
		.kind = FLOW_ANSWERED, .generation = &f->g, .line = how, .n = how ? strlen(how) : 0 });
}

int flow_withdraw(struct flow *f, const char *why)
{
	if (!f->question.decision_id)
		return 0;
	tell_answered(f, why);
	return drop_question(f);
}

/* A follow-up asks for a text: what is said alone is that text. */
static int send_answer(struct flow *f, const char *choice, const char *input)
{
	AUTO(buf_release) struct buf answer = BUF_INIT;
	const struct question *q = &f->question;
	bool is_text = q->action && !input && strcmp(choice, q->action) != 0 && *choice != '/';

	wsi_decision_response(&answer, q->decision_id, is_text ? q->action : choice, q->parent_id, is_text ? choice : input);
	wsi_link_take(&f->link, WSI_ANSWERED);
	return flow_say(f, &answer);
}

/* from: who answered, NULL for the terminal that was asked. /context and its like leave the question open. */
int flow_answer(struct flow *f, const char *choice, const char *input, const char *from)
{
	AUTO(buf_release) struct buf how = BUF_INIT;
	bool stays = *choice == '/';
	int r = flow_log(f, "info", "answered '%s'%s%s", choice, input ? ": " : "", input ? input : "");

	if (!r && f->is_wsi)
		r = send_answer(f, choice, input);
	else if (!r && !stays && !(r = flow_keep(&f->choice, choice)))
		r = flow_keep(&f->input, input);
	if (r)
		return r;
	if (from)
		buf_addf(&how, "answered '%s' by '%s'", choice, from);
	if (!stays) {
		tell_answered(f, from ? buf_str(&how) : NULL);
		return drop_question(f);
	}
	if (!f->is_wsi)
		flow_note(f, "a plain command has no session");
	else if (from)
		flow_note(f, buf_str(&how));
	return 0;
}

/* Adds a wish to the prompt, or puts another one in its place. */
static int change_prompt(struct flow *f, const char *wish, bool replace)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (!replace)
		buf_addf(&text, "%s\n", f->prompt ? f->prompt : f->g.prompt);
	buf_adds(&text, wish);
	if (text.len > FLOW_PROMPT_MAX)
		return flow_log(f, "warn", "the prompt would be over %d bytes: it stays as it is", FLOW_PROMPT_MAX);
	return buf_error(&text) ? buf_error(&text) : flow_keep(&f->prompt, buf_str(&text));
}

/* action: add or redirect, for the text that belongs to it; NULL: the question itself. */
static int ask_about_run(struct flow *f, int64_t run, const char *action)
{
	AUTO(question_release) struct question q = { .allow_editor = true };
	int n = asprintf(&q.decision_id, "run-%lld%s%s", (long long)run, action ? "-" : "", action ? action : "");

	if (n < 0)
		q.decision_id = NULL;
	if (action) {
		q.action = strdup(action);
		q.prompt = strdup(strcmp(action, "add") == 0 ? "what is to be added?" : "what is to be built instead?");
	} else {
		n = asprintf(&q.prompt, "iteration %lld is kept; run the command again?", (long long)run);
		q.options = strdup("[\"yes\",\"add\",\"redirect\",\"done\"]");
	}
	if (n < 0 || !q.decision_id || !q.prompt || (action ? !q.action : !q.options))
		return -ENOMEM;
	return flow_ask(f, &q);
}

/* Signals, other processes and the terminal are listened to meanwhile, as while a command runs. */
static int wait_for_answer(struct flow *f)
{
	int r = 0;

	while (!r && f->outcome == RUNNING && flow_is_waiting(f))
		if (!(r = flow_step(f, flow_next_limit(f))))
			r = flow_watch_limits(f);
	return r || f->outcome == RUNNING ? r : flow_withdraw(f, "the generation ends");
}

/* What an answer means where the generator has no say in it: yes, done, a text to add, a text instead. */
static int take_choice(struct flow *f, const char *action)
{
	bool is_action = strcmp(f->choice, "add") == 0 || strcmp(f->choice, "redirect") == 0;

	if (!action)
		action = is_action ? f->choice : "add";
	if (strcmp(f->choice, "done") == 0)
		f->outcome = COMPLETED;
	if (f->outcome != RUNNING || strcmp(f->choice, "yes") == 0)
		return 0;
	return change_prompt(f, f->input ? f->input : f->choice, strcmp(action, "redirect") == 0);
}

/* The question, and where the answer needs a text that did not come with it, the one for that. */
static int ask_and_wait(struct flow *f, int64_t run)
{
	AUTO(free_ptr) char *action = NULL;
	int r;

	do {
		if (f->choice && !f->input && !action)
			action = MOVE(f->choice);
		if ((r = ask_about_run(f, run, action)) || (r = wait_for_answer(f)) || f->outcome != RUNNING)
			return r;
	} while (!action && !f->input && (strcmp(f->choice, "add") == 0 || strcmp(f->choice, "redirect") == 0));
	return take_choice(f, action);
}

bool flow_ask_for_more(struct flow *f, int64_t run)
{
	int r;

	if (strcmp(f->g.mode, "confirm_first") != 0)
		return true;
	free(MOVE(f->choice));
	free(MOVE(f->input));
	f->outcome = RUNNING;
	if ((r = ask_and_wait(f, run)))
		flow_broken(f, r);
	return f->outcome == RUNNING;
}
