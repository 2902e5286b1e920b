#include "src/flow/project.h"

static bool take(const char *text, size_t n, char ret_ref[PROJECT_REF_MAX + 1])
{
	if (!n || n > PROJECT_REF_MAX || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") < n)
		return false;
	memcpy(ret_ref, text, n);
	ret_ref[n] = '\0';
	return true;
}

/* https://REF.supabase.co */
static bool take_url(const char *url, char ret_ref[PROJECT_REF_MAX + 1])
{
	static const char scheme[] = "https://", host[] = ".supabase.co";
	const char *name = url + sizeof(scheme) - 1, *end;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	end = name + strcspn(name, "./:@?#");
	if (strncmp(end, host, sizeof(host) - 1) != 0 || !strchr("/:?#", end[sizeof(host) - 1]))
		return false;
	return take(name, (size_t)(end - name), ret_ref);
}

static bool ends_in(const char *key, const char *end)
{
	size_t n = strlen(key), m = strlen(end);

	return n >= m && !strcmp(key + n - m, end) && (n == m || key[n - m - 1] == '_');
}

static bool take_credential(const json_t *one, char ret_ref[PROJECT_REF_MAX + 1])
{
	const char *key = json_string_value(json_object_get(one, "key")), *value = json_string_value(json_object_get(one, "value"));

	if (!key || !value)
		return false;
	if (ends_in(key, "SUPABASE_URL"))
		return take_url(value, ret_ref);
	return (ends_in(key, "SUPABASE_PROJECT_REF") || ends_in(key, "SUPABASE_PROJECT_ID")) && take(value, strlen(value), ret_ref);
}

bool project_of(const struct wsi_message *m, char ret_ref[PROJECT_REF_MAX + 1])
{
	const char *told = wsi_text(m, "supabase_project_ref");
	const json_t *list = wsi_tree(m, "credentials"), *one;
	size_t i;

	if (told)
		return take(told, strlen(told), ret_ref);
	if (json_is_array(list))
		json_array_foreach(list, i, one)
			if (take_credential(one, ret_ref))
				return true;
	return false;
}

static int write_ref(struct flow *f, const char *ref)
{
	TXN t = txn_begin(&f->st->db);
	int r = t.error;

	return r || (r = generation_set_project(f->st, &f->g, ref)) ? r : txn_commit(&t);
}

int project_keep(struct flow *f, const struct wsi_message *m)
{
	char ref[PROJECT_REF_MAX + 1];
	int r;

	if (!project_of(m, ref))
		return 0;
	do
		r = write_ref(f, ref);
	while (flow_waits(f, r));
	return r;
}
