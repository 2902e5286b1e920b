/* Facts compared, and what is depended on, read from the files of each language. */
#include "tests/unit/facts_fixture.h"
#include "tests/unit/test.h"

#define BUF AUTO(buf_release) struct buf

static void add(struct facts *f, enum fact_kind kind, const char *file, const char *name, const char *part, const char *value)
{
	fact_add(f, kind, file, span_of(name), span_of(part), span_of(value));
}

static int note(void *arg, const struct fact *a, const struct fact *b)
{
	const struct fact *f = b ? b : a;

	return buf_addf(arg, "%c %s:%s.%s %s>%s\n", !a ? '+' : !b ? '-' : '~', f->file, f->name, f->part, a ? a->value : "", b ? b->value : "");
}

static const char *differences(struct facts *a, struct facts *b, struct buf *out)
{
	buf_reset(out);
	facts_compare(a, b, note, out);
	return buf_str(out);
}

TEST(facts_that_came_went_or_changed_are_told_in_order)
{
	FACTS a = { 0 }, b = { 0 };
	BUF out = BUF_INIT;

	add(&a, FACT_DEPENDENCY, "x", "same", "runtime", "1");
	add(&a, FACT_DEPENDENCY, "x", "old", "runtime", "1");
	add(&a, FACT_DEPENDENCY, "x", "newer", "runtime", "1");
	add(&b, FACT_ROUTE, "r", "/", "GET", "");
	add(&b, FACT_DEPENDENCY, "x", "newer", "runtime", "2");
	add(&b, FACT_DEPENDENCY, "x", "same", "runtime", "1");
	add(&b, FACT_DEPENDENCY, "x", "came", "dev", "3");
	CHECK_STR(differences(&a, &b, &out), "+ x:came.dev >3\n~ x:newer.runtime 1>2\n- x:old.runtime 1>\n+ r:/.GET >\n");
}

TEST(what_moved_to_another_file_is_no_difference_but_for_dependencies)
{
	FACTS a = { 0 }, b = { 0 };
	BUF out = BUF_INIT;

	add(&a, FACT_ROUTE, "a", "/x", "GET", "");
	add(&a, FACT_DEPENDENCY, "a", "dep", "runtime", "1");
	add(&b, FACT_ROUTE, "b", "/x", "GET", "");
	add(&b, FACT_DEPENDENCY, "b", "dep", "runtime", "1");
	CHECK_STR(differences(&a, &b, &out), "- a:dep.runtime 1>\n+ b:dep.runtime >1\n");
}

TEST(a_table_of_one_file_is_compared_with_that_of_the_same_file)
{
	FACTS a = { 0 }, b = { 0 };
	BUF out = BUF_INIT;

	for (int i = 0; i < 2; i++) {
		add(&a, FACT_TABLE, i ? "one" : "two", "t", "c", i ? "1" : "2");
		add(&b, FACT_TABLE, i ? "one" : "two", "t", "c", i ? "3" : "4");
		add(&b, FACT_TABLE, i ? "one" : "two", "t", "d", "5");
	}
	CHECK_STR(differences(&a, &b, &out), "~ one:t.c 1>3\n+ one:t.d >5\n~ two:t.c 2>4\n+ two:t.d >5\n");
}

TEST(a_fact_that_moves_and_changes_is_a_change)
{
	FACTS a = { 0 }, b = { 0 };
	BUF out = BUF_INIT;

	add(&a, FACT_TABLE, "a", "t", "c", "1");
	add(&b, FACT_TABLE, "b", "t", "c", "2");
	CHECK_STR(differences(&a, &b, &out), "~ b:t.c 1>2\n");
}

TEST(what_a_file_says_twice_counts_once)
{
	FACTS a = { 0 }, b = { 0 };
	BUF out = BUF_INIT;

	for (int i = 0; i < 3; i++)
		add(&b, FACT_ROUTE, i < 2 ? "a" : "b", "/", "GET", "");
	CHECK_STR(differences(&a, &b, &out), "+ a:/.GET >\n+ b:/.GET >\n");
}

