#include "fs/intern.h"
#include "store/base/hash.h"

#include <pthread.h>

/* An open-addressed table of numbers into the array of texts. */
struct intern {
	pthread_mutex_t lock;
	char **texts;
	size_t count;
	uint32_t *slots; /* number, 0: free */
	size_t size;     /* a power of two, at least twice the count */
};

int intern_new(struct intern **ret_in)
{
	struct intern *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	pthread_mutex_init(&in->lock, NULL);
	*ret_in = in;
	return 0;
}

void intern_free(struct intern *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->count; i++)
		free(in->texts[i]);
	free(in->texts);
	free(in->slots);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

static uint32_t *slot_of(const struct intern *in, const char *text)
{
	size_t at = (size_t)xxh3_64(text, strlen(text), 0);

	for (;; at++) {
		uint32_t *slot = &in->slots[at & (in->size - 1)];

		if (!*slot || strcmp(in->texts[*slot - 1], text) == 0)
			return slot;
	}
}

static int grow(struct intern *in)
{
	size_t size = in->size ? 2 * in->size : 64;
	char **texts = realloc(in->texts, size / 2 * sizeof(*texts));
	uint32_t *slots;

	if (!texts)
		return -ENOMEM;
	in->texts = texts;
	if (!(slots = calloc(size, sizeof(*slots))))
		return -ENOMEM;
	free(in->slots);
	in->slots = slots;
	in->size = size;
	for (size_t i = 0; i < in->count; i++)
		*slot_of(in, in->texts[i]) = (uint32_t)i + 1;
	return 0;
}

static int number_of(struct intern *in, const char *text, int64_t *ret_number)
{
	uint32_t *slot;
	int r;

	if (2 * (in->count + 1) > in->size && (r = grow(in)))
		return r;
	slot = slot_of(in, text);
	if (!*slot) {
		char *copy = strdup(text);

		if (!copy)
			return -ENOMEM;
		in->texts[in->count++] = copy;
		*slot = (uint32_t)in->count;
	}
	*ret_number = *slot;
	return 0;
}

int intern_number(struct intern *in, const char *text, int64_t *ret_number)
{
	int r;

	pthread_mutex_lock(&in->lock);
	r = number_of(in, text, ret_number);
	pthread_mutex_unlock(&in->lock);
	return r;
}

const char *intern_text(struct intern *in, int64_t number)
{
	const char *text;

	pthread_mutex_lock(&in->lock);
	text = number > 0 && (size_t)number <= in->count ? in->texts[number - 1] : NULL;
	pthread_mutex_unlock(&in->lock);
	return text;
}

int64_t intern_count(struct intern *in)
{
	int64_t count;

	pthread_mutex_lock(&in->lock);
	count = (int64_t)in->count;
	pthread_mutex_unlock(&in->lock);
	return count;
}
