#include "src/example/order.h"

#include <jansson.h>

static void copy_short(const json_t *message, const char *key, char *out, size_t size)
{
	const char *s = json_string_value(json_object_get(message, key));

	snprintf(out, size, "%s", s ? s : "");
}

static int copy_text(const json_t *message, const char *key, struct buf *out)
{
	const json_t *text = json_object_get(message, key);

	return buf_add(out, json_string_value(text), json_string_length(text));
}

static int take_fields(const json_t *message, struct order *o)
{
	int r;

	copy_short(message, "type", o->type, sizeof(o->type));
	copy_short(message, "command", o->command, sizeof(o->command));
	copy_short(message, "choice", o->choice, sizeof(o->choice));
	copy_short(message, "mode", o->mode, sizeof(o->mode));
	copy_short(message, "resume_session_id", o->resume_session_id, sizeof(o->resume_session_id));
	o->max_iterations = json_integer_value(json_object_get(message, "max_iterations"));
	o->acknowledges = json_is_true(json_object_get(message, "acknowledge_iterations"));
	if ((r = copy_text(message, "app_name", &o->app_name)) < 0)
		return r;
	return copy_text(message, "prompt", &o->prompt);
}

int order_parse(const void *line, size_t n, struct order *ret_order)
{
	AUTO(order_release) struct order o = { 0 };
	json_t *message = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
	int r = 0;

	if (json_is_object(message)) {
		r = take_fields(message, &o);
		if (r == 0) {
			*ret_order = o;
			o = (struct order){ 0 };
			r = 1;
		}
	}
	json_decref(message);
	return r;
}

void order_release(struct order *o)
{
	buf_release(&o->app_name);
	buf_release(&o->prompt);
}
