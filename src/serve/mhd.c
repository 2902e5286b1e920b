#include "src/serve/mhd.h"

#include <assert.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
	struct mhd functions;
	struct buf why;
	int error;
} loaded;

static void load(void)
{
	static const char *const names[] = {
#define MHD_NAME(name) #name,
		MHD_CALLS(MHD_NAME)
#undef MHD_NAME
	};
	static const struct lazy l = { "libmicrohttpd.so.12", "libmicrohttpd12", "MHD_", names, ARRAY_LEN(names) };

	static_assert(sizeof(loaded.functions) == sizeof(names), "a pointer for each name");
	loaded.error = lazy_load(&l, &loaded.functions, &loaded.why);
}

int mhd_load(struct buf *why)
{
	pthread_once(&once, load);
	if (loaded.error)
		buf_adds(why, buf_str(&loaded.why));
	return loaded.error;
}

const struct mhd *mhd(void)
{
	return &loaded.functions;
}
