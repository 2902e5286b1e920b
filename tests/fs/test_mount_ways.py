"""The ways to a mount that are not `genstore mount` by root: mount(8), /etc/fstab, a unit of systemd, an ordinary user.

What would change the machine (/sbin, /dev/fuse) is changed in a mount namespace of the test's own.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("GENSTORE", ROOT / "build/genstore"))
NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root for a mount namespace of its own")


@pytest.fixture
def installed(tmp_path):
    """The files of `make install`, made to run the program under test."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "genstore").symlink_to(PROGRAM)
    subprocess.run(["make", "-o", "all", "install", f"BUILD={PROGRAM.parent}", f"BINDIR={bin_dir}", "PREFIX=/usr", f"DESTDIR={tmp_path}/dest"],
                   cwd=ROOT, check=True, capture_output=True)
    return tmp_path / "dest"


def in_namespace(genstore, script, *args):
    done = subprocess.run(["unshare", "-m", "sh", "-eu", "-c", script, "sh", *map(str, args)], capture_output=True, text=True, env=genstore.env,
                          cwd=genstore.home, timeout=60, check=False)
    genstore.check_sanitizers(done.stderr)
    return done


HELPER = """
helper=$1 store=$2 top=$3 sbin=$4
cp -a /usr/sbin/. "$sbin" && cp "$helper" "$sbin" && mount --bind "$sbin" /usr/sbin
"""


@NEEDS_ROOT
def test_mount_8_and_fstab_mount_a_store(genstore, store, generate, installed, tmp_path):
    request = generate("echo x >f")
    (tmp_path / "sbin").mkdir()
    (tmp_path / "mnt").mkdir()
    done = in_namespace(genstore, HELPER + """
        mount -t fuse.genstore "$store" "$top"
        cat "$top"/generations/*/app/f
        mkdir "$top/generations/new"
        umount "$top"
        mount -t fuse.genstore -o ro,noviews,noexec,uid=1234 "$store" "$top"
        ls "$top"
        stat -c %u "$top/generations"
        grep -c "$top ro,nosuid,nodev,noexec" /proc/self/mountinfo
        umount "$top"
        echo "$store $top fuse.genstore ro,noauto,user,nofail,_netdev,x-systemd.automount,gid=2345 0 0" >fstab
        mount -T fstab "$top"
        stat -c %g "$top/generations"
        umount "$top"
        mount -t fuse.genstore "$store.not" "$top" || echo "failed with $?"
        mount -t fuse.genstore -o sparkle "$store" "$top" || echo "failed with $?"
        mount -f -t fuse.genstore "$store.not" "$top"
    """, installed / "sbin/mount.fuse.genstore", store, tmp_path / "mnt", tmp_path / "sbin")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["x", "generations", "organizations", "1234", "1", "2345", "failed with 32", "failed with 32", ""]
    assert "no store at" in done.stderr and "'sparkle'" in done.stderr and done.stderr.count("\n") == 2
    assert request in genstore("list").out


def test_the_helper_says_how_it_is_called(installed):
    done = subprocess.run([installed / "sbin/mount.fuse.genstore", "store"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("usage: mount.fuse.genstore")


def test_systemd_finds_nothing_wrong_with_the_unit(installed, genstore):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = installed / "usr/lib/systemd/user/genstore-mount.service"
    done = subprocess.run(["systemd-analyze", "verify", "--user", "--man=no", unit], capture_output=True, text=True, check=False,
                          env={**genstore.env, "PATH": os.environ["PATH"]})
    said = [line for line in (done.stdout + done.stderr).splitlines() if "genstore-mount" in line]  # of others it says much
    assert (done.returncode, said) == (0, [])


def test_the_commands_of_the_unit_mount_and_unmount(installed, genstore, store):
    """As systemd runs them: %t is the runtime directory, and what ExecStart leaves behind is the service."""
    unit = (installed / "usr/lib/systemd/user/genstore-mount.service").read_text()
    lines = dict(line.split("=", 1) for line in unit.splitlines() if line.startswith("Exec"))
    runtime = genstore.env["XDG_RUNTIME_DIR"]
    run = lambda name: subprocess.run(lines[name].replace("%t", runtime).split(), env=genstore.env, check=True, capture_output=True, timeout=60)
    run("ExecStartPre")
    run("ExecStart")
    assert sorted(os.listdir(f"{runtime}/genstore")) == [".genstore", "apps", "generations", "organizations"]
    run("ExecStop")
    assert os.listdir(f"{runtime}/genstore") == []


AS_NOBODY = """
program=$1 at=$2 dev=$3
mknod "$dev" c 10 229 && chmod 666 "$dev" && mount --bind "$dev" /dev/fuse
export HOME="$at" GENSTORE_STORE="$at/s" XDG_RUNTIME_DIR="$at"
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all -- "$@"; }
nobody "$program" init
nobody mkdir "$at/mnt"
nobody "$program" mount "$at/mnt"
nobody mkdir "$at/mnt/generations/mine"
nobody cp "$at/in.tar.gz" "$at/mnt/generations/mine/app.tar.gz"
nobody stat -c '%u %g %a' "$at/mnt/generations/mine/app.tar.gz"
nobody cmp "$at/in.tar.gz" "$at/mnt/generations/mine/app.tar.gz"
ls "$at/mnt" 2>/dev/null || echo "root may not look"
nobody "$program" mount "$at/mnt" 2>/dev/null || echo "once only"
nobody "$program" umount "$at/mnt"
nobody "$program" mount -o allow_other "$at/mnt" || true
nobody "$program" mount /root 2>&1 || true
nobody chmod 400 "$at/s"
nobody "$program" mount "$at/mnt"
grep -c "$at/mnt ro" /proc/self/mountinfo
nobody "$program" umount "$at/mnt"
nobody "$program" mount -o rw "$at/mnt" 2>&1 || true
"""


@NEEDS_ROOT
def test_an_ordinary_user_mounts_writes_and_unmounts(genstore, tree, tmp_path):
    """As `nobody`, through fusermount3."""
    shared = pathlib.Path("/tmp") / f"genstore-user-{os.getpid()}"
    shared.mkdir()
    try:
        shutil.copy(PROGRAM, shared / "genstore")
        subprocess.run(["tar", "czf", shared / "in.tar.gz", "-C", tree.write(tmp_path / "src", {"a": "b"}), "."], check=True)
        for path in (shared, *shared.iterdir()):
            os.chown(path, 65534, 65534)
        done = in_namespace(genstore, AS_NOBODY, shared / "genstore", shared, shared / "fuse")
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        assert said[:3] == ["65534 65534 644", "root may not look", "once only"]
        assert "user_allow_other" in done.stderr or "user_allow_other" in pathlib.Path("/etc/fuse.conf").read_text().split("#")[0]
        assert "cannot mount on '/root'" in said[3] or "cannot use '/root'" in said[3]
        assert said[4] == "1" and "for writing: Permission denied" in said[5]  # a store that one may only read
    finally:
        shutil.rmtree(shared)
