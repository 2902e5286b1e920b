/* A foreign archive on its way in: from bytes to rows that nobody refers to yet. */
#include "store/foreign_arrived.h"
#include "store/gc.h"

const struct foreign_limits foreign_default_limits = {
	.size = (int64_t)8 << 30,
	.bytes = (int64_t)32 << 30,
	.entries = MANIFEST_ENTRIES_MAX,
	.ratio = 250,
	.depth = MANIFEST_DEPTH_MAX,
	.name = MANIFEST_NAME_MAX,
	.header = 1 << 20,
};

int foreign_new(struct genstore *st, const struct foreign_limits *limits, struct foreign **ret_f)
{
	AUTO(foreign_freep) struct foreign *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->st = st;
	f->limits = limits ? *limits : foreign_default_limits;
	if ((r = gc_epoch(st, &f->epoch)) || (r = sink_new(st, &f->limits, &f->sink)))
		return r;
	*ret_f = MOVE(f);
	return 0;
}

static int remove_piece(struct genstore *st, int64_t id)
{
	STMT data = db_stmt(&st->db, "DELETE FROM piece_data WHERE id BETWEEN ? AND ?");
	STMT piece = db_stmt(&st->db, "DELETE FROM piece WHERE id = ?");
	int r;

	bind_i64(&data, id << PIECE_ROW_BITS);
	bind_i64(&data, id << PIECE_ROW_BITS | ((1 << PIECE_ROW_BITS) - 1));
	bind_i64(&piece, id);
	r = stmt_run(&data);
	return r ? r : stmt_run(&piece);
}

/* Nothing has ever referred to these. What cannot be taken away here is left for gc. */
static void remove_pieces(struct genstore *st, const struct idlist *ids)
{
	int r = 0;

	for (size_t i = 0; i < ids->count && !r;) {
		TXN t = txn_begin(&st->db);

		r = t.error;
		for (int n = 0; !r && n < FOREIGN_BATCH && i < ids->count; n++)
			r = remove_piece(st, ids->ids[i++]);
		if (!r)
			r = txn_commit(&t);
	}
}

void foreign_free(struct foreign *f)
{
	char words[sizeof(f->st->errmsg)];

	if (!f)
		return;
	/* Without the words of the error that this may be the end of. */
	memcpy(words, f->st->errmsg, sizeof(words));
	if (f->sink && !f->kept_bytes)
		remove_pieces(f->st, sink_pieces(f->sink));
	if (f->sink && !f->kept_windows)
		remove_pieces(f->st, sink_windows(f->sink));
	memcpy(f->st->errmsg, words, sizeof(words));
	sink_free(f->sink);
	manifest_unref(f->tree);
	free(f->files);
	free(f);
}

void foreign_freep(struct foreign **f)
{
	foreign_free(*f);
}

int foreign_room(struct foreign *f, void **ret_bytes, size_t *ret_n)
{
	int r = sink_room(f->sink, ret_bytes, ret_n);

	if (r)
		return r;
	if (f->size == f->limits.size)
		*ret_n = 1; /* one too many is told from the end */
	else
		*ret_n = (size_t)min_i64((int64_t)*ret_n, f->limits.size - f->size);
	return 0;
}

int foreign_fill(struct foreign *f, size_t n)
{
	if ((int64_t)n > f->limits.size - f->size)
		return store_fail(f->st, -EFBIG, "the archive has more than %lld bytes", (long long)f->limits.size);
	f->size += (int64_t)n;
	return sink_fill(f->sink, n);
}

bool foreign_has_failed(const struct foreign *f)
{
	return sink_has_failed(f->sink);
}

int foreign_write(struct foreign *f, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	void *to;
	size_t room;
	int r;

	while (n) {
		if ((r = foreign_room(f, &to, &room)))
			return r;
		room = room < n ? room : n;
		memcpy(to, from, room);
		if ((r = foreign_fill(f, room)))
			return r;
		from += room;
		n -= room;
	}
	return 0;
}

