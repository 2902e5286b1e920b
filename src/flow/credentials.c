#include "src/flow/credentials.h"
#include "store/secret.h"

#include <fcntl.h>

enum { FILE_MAX = CREDENTIALS_MAX * (CREDENTIAL_VALUE_MAX * 6 + 300) };

static int path_of(const char *workspace, char **ret_path)
{
	return asprintf(ret_path, "%s/credentials.json", workspace) < 0 ? -ENOMEM : 0;
}

/* The file as an object; an empty one when it is not there, or is no such thing. */
static json_t *load(const char *path)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	json_t *all = fd < 0 || lseek(fd, 0, SEEK_END) > FILE_MAX || lseek(fd, 0, SEEK_SET) ? NULL : json_loadfd(fd, 0, NULL);

	if (json_is_object(all))
		return all;
	json_decref(all);
	return json_object();
}

/* Whole or not at all, and for nobody else's eyes. */
static int save(const char *path, const json_t *all)
{
	AUTO(free_ptr) char *beside = NULL;
	AUTO(close_fd) int fd = -1;

	if (asprintf(&beside, "%s.new", path) < 0)
		return -ENOMEM;
	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (json_dumpfd(all, fd, JSON_COMPACT) || fsync(fd) || rename(beside, path))
		return errno ? -errno : -EIO;
	return 0;
}

/* POSIX.1-2017 8.1: what every shell can name. */
static bool is_name(const char *key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return *key && strlen(key) <= 200 && strspn(key, letters) == strlen(key) && (*key < '0' || *key > '9');
}

static bool is_value(const char *value)
{
	return value && strlen(value) <= CREDENTIAL_VALUE_MAX;
}

static void drop(json_t **o)
{
	json_decref(*o);
}

static void provider_of(const struct credentials_place *p, char out[SECRET_PROVIDER_MAX])
{
	snprintf(out, SECRET_PROVIDER_MAX, "app.%s", p->app_id);
}

/* What is sealed, as an object; *ret_all stays NULL where there is nothing. */
static int load_sealed(const struct credentials_place *p, json_t **ret_all)
{
	AUTO(secret_bytes_release) struct secret_bytes value = { 0 };
	AUTO(secret_release) struct secret s = { 0 };
	char provider[SECRET_PROVIDER_MAX];
	json_t *all;
	int r;

	provider_of(p, provider);
	if (!p->key || (r = secret_find(p->st, p->user_id, provider, &s)) == -ENOENT)
		return 0;
	if (r || (r = secret_open(p->st, p->key, &s, &value)))
		return r;
	all = json_loadb((const char *)value.data, value.len, 0, NULL);
	if (!json_is_object(all)) {
		json_decref(all);
		return 0;
	}
	*ret_all = all;
	return 0;
}

static int seal(const struct credentials_place *p, const json_t *all)
{
	AUTO(secret_bytes_release) struct secret_bytes text = { 0 };
	size_t n = json_dumpb(all, NULL, 0, JSON_COMPACT);
	char provider[SECRET_PROVIDER_MAX];

	if (!n || n > ENVELOPE_VALUE_MAX)
		return n ? -EFBIG : -ENOMEM;
	if (secret_bytes_new(n, &text))
		return -ENOMEM;
	json_dumpb(all, (char *)text.data, n, JSON_COMPACT);
	provider_of(p, provider);
	return secret_put(p->st, p->key, p->user_id, provider, &text, NULL);
}

/* All that are kept: what is in the workspace is newer than what is sealed. path is that of the file. */
static int gather(const struct credentials_place *p, bool app, const char *path, json_t **ret_all)
{
	AUTO(drop) json_t *here = load(path);
	AUTO(drop) json_t *all = NULL;
	int r = app ? load_sealed(p, &all) : 0;

	if (r)
		return r;
	if (!all)
		all = json_object();
	if (!here || !all || json_object_update(all, here))
		return -ENOMEM;
	*ret_all = MOVE(all);
	return 0;
}

/* A file of before there was a key is needed no more once all of it is sealed. */
static int put(const struct credentials_place *p, const char *path, const json_t *all)
{
	int r;

	if (!p->key)
		return save(path, all);
	if ((r = seal(p, all)))
		return r;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int credentials_keep(const struct credentials_place *p, const json_t *list, struct redact *secrets)
{
	AUTO(free_ptr) char *path = NULL;
	AUTO(drop) json_t *all = NULL;
	bool changed = false;
	const json_t *one;
	size_t i;
	int r;

	if (!json_array_size(list))
		return 0;
	if ((r = path_of(p->workspace, &path)) || (r = gather(p, true, path, &all)))
		return r;
	json_array_foreach(list, i, one) {
		const char *key = json_string_value(json_object_get(one, "key"));
		json_t *value = json_object_get(one, "value");

		if (!key || !is_name(key) || !is_value(json_string_value(value)) || json_object_size(all) >= CREDENTIALS_MAX)
			continue;
		changed |= !json_equal(json_object_get(all, key), value);
		if (json_object_set(all, key, value) || redact_add(secrets, json_string_value(value)))
			return -ENOMEM;
	}
	return changed ? put(p, path, all) : 0;
}

int credentials_give(const struct credentials_place *p, bool app, struct env *e, struct redact *secrets)
{
	AUTO(free_ptr) char *path = NULL;
	AUTO(drop) json_t *all = NULL;
	const char *key;
	json_t *value;
	int r = path_of(p->workspace, &path);

	if (r || (r = gather(p, app, path, &all)))
		return r;
	json_object_foreach(all, key, value) {
		const char *text = json_string_value(value);

		if (!r && key && is_name(key) && is_value(text) && !(r = env_set(e, key, text)))
			r = redact_add(secrets, text);
	}
	return r;
}
