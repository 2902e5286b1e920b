"""Care of the store: init check gc backup migrate stats."""

import os
import shutil
import sqlite3
import stat

import pytest


@pytest.fixture
def imported(genstore, store, tree, tmp_path):
    """App 'lib' with two generations of a folder of real files, five of them changed in between; the folder."""
    folder = tree.real(tmp_path / "lib", 120)
    genstore("import", folder, "--app-name", "lib")
    tree.change(folder, 5)
    genstore("import", folder, "--app-name", "lib")
    return folder


def sql(path, text):
    db = sqlite3.connect(path)
    rows = db.execute(text).fetchall()
    db.commit()
    db.close()
    return rows


def last(result):
    return result.json[-1]


# init

def test_init_makes_the_default_store_and_its_folders_for_the_owner_only(genstore):
    r = genstore("init", env={"GENSTORE_STORE": None})
    path = genstore.home / ".data" / "genstore" / "default.genstore"
    assert r.err == f"made the store '{path}'\n" and r.out == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert genstore("list", "--json", env={"GENSTORE_STORE": None}).out == ""


def test_init_leaves_what_is_there_alone(genstore, store):
    before = store.read_bytes()
    r = genstore("init", code=1)
    assert r.err == f"genstore: '{store}' exists already; name another file with --store\n"
    assert store.read_bytes() == before


def test_init_where_there_is_no_folder_says_so(genstore, tmp_path):
    r = genstore("--store", tmp_path / "none" / "x", "init", code=1)
    assert r.err == f"genstore: cannot create '{tmp_path}/none/x': No such file or directory\n"


def test_a_command_without_a_store_says_how_to_make_one(genstore):
    r = genstore("list", code=10)
    assert r.err == f"genstore: no store at '{genstore.store}'; 'genstore init' makes one\n"
    assert not genstore.store.exists()


# check

def test_check_finds_nothing_in_a_store_that_is_whole(genstore, imported, generate):
    generate("echo hi >x; echo said", "--app-name", "said")
    for args in ([], ["--read-data"]):
        summary = last(genstore("check", "--json", *args))
        assert (summary["message_type"], summary["problems"], summary["generations"]) == ("summary", 0, 3)
    assert "no problems\n" in genstore("check", "--read-data").err


def test_check_names_a_row_that_is_spoilt_and_exits_with_13(genstore, imported):
    sql(genstore.store, "UPDATE content SET size = size + 1 WHERE id = (SELECT max(id) FROM content)")
    r = genstore("check", "--json", code=13)
    problems = [o for o in r.json if o["message_type"] == "problem"]
    assert problems and {"kind", "subject", "message"} <= set(problems[0])
    assert r.json[-1]["code"] == "damaged"
    r = genstore("check", code=13)
    assert len(r.out.splitlines()) == len(problems)
    assert r.err.splitlines()[-1].startswith(f"genstore: '{genstore.store}' is damaged: ")


def test_a_flipped_bit_in_the_data_is_found_by_reading_it_and_never_given_out(genstore, imported, tmp_path):
    row, = sql(genstore.store, "SELECT id, bytes FROM piece_data ORDER BY length(bytes) DESC LIMIT 1")
    data = bytearray(row[1])
    data[len(data) // 2] ^= 1
    db = sqlite3.connect(genstore.store)
    db.execute("UPDATE piece_data SET bytes = ? WHERE id = ?", (bytes(data), row[0]))
    db.commit()
    db.close()
    genstore("check", "--read-data", code=13)
    r = genstore("get", "lib/1", "-o", tmp_path / "out.tar.gz", code=13)
    assert r.err.startswith("genstore: ") and r.err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir() if p.is_file() and "tar" in p.name] == []


# gc and stats

def test_gc_gives_back_what_removed_generations_took(genstore, imported, tree, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "random").write_bytes(os.urandom(3 << 20))
    genstore("import", other, "--app-name", "other")
    genstore("rm", "other", "--force")
    dry = last(genstore("gc", "--dry-run", "--json"))
    assert dry["dry_run"] and dry["contents"] >= 1 and dry["bytes"] >= 3 << 20
    assert last(genstore("gc", "--json", "--dry-run"))["bytes"] == dry["bytes"]
    size = genstore.store.stat().st_size
    done = last(genstore("gc", "--compact", "--json"))
    assert done["bytes"] == dry["bytes"] and done["file_bytes_before"] == size
    assert genstore.store.stat().st_size == done["file_bytes_after"] < size - (2 << 20)
    assert last(genstore("gc", "--json"))["pieces"] == 0
    genstore("check", "--read-data")
    genstore("restore", "lib", tmp_path / "back")
    assert tree.differences(imported, tmp_path / "back") == []


def test_gc_refuses_to_compact_for_show(genstore, store):
    assert "exclude each other" in genstore("gc", "--compact", "--dry-run", code=2).err


