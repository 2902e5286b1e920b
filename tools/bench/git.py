"""Git: a clone from the store and a push from it, against git's own from a repository with the same commit."""

import pathlib
import shutil
import sys

from measure import interleave, ms, run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import githttp  # noqa: E402


def repository(b, tree, packed):
    """What a generator that uses git would have: the tree, committed; packed as git does when it finds the time, or loose."""
    where = b.new("packed" if packed else "loose")
    shutil.copytree(tree, where, symlinks=True)
    for argv in (["init", "-q", "-b", "main"], ["add", "-A", "-f"], ["commit", "-qm", "first"], *([["gc", "-q"]] if packed else [])):
        run(["git", *argv], env=b.env, cwd=where)
    return where


def cloning(b, loose, packed, store):
    env = {**b.env, "GENSTORE_STORE": str(store), "PATH": f"{pathlib.Path(b.program).parent}:{b.env['PATH']}"}

    def clone(*address, bare=False):
        to = b.new("clone")
        took = run(["git", "clone", "-q", *(["--bare"] if bare else []), *address, to], env=env)
        shutil.rmtree(to)
        return took

    m = interleave({"git": lambda: clone("--no-local", packed), "loose": lambda: clone("--no-local", loose), "ours": lambda: clone("genstore::a"),
                    "git bare": lambda: clone("--no-local", packed, bare=True), "ours bare": lambda: clone("genstore::a", bare=True)})
    t = b.table
    t.section("Git")
    t.row("`git clone genstore::`: time, of `git clone` from a packed repository", m["ours"].wall / m["git"].wall, 1.0,
          f"{ms(m['ours'])}; {ms(m['git'])}")
    t.row("of one with loose objects", m["ours"].wall / m["loose"].wall, None, ms(m["loose"]))
    t.row("the same without a working tree, packed", m["ours bare"].wall / m["git bare"].wall, None, f"{ms(m['ours bare'])}; {ms(m['git bare'])}")


def pushing(b, loose, packed, store):
    top = b.new("server")
    top.mkdir()
    with githttp.git_server(top) as server:
        token = {"GENSTORE_GIT_TOKEN": githttp.TOKEN, "GENSTORE_STORE": str(store)}

        def address():
            name = f"{b.new('r').name}.git"
            server.repository(name, receive_fsckObjects="false")
            return name

        def with_git(where):
            url = f"http://{githttp.USER}:{githttp.TOKEN}@localhost:{server.http_port}/{address()}"
            return run(["git", "push", "-q", url, "main"], env=b.env, cwd=where)

        def with_genstore():
            return run([b.program, "-q", "push", "a", f"{server.http}/{address()}"], env={**b.env, **token})

        m = interleave({"loose": lambda: with_git(loose), "packed": lambda: with_git(packed), "ours": with_genstore})
    t = b.table
    t.row("`push` of an app to a server: time, of `git push` with loose objects", m["ours"].wall / m["loose"].wall, 1.0,
          f"{ms(m['ours'])}; {ms(m['loose'])}")
    t.row("the same, CPU", m["ours"].cpu / m["loose"].cpu)
    t.row("of `git push` from a packed repository", m["ours"].wall / m["packed"].wall, None, ms(m["packed"]))


def git(b, tree):
    store = b.store()
    b.run("import", tree, "--app-name", "a", store=store)
    loose, packed = repository(b, tree, False), repository(b, tree, True)
    cloning(b, loose, packed, store)
    pushing(b, loose, packed, store)
