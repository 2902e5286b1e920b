#include "src/flow/redact.h"

/* What stands for a value. */
static const char mark[] = "***";
_Static_assert(sizeof(mark) - 1 <= REDACT_MIN, "texts must not grow");

void redact_release(struct redact *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->values[i]);
	free(r->values);
	*r = (struct redact){ 0 };
}

/* Longest first, so that no part of a value is left over because another one is inside it. */
static int add_one(struct redact *r, const char *value, size_t n)
{
	char *copy, **values;
	size_t at = 0;

	if (n < REDACT_MIN)
		return 0;
	for (size_t i = 0; i < r->count; i++)
		if (strlen(r->values[i]) == n && memcmp(r->values[i], value, n) == 0)
			return 0;
	values = realloc(r->values, (r->count + 1) * sizeof(*values));
	if (!values)
		return -ENOMEM;
	r->values = values;
	copy = strndup(value, n);
	if (!copy)
		return -ENOMEM;
	while (at < r->count && strlen(values[at]) >= n)
		at++;
	memmove(values + at + 1, values + at, (r->count - at) * sizeof(*values));
	values[at] = copy;
	r->count++;
	return 0;
}

/* As it may stand in JSON that is no message: the escapes that writers choose, without the quotes. */
static int add_escaped(struct redact *r, const char *value)
{
	static const size_t flags[] = { 0, JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH };
	json_t *text = json_string(value);
	int err = 0;

	for (size_t i = 0; text && !err && i < ARRAY_LEN(flags); i++) {
		AUTO(free_ptr) char *quoted = json_dumps(text, JSON_ENCODE_ANY | flags[i]);
		size_t n = quoted ? strlen(quoted) : 0;

		if (!quoted || n - 2 == strlen(value))
			continue;
		err = add_one(r, quoted + 1, n - 2);
		for (size_t k = 0; k + 1 < n; k++)
			if (quoted[k] == '\\' && quoted[k + 1] == 'u')
				for (k += 2; k < n && strchr("0123456789ABCDEFabcdef", quoted[k]); k++)
					quoted[k] = (char)(quoted[k] >= 'A' && quoted[k] <= 'F' ? quoted[k] + 32 : quoted[k]);
		err = err ? err : add_one(r, quoted + 1, n - 2);
	}
	json_decref(text);
	return err;
}

int redact_add(struct redact *r, const char *value)
{
	int err = add_one(r, value, strlen(value));

	if (err || strlen(value) < REDACT_MIN || (err = add_escaped(r, value)) || !strchr(value, '\n'))
		return err;
	for (const char *line = value; *line && !err;) {
		size_t n = strcspn(line, "\r\n");

		err = add_one(r, line, n);
		line += n + strspn(line + n, "\r\n");
	}
	return err;
}

static size_t take_out(const char *value, char *text, size_t n)
{
	size_t len = strlen(value), kept = 0;
	char *from = text, *found;

	while ((found = memmem(from, n - (size_t)(from - text), value, len))) {
		size_t before = (size_t)(found - from);

		memmove(text + kept, from, before);
		memcpy(text + kept + before, mark, sizeof(mark) - 1);
		kept += before + sizeof(mark) - 1;
		from = found + len;
	}
	memmove(text + kept, from, n - (size_t)(from - text));
	return kept + n - (size_t)(from - text);
}

size_t redact_text(const struct redact *r, char *text, size_t n)
{
	for (size_t i = 0; i < r->count; i++)
		n = take_out(r->values[i], text, n);
	if (r->count)
		text[n] = '\0';
	return n;
}

static int redact_string(const struct redact *r, json_t *v)
{
	size_t n = json_string_length(v), left;
	AUTO(free_ptr) char *copy = malloc(n + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, json_string_value(v), n + 1);
	left = redact_text(r, copy, n);
	if (left == n && memcmp(copy, json_string_value(v), n) == 0)
		return 0;
	/* Fails when the value began or ended inside a character: then nothing of the string is kept. */
	return json_string_setn(v, copy, left) && json_string_set(v, mark) ? -ENOMEM : 0;
}

/* A key with a secret in it goes with its value: nothing that is looked at is called like that. */
static int redact_object(const struct redact *r, json_t *object)
{
	void *next, *iter = json_object_iter(object);
	int err = 0;

	for (; iter && !err; iter = next) {
		const char *key = json_object_iter_key(iter);
		bool bad = false;

		next = json_object_iter_next(object, iter);
		for (size_t i = 0; i < r->count; i++)
			bad |= strstr(key, r->values[i]) != NULL;
		if (bad)
			json_object_del(object, key);
		else
			err = redact_json(r, json_object_iter_value(iter));
	}
	return err;
}

int redact_json(const struct redact *r, json_t *v)
{
	int err = 0;

	if (!r->count)
		return 0;
	if (json_is_string(v))
		return redact_string(r, v);
	if (json_is_object(v))
		return redact_object(r, v);
	for (size_t i = 0; i < json_array_size(v) && !err; i++)
		err = redact_json(r, json_array_get(v, i));
	return err;
}