def test_stats_count_what_there_is(genstore, imported):
    s = last(genstore("stats", "--json"))
    assert (s["generations"], s["completed"], s["iterations"], s["archives"], s["apps"]) == (2, 2, 2, 2, 1)
    assert s["contents"] >= 125 and s["logical_bytes"] > s["content_bytes"] > s["stored_bytes"] > 0
    assert s["file_bytes"] == genstore.store.stat().st_size
    assert genstore("stats").out.splitlines()[2].split() == ["generations", "2,", "2", "completed"]


# backup

def test_a_backup_is_a_store_with_everything(genstore, imported, tree, tmp_path):
    copy = tmp_path / "copy"
    summary = last(genstore("backup", copy, "--json"))
    assert (summary["file"], summary["file_bytes"]) == (str(copy), copy.stat().st_size)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert genstore("--store", copy, "list", "--json").out == genstore("list", "--json").out
    genstore("--store", copy, "check", "--read-data")
    genstore("--store", copy, "restore", "lib", tmp_path / "back")
    assert tree.differences(imported, tmp_path / "back") == []


def test_a_backup_replaces_nothing(genstore, store, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    r = genstore("backup", mine, code=1)
    assert r.err == f"genstore: '{mine}' exists already; name a new file\n" and mine.read_text() == "mine"


# migrate

def backups(store):
    return sorted(p for p in store.parent.iterdir() if p.name.startswith(store.name + ".v") and p.suffix == ".bak")


def test_migrate_has_nothing_to_do_in_a_new_store(genstore, store):
    version, = sql(store, "PRAGMA user_version")[0]
    assert genstore("migrate").err == f"the schema is {version} already\n"
    assert backups(store) == []


def test_migrate_goes_down_and_up_again_with_a_backup_each_time(genstore, imported, tree, tmp_path):
    newest, = sql(genstore.store, "PRAGMA user_version")[0]
    r = genstore("migrate", "--to", "4", "--json")
    steps = [o for o in r.json if o["message_type"] == "migration"]
    assert [(s["from"], s["to"]) for s in steps] == [(v, v - 1) for v in range(newest, 4, -1)]
    backup, = backups(genstore.store)
    assert last(r) == {"message_type": "summary", "from": newest, "to": 4, "dry_run": False, "backup": str(backup)}
    assert backup.name.startswith(f"test.genstore.v{newest}-20") and backup.name.endswith("Z.bak")
    old = genstore("list", code=1)
    assert old.err == f"genstore: '{genstore.store}' has schema 4, this genstore needs {newest}; run 'genstore migrate'\n"
    up = genstore("migrate")
    assert "the store as it was is in '" in up.err and "drops download_url" in up.err
    assert len(backups(genstore.store)) == 2
    genstore("check", "--read-data")
    genstore("restore", "lib", tmp_path / "back")
    assert tree.differences(imported, tmp_path / "back") == []
    genstore("--store", backup, "restore", "lib", tmp_path / "older")
    assert tree.differences(imported, tmp_path / "older") == []


def test_a_dry_run_says_what_would_go_and_changes_nothing(genstore, imported):
    before = genstore.store.read_bytes()
    r = genstore("migrate", "--to", "1", "--dry-run")
    assert "(0002-apps)" in r.err and "drops" in r.err and r.err.splitlines()[-1].startswith("the schema stays ")
    assert genstore.store.read_bytes() == before and backups(genstore.store) == []


@pytest.mark.parametrize("to", ["0", "-1", "999", "x"])
def test_migrate_refuses_a_version_that_there_is_not(genstore, store, to):
    assert genstore("migrate", f"--to={to}", code=2).err.count("\n") == 1


def test_migrate_of_a_store_that_cannot_be_backed_up_changes_nothing(genstore, imported, tmp_path):
    if os.getuid() == 0:
        pytest.skip("root writes everywhere")
    folder = tmp_path / "closed"
    folder.mkdir()
    store = shutil.copy(genstore.store, folder / "s")
    folder.chmod(0o500)
    before = open(store, "rb").read()
    genstore("--store", store, "migrate", "--to", "4", code=1)
    folder.chmod(0o700)
    assert open(store, "rb").read() == before


def test_imports_and_collections_at_once_lose_nothing(genstore, store, tree, tmp_path):
    folders = {name: tree.real(tmp_path / name, files) for name, files in (("a", 150), ("b", 90))}
    for _ in range(3):
        for name, folder in folders.items():
            tree.change(folder, 4)
            started = [genstore.start("import", folder, "--app-name", name), genstore.start("gc"),
                       genstore.start("import", folder, "--app-name", f"{name}-twin")]
            assert [p.communicate(timeout=120)[1] and p.returncode for p in started] == [0, 0, 0]
        genstore("rm", "--app", "a-twin", "--keep-last", "0", "--force")
    genstore("check", "--read-data")
    for name, folder in folders.items():
        genstore("restore", name, tmp_path / f"{name}-back")
        assert tree.differences(folder, tmp_path / f"{name}-back") == []