static int add_entry(struct manifest_builder *b, struct scan *s, size_t i)
{
	const struct scan_entry *e = &s->names.entries[i];
	const struct entry entry = {
		.path = e->path, .link = e->link, .size = e->size, .type = e->type, .executable = e->executable,
		.content = (int64_t)i + 1, /* until the archive has an id */
	};
	int r = manifest_add(b, &entry);

	if (r == -EFBIG)
		return scan_fail(s, r, "it has more than %d entries, or too long names", MANIFEST_ENTRIES_MAX);
	return r == -ENOTSUP ? scan_fail_name(s, r, e->path, "is a name that cannot be kept") : r;
}

/* Where each file of the tree is, in the tree's order. */
static int list_files(struct foreign *f, const struct scan *s)
{
	size_t n = 0;

	if (!(f->files = calloc((size_t)f->tree->files + 1, sizeof(*f->files))))
		return -ENOMEM;
	for (size_t i = 0; i < f->tree->count; i++) {
		const struct scan_entry *e;

		if (f->tree->entries[i].type != TAR_FILE)
			continue;
		e = &s->names.entries[f->tree->entries[i].content - 1];
		f->files[n] = (struct foreign_file){ .offset = e->offset, .size = e->size };
		memcpy(f->files[n++].sha256, e->sha256, SHA256_SIZE);
	}
	return 0;
}

static int make_tree(struct foreign *f, struct scan *s)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	int r = manifest_builder_new(&b);

	for (size_t i = 0; i < s->names.count && !r; i++)
		r = add_entry(b, s, i);
	if (r)
		return r;
	r = manifest_build(b, &f->tree);
	if (r == -EFBIG)
		return scan_fail(s, r, "it has more than %d entries, folders that are not listed counted", MANIFEST_ENTRIES_MAX);
	return r ? r : list_files(f, s);
}

int foreign_end(struct foreign *f, struct foreign_archive *ret_a)
{
	struct scan *s = sink_scan(f->sink);
	int r = sink_end(f->sink, &f->result);

	if (r)
		return r;
	if (!f->result.error)
		f->result.error = make_tree(f, s);
	if (f->result.error == -ENOMEM)
		return -ENOMEM;
	f->ended = true;
	f->archive = (struct foreign_archive){ .size = f->result.size, .error = f->result.error };
	memcpy(f->archive.sha256, f->result.sha256, SHA256_SIZE);
	if (f->tree) {
		f->archive.entries = (int64_t)f->tree->count;
		f->archive.files = f->tree->files;
		f->archive.bytes = f->tree->bytes;
	}
	if (f->archive.error)
		snprintf(f->archive.reason, sizeof(f->archive.reason), "%s", *s->reason ? s->reason : strerror(-f->archive.error));
	*ret_a = f->archive;
	return 0;
}

int foreign_sync(struct foreign *f)
{
	return f->ended ? sink_flush(f->sink) : store_fail(f->st, -EINVAL, "the archive has not arrived");
}

ssize_t foreign_read(struct foreign *f, int64_t offset, size_t n, void *out)
{
	return sink_read(f->sink, offset, n, out);
}

static int is_there(struct genstore *st, int64_t piece)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM piece WHERE id = ?");
	int r;

	bind_i64(&q, piece);
	if ((r = stmt_step(&q)) < 0)
		return r;
	return r ? 0 : store_fail(st, -ESTALE, "a collection ran meanwhile, and took bytes of the archive; try again");
}

int foreign_still_there(struct foreign *f)
{
	const struct idlist *lists[] = { sink_pieces(f->sink), sink_windows(f->sink) };
	int64_t epoch = 0;
	int r = gc_epoch(f->st, &epoch);

	if (r || epoch == f->epoch)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i]->count; k++)
			if ((r = is_there(f->st, lists[i]->ids[k])))
				return r;
	return 0;
}
