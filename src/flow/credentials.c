#include "src/flow/credentials.h"

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

int credentials_keep(const char *workspace, const json_t *list, struct redact *secrets)
{
	AUTO(free_ptr) char *path = NULL;
	bool changed = false;
	const json_t *one;
	json_t *all;
	size_t i;
	int r;

	if (!json_array_size(list))
		return 0;
	if ((r = path_of(workspace, &path)))
		return r;
	all = load(path);
	json_array_foreach(list, i, one) {
		const char *key = json_string_value(json_object_get(one, "key"));
		json_t *value = json_object_get(one, "value");

		if (!key || !is_name(key) || !is_value(json_string_value(value)) || json_object_size(all) >= CREDENTIALS_MAX)
			continue;
		changed = true;
		if (json_object_set(all, key, value) || (r = redact_add(secrets, json_string_value(value))))
			r = -ENOMEM;
	}
	if (!r && changed)
		r = save(path, all);
	json_decref(all);
	return r;
}

int credentials_give(const char *workspace, struct env *e, struct redact *secrets)
{
	AUTO(free_ptr) char *path = NULL;
	const char *key;
	json_t *all, *value;
	int r = path_of(workspace, &path);

	if (r)
		return r;
	all = load(path);
	json_object_foreach(all, key, value) {
		const char *text = json_string_value(value);

		if (!r && key && is_name(key) && is_value(text) && !(r = env_set(e, key, text)))
			r = redact_add(secrets, text);
	}
	json_decref(all);
	return r;
}
