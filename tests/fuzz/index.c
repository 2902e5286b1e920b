/* The index of an archive that was handed in, as it stands in its pieces. Its decoder is private: this is the file itself, once more. */
#include "store/foreign_index.c"
#include "tests/fuzz/fuzz.h"

static void check(const struct foreign_index *i)
{
	int64_t out = 0;

	MUST(i->span_count);
	for (size_t k = 0; k < i->span_count; k++) {
		const struct foreign_span *s = &i->spans[k];

		MUST(s->out == out && s->in >= 0 && s->size >= 0 && s->bits <= 7 && (s->member || s->in > 0));
		out += s->size;
	}
	for (size_t k = 0; k < i->file_count; k++)
		MUST(i->files[k].offset >= 0 && i->files[k].size >= 0 && i->files[k].size <= out - i->files[k].offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t windows = fuzz_choice(&data, &n) & 7;
	struct idlist list = { 0 };
	struct foreign_index *i = calloc(1, sizeof(*i));
	AUTO(free_ptr) char *exact = fuzz_copy(data, n);
	const struct buf plain = { .data = (uint8_t *)exact, .len = n };
	AUTO(buf_release) struct buf again = BUF_INIT;
	int r;

	MUST(i);
	i->refs = 1;
	for (int64_t id = 1; id <= windows; id++)
		MUST(idlist_add(&list, id) == 0);
	r = decode(&plain, &list, i);
	MUST(r == 0 || r == -EBADMSG || r == -EPROTO);
	if (!r) {
		check(i);
		MUST(encode(i, &again) == 0);
	}
	idlist_release(&list);
	foreign_index_unref(i);
	return 0;
}