TEST(several_facts_of_one_key_find_their_like_first)
{
	FACTS a = { 0 }, b = { 0 };
	BUF out = BUF_INIT;

	for (int i = 0; i < 3; i++)
		add(&a, FACT_DEPENDENCY, "x", "d", "runtime", (const char *const[]){ "1", "2", "3" }[i]);
	for (int i = 0; i < 2; i++)
		add(&b, FACT_DEPENDENCY, "x", "d", "runtime", (const char *const[]){ "3", "4" }[i]);
	CHECK_STR(differences(&a, &b, &out), "- x:d.runtime 2>\n~ x:d.runtime 1>4\n");
}

TEST(credentials_in_urls_are_no_part_of_a_fact)
{
	FACTS f = { 0 };
	BUF out = BUF_INIT;

	add(&f, FACT_DEPENDENCY, "x", "a", "runtime", "git+https://user:secret@host/x.git");
	add(&f, FACT_DEPENDENCY, "x", "b", "runtime", "https://t@h");
	add(&f, FACT_DEPENDENCY, "x", "c", "runtime", "git+ssh://git@host/x.git");
	add(&f, FACT_DEPENDENCY, "x", "d", "runtime", "https://host/@scope/x");
	facts_text(&f, &out);
	CHECK_STR(buf_str(&out), "D a | runtime | git+https://***@host/x.git\nD b | runtime | https://***@h\n"
				 "D c | runtime | git+ssh://git@host/x.git\nD d | runtime | https://host/@scope/x\n");
}

TEST(no_credential_of_several_gets_through)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	FACTS f = { 0 };

	add(&f, FACT_DEPENDENCY, "x", "a", "runtime", "{\"b\":\"https://u:one@h/b\",\"c\":\"git+https://two@h\",\"d\":\"x@y\"}");
	add(&f, FACT_DEPENDENCY, "x", "b", "runtime", "git ssh://git@h/x | url https://u:thr@ee@h/y | url http://h/@z");
	add(&f, FACT_DEPENDENCY, "x", "c", "runtime", "://:@://@");
	facts_text(&f, &out);
	CHECK_STR(buf_str(&out), "D a | runtime | {\"b\":\"https://***@h/b\",\"c\":\"git+https://***@h\",\"d\":\"x@y\"}\n"
				 "D b | runtime | git ssh://git@h/x | url https://***@h/y | url http://h/@z\n"
				 "D c | runtime | ://***@://***@\n");
	CHECK_STR(facts_of("package.json", "{\"overrides\":{\"a\":{\"b\":\"https://u:one@h/b\",\"c\":\"https://u:two@h/c\"}}}", &out),
		  "D a | override | {\"b\":\"https://***@h/b\",\"c\":\"https://***@h/c\"}\n");
}

TEST(a_list_of_facts_has_an_end)
{
	FACTS f = { 0 };
	int r = 0;

	for (int i = 0; i <= FACTS_MAX && !r; i++)
		r = fact_add(&f, FACT_ROUTE, "", span_of("/"), span_of("GET"), span_of(""));
	CHECK_EQ(r, -EFBIG);
	CHECK_EQ(f.count, FACTS_MAX);
	facts_truncate(&f, 1);
	CHECK_EQ(f.count, 1);
}

TEST(a_long_name_that_many_facts_repeat_does_not_fill_the_memory)
{
	BUF text = BUF_INIT;
	FACTS f = { 0 };

	buf_adds(&text, "pgTable('");
	buf_fill(&text, 'x', 500000);
	buf_adds(&text, "', {");
	for (int i = 0; i < 50000; i++)
		buf_addf(&text, "c%d:1,", i);
	CHECK_EQ(facts_read(&f, "a.ts", (struct span){ buf_str(&text), text.len }), -EFBIG);
	CHECK(f.bytes <= FACTS_BYTES_MAX && f.count > 100);
	facts_truncate(&f, 0);
	CHECK_EQ(f.bytes, 0);
}

TEST(readers_find_their_files_by_name)
{
	CHECK(facts_wants("package.json") && facts_wants("packages/a/package.json") && facts_wants("requirements-dev.txt"));
	CHECK(facts_wants("requirements/base.txt") && facts_wants("src/x.mts") && facts_wants("a/app/api/route.tsx"));
	CHECK(!facts_wants("package-lock.json") && !facts_wants("notes.txt") && !facts_wants("x.tsx") && !facts_wants("myapp/route.tsx"));
	CHECK(!facts_wants("vendor/x.min.js") && !facts_wants("x.d.ts") && !facts_wants("src/x.test.ts") && !facts_wants("test_x.py"));
	CHECK(!facts_wants("test/x.js") && !facts_wants("a/__tests__/x.ts") && !facts_wants("x.test-d.ts") && facts_wants("test/package.json"));
	CHECK(sql_wants("db/1.sql") && sql_wants("1_init.up.sql") && !sql_wants("1_init.down.sql") && !sql_wants("x/down.sql") && !sql_wants("sql"));
}

