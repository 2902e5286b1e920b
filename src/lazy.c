#include "src/lazy.h"

#include <dlfcn.h>

static int find(const struct lazy *l, void *library, const char *name, void **ret_f, struct buf *why)
{
	AUTO(buf_release) struct buf symbol = BUF_INIT;

	buf_addf(&symbol, "%s%s", l->prefix, name);
	if (buf_error(&symbol))
		return -ENOMEM;
	if ((*ret_f = dlsym(library, buf_str(&symbol))))
		return 0;
	buf_addf(why, "%s is too old: it has no %s; a newer %s is needed", l->file, buf_str(&symbol), l->package);
	return -ENOPKG;
}

int lazy_load(const struct lazy *l, void *ret_functions, struct buf *why)
{
	void *library = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
	uint8_t *out = ret_functions;

	if (!library) {
		buf_addf(why, "%s cannot be loaded (%s); install %s", l->file, dlerror(), l->package);
		return -ENOPKG;
	}
	for (size_t i = 0; i < l->count; i++) {
		/* POSIX: what dlsym() returns is a pointer to a function as well. */
		void *f;
		int r = find(l, library, l->names[i], &f, why);

		if (r)
			return r;
		memcpy(out + i * sizeof(f), &f, sizeof(f));
	}
	return 0;
}
