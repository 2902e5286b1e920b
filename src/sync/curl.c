#include "src/sync/curl.h"
#include "src/lazy.h"

#include <assert.h>

int curl_load(struct curl *ret_c, struct buf *why)
{
	static const char *const names[] = {
#define CURL_NAME(name) #name,
		CURL_CALLS(CURL_NAME)
#undef CURL_NAME
	};
	static const struct lazy l = { "libcurl.so.4", "libcurl4", "curl_", names, ARRAY_LEN(names) };
	int r;

	static_assert(sizeof(*ret_c) == sizeof(names), "a pointer for each name");
	if ((r = lazy_load(&l, ret_c, why)))
		return r;
	return ret_c->global_init(CURL_GLOBAL_DEFAULT) ? -ENOMEM : 0;
}
