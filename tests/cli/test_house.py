"""The house around the code: make's targets and the scripts in tools/."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def sh(*argv, code=0, cwd=ROOT, **env):
    done = subprocess.run([*map(str, argv)], cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_manual_is_free_of_warnings():
    if not shutil.which("groff"):
        pytest.skip("groff is not here")
    assert sh("groff", "-mdoc", "-Tascii", "-ww", "-z", ROOT / "src/genstore.1").stderr == ""


@pytest.mark.parametrize("where, line, rule", [
    ("store/bad.c", '#include "fs/mount.h"', "store/ includes nothing"),
    ("store/bad.h", '#include "src/cmd/cmd.h"', "store/ includes nothing"),
    ("store/bad.c", '\tprintf("x");', "store/ never prints"),
    ("store/bad.c", "\tfprintf(stderr, text);", "store/ never prints"),
    ("store/bad.c", "\tpid = fork();", "store/ never forks"),
    ("store/bad.c", "\tfd = socket(AF_INET, SOCK_STREAM, 0);", "store/ has no network"),
    ("fs/bad.c", '#include "src/main.h"', "fs/ includes nothing"),
    ("fs/bad.c", "#include <sqlite3.h>", "speaks to SQLite"),
    ("src/bad.c", '#include "tests/unit/test.h"', "src/ includes nothing"),
    ("src/bad.c", "static void op_read(int x)", "op_* belongs to fs/"),
    ("src/flow/bad.c", "static int cmd_bad(int argc)", "cmd_* belongs to src/cmd"),
    ("examples/bad.c", '#include "store/genstore.h"', "examples/ see only"),
    ("store/bad.c", '\tSTMT q = db_stmt(db, "DELETE FROM apps WHERE id = ?");', "names main."),
    ("src/bad.c", '\tSTMT q = db_stmt(db, "UPDATE sessions SET name = ?");', "names main."),
])
def test_layers_finds_an_arrow_that_points_the_wrong_way(tmp_path, where, line, rule):
    for name in ("store", "fs", "src/flow", "src/cmd", "examples"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "store/good.c").write_text('#include "store/base/buf.h"\n\t/* fork() */\n\tsnprintf(out, n, "x");\n')
    (tmp_path / "store/access.c").write_text('\tOF_USER("apps") OF_ORGANIZATION("sessions") "CREATE TEMP VIEW seen AS"\n')
    (tmp_path / "store/better.c").write_text('\t"INSERT INTO main.apps"\n\t"DELETE FROM sessions_before"\n\t"SELECT 1 FROM apps"\n')
    (tmp_path / "fs/good.c").write_text('#include "store/db.h"\n#include "fs/mount.h"\nstatic void op_x(int x)\n')
    sh(ROOT / "tools/layers", tmp_path)
    (tmp_path / where).write_text(line + "\n")
    assert rule in sh(ROOT / "tools/layers", tmp_path, code=1).stderr


def test_embedded_files_come_back_byte_for_byte(tmp_path):
    content = {"a": b"", "b.sql": "ü \"\\ ??/\n".encode(), "sub/c": bytes(range(256)) * 20}
    for name, data in content.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "x.h").write_text(
        "#include <stddef.h>\nstruct embedded_file { const char *path; const unsigned char *data; size_t size; };\n"
        "extern const struct embedded_file x[];\n")
    (tmp_path / "x.c").write_text(sh(ROOT / "tools/embed", "x", "in", "x.h", cwd=tmp_path).stdout)
    (tmp_path / "main.c").write_text(
        '#include "x.h"\n#include <stdio.h>\nint main(void) { for (const struct embedded_file *f = x; f->path; f++)\n'
        '{ printf("%s %zu ", f->path, f->size); fwrite(f->data, 1, f->size, stdout); } }\n')
    sh("gcc", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "x.c", "main.c", "-o", "x", cwd=tmp_path)
    out = subprocess.run([tmp_path / "x"], capture_output=True, check=True).stdout
    assert out == b"".join(b"%s %d " % (n.encode(), len(d)) + d for n, d in sorted(content.items()))


@pytest.fixture
def bare(tmp_path):
    """A PATH with only what a bare Debian has, a dpkg-query that knows nothing, and an apt-get that takes notes."""
    for tool in ("sh", "env", "id", "cat", "dirname", "echo"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    def script(name, text):
        path = tmp_path / name
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)
    script("dpkg-query", "exit 1")
    script("apt-get", f'echo "$@" >>{tmp_path}/notes')
    script("id", "echo 0")
    script.path = tmp_path
    return script


def test_install_deps_installs_by_name_only_what_is_missing(bare):
    bare("dpkg-query", "for p; do :; done; case $p in make | gcc) exit 1 ;; esac; echo installed")
    out = sh(ROOT / "tools/install-deps", "build", PATH=str(bare.path)).stdout
    assert "installing gcc make\n" in out
    assert "--no-install-recommends gcc make\n" in (bare.path / "notes").read_text()


def test_install_deps_says_nothing_when_quiet_and_nothing_is_missing(bare):
    bare("dpkg-query", "echo installed")
    assert sh(ROOT / "tools/install-deps", "--quiet", "build", PATH=str(bare.path)).stdout == ""
    assert not (bare.path / "notes").exists()


def test_install_deps_goes_through_sudo_for_a_user(bare):
    bare("id", "echo 1000")
    bare("sudo", f'echo "sudo $1" >>{bare.path}/notes; exec "$@"')
    sh(ROOT / "tools/install-deps", "build", PATH=str(bare.path))
    assert "sudo apt-get" in (bare.path / "notes").read_text()


def test_install_deps_names_the_command_for_a_user_without_sudo(bare):
    bare("id", "echo 1000")
    err = sh(ROOT / "tools/install-deps", "build", code=1, PATH=str(bare.path)).stderr
    assert "there is no sudo; as root: apt-get install gcc" in err


def test_install_deps_leaves_a_node_from_elsewhere_alone(bare):
    assert " nodejs" in sh(ROOT / "tools/install-deps", "test", PATH=str(bare.path)).stdout
    bare("node", "exit 0")
    assert " nodejs" not in sh(ROOT / "tools/install-deps", "test", PATH=str(bare.path)).stdout
