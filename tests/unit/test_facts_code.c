/* Tables of Drizzle, and routes, out of JavaScript, TypeScript and Python. */
#include "tests/unit/facts_fixture.h"
#include "tests/unit/test.h"

#define BUF AUTO(buf_release) struct buf
#define OF(path, ...) facts_of(path, __VA_ARGS__, &out)

TEST(a_drizzle_table_has_columns_by_their_names_in_the_database)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("src/db/schema.ts",
		     "import { pgTable, serial, varchar } from 'drizzle-orm/pg-core';\n"
		     "// export const old = pgTable('old', { id: serial('id') });\n"
		     "export const users = pgTable(\"users\", {\n"
		     "  id: serial('id').primaryKey(),\n"
		     "  fullName: varchar('full_name', { length: 256 }) /* , */ .notNull(),\n"
		     "  age: integer(),\n"
		     "  city: integer('city_id').references((): AnyPgColumn => cities.id, { onDelete: 'cascade' }),\n"
		     "  ...timestamps,\n"
		     "}, (table) => ({ nameIdx: index('name_idx').on(table.fullName) }));\n"
		     "export const plain = pgTable('plain', columns);\n"),
		  "T plain |  | \n"
		  "T users |  | \n"
		  "T users | ...timestamps | ...timestamps\n"
		  "T users | age | integer()\n"
		  "T users | city_id | integer().references(():AnyPgColumn=>cities.id,{onDelete:'cascade'})\n"
		  "T users | full_name | varchar({length:256}).notNull()\n"
		  "T users | id | serial().primaryKey()\n");
}

TEST(drizzle_tables_come_in_other_ways_too)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("a.ts",
		     "export const createTable = pgTableCreator((name) => `app_${name}`);\n"
		     "export const posts = createTable('post', (d) => ({ id: d.integer().primaryKey().generatedByDefaultAsIdentity(), name: d.varchar({ length: 256 }) }),\n"
		     "  (t) => [index('name_idx').on(t.name)]);\n"
		     "const mine = pgSchema('mine'); export const x = mine.table('x', { id: serial() });\n"
		     "export const s = sqliteTable('s', { 'id': integer('id', { mode: 'number', },) }); document.table('no', { a: b('c') });"),
		  "T post |  | \n"
		  "T post | id | integer().primaryKey().generatedByDefaultAsIdentity()\n"
		  "T post | name | varchar({length:256})\n"
		  "T s |  | \n"
		  "T s | id | integer({mode:'number'})\n"
		  "T x |  | \n"
		  "T x | id | serial()\n");
}

TEST(routes_of_express_and_its_like_are_found)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("server.js",
		     "const express = require('express');\nconst app = express();\nconst api = express.Router();\n"
		     "app.get('/', (req, res) => res.send(`<a href=\"${x}\">`));\n"
		     "api.post(\"/login\", login);\napi.del('/x/:id', a, b)\n"
		     "app.route('/book').get(list).post(add);\n"
		     "app.all('*', no); app.get('env'); app.get('/setting');\n"
		     "userRouter.patch(`/users/${id}`, h);\n"
		     "// app.get('/comment', h)\nconst s = \"app.get('/string', h)\"; const r = /app.get('\\/regex', h)/;\n"
		     "axios.get('/remote', { a: 1 }); fetch('/x'); client.post('/y', z); request(app).get('/test', f);\n"),
		  "R / | GET | \nR /book | GET | \nR /book | POST | \nR /login | POST | \nR /users/${...} | PATCH | \nR /x/:id | DELETE | \n");
}

TEST(routes_of_hono_and_fastify_are_found)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("index.ts",
		     "type Env = { Bindings: {} };\nexport const web: Hono<Env> = new Hono<Env>().basePath('/v1');\n"
		     "web.get('/a', (c) => c.json({})).put('/b', zValidator('json', s), async (c) => { const q = c.req.query('/no', 1); return c.text('/no', 2); });\n"
		     "export default new Hono<{ Variables: Map<string, X> }>().get('/chained', h).post('/chained', h);\n"
		     "app.route('/sub', sub).get('/after', h);\n"
		     "fastify.get<{ Querystring: Q<string> }>('/typed', async () => ({}));\n"
		     "fastify.route({ method: ['GET', 'HEAD'], url: '/multi', schema: { response: { 200: { method: 'no', url: '/no' } } }, handler });\n"),
		  "R /a | GET | \nR /after | GET | \nR /b | PUT | \nR /chained | GET | \nR /chained | POST | \nR /multi | GET | \nR /multi | HEAD | \nR /typed | GET | \n");
}

TEST(a_next_route_is_its_path_and_the_methods_it_exports)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("src/app/(shop)/api/items/[id]/route.ts",
		     "import x from 'y';\nexport const dynamic = 'force-dynamic';\nexport async function GET(req: Request) { const POST = 1; }\n"
		     "export const DELETE = auth(async () => {});\nasync function PUT() {}\nexport { PUT, handler as PATCH, GET as other };"),
		  "R /api/items/[id] | DELETE | \nR /api/items/[id] | GET | \nR /api/items/[id] | PATCH | \nR /api/items/[id] | PUT | \n");
	CHECK_STR(OF("app/route.js", "export const { GET, POST } = handlers"), "R / | GET | \nR / | POST | \n");
	CHECK_STR(OF("pages/api/users/index.ts", "export default function handler() {}"), "R /api/users | ANY | \n");
	CHECK_STR(OF("pages/api/util.ts", "export function GET() {}"), "");
	CHECK_STR(OF("lib/route.ts", "export function GET() {}"), "");
}

TEST(python_routes_are_decorators)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("app.py",
		     "\"\"\"@app.get('/doc')\"\"\"\n@app.route(\"/\")\ndef a(): pass\n"
		     "@bp.route('/form', endpoint='x', methods=['GET', \"POST\"])\ndef b(): pass\n"
		     "class C:\n    @router.get(\n        \"/items/{id}\",  # one\n        response_model=Item,\n    )\n    async def c(): x = a @ b\n"
		     "@router.post(path='/named', tags=['no'])\n@other\n@cached(60)\n@mock.patch('x.y')\ndef d(): s = f'@app.get(\"/no\")'\n"
		     "# @app.get('/comment')\n@app.websocket('/ws')\n@router.delete('')\n@app.get(f'/{x}')\ndef e(): pass\n"),
		  "R  | DELETE | \nR / | GET | \nR /form | GET | \nR /form | POST | \nR /items/{id} | GET | \nR /named | POST | \nR /ws | WEBSOCKET | \n");
}

TEST(a_text_of_jsx_hides_no_more_than_its_line)
{
	BUF out = BUF_INIT;

	CHECK_STR(OF("x.js", "const a = <p>Don't</p>;\napp.get('/x', h);\nconst b = c / d; const e = (f) / g / 1;\napp.get('/y', h);\n"
			     "const t = `a ${ `b ${c}` } ' d`; app.get('/z', h)"),
		  "R /x | GET | \nR /y | GET | \nR /z | GET | \n");
}
