/* Readers get what nobody meant them to: mutated files, and a large file of what makes careless ones slow. */
#include "store/base/id.h"
#include "tests/unit/facts_fixture.h"
#include "tests/unit/test.h"

enum { ROUNDS = 1500, LARGE = FACTS_FILE_MAX / 4 };

static const struct sample {
	const char *path, *text;
} samples[] = {
	{ "package.json", "{\"dependencies\":{\"a\":\"1\",\"b\":{\"c\":[1,2]}},\"bundleDependencies\":[\"x\",true],\"overrides\":{\"q\":{\"r\":\"2\"}}}" },
	{ "requirements.txt", "a[b] >=1,<2; x == 'y' # c\n-r z.txt\nd @ https://u:p@h/x;y \\\n --hash=1\n-e git+https://t@h#egg=q\n(>=1)\n" },
	{ "go.mod", "module m\nrequire (\n\ta v1 // indirect\n\t\"b\" v2\n)\nreplace c v1 => `d` v2\nrequire e v3 // x\nretract [v1, v2]\n" },
	{ "Cargo.toml", "[dependencies]\na = \"1\"\nb = { version = '2', x = [1, {y = 2}] }\n[target.'cfg(x)'.dependencies.c]\ngit = \"\"\"q\\\n r\"\"\"\n[[d.e]]\nf.g = \"\\u00e9\"\n" },
	{ "pyproject.toml", "[project]\ndependencies = [\"a>=1\", 'b; x']\n[tool.poetry.group.d.dependencies]\ne = [{version = \"1\"}, {git = \"u\"}]\n" },
	{ "a.ts", "export const t = pgTable('t', { a: serial('a').x(), ...s, 'b': c(`d${e}`) }, (t) => [i(t.a)]);\nconst m = pgTableCreator(n => `x${n}`);"
		  "m('u', (d) => ({ v: d.w() }))" },
	{ "a.js", "const app = express(); app.route('/a').get(b).post(/[/]x/g, c); app.get<{q: R<S>}>(`/d/${e}`, f); fastify.route({ method: ['GET'], url: '/x' });"
		  "new Hono<E>().get('/h', /* i */ j).use(k) // l\nm = 'n" },
	{ "app/(g)/[x]/route.ts", "export const GET = 1; export { a as POST, PUT }; export async function DELETE() { `${'}'}` }\n" },
	{ "pages/api/x.ts", "export default function () {}" },
	{ "a.py", "'''doc'''\n@app.route(\"/x\", methods=['GET', \"POST\"])\ndef f(): rb'x' # y\n@r.get(path=f'/{z}')\n@a.b.api_route('/q', methods={'A'})\n" },
	{ "a.sql", "create table a (b int not null default 'x' check (c > 1), \"d\" e[] , key f (g), primary key (b)); alter table only a add h int, drop b,"
		   " alter column d set default E'\\'', rename to i; $q$ x $q$; copy i from stdin;\n1\n\\.\n-- migrate:down\ndrop table i;" },
};

/* Reads it whatever it is; the result is one of those that are promised. */
static int read_any(const char *path, const char *text, size_t n)
{
	AUTO(free_ptr) char *copy = malloc(n + 1);
	FACTS f = { 0 };
	size_t left = SQL_MEMORY;
	json_t *tables;
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (!sql_wants(path))
		return facts_read(&f, path, (struct span){ copy, n });
	tables = json_object();
	r = sql_read(tables, path, (struct span){ copy, n }, &left);
	r = r ? r : sql_facts(tables, &f);
	json_decref(tables);
	return r;
}

static bool is_promised(int r)
{
	return r == 0 || r == -EBADMSG || r == -EFBIG;
}

/* Flips, repeats, cuts and moves bytes; what it returns is at most twice as long. */
static size_t mutate(struct id_source *random, char *text, size_t n)
{
	static const char odd[] = "\"'`()[]{}<>,;:.#/\\$@=\n\t *-_0aE\xff\x00";
	uint8_t dice[8];
	size_t at, length;

	id_random(random, dice, sizeof(dice));
	at = n ? (size_t)(dice[1] << 8 | dice[2]) % n : 0;
	length = n ? (size_t)dice[3] % (n - at < 32 ? n - at : 32) : 0;
	switch (dice[0] % 4) {
	case 0:
		if (n)
			text[at] = odd[dice[4] % sizeof(odd)];
		return n;
	case 1:
		memmove(text + at + length, text + at, n - at);
		return n + length;
	case 2:
		memmove(text + at, text + at + length, n - at - length);
		return n - length;
	default:
		if (n)
			text[at] = text[(size_t)(dice[5] << 8 | dice[6]) % n];
		return dice[7] < 8 ? at : n;
	}
}

TEST(readers_survive_whatever_a_file_holds)
{
	struct id_source random = { .seed = 7 };

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		size_t size = strlen(samples[i].text);

		for (int round = 0; round < ROUNDS; round++) {
			AUTO(free_ptr) char *text = malloc(size + 1000);
			size_t n = size;

			CHECK(text);
			memcpy(text, samples[i].text, size);
			for (int k = 0; k <= round % 16; k++)
				n = mutate(&random, text, n);
			CHECK(is_promised(read_any(samples[i].path, text, n)));
		}
	}
}

TEST(readers_stop_at_every_length_of_a_file)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		for (size_t n = 0; n <= strlen(samples[i].text); n++)
			CHECK(is_promised(read_any(samples[i].path, samples[i].text, n)));
}

/* A reader that looks back or ahead for each of these needs hours. */
TEST(readers_take_time_in_proportion_to_a_file)
{
	static const char *const parts[] = {
		"'", "\\'", "\"", "`", "`${", "/", "/[", "/*", "//", "(", "[", "{", "[[a]]\n", "a.", "a=[", "a={b=", "<", "x.get<", "'\\", "$a$", "$a", "--", "E'",
		"[a", "@a.b(", "'''", "app.route('/a')", ".get('/a',", "export{", "create table a(", "alter table a add ", "(a,", "a\\\n", "a ; ", "a@", "https://",
		"require (\n", "a=\"\"\"", "\"\"\"", "pgTable('a',{", "a:b(", "...", "copy a from stdin;", "const a=pgTableCreator(", "x=express();", "{\"a\":", "a b ",
	};
	AUTO(free_ptr) char *text = malloc(LARGE);

	CHECK(text);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t n = strlen(parts[i]);

		for (size_t at = 0; at < LARGE; at++)
			text[at] = parts[i][at % n];
		for (size_t k = 0; k < ARRAY_LEN(samples); k++)
			CHECK(is_promised(read_any(samples[k].path, text, LARGE)));
	}
}
