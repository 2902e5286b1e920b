"""What `make install` puts in place is all that another program needs."""

import filecmp
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GENSTORE", ROOT / "build" / "genstore")).parent
SAN = bool(os.environ.get("GENSTORE_SAN"))


def sh(*argv, cwd=ROOT, code=0, timeout=120, **env):
    done = subprocess.run([*map(str, argv)], cwd=cwd, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, check=False)
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def files_below(top):
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if not p.is_dir())


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `make install` puts below a folder; what is built stays as it is (-o all)."""
    if SAN:
        pytest.skip("a library with sanitizers is not for other programs")
    top = tmp_path_factory.mktemp("dest")
    where = [f"BUILD={BUILD}", "PREFIX=/usr", f"DESTDIR={top}"]
    sh("make", "-o", "all", "install", *where)
    yield top
    sh("make", "uninstall", *where)
    assert files_below(top) == []


@pytest.fixture
def others(installed):
    """The environment in which another program is built and run."""
    return {"PKG_CONFIG_PATH": str(installed / "usr/lib/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(installed),
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
            "LD_LIBRARY_PATH": str(installed / "usr/lib")}


@pytest.fixture
def example(others, tmp_path):
    """examples/c as somebody else would build it; how to run it."""
    top = shutil.copytree(ROOT / "examples/c", tmp_path / "c")
    sh("make", "CFLAGS=-Wall -Wextra -Wpedantic -Werror", cwd=top, **others)
    return lambda *args, code=0: sh(top / "list", *args, code=code, **others)


def test_install_puts_the_program_the_library_the_header_and_the_manual_in_place(installed):
    found = files_below(installed / "usr")
    for name in ("bin/genstore", "bin/git-remote-genstore", "lib/libgenstore.a", "lib/libgenstore.so", "lib/libgenstore.so.0",
                 "lib/pkgconfig/genstore.pc", "include/genstore.h", "share/man/man1/genstore.1"):
        assert name in found


def test_the_header_the_library_and_the_package_agree_on_the_version(others, tmp_path):
    source = tmp_path / "x.c"
    source.write_text('#include <genstore.h>\n#include <stdio.h>\nint main(void) { puts(genstore_version()); puts(GENSTORE_VERSION); }\n')
    flags = sh("pkg-config", "--cflags", "--libs", "genstore", **others).stdout.split()
    sh("gcc", "-Wall", "-Werror", source, "-o", tmp_path / "x", *flags)
    version = sh("pkg-config", "--modversion", "genstore", **others).stdout
    assert sh(tmp_path / "x", **others).stdout == 2 * version


def test_a_program_with_the_library_inside_is_linked_with_what_pkg_config_says(installed, others, store, tmp_path):
    flags = sh("pkg-config", "--static", "--cflags", "--libs", "genstore", PKG_CONFIG_PATH=others["PKG_CONFIG_PATH"]).stdout.split()
    inside = [str(installed / "usr/lib/libgenstore.a") if flag == "-lgenstore" else flag for flag in flags]
    sh("gcc", f"-I{installed}/usr/include", ROOT / "examples/c/list.c", "-o", tmp_path / "list", *inside)
    assert "libgenstore" not in sh("ldd", tmp_path / "list").stdout
    assert sh(tmp_path / "list", store).stdout == ""


def test_the_shared_library_exports_nothing_without_the_prefix(installed):
    library = installed / "usr/lib/libgenstore.so.0"
    symbols = [line.split()[-1] for line in sh("nm", "-D", "--defined-only", library).stdout.splitlines()]
    assert symbols
    # The other name is what SQLite looks up when it loads the library as an extension.
    assert [s for s in symbols if not s.startswith("genstore_")] == ["sqlite3_genstore_init"]


def test_the_example_in_c_lists_what_the_program_lists(example, genstore, generate, store):
    for app in ("one", "two", "one"):
        generate("echo $APP_NAME >name", "--app-name", app)
    generate("exit 1", "--app-name", "none", code=1)
    known = reversed(genstore("list", "--json").json)
    assert example(store).stdout.splitlines() == [
        f"{g['request_id']}  {g['app_name']}/{g['generation_number']}  {g['status']}  {g.get('archive_size', 0)} bytes" for g in known]


def test_the_example_in_c_writes_the_archive_byte_for_byte(example, genstore, store, tree, tmp_path):
    genstore("import", tree.real(tmp_path / "app", 100), "--app-name", "app")
    genstore("get", "app", "-o", tmp_path / "a.tar.gz")
    example(store, "app", tmp_path / "b.tar.gz")
    assert filecmp.cmp(tmp_path / "a.tar.gz", tmp_path / "b.tar.gz", shallow=False)


def test_the_example_in_c_has_the_words_of_the_library_for_what_is_not_there(example, store, tmp_path):
    assert example(tmp_path / "nowhere", code=1).stderr.startswith(f"list: no store at '{tmp_path}/nowhere'")
    assert example(store, "nobody", tmp_path / "x", code=1).stderr == "list: no generation or app 'nobody'\n"
    assert not (tmp_path / "x").exists()
    assert example(code=2).stderr.startswith("usage: ")


def test_the_installed_manual_is_shown_by_man(installed):
    if not shutil.which("man"):
        pytest.skip("man is not here")
    page = sh("man", "-l", installed / "usr/share/man/man1/genstore.1", MANPAGER="cat", LC_ALL="C.UTF-8").stdout
    assert "iteration_files(1)" in page and "EXIT STATUS" in page


@pytest.mark.slow
def test_a_program_without_fuse_says_what_to_do_instead_of_mount(tmp_path):
    if SAN:
        pytest.skip("what it says does not depend on sanitizers")
    if os.environ.get("GENSTORE_FUSE") == "no":
        program = BUILD / "genstore"
    else:
        program = tmp_path / "build/genstore"
        sh("make", "-j2", "FUSE=no", "CFLAGS=-O1", f"BUILD={tmp_path}/build", program, timeout=600)
    sh(program, "--store", tmp_path / "s.genstore", "init")
    said = sh(program, "--store", tmp_path / "s.genstore", "mount", tmp_path, code=1).stderr
    assert said == "genstore: cannot mount: this genstore was built without FUSE; use 'genstore get', 'restore' or 'export' instead\n"
    assert "fuse" not in sh("ldd", program).stdout
