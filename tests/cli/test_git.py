"""git clone genstore::REQ: git is the judge of what it gets (every fetch here is checked as strictly as git can)."""

import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tarfile

import pytest

PROGRAM = pathlib.Path(os.environ.get("GENSTORE", pathlib.Path(__file__).resolve().parents[2] / "build/genstore"))
READER = pathlib.Path(__file__).resolve().parents[1] / "reader.py"
FLUSH = b"0000"


def index_of(path):
    """The objects of a pack, by its index."""
    with open(path, "rb") as index:
        return subprocess.run(["git", "show-index"], stdin=index, capture_output=True, check=True).stdout.splitlines()


class Git:
    def __init__(self, genstore, tmp_path):
        self.genstore = genstore
        self.top = tmp_path
        self.env = {**genstore.env, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_TERMINAL_PROMPT": "0"}
        (genstore.home / ".gitconfig").write_text(
            "[transfer]\n\tfsckObjects = true\n[core]\n\tautocrlf = false\n[user]\n\tname = t\n\temail = t@t\n[init]\n\tdefaultBranch = main\n")

    def __call__(self, *args, cwd=None, code=0, env=None):
        done = subprocess.run(["git", *map(str, args)], cwd=cwd or self.top, env={**self.env, **(env or {})}, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.genstore.check_sanitizers()
        err = done.stderr.decode(errors="replace")
        assert code is None or done.returncode == code, f"git {args}: {done.returncode}\n{err}"
        done.err, done.out = err, done.stdout.decode(errors="surrogateescape")
        return done

    def clone(self, name, *args, to="clone"):
        self("clone", "-q", *args, f"genstore::{name}", self.top / to)
        self("fsck", "--strict", "--full", cwd=self.top / to)
        return self.top / to

    def ids(self, where, *args):
        return self("log", "--format=%H", *args, cwd=where).out.split()

    def packed(self, where):
        """How many objects its packs have, each counted as often as it is there."""
        return sum(len(index_of(path)) for path in (where / ".git/objects/pack").glob("*.idx"))

    def all_objects(self, where):
        return len(self("rev-list", "--objects", "--all", "--no-object-names", cwd=where).out.split())

    def tree_of_folder(self, folder):
        """What git makes of a folder itself."""
        self("init", "-q", cwd=folder)
        self("add", "-A", "-f", cwd=folder)
        return self("write-tree", cwd=folder).out.strip()


@pytest.fixture
def git(genstore, store, tmp_path):
    return Git(genstore, tmp_path)


@pytest.fixture
def setting(store):
    def write(key, value):
        with sqlite3.connect(store) as db:
            db.execute("INSERT OR REPLACE INTO deployment_config (key, value) VALUES (?, ?)", (key, value))
        db.close()
    return write


@pytest.fixture
def sql(store):
    def run(text, *args):
        db = sqlite3.connect(store)
        with db:
            rows = db.execute(text, args).fetchall()
        db.close()
        return rows
    return run


class Raw:
    """The protocol by hand, for what git itself never does."""

    def __init__(self, genstore, name, **popen):
        self.process = genstore.start("git-remote-genstore", "origin", name, stdin=subprocess.PIPE, bufsize=0, **popen)
        self.send(b"connect git-upload-pack\n")
        assert self.process.stdout.read(1) == b"\n"
        self.refs = dict(reversed(line.split(b"\0")[0].split()) for line in self.lines())

    def send(self, data):
        self.process.stdin.write(data)

    def say(self, text):
        self.send(b"%04x%s" % (len(text) + 4, text))

    def take(self, n):
        data = b""
        while len(data) < n and (more := self.process.stdout.read(n - len(data))):
            data += more
        return data

    def packet(self):
        head = self.take(4)
        return None if head in (b"", FLUSH) else self.take(int(head, 16) - 4)

    def lines(self):
        return list(iter(self.packet, None))

    def want(self, ref=b"HEAD", more=b"side-band-64k"):
        self.say(b"want %s %s\n" % (self.refs[ref], more))
        self.send(FLUSH)
        self.say(b"done\n")
        assert self.packet() == b"NAK\n"

    def pack(self):
        """The pack, and what was said beside it."""
        bands = {1: b"", 2: b"", 3: b""}
        for line in iter(self.packet, None):
            bands[line[0]] += line[1:]
        return bands

    def end(self):
        self.process.stdin.close()
        err = self.process.stderr.read().decode()
        return self.process.wait(30), err


def test_a_clone_has_the_very_tree_that_git_makes_of_the_folder(genstore, git, tree, tmp_path):
    genstore("import", tree.odd(tmp_path / "odd"), "--app-name", "odd")
    clone = git.clone("odd")
    genstore("restore", "odd", tmp_path / "restored")
    differ = tree.differences(clone, tmp_path / "restored", ignore=["folder", "folder/none"])
    assert [line for line in differ if not line.startswith(".git")] == []
    assert git("rev-parse", "HEAD^{tree}", cwd=clone).out.strip() == git.tree_of_folder(tmp_path / "restored")


def test_a_clone_of_an_app_of_source_files_is_what_restore_gives(genstore, git, tree, tmp_path):
    genstore("import", tree.real(tmp_path / "app", 300), "--app-name", "app")
    clone = git.clone("app")
    assert git("rev-parse", "HEAD^{tree}", cwd=clone).out.strip() == git.tree_of_folder(tmp_path / "app")
    assert git("status", "--porcelain", cwd=clone).out == ""


def test_each_iteration_is_a_commit_that_says_nothing_of_who_and_what_for(genstore, git, generate):
    req = generate("echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "3", "--prompt", "a secret wish")
    clone = git.clone(req)
    assert len(git.ids(clone)) == 3
    assert git("show", "HEAD~1:n", cwd=clone).out == "2\n"
    assert git("tag", cwd=clone).out.split() == ["iteration-1", "iteration-2", "iteration-3"]
    assert git("log", "--format=%an <%ae> %cn <%ce>", cwd=clone).out == 3 * "genstore <genstore@localhost> genstore <genstore@localhost>\n"
    assert git("log", "-1", "--format=%B", cwd=clone).out == f"app: generation 1, iteration 3\n\nGenstore-Request: {req}\n\n"
    assert "secret" not in git("log", "--format=raw", cwd=clone).out


def test_commits_are_dated_by_their_iterations(git, generate, sql):
    req = generate("echo x >x")
    taken = sql("SELECT unixepoch(timestamp) FROM iteration_snapshots")[0][0]
    clone = git.clone(req)
    assert git("log", "--format=%at %ct %ad", "--date=format:%z", cwd=clone).out == f"{taken} {taken} +0000\n"


def test_commits_have_the_same_ids_in_another_clone_and_in_a_backup(genstore, git, generate, tmp_path):
    generate("echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "3")
    first = git.ids(git.clone("app", to="one"))
    genstore("backup", tmp_path / "b.genstore")
    git.env["GENSTORE_STORE"] = str(tmp_path / "b.genstore")
    assert git.ids(git.clone("app", to="two")) == first


def test_another_reader_comes_to_the_same_commits_from_the_text_of_the_format(genstore, git, generate, setting, tree, foreign, sql, tmp_path):
    tree.odd(tmp_path / "app")
    tree.write(tmp_path / "app", {"sub/.GIT/x": "1", "git~1 ": "2", "nothing/.git/x": "3", ".g\u200cit": "4"})
    foreign(tmp_path / "app", "app")
    generate("echo $ITERATION >n", "--resume", "app", "--max-iterations", "2", "--prompt", "more\n")
    setting("git.prompts", "yes")
    # As if it had come without its iterations, and from a time when names were not looked at.
    sql("UPDATE generation_requests SET app_name = 'a\nb' WHERE generation_number = 2")
    genstore("promote", "app/1")
    sql("DELETE FROM iteration_snapshots WHERE generation_request_id = 3")
    genstore("gc")
    request_id = genstore("list", "--json").json[0]["request_id"]
    read = subprocess.run([sys.executable, READER, genstore.store, "commits", request_id], capture_output=True, text=True, check=True)
    ids = git.ids(git.clone(request_id))
    assert read.stdout.split() == ids and len(ids) == 2
    second = genstore("list", "--json").json[1]["request_id"]
    read = subprocess.run([sys.executable, READER, genstore.store, "commits", second], capture_output=True, text=True, check=True)
    assert read.stdout.split() == git.ids(git.clone(second, to="second")) and len(read.stdout.split()) == 3


def test_the_prompt_is_in_the_message_only_where_that_is_allowed(git, generate, setting):
    req = generate("echo x >x", "--prompt", "make it so\n\nplease \n\n")
    setting("git.prompts", "no")
    assert "make it so" not in git("log", "--format=%B", cwd=git.clone(req, to="no")).out
    setting("git.prompts", "yes")
    assert git("log", "--format=%B", cwd=git.clone(req, to="yes")).out == (
        f"app: generation 1, iteration 1\n\nmake it so\n\nplease\n\nGenstore-Request: {req}\n\n")


def test_the_author_can_be_set_and_not_to_nonsense(git, generate, setting):
    generate("echo x >x")
    setting("git.author", "App Factory <apps@example.org>")
    assert git("log", "--format=%an,%ce", cwd=git.clone("app")).out == "App Factory,apps@example.org\n"
    setting("git.author", "nobody\n")
    assert "the setting 'git.author' is not 'Name <address>'" in git("clone", "genstore::app", "x", code=128).err


def test_a_resumed_generation_goes_on_from_its_parents_last_commit(genstore, git, generate):
    first = generate("echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "2")
    second = generate("echo more >>n", "--resume", first)
    clone = git.clone(second)
    assert git.ids(clone)[1:] == git.ids(git.clone(first, to="first"))
    assert git("log", "--format=%s", cwd=clone).out.splitlines() == [
        "app: generation 2, iteration 1", "app: generation 1, iteration 2", "app: generation 1, iteration 1"]
    assert git("tag", cwd=clone).out.split() == ["iteration-1"]


def test_what_is_promoted_or_forked_goes_on_too(genstore, git, generate):
    generate("echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "2")
    genstore("promote", "app@1")
    genstore("fork", "app", "--app-name", "other")
    clone = git.clone("other")
    assert git("log", "--format=%s", cwd=clone).out.splitlines() == [
        "other: generation 1, iteration 1", "app: generation 2, iteration 1", "app: generation 1, iteration 2",
        "app: generation 1, iteration 1"]
    assert git("show", "HEAD:n", cwd=clone).out == "1\n"


def test_an_app_has_a_branch_for_each_generation_and_a_tag_for_each_iteration(genstore, git, generate):
    generate("echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "2")
    generate("echo new >n")
    generate("exit 1", code=1)
    clone = git.clone("app")
    assert git("for-each-ref", "--format=%(refname)", cwd=clone).out.split() == [
        "refs/heads/main", "refs/remotes/origin/HEAD", "refs/remotes/origin/generation-1", "refs/remotes/origin/generation-2",
        "refs/remotes/origin/main", "refs/tags/generation-1/iteration-1", "refs/tags/generation-1/iteration-2",
        "refs/tags/generation-2/iteration-1"]
    assert (clone / "n").read_text() == "new\n"
    assert len(git.ids(clone, "origin/generation-1")) == 2 and len(git.ids(clone, "main")) == 1
    assert git("rev-parse", "HEAD", cwd=clone).out == git("rev-parse", "origin/generation-2", cwd=clone).out


def test_a_fetch_brings_what_is_missing_and_nothing_else(genstore, git, generate, tree, tmp_path):
    genstore("import", tree.real(tmp_path / "app", 50), "--app-name", "app")
    clone = git.clone("app")
    assert git.packed(clone) == git.all_objects(clone)
    generate("echo new >new; rm -r email", "--resume", "app")
    generate("echo newer >new", "--resume", "app")
    git("-c", "fetch.unpackLimit=1", "pull", "-q", cwd=clone)
    assert (clone / "new").read_text() == "newer\n" and not (clone / "email").exists()
    assert git.packed(clone) == git.all_objects(clone)
    git("fsck", "--strict", cwd=clone)
    assert git("fetch", cwd=clone).err == ""


def test_a_fetch_into_a_clone_with_commits_of_its_own_works(git, generate):
    generate("echo 1 >n")
    clone = git.clone("app")
    for i in range(40):
        git("commit", "-q", "--allow-empty", "-m", f"mine {i}", cwd=clone)
    generate("echo 2 >n", "--resume", "app")
    git("fetch", "-q", cwd=clone)
    assert git("show", "origin/main:n", cwd=clone).out == "2\n"
    git("rebase", "-q", "origin/main", cwd=clone)


def test_a_clone_can_be_shallow_and_be_deepened(git, generate):
    generate("echo $ITERATION >n; echo $ITERATION >f$ITERATION", "--mode", "autonomous", "--max-iterations", "5")
    clone = git.clone("app", "--depth", "2")
    assert len(git.ids(clone)) == 2 and git.packed(clone) == git.all_objects(clone)
    generate("echo 6 >n", "--resume", "app")
    git("pull", "-q", cwd=clone)
    assert len(git.ids(clone)) == 3
    git("fetch", "-q", "--depth", "1", cwd=clone)
    assert len(git.ids(clone)) == 1
    git("fetch", "-q", "--depth", "4", cwd=clone)
    assert len(git.ids(clone)) == 4
    git("fetch", "-q", "--unshallow", cwd=clone)
    assert len(git.ids(clone)) == 6
    git("fsck", "--strict", "--full", cwd=clone)
    assert git.ids(clone) == git.ids(git.clone("app", to="whole"))


def test_what_is_stored_as_deflate_is_in_the_pack_as_it_is_stored(genstore, git, tree, sql, tmp_path):
    genstore("import", tree.real(tmp_path / "app", 20), "--app-name", "app")
    clone = git.clone("app")
    pack = next((clone / ".git/objects/pack").glob("*.pack")).read_bytes()
    pieces = sql("SELECT (SELECT group_concat(hex(bytes), '') FROM (SELECT bytes FROM piece_data WHERE id >> 8 = p.id ORDER BY id))"
                 " FROM piece p WHERE codec = 1")
    found = [bytes.fromhex(row[0]) in pack for row in pieces]
    # All but metadata.json, which is beside the tree.
    assert len(found) > 20 and found.count(False) == 1


def test_a_large_file_is_put_together_of_its_pieces(genstore, git, tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    data = bytearray(os.urandom(3 << 20)) + b"text " * 500_000
    (app / "large").write_bytes(data)
    genstore("import", app, "--app-name", "app")
    assert (git.clone("app") / "large").read_bytes() == data


@pytest.fixture
def foreign(genstore, tmp_path):
    """An archive from elsewhere becomes an app."""
    def take(folder, name="theirs"):
        path = tmp_path / f"{name}.tar.gz"
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            archive.add(folder, arcname="app")
        return genstore("import", path, "--app-name", name, "--json").json[-1]
    return take


def test_an_archive_from_elsewhere_is_a_commit_too(genstore, git, tree, foreign, tmp_path):
    tree.real(tmp_path / "app", 60)
    (tmp_path / "app/noise").write_bytes(os.urandom(2 << 20))
    (tmp_path / "app/link").symlink_to("noise")
    foreign(tmp_path / "app")
    clone = git.clone("theirs")
    assert git("rev-parse", "HEAD^{tree}", cwd=clone).out.strip() == git.tree_of_folder(tmp_path / "app")


def test_names_that_git_does_not_allow_are_left_out_and_told(genstore, git, tree, foreign, tmp_path):
    tree.write(tmp_path / "app", {"a": "1", "sub/.git/config": "[core]\n", "sub/b": "2", ".GIT": "x", "c/GIT~1": "y"})
    foreign(tmp_path / "app")
    done = git("clone", "genstore::theirs", "clone")
    assert "remote: genstore: 3 names that git does not allow in a tree (like .git) were left out" in done.err
    assert git("ls-files", cwd=tmp_path / "clone").out.split() == ["a", "sub/b"]


def test_what_is_not_finished_yet_is_an_empty_repository(git, generate):
    generate("exit 1", code=1)
    done = git("clone", "genstore::app", "clone")
    assert "You appear to have cloned an empty repository" in done.err
    generate("echo x >x")
    git("pull", "-q", cwd=git.top / "clone")
    assert (git.top / "clone/x").exists()


def test_git_lists_the_refs_of_a_store(git, generate):
    req = generate("echo x >x")
    lines = git("ls-remote", "--symref", f"genstore::{req}").out.splitlines()
    assert lines[0] == "ref: refs/heads/main\tHEAD"
    assert [line.split("\t")[1] for line in lines[1:]] == ["HEAD", "refs/heads/main", "refs/tags/iteration-1"]
    assert git("ls-remote", f"genstore://{req}").out.splitlines() == lines[1:]
    assert git("ls-remote", "genstore::-").out.splitlines() == lines[1:]
    assert git("ls-remote", f"genstore::{req[:9]}").out.splitlines() == lines[1:]


def test_nothing_can_be_pushed_into_a_store(git, generate):
    generate("echo x >x")
    clone = git.clone("app")
    git("commit", "-q", "--allow-empty", "-m", "mine", cwd=clone)
    done = git("push", cwd=clone, code=None)
    assert done.returncode and done.err == "genstore: nothing can be pushed into a store; 'genstore import' takes a folder\n"


@pytest.mark.parametrize("name, words", [
    ("nope", "genstore: no generation or app 'nope'\n"),
    ("app/7", "genstore: no generation 7 of an app 'app'\n"),
    ("app@1", "genstore: 'app@1' names an iteration; a repository is of a generation or an app\n"),
])
def test_what_is_not_there_is_told_in_one_line(git, generate, name, words):
    generate("echo x >x")
    assert git("clone", "-q", f"genstore::{name}", "x", code=128).err == words


def test_the_store_is_found_as_everywhere_else(genstore, git, generate):
    generate("echo x >x")
    default = genstore.home / ".data/genstore/default.genstore"
    del git.env["GENSTORE_STORE"]
    assert f"no store at '{default}'" in git("ls-remote", "genstore::app", code=128).err
    default.parent.mkdir(parents=True)
    genstore.store.rename(default)
    git.clone("app")


def test_a_damaged_row_ends_the_clone_with_the_stores_words(genstore, git, generate, sql, tmp_path):
    generate("seq 1 9999 >x")
    whole = genstore.store.read_bytes()
    sql("UPDATE content SET git_blob = x'0123456789012345678901234567890123456789' WHERE size > 40000")
    err = git("clone", "genstore::app", "x", code=128).err
    assert "remote: genstore: content '" in err and "is damaged: its name in git is another one; run 'genstore check'" in err
    genstore.store.write_bytes(whole)
    sql("UPDATE piece_data SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE length(bytes) > 8000")
    assert "stored bytes do not match their checksum" in git("clone", "genstore::app", "x", code=128).err
    genstore.store.write_bytes(whole)
    sql("UPDATE content SET pieces = x'0202' WHERE size > 40000")
    assert "is damaged: its pieces do not make it up" in git("clone", "genstore::app", "x", code=128).err
    genstore.store.write_bytes(whole)
    sql("DELETE FROM piece WHERE size > 40000")
    assert "a piece of it is missing" in git("clone", "genstore::app", "x", code=128).err
    assert not (tmp_path / "x").exists()


def test_a_damaged_iteration_is_no_history(genstore, git, generate, sql):
    generate("echo x >x")
    sums = sql("SELECT sum FROM row_sums WHERE table_name = 'iteration_snapshots'")[0][0]
    sql("UPDATE iteration_snapshots SET timestamp = '2001-01-01T00:00:00Z'")
    sql("UPDATE row_sums SET sum = ? WHERE table_name = 'iteration_snapshots'", sums)
    assert "genstore check" in git("clone", "genstore::app", "x", code=128).err


def test_whoever_leaves_in_the_middle_is_not_missed(genstore, git, tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    (app / "noise").write_bytes(os.urandom(4 << 20))
    genstore("import", app, "--app-name", "app")
    raw = Raw(genstore, "app")
    raw.want()
    assert raw.packet().startswith(b"\x01PACK")
    raw.process.stdout.close()
    assert raw.end() == (1, "")
    raw = Raw(genstore, "app")
    raw.say(b"want " + raw.refs[b"HEAD"])
    assert raw.end()[1] == ""


@pytest.mark.parametrize("said", [b"zzzz", b"0009hello", b"0032want 0123456789012345678901234567890123456789\n", b"0010want 0123456", b"000ddeepen 0"])
def test_whoever_speaks_otherwise_is_told_so(genstore, git, generate, said):
    generate("echo x >x")
    raw = Raw(genstore, "app")
    raw.send(said + FLUSH)
    raw.process.stdin.close()
    answer = raw.process.stdout.read()
    assert answer[4:8] == b"ERR " or said == b"zzzz"
    assert raw.process.wait(30) == 1


def test_a_client_without_bands_gets_the_bare_pack(genstore, git, generate, tmp_path):
    generate("echo x >x")
    raw = Raw(genstore, "app")
    raw.want(more=b"")
    (tmp_path / "bare.pack").write_bytes(raw.process.stdout.read())
    assert raw.end() == (0, "")
    git("index-pack", "--strict", tmp_path / "bare.pack")
    git("verify-pack", "-v", tmp_path / "bare.idx")


@pytest.mark.slow
def test_many_and_large_files_take_little_memory(genstore, git, san, tmp_path):
    app = tmp_path / "app"
    for folder in range(50):
        (app / f"{folder}").mkdir(parents=True)
        for n in range(1000):
            (app / f"{folder}/{n}").write_text(f"{folder} {n}\n")
    with open(app / "large", "wb") as out:
        block = os.urandom(1 << 20)
        for i in range(128):
            out.write(bytes([i]) + block)
    genstore("import", app, "--app-name", "app", timeout=300)
    raw = Raw(genstore, "app")
    raw.want()
    status, peak = pathlib.Path(f"/proc/{raw.process.pid}/status"), 0
    with open(tmp_path / "p.pack", "wb") as out:
        for i, line in enumerate(iter(raw.packet, None)):
            assert line[0] == 1
            out.write(line[1:])
            if i % 64 == 0:
                peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])
    assert raw.end() == (0, "")
    assert 0 < peak and (san or peak < 64 << 10)
    git("index-pack", "--strict", tmp_path / "p.pack")
    assert len(index_of(tmp_path / "p.idx")) == 50_000 + 1 + 51 + 1


def test_the_clone_line_is_printed_where_it_works_and_works_as_it_is_printed(genstore, git, tmp_path):
    other = tmp_path / "another store's.genstore"
    genstore("--store", other, "init")
    argv = ("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x >a")
    assert "Clone:" not in genstore("--store", other, *argv, env={"PATH": "/usr/bin:/bin"}).out
    for at, where in ((("--store", other), other), ((), None)):
        out = genstore(*at, *argv, env={"PATH": git.env["PATH"]}).out
        line = out.split("  Clone: ")[1].split("\n")[0]
        assert line.startswith("GENSTORE_STORE='" if where else "git clone genstore::req_")
        subprocess.run(["sh", "-c", line], cwd=tmp_path, env=git.env, check=True, capture_output=True)
        assert (tmp_path / line.split("::")[1] / "a").read_text() == "x\n"


def test_a_helper_that_git_does_not_know_is_not_run_under_that_name(genstore, tmp_path):
    (tmp_path / "git-nonsense").symlink_to(PROGRAM)
    done = subprocess.run([tmp_path / "git-nonsense", "--version"], env=genstore.env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("genstore ")
