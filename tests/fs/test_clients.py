"""Programs that people point at a folder: editors, git, find, rsync, tar, grep. They see an ordinary file system, or a clear error."""

import os
import pathlib
import shutil
import subprocess

import pytest


def run(*argv, cwd=None, code=0, input=None, env=None):
    done = subprocess.run([*map(str, argv)], cwd=cwd, capture_output=True, text=True, input=input, check=False, timeout=60,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})
    assert code is None or done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def here(genstore, store, generate, mounted, tmp_path):
    """A generation of two iterations, in a mount that can be written to."""
    request = generate("mkdir -p d; echo hello $ITERATION >>file; echo same >d/same; ln -sf file link; printf '#!/bin/sh\\n' >run; chmod +x run",
                       "--max-iterations", "2")
    with mounted() as top:
        yield top / "generations" / request


EDITORS = {
    "sed -i": (["sed", "-i", "s/hello/bye/", "{file}"], None),
    "ed": (["ed", "-s", "{file}"], ",s/hello/bye/\nw\nq\n"),
    "vi": (["vi", "-es", "-u", "NONE", "-c", "%s/hello/bye/", "-c", "write!", "-c", "cquit 7", "{file}"], None),
    "sh": (["sh", "-c", 'echo bye >"$1"', "sh", "{file}"], None),
    "tee -a": (["tee", "-a", "{file}"], "bye\n"),
    "python": (["python3", "-c", "import sys; open(sys.argv[1], 'r+').write('bye')", "{file}"], None),
    "truncate": (["truncate", "-s", "0", "{file}"], None),
    "touch": (["touch", "{file}"], None),
    "chmod": (["chmod", "600", "{file}"], None),
    "mv": (["mv", "{file}", "{file}.old"], None),
    "rm -f": (["rm", "-f", "{file}"], None),
    "cp": (["cp", "/etc/hostname", "{file}"], None),
}


@pytest.mark.parametrize(("name", "words"), [("app/file", "Read-only file system"), ("app.tar.gz", "Operation not permitted"),
                                             ("log.txt", "Read-only file system")])
def test_whoever_edits_what_is_only_shown_is_told_why_not(here, name, words):
    before = (here / name).read_bytes()
    listed = sorted(os.listdir((here / name).parent))
    for editor, how in EDITORS.items():
        argv, text = how
        done = run(*[a.format(file=here / name) for a in argv], input=text, code=None)
        assert done.returncode != 0, editor
        if editor not in ("vi", "ed"):  # they say it on a screen, or with "?"
            assert words in done.stderr or ("sed" in editor and "Read-only file system" in done.stderr), f"{editor}: {done.stderr}"
        assert (here / name).read_bytes() == before, editor
        assert sorted(os.listdir((here / name).parent)) == listed, editor


def test_rm_r_of_a_generation_removes_nothing(here, genstore):
    done = run("rm", "-rf", here, code=1)
    assert "Read-only file system" in done.stderr and "Operation not permitted" in done.stderr
    assert (here / "app/file").read_text() == "hello 1\nhello 2\n"
    assert genstore("list").out.count(here.name) == 1


