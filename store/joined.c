#include "store/joined.h"

struct joined {
	struct object object;
	size_t count;
	struct { struct object *object; int64_t end; } parts[];
};

int joined_new(size_t most, struct joined **ret_j)
{
	struct joined *j = calloc(1, sizeof(*j) + most * sizeof(j->parts[0]));

	if (!j)
		return -ENOMEM;
	*ret_j = j;
	return 0;
}

void joined_free(struct joined *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->count; i++)
		object_unref(j->parts[i].object);
	free(j);
}

void joined_freep(struct joined **j)
{
	joined_free(*j);
}

int64_t joined_size(const struct joined *j)
{
	return j->count ? j->parts[j->count - 1].end : 0;
}

void joined_add(struct joined *j, struct object *part)
{
	int64_t end = joined_size(j) + object_size(part);

	j->parts[j->count].object = object_ref(part);
	j->parts[j->count++].end = end;
}

/* The first that ends behind offset. */
static size_t part_at(const struct joined *j, int64_t offset)
{
	size_t low = 0, high = j->count - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (offset < j->parts[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static ssize_t joined_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out)
{
	const struct joined *j = (const struct joined *)o;
	size_t done = 0;

	for (size_t i = part_at(j, offset); done < n; i++) {
		int64_t start = i ? j->parts[i - 1].end : 0, at = offset + (int64_t)done;
		size_t want = (size_t)min_i64((int64_t)(n - done), j->parts[i].end - at);
		ssize_t got = want ? object_read(st, j->parts[i].object, at - start, want, (uint8_t *)out + done) : 0;

		if (got < 0)
			return got;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static void joined_release(struct object *o)
{
	joined_free((struct joined *)o);
}

struct object *joined_object(struct joined *j)
{
	static const struct object_class class = { joined_read, joined_release };

	j->object = (struct object){ .class = &class, .size = joined_size(j), .cost = sizeof(*j) + j->count * sizeof(j->parts[0]), .refs = 1 };
	for (size_t i = 0; i < j->count; i++)
		j->object.cost += object_cost(j->parts[i].object);
	return &j->object;
}