TEST(package_json_has_a_section_for_each_way_to_depend)
{
	BUF out = BUF_INIT;

	CHECK_STR(facts_of("package.json", "\xef\xbb\xbf{\"name\":\"x\",\"version\":\"1.0.0\",\"scripts\":{\"a\":\"b\"},"
		  "\"dependencies\":{\"react\":\"^18.2.0\",\"@scope/x\":\"workspace:*\"},\"devDependencies\":{\"vite\":\"5\"},"
		  "\"peerDependencies\":{\"react\":\">=17\"},\"optionalDependencies\":{\"fsevents\":\"2\"},"
		  "\"bundleDependencies\":[\"b\"],\"overrides\":{\"a\":{\"b\":\"1\"}},\"resolutions\":{\"c\":\"2\"}}", &out),
		  "D @scope/x | runtime | workspace:*\nD a | override | {\"b\":\"1\"}\nD b | bundled | \nD c | override | 2\n"
		  "D fsevents | optional | 2\nD react | peer | >=17\nD react | runtime | ^18.2.0\nD vite | dev | 5\n");
	CHECK_STR(facts_of("package.json", "{\"dependencies\":{\"a\":\"1\"", &out), "-EBADMSG");
	CHECK_STR(facts_of("package.json", "[]", &out), "-EBADMSG");
	CHECK_STR(facts_of("package.json", "{\"dependencies\":[\"a\"],\"devDependencies\":7}", &out), "");
}

TEST(requirements_are_read_as_pip_reads_them)
{
	BUF out = BUF_INIT;

	CHECK_STR(facts_of("requirements.txt",
			   "# comment\n"
			   "Flask==2.0.1  # web\r\n"
			   "uvicorn [standard] >= 0.20 , < 1\n"
			   "Zope.Interface_x ~= 5.0 ; python_version < '3.8'\n"
			   "bare\n"
			   "requests==2.31.0 \\\n    --hash=sha256:aaaa \\\n    --hash=sha256:bbbb\n"
			   "pip @ https://github.com/pypa/pip/archive/1.zip#sha1=da9\n"
			   "git+https://u:p@github.com/x/y.git@main#egg=y\n"
			   "./local/pkg.whl\n"
			   "old (>=1.0)\n"
			   "-r other.txt\n--requirement=more.txt\n-c limits.txt\n-e ./here\n--index-url https://u:p@index/simple\n--no-binary :all:", &out),
		  "D ./here | editable | \n"
		  "D ./local/pkg.whl | runtime | \n"
		  "D bare | runtime | \n"
		  "D flask | runtime | ==2.0.1\n"
		  "D git+https://***@github.com/x/y.git@main#egg=y | runtime | \n"
		  "D limits.txt | include | \n"
		  "D more.txt | include | \n"
		  "D old | runtime | >=1.0\n"
		  "D other.txt | include | \n"
		  "D pip | runtime | @ https://github.com/pypa/pip/archive/1.zip#sha1=da9\n"
		  "D requests | runtime | ==2.31.0\n"
		  "D uvicorn | runtime | [standard]>=0.20,<1\n"
		  "D zope-interface-x | runtime | ~=5.0; python_version < '3.8'\n");
}

