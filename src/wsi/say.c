/* What the orchestrator says. */
#include "src/wsi/message.h"

static struct jw begin(struct buf *out, const char *type)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "type", type);
	return j;
}

static int end(struct jw *j)
{
	jw_end(j);
	return buf_error(j->out);
}

static void add_text(struct jw *j, const char *field, const char *text)
{
	if (text)
		jw_str(j, field, text);
}

static int add_tree(struct jw *j, const char *field, const json_t *v)
{
	AUTO(free_ptr) char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text)
		jw_raw(j, field, text);
	return v && !text ? -ENOMEM : 0;
}

int wsi_start_generation(struct buf *out, const struct wsi_start *s)
{
	struct jw j = begin(out, "start_generation");
	int r;

	jw_str(&j, "prompt", s->prompt);
	/* The wire has no third mode: contracts of the real client. */
	jw_str(&j, "mode", strcmp(s->mode, "single-shot") == 0 ? "autonomous" : s->mode);
	jw_int(&j, "max_iterations", strcmp(s->mode, "single-shot") == 0 ? 1 : s->max_iterations);
	add_text(&j, "app_name", s->app_name);
	add_text(&j, "user_id", s->user_id);
	add_text(&j, "app_id", s->app_id);
	add_text(&j, "app_path", s->app_path);
	add_text(&j, "resume_session_id", s->resume_session_id);
	add_text(&j, "output_dir", s->output_dir);
	add_text(&j, "github_clone_url", s->github_clone_url);
	if ((r = add_tree(&j, "enable_subagents", s->enable_subagents)) || (r = add_tree(&j, "attachments", s->attachments)))
		return r;
	if (s->acknowledge)
		jw_bool(&j, "acknowledge_iterations", true);
	return end(&j);
}

int wsi_control(struct buf *out, const char *command, const char *reason)
{
	struct jw j = begin(out, "control_command");

	jw_str(&j, "command", command);
	add_text(&j, "reason", reason);
	return end(&j);
}

int wsi_user_input(struct buf *out, const char *content)
{
	struct jw j = begin(out, "user_input");

	jw_str(&j, "content", content);
	return end(&j);
}

int wsi_decision_response(struct buf *out, const char *id, const char *choice, const char *parent_id, const char *input)
{
	struct jw j = begin(out, "decision_response");

	jw_str(&j, "id", id);
	jw_str(&j, "choice", choice);
	add_text(&j, "parent_id", parent_id);
	add_text(&j, "input", input);
	return end(&j);
}
