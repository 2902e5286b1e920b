#include "src/facts/facts.h"

void facts_truncate(struct facts *f, size_t count)
{
	while (f->count > count)
		free(f->list[--f->count]);
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

/* Where the credentials of a URL begin and end in s, else both at its end. `git` is no secret: it is how one asks for a repository. */
static struct span credentials(struct span s)
{
	const char *end = s.p + s.n, *begin = s.n ? memmem(s.p, s.n, "://", 3) : NULL;

	for (const char *p = begin ? begin + 3 : end; p < end && *p != '/' && !span_is_blank(*p); p++)
		if (*p == '@' && !span_is(span_to(begin + 3, p), "git"))
			return span_to(begin + 3, p);
	return (struct span){ end, 0 };
}

/* Copies s and a NUL to *at, moves *at behind them. */
static const char *copy(char **at, struct span s)
{
	struct span secret = credentials(s);
	size_t before = (size_t)(secret.p - s.p), after = s.n - before - secret.n;
	char *to = *at;

	memcpy(to, s.p, before);
	if (secret.n)
		memcpy(to + before, "***", 3);
	memcpy(to + before + (secret.n ? 3 : 0), secret.p + secret.n, after);
	*at = to + before + (secret.n ? 3 : 0) + after + 1;
	(*at)[-1] = '\0';
	return to;
}

int fact_add(struct facts *f, enum fact_kind kind, const char *file, struct span name, struct span part, struct span value)
{
	struct span texts[] = { span_of(file), name, part, value };
	size_t size = sizeof(struct fact);
	struct fact *fact;
	char *at;
	int r = make_room(f);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		/* An empty span may have no address. */
		texts[i] = texts[i].n ? texts[i] : span_of("");
		/* Three stars can be longer than what they stand for. */
		size += texts[i].n + sizeof("***");
	}
	fact = malloc(size);
	if (!fact)
		return -ENOMEM;
	at = (char *)(fact + 1);
	*fact = (struct fact){ .kind = kind };
	fact->file = copy(&at, texts[0]);
	fact->name = copy(&at, texts[1]);
	fact->part = copy(&at, texts[2]);
	fact->value = copy(&at, texts[3]);
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