TEST(go_mod_tells_direct_from_indirect_and_replaced)
{
	BUF out = BUF_INIT;

	CHECK_STR(facts_of("go.mod",
			   "module example.com/m // a module\n\ngo 1.21\ntoolchain go1.22.0\n"
			   "require github.com/a/b v1.2.3\n"
			   "require (\n\tgithub.com/c/d v0.0.0-20210101000000-abcdef123456 // indirect\n\t\"github.com/e/f\" v2.0.0+incompatible\n)\n"
			   "replace github.com/a/b => ../b\n"
			   "replace (\n\tgithub.com/c/d v1.0.0 => github.com/x/d v1.0.1\n)\n"
			   "exclude github.com/g/h v1.0.0\nretract (\n\tv1.0.0 // bad\n\t[v1.1.0, v1.2.0]\n)\n", &out),
		  "D github.com/a/b | replace | ../b\n"
		  "D github.com/a/b | runtime | v1.2.3\n"
		  "D github.com/c/d | indirect | v0.0.0-20210101000000-abcdef123456\n"
		  "D github.com/c/d | replace:v1.0.0 | github.com/x/d v1.0.1\n"
		  "D github.com/e/f | runtime | v2.0.0+incompatible\n");
	CHECK_STR(facts_of("go.mod", "require x\n", &out), "-EBADMSG");
}

TEST(cargo_has_all_its_shapes_of_a_dependency)
{
	BUF out = BUF_INIT;

	CHECK_STR(facts_of("Cargo.toml",
			   "[package]\nname = \"x\"\nversion = \"0.1.0\"\n\n[dependencies]\nserde = \"1.0\" # comment\n"
			   "tokio = { version = \"1\", features = [\"full\",\n  \"rt\"] }\n"
			   "local = { path = \"../local\" }\nshared.workspace = true\nopt = { version = '2', optional = true }\n"
			   "[dependencies.big]\ngit = \"https://github.com/x/big\"\nbranch = \"main\"\n\n"
			   "[dev-dependencies]\ntrial = \"3\"\n[build-dependencies]\ncc = \"1.0\"\n"
			   "[target.'cfg(unix)'.dependencies]\nnix = \"0.26\"\n[target.\"x86_64-pc-windows-msvc\".dev-dependencies]\nwin = \"1\"\n"
			   "[workspace]\nmembers = [\"a\", \"b\"]\n[workspace.dependencies]\nanyhow = \"1\"\n[[bin]]\nname = \"a\"\n[[bin]]\nname = \"b\"\n", &out),
		  "D anyhow | workspace | 1\n"
		  "D big | runtime | git https://github.com/x/big, branch main\n"
		  "D cc | build | 1.0\n"
		  "D local | runtime | path ../local\n"
		  "D nix | runtime:cfg(unix) | 0.26\n"
		  "D opt | optional | 2\n"
		  "D serde | runtime | 1.0\n"
		  "D shared | runtime | workspace\n"
		  "D tokio | runtime | 1\n"
		  "D trial | dev | 3\n"
		  "D win | dev:x86_64-pc-windows-msvc | 1\n");
	CHECK_STR(facts_of("Cargo.toml", "[dependencies]\nx = \n", &out), "-EBADMSG");
}

TEST(pyproject_has_the_standard_tables_and_those_of_poetry)
{
	BUF out = BUF_INIT;

	CHECK_STR(facts_of("pyproject.toml",
			   "[build-system]\nrequires = [\"hatchling>=1\"]\n[project]\nname = \"x\"\n"
			   "dependencies = [\n  \"httpx>=0.24\", # client\n  'Jinja2 ~= 3.1; extra == \"x\"',\n]\n"
			   "[project.optional-dependencies]\ntest = [\"pytest\"]\n"
			   "[dependency-groups]\ndev = [\"ruff==0.1\", {include-group = \"test\"}]\n", &out),
		  "D hatchling | build | >=1\n"
		  "D httpx | runtime | >=0.24\n"
		  "D jinja2 | runtime | ~=3.1; extra == \"x\"\n"
		  "D pytest | optional:test | \n"
		  "D ruff | group:dev | ==0.1\n");
	CHECK_STR(facts_of("pyproject.toml",
			   "[tool.poetry.dependencies]\npython = \"^3.9\"\na = {version = \"^1\", optional = true}\nb = {git = \"https://h/b\", rev = \"1\"}\n"
			   "c = [{version = \"1\", python = \"<3\"}, {version = \"2\"}]\n[tool.poetry.dev-dependencies]\nd = \"*\"\n"
			   "[tool.poetry.group.docs.dependencies]\ne = \"5\"\n", &out),
		  "D a | optional | ^1\n"
		  "D b | runtime | git https://h/b, rev 1\n"
		  "D c | runtime | 1 | 2\n"
		  "D d | dev | *\n"
		  "D e | group:docs | 5\n"
		  "D python | runtime | ^3.9\n");
}
