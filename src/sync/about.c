#include "src/sync/about.h"

#include <jansson.h>

void about_release(struct about *o)
{
	for (size_t i = 0; i < ARRAY_LEN(o->texts); i++)
		free(o->texts[i]);
	*o = (struct about){ .count = 0 };
}

static int add(struct about *o, const char *name, const char *value)
{
	char **texts = &o->texts[2 * o->count];

	if (asprintf(&texts[0], "x-amz-meta-%s", name) < 0)
		texts[0] = NULL;
	if (!texts[0] || !(texts[1] = strdup(value)))
		return -ENOMEM;
	o->pairs[o->count++] = (struct sigv4_pair){ texts[0], texts[1] };
	return 0;
}

/* Lower case only: names come back so. Ours is not to be taken. */
static bool is_name(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return n && !text[n] && n <= 64 && strcmp(text, "genstore") != 0;
}

/* What a header carries as it is: printable, and no blanks at its ends or beside each other. */
static bool is_value(const char *text)
{
	size_t n = strlen(text);

	if (!n || n > 256 || text[0] == ' ' || text[n - 1] == ' ' || strstr(text, "  "))
		return false;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int add_simple(struct about *o, const json_t *metadata, size_t *room)
{
	const char *name;
	json_t *value;

	for (void *i = json_object_iter((json_t *)(uintptr_t)metadata); i; i = json_object_iter_next((json_t *)(uintptr_t)metadata, i)) {
		char number[32];
		const char *text;
		size_t n;
		int r;

		name = json_object_iter_key(i);
		value = json_object_iter_value(i);
		if (json_is_integer(value))
			snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		text = json_is_integer(value) ? number : json_string_value(value);
		if (!text || strlen(text) != (json_is_string(value) ? json_string_length(value) : strlen(text)) || !is_name(name) || !is_value(text))
			continue;
		n = strlen(name) + strlen(text);
		if (o->count == ABOUT_PAIRS || n > *room)
			continue;
		*room -= n;
		if ((r = add(o, name, text)))
			return r;
	}
	return 0;
}

/* The row, as JSON in ASCII; metadata NULL: without. */
static char *dump(const struct artifact *a, const char *sha256, json_t *metadata)
{
	json_t *j = json_pack("{s:s, s:s, s:s*, s:s*, s:s, s:O*}", "artifact_id", a->artifact_id, "type", a->artifact_type, "conversation_id",
			      a->conversation_id, "created_at", a->created_at, "sha256", sha256, "metadata", metadata);
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	json_decref(j);
	return text;
}

static int make(struct about *o, const struct artifact *a, const char *sha256, json_t *metadata)
{
	char *text = dump(a, sha256, metadata);
	size_t room = ABOUT_MAX, n = text ? strlen(text) : 0;
	int r;

	if (text && n > ABOUT_MAX) {
		free(text);
		text = dump(a, sha256, NULL);
		n = text ? strlen(text) : 0;
	}
	room -= n;
	r = text ? add(o, "genstore", text) : -ENOMEM;
	free(text);
	return r || !metadata ? r : add_simple(o, metadata, &room);
}

int about_make(const struct artifact *a, const uint8_t sha256[SHA256_SIZE], struct about *ret_o)
{
	json_t *metadata = a->metadata ? json_loads(a->metadata, 0, NULL) : NULL;
	struct about o = { .count = 0 };
	char hex[HEX_SHA256_SIZE];
	int r;

	hex_encode(sha256, SHA256_SIZE, hex);
	r = make(&o, a, hex, metadata);
	json_decref(metadata);
	if (r)
		about_release(&o);
	else
		*ret_o = o;
	return r;
}
