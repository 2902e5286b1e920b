#include "src/flow/process.h"
#include "store/base/json.h"

#include <fcntl.h>
#include <jansson.h>

/* A small file of /proc as text. */
static int read_text(const char *path, char *out, size_t size)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return -errno;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* proc(5): the 22nd field; the second is a name in parentheses that may hold anything. */
static int start_time(int64_t pid, int64_t *ret_start)
{
	char path[40], text[1024], *p;
	int r;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	if ((r = read_text(path, text, sizeof(text))))
		return r;
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	*ret_start = p ? strtoll(p, NULL, 10) : 0;
	return 0;
}

int process_self(struct process *p)
{
	int r;

	*p = (struct process){ .pid = getpid() };
	if ((r = start_time(p->pid, &p->start)) || (r = read_text("/proc/sys/kernel/random/boot_id", p->boot, sizeof(p->boot))))
		return r;
	return gethostname(p->host, sizeof(p->host) - 1) ? -errno : 0;
}

int process_json(const struct process *p, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_int(&j, "pid", p->pid);
	jw_int(&j, "start", p->start);
	jw_str(&j, "boot_id", p->boot);
	jw_str(&j, "host", p->host);
	jw_end(&j);
	return buf_error(out);
}

bool process_lives(const char *value, const struct process *me)
{
	json_t *v = json_loads(value ? value : "", 0, NULL);
	const char *boot = json_string_value(json_object_get(v, "boot_id"));
	const char *host = json_string_value(json_object_get(v, "host"));
	int64_t pid = json_integer_value(json_object_get(v, "pid")), start = json_integer_value(json_object_get(v, "start")), now;
	bool gone = false;

	if (boot && host && pid > 0 && strcmp(host, me->host) == 0)
		gone = strcmp(boot, me->boot) != 0 || start_time(pid, &now) == -ENOENT || now != start;
	json_decref(v);
	return !gone;
}
