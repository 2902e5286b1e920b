/* Tags of an object, and what else is known of it. */
#include "src/s3d/keys.h"
#include "src/sync/xml.h"
#include "store/base/json.h"

#include <jansson.h>

enum { TAGS_MAX = 10, KEY_MAX = 128, VALUE_MAX = 256 };

/* The object of the address, with its bucket. */
static int find(struct call *c, int use, struct loan *l, struct found *ret_f)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	int r;

	if ((r = call_borrow(c, use, l)) || (r = call_bucket(c, l->st, &b)))
		return r;
	r = key_find(l->st, &b, c->key, ret_f);
	return r == -ENOENT ? call_fail(c, S3_NoSuchKey, NULL) : r ? call_fail_store(c, r, l->st) : 0;
}

static int get_tags(struct call *c)
{
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(found_release) struct found f = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	const char *name;
	json_t *tags, *value;
	int r = find(c, CALL_READ, &l, &f);

	if (r)
		return r;
	tags = f.tags ? json_loads(f.tags, 0, NULL) : NULL;
	buf_adds(&xml, S3_XML "<Tagging" S3_NAMESPACE "><TagSet>");
	json_object_foreach(tags, name, value) {
		buf_adds(&xml, "<Tag>");
		xml_element(&xml, "Key", name);
		xml_element(&xml, "Value", json_is_string(value) ? json_string_value(value) : "");
		buf_adds(&xml, "</Tag>");
	}
	json_decref(tags);
	buf_adds(&xml, "</TagSet></Tagging>\n");
	return call_reply(c, 200, &xml, NULL);
}

struct tags {
	json_t *object;
	struct buf key, value;
	bool has_key;
};

static void tags_release(struct tags *t)
{
	json_decref(t->object);
	buf_release(&t->key);
	buf_release(&t->value);
}

static int take(void *arg, const char *path, const char *text)
{
	struct tags *t = arg;

	if (!strcmp(path, "Tagging/TagSet/Tag/Key")) {
		t->has_key = *text && strlen(text) <= KEY_MAX;
		buf_reset(&t->key);
		return buf_adds(&t->key, text);
	}
	if (!strcmp(path, "Tagging/TagSet/Tag/Value")) {
		buf_reset(&t->value);
		return strlen(text) > VALUE_MAX ? -EPROTO : buf_adds(&t->value, text);
	}
	if (strcmp(path, "Tagging/TagSet/Tag") != 0)
		return 0;
	if (!t->has_key || json_object_get(t->object, buf_str(&t->key)) || json_object_size(t->object) == TAGS_MAX)
		return -EPROTO;
	t->has_key = false;
	return json_object_set_new(t->object, buf_str(&t->key), json_string(buf_str(&t->value))) ? -EPROTO : 0;
}

static int set(struct call *c, const char *tags, int status)
{
	AUTO(found_release) struct found f = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = find(c, CALL_WRITE, &l, &f);

	if (r)
		return r;
	if (f.kind != KEY_OBJECT)
		return call_fail(c, S3_AccessDenied, "a generation has no tags");
	TXN t = txn_begin(&l.st->db);

	if ((r = t.error) || (r = bucket_object_set_tags(l.st, f.id, tags)) || (r = txn_commit(&t)))
		return call_fail_store(c, r, l.st);
	return call_reply(c, status, &(struct buf)BUF_INIT, NULL);
}

static int put_tags(struct call *c)
{
	AUTO(tags_release) struct tags t = { .object = json_object() };
	AUTO(free_ptr) char *text = NULL;
	int r = t.object ? xml_each(buf_str(&c->body.text), c->body.text.len, take, &t) : -ENOMEM;

	if (r)
		return r == -ENOMEM ? r : call_fail(c, S3_MalformedXML, "there are up to %d tags with a key each, no two of them the same", TAGS_MAX);
	if (!(text = json_dumps(t.object, JSON_COMPACT)))
		return -ENOMEM;
	return set(c, json_object_size(t.object) ? text : NULL, 200);
}

static int delete_tags(struct call *c)
{
	return set(c, NULL, 204);
}

const struct op tagging_ops[] = {
	{ "GET", LEVEL_OBJECT, "tagging", NULL, get_tags, BODY_NONE },
	{ "PUT", LEVEL_OBJECT, "tagging", NULL, put_tags, BODY_TEXT },
	{ "DELETE", LEVEL_OBJECT, "tagging", NULL, delete_tags, BODY_NONE },
	{ 0 },
};