def test_git_sees_a_tree_and_its_changes(here, tmp_path):
    home = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    git = lambda *args, tree="app", code=0: run("git", f"--git-dir={tmp_path}/git", f"--work-tree={here / tree}", *args, cwd=here / tree, env=home,
                                                code=code)
    run("git", "init", "-q", "--bare", tmp_path / "git", env=home)
    run("git", f"--git-dir={tmp_path}/git", "config", "core.bare", "false", env=home)
    git("add", "-A", tree="iterations/1")
    git("-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "one")
    assert git("status", "--porcelain", tree="iterations/1").stdout == ""
    assert git("status", "--porcelain").stdout == " M file\n"
    assert "+hello 2" in git("diff").stdout
    assert git("status", "--porcelain").stdout == " M file\n"
    modes = {line.split()[3]: line.split()[0] for line in git("ls-files", "-s").stdout.splitlines()}
    assert modes == {"d/same": "100644", "file": "100644", "link": "120000", "run": "100755"}
    done = run("git", "diff", "--no-index", "--stat", here / "iterations/1", here / "iterations/2", code=1, env=home)
    assert "1 file changed" in done.stdout


def test_find_finds_by_all_that_a_file_has(here):
    find = lambda *args: sorted(run("find", here, *args, "-printf", "%P\n").stdout.splitlines())
    assert find("-type", "l") == ["app/link", "iterations/1/link", "iterations/2/link"]
    assert find("-path", "*/app/*", "-type", "f", "-executable", "-perm", "755") == ["app/run"]
    assert find("-name", "same", "-size", "-2", "-newermt", "2000-01-01") == ["app/d/same", "iterations/1/d/same", "iterations/2/d/same"]
    assert find("-maxdepth", "1", "-type", "d", "-links", "4") == ["", "iterations"]
    assert find("-samefile", here / "app/file") == ["app/file"]


def test_rsync_copies_it_and_then_has_nothing_to_do(here, tmp_path, tree):
    rsync = lambda: run("rsync", "-rlptDHi", "--delete", f"{here}/", tmp_path / "copy/").stdout
    assert "app/file" in rsync()
    assert tree.differences(here, tmp_path / "copy") == []
    assert rsync() == ""
    assert run("rsync", "-rlptDnic", f"{here}/", tmp_path / "copy/").stdout == ""


def test_tar_cp_and_zip_take_it_whole(here, tmp_path, tree):
    (tmp_path / "tar").mkdir()
    run("sh", "-euc", 'tar cf - -C "$1" . | tar xf - -C "$2"', "sh", here, tmp_path / "tar")
    run("cp", "-a", here, tmp_path / "cp")
    assert tree.differences(here, tmp_path / "tar") == [] and tree.differences(here, tmp_path / "cp") == []
    run("tar", "dzf", here / "app.tar.gz", cwd=here)  # compares the archive with app/ beside it


def test_grep_du_wc_and_diff_agree_with_what_is_there(here):
    assert run("grep", "-rl", "hello", here / "app").stdout == f"{here}/app/file\n"
    assert run("grep", "-rc", "hello 1", here / "iterations/1/file").stdout == "1\n"
    assert int(run("du", "-sb", "--apparent-size", here / "app/file").stdout.split()[0]) == 16
    assert run("diff", "-rq", "--no-dereference", here / "iterations/1", here / "iterations/2", code=1).stdout.count("differ") == 1
    assert run("diff", "-r", here / "iterations/2", here / "app").stdout == ""
    assert run("tail", "-n", "1", here / "app/file").stdout == "hello 2\n"


def test_an_open_directory_shows_what_came_since(here, generate, genstore, wait_for):
    top = here.parent
    folder, apps = (os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (top, top.parent / "apps"))
    try:
        assert os.listdir(folder) == [here.name] and len(os.listdir(apps)) == 1
        request = generate("echo more")
        wait_for(lambda: os.listdir(folder) == [here.name, request], "the new generation in a listing that is open")
        inside = os.open(request, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        assert sorted(os.listdir(inside)) == ["app", "app.tar.gz", "iterations", "log.txt", "metadata.json"]
        genstore("rm", request, "--force")
        wait_for(lambda: os.listdir(folder) == [here.name], "its end")
        os.close(inside)
    finally:
        os.close(folder)
        os.close(apps)


def test_a_shell_stands_in_a_directory_that_becomes_a_generation(here, genstore, tmp_path):
    shutil.copy(here / "app.tar.gz", tmp_path / "in.tar.gz")
    script = 'mkdir new && cd new && cp "$1" app.tar.gz && ls && pwd && cat app/file && cd app && cat ../metadata.json && cd ../.. && ls'
    done = run("sh", "-euc", script, "sh", tmp_path / "in.tar.gz", cwd=here.parent)
    assert "hello 2" in done.stdout and '"app_name": "new"' in done.stdout
    assert done.stdout.endswith(f"new\n{here.name}\n") or done.stdout.endswith(f"{here.name}\nnew\n")
    assert pathlib.Path(here.parent / "new/iterations/1/file").exists()
