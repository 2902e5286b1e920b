"""Typed artifacts: a bundle against zip, and a session's list among many."""

import shutil
import sqlite3

from measure import interleave, ms, run

FILES, SESSION = 500, 20


def some(b, tree):
    """A folder of 500 of its files."""
    folder = b.new("some")
    paths = sorted(p for p in tree.rglob("*") if p.is_file() and p.stat().st_size)
    for path in paths[::len(paths) // FILES][:FILES]:
        to = folder / path.relative_to(tree)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
    return folder


def put(b, folder, session, store):
    return b.run("artifact", "put", "--session", session, "--org", "o", "--type", "terraform", folder, store=store)


def bundle(b, tree):
    folder, store = some(b, tree), b.store()
    put(b, folder, "s", store)

    def zipped():
        to = b.new("zip.zip")
        took = run(["zip", "-q", "-r", to, "."], cwd=folder, env=b.env)
        zipped.size = to.stat().st_size
        return took

    def bundled():
        to = b.new("bundle.zip")
        took = b.run("artifact", "bundle", "--session", "s", "-o", to, store=store)
        bundled.size = to.stat().st_size
        return took

    m = interleave({"zip": zipped, "bundle": bundled, "put": lambda: put(b, folder, "s", b.store())})
    t = b.table
    t.section("Typed artifacts")
    t.row(f"bundle of {FILES} files: CPU, of `zip -r`", m["bundle"].cpu / m["zip"].cpu, 0.2, f"{ms(m['bundle'])}; {ms(m['zip'])}")
    t.row("the same: size, of zip's", bundled.size / zipped.size)
    t.row(f"put of {FILES} files, all new: CPU, of `zip -r`", m["put"].cpu / m["zip"].cpu, None, ms(m["put"]))


def multiply(path, sessions):
    """Other sessions of the organization, with the artifacts that its only one has."""
    with sqlite3.connect(path) as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(artifacts)") if row[1] not in ("artifact_id", "session_id", "storage_path")]
        first, org = db.execute("SELECT session_id, organization_id FROM sessions").fetchone()
        db.executemany("INSERT INTO sessions (organization_id, name) VALUES (?, ?)", ((org, f"other {i}") for i in range(sessions - 1)))
        db.execute(f"""INSERT INTO artifacts (session_id, storage_path, {', '.join(names)})
                       SELECT s.session_id, replace(a.storage_path, a.session_id, s.session_id), {', '.join(f'a.{n}' for n in names)}
                       FROM sessions AS s, artifacts AS a WHERE s.session_id <> ? AND a.session_id = ?""", (first, first))
        db.execute("""INSERT INTO artifact_content (artifact_id, content_id, stored_at)
                      SELECT artifact_id, (SELECT min(content_id) FROM artifact_content), created_at FROM artifacts
                      WHERE session_id <> ?""", (first,))


def lists(b, tree):
    folder = b.new("few")
    folder.mkdir()
    for path in sorted(p for p in tree.rglob("*.js") if p.stat().st_size)[:SESSION]:
        shutil.copyfile(path, folder / f"{len(list(folder.iterdir()))}-{path.name}")
    stores = {}
    for count in 1_000, 100_000:
        stores[count] = b.store()
        put(b, folder, "mine", stores[count])
        multiply(stores[count], count // SESSION)
        put(b, folder, "last", stores[count])  # writes the sums that are missing
    m = interleave({count: lambda store=store: [b.run("artifact", "list", "--session", "mine", store=store) for _ in range(5)]
                    for count, store in stores.items()})
    one, many = m[1_000], m[100_000]
    b.table.row(f"list of a session's {SESSION} among 100,000: time, of that among 1,000", many.wall / one.wall, 1.2, f"{ms(many)}; {ms(one)}")


def artifacts(b, tree):
    bundle(b, tree)
    lists(b, tree)
