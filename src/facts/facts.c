#include "src/facts/facts.h"

void facts_truncate(struct facts *f, size_t count)
{
	while (f->count > count) {
		f->bytes -= f->list[--f->count]->size;
		free(f->list[f->count]);
	}
}

void facts_release(struct facts *f)
{
	facts_truncate(f, 0);
	free(f->list);
	*f = (struct facts){ 0 };
}

static int make_room(struct facts *f)
{
	struct fact **list;
	size_t room = f->room ? 2 * f->room : 64;

	if (f->count >= FACTS_MAX)
		return -EFBIG;
	if (f->count < f->room)
		return 0;
	list = realloc(f->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	f->list = list;
	f->room = room;
	return 0;
}

/*
 * The '@' behind the credentials of a URL whose "://" ends at p; NULL: there are none. The last one before the path counts: a password can hold
 * others. `git` is no secret: it is how one asks for a repository.
 */
static const char *credentials_end(const char *p, const char *end)
{
	const char *begin = p, *at = NULL;

	for (; p < end && !span_is_blank(*p) && *p && !strchr("/\"'`<>", *p); p++)
		if (*p == '@')
			at = p;
	return at && !span_is(span_to(begin, at), "git") ? at : NULL;
}

static size_t put(char *out, size_t at, const char *from, size_t n)
{
	if (out && n)
		memcpy(out + at, from, n);
	return at + n;
}

/* s with *** in the place of all credentials, and a NUL, to out (NULL: nowhere); how many bytes that are. */
static size_t copy(char *out, struct span s)
{
	const char *end = s.p + s.n, *scheme, *at;
	size_t n = 0;

	while (s.n && (scheme = memmem(s.p, s.n, "://", 3))) {
		n = put(out, n, s.p, (size_t)(scheme + 3 - s.p));
		at = credentials_end(scheme + 3, end);
		n = at ? put(out, n, "***", 3) : n;
		s = span_to(at ? at : scheme + 3, end);
	}
	n = put(out, n, s.p, s.n);
	return put(out, n, "", 1);
}

int fact_add(struct facts *f, enum fact_kind kind, const char *file, struct span name, struct span part, struct span value)
{
	struct span texts[] = { span_of(file), name, part, value };
	const char *copies[ARRAY_LEN(texts)];
	size_t size = sizeof(struct fact);
	struct fact *fact;
	char *at;
	int r = make_room(f);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		/* An empty span may have no address. */
		texts[i] = texts[i].n ? texts[i] : span_of("");
		size += copy(NULL, texts[i]);
	}
	if (size > FACTS_BYTES_MAX - f->bytes)
		return -EFBIG;
	fact = malloc(size);
	if (!fact)
		return -ENOMEM;
	at = (char *)(fact + 1);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		copies[i] = at;
		at += copy(at, texts[i]);
	}
	*fact = (struct fact){
		.kind = kind, .file = copies[0], .name = copies[1], .part = copies[2], .value = copies[3], .size = size,
	};
	f->bytes += size;
	f->list[f->count++] = fact;
	return 0;
}

/* By what the letters of `order` name: kind, name, part, value, file. */
static int compare(const struct fact *a, const struct fact *b, const char *order)
{
	int r = 0;

	for (; !r && *order; order++)
		r = *order == 'k' ? (a->kind > b->kind) - (a->kind < b->kind) :
		    *order == 'n' ? strcmp(a->name, b->name) :
		    *order == 'p' ? strcmp(a->part, b->part) :
		    *order == 'v' ? strcmp(a->value, b->value) : strcmp(a->file, b->file);
	return r;
}

static int in_order(const void *a, const void *b, void *order)
{
	return compare(*(struct fact *const *)a, *(struct fact *const *)b, *(const char **)order);
}

static void sort(struct facts *f, const char *order)
{
	if (f->count)
		qsort_r(f->list, f->count, sizeof(*f->list), in_order, &order);
}

/* What one file says twice is said once. Sorted by all of it. */
static void drop_doubles(struct facts *f)
{
	for (size_t i = 1; i < f->count; i++)
		f->list[i]->is_settled = compare(f->list[i - 1], f->list[i], "knpvf") == 0;
}

static struct fact *next(const struct facts *f, size_t *i)
{
	while (*i < f->count && f->list[*i]->is_settled)
		++*i;
	return *i < f->count ? f->list[*i] : NULL;
}

/*
 * Settles those that agree in what `order` names, by which (and, where that is not in it, then by file) both lists are sorted.
 * The file is part of what a dependency is.
 */
static void settle(struct facts *a, struct facts *b, const char *order, bool are_changed)
{
	struct fact *x, *y;

	for (size_t i = 0, k = 0; (x = next(a, &i)) && (y = next(b, &k));) {
		int r = compare(x, y, order);

		if (!r && x->kind == FACT_DEPENDENCY)
			r = compare(x, y, "f");
		if (!r) {
			x->is_settled = y->is_settled = true;
			x->became = are_changed ? y : NULL;
		}
		i += r <= 0;
		k += r >= 0;
	}
}

struct difference {
	const struct fact *a, *b;
};

static int by_place(const void *x, const void *y)
{
	static const char *const orders[] = { [FACT_DEPENDENCY] = "fnpv", [FACT_TABLE] = "nfpv", [FACT_ROUTE] = "npfv" };
	const struct difference *d = x, *e = y;
	const struct fact *a = d->b ? d->b : d->a, *b = e->b ? e->b : e->a;
	int r = compare(a, b, "k");

	return r ? r : compare(a, b, orders[a->kind]);
}

static size_t collect(const struct facts *a, const struct facts *b, struct difference *out)
{
	size_t count = 0;

	for (size_t i = 0; i < a->count; i++)
		if (!a->list[i]->is_settled || a->list[i]->became)
			out[count++] = (struct difference){ a->list[i], a->list[i]->became };
	for (size_t i = 0; i < b->count; i++)
		if (!b->list[i]->is_settled)
			out[count++] = (struct difference){ NULL, b->list[i] };
	if (count)
		qsort(out, count, sizeof(*out), by_place);
	return count;
}

int facts_compare(struct facts *a, struct facts *b, int (*f)(void *arg, const struct fact *a, const struct fact *b), void *arg)
{
	AUTO(free_ptr) struct difference *list = calloc(a->count + b->count + 1, sizeof(*list));
	size_t count;
	int r = 0;

	if (!list)
		return -ENOMEM;
	sort(a, "knpvf");
	sort(b, "knpvf");
	drop_doubles(a);
	drop_doubles(b);
	/* The same, in the same file or moved; then the same with another value. Those of one file find each other first. */
	settle(a, b, "knpvf", false);
	settle(a, b, "knpv", false);
	sort(a, "knpfv");
	sort(b, "knpfv");
	settle(a, b, "knpf", true);
	settle(a, b, "knp", true);
	count = collect(a, b, list);
	for (size_t i = 0; i < count && !r; i++)
		r = f(arg, list[i].a, list[i].b);
	return r;
}
