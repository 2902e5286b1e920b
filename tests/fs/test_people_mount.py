"""A mount that shows what is one user's, or one organization's: by its options, or by a token."""

import errno
import io
import os
import sqlite3
import tarfile

import pytest


@pytest.fixture
def people(genstore, store, tree, tmp_path):
    """Two users with a generation each; their request ids by name, and the token of bob in a file."""
    assert store.exists()
    top = tree.write(tmp_path / "tree", {"index.html": "<p>1</p>"})
    found = {"local": genstore("import", top, "--app-name", "app of local").out.strip()}
    for name in ("anna", "bob"):
        genstore("user", "add", name)
        token = tmp_path / f"{name}.token"
        token.touch(mode=0o600)
        token.write_bytes(genstore("-q", "token", "add", "--user", name).stdout)
        found[name] = genstore("--token-file", token, "import", top, "--app-name", f"app of {name}").out.strip()
    return found


def everything(top):
    return {os.path.relpath(os.path.join(folder, name), top) for folder, folders, files in os.walk(top) for name in folders + files}


def archive(text):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("app/index.html")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


@pytest.mark.parametrize("way", ["option", "token"])
def test_a_mount_shows_what_is_its_users(genstore, people, tree, mounted, wait_for, tmp_path, way):
    token = tmp_path / "bob.token"
    args = ["--token-file", token] if way == "token" else ["-o", "owner=bob"]
    with mounted(*args) as top:
        assert os.listdir(top / "generations") == [people["bob"]]
        names = everything(top)
        assert not [name for name in names if people["anna"] in name or people["local"] in name or "anna" in name or "of local" in name]
        assert [name for name in names if name.endswith("index.html")]
        for hidden in ("anna", "local"):
            with pytest.raises(FileNotFoundError):
                os.stat(top / "generations" / people[hidden])
        # What comes is seen, if it is his.
        source = tree.write(tmp_path / "more", {"b": "2"})
        genstore("import", source, "--app-name", "not his")
        mine = genstore("--token-file", token, "import", source, "--app-name", "his").out.strip()
        wait_for(lambda: mine in os.listdir(top / "generations"), "his new generation")
        assert sorted(os.listdir(top / "generations")) == sorted([people["bob"], mine])
        assert (top / "generations" / mine / "app" / "b").read_text() == "2"


def test_what_is_written_there_is_its_users(genstore, people, mounted, store):
    with mounted("-o", "owner=bob") as top:
        os.mkdir(top / "generations" / "written")
        (top / "generations/written/app.tar.gz").write_bytes(archive(b"hello"))
        # An id that is taken by what is not shown is refused, and nothing is changed.
        to = top / "generations" / people["anna"]
        os.mkdir(to)
        with pytest.raises(OSError) as refused:
            (to / "app.tar.gz").write_bytes(archive(b"mine now"))
        assert refused.value.errno == errno.EPERM
        assert "is taken" in os.getxattr(to, "user.genstore.refused").decode()
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        owners = dict(db.execute("SELECT request_id, u.name FROM generation_requests AS g JOIN users AS u ON u.id = g.user_id"))
    assert owners == {people["local"]: "local", people["anna"]: "anna", people["bob"]: "bob", "written": "bob"}
    assert genstore("cat", f"{people['anna']}:index.html").out == "<p>1</p>"
    genstore("check", "--read-data")


def test_a_mount_of_an_organization_has_no_generations(genstore, people, mounted, tmp_path):
    assert people
    file = tmp_path / "main.tf"
    file.write_text("x")
    for org in ("acme", "rival"):
        genstore("artifact", "put", "--session", f"of {org}", "--org", org, "--type", "terraform", file)
    with mounted("-o", "org=acme") as top:
        assert os.listdir(top / "generations") == []
        assert not [name for name in everything(top) if "rival" in name]


def test_whose_mount_it_is_has_to_be_somebody(genstore, people, tmp_path):
    mnt = tmp_path / "mnt"
    mnt.mkdir()
    assert people
    assert "no user 'nobody'" in genstore("mount", mnt, "-o", "owner=nobody", code=4).err
    assert "no organization 'nowhere'" in genstore("mount", mnt, "-o", "org=nowhere", code=4).err
    assert "do not go with 'at'" in genstore("mount", mnt, "-o", "owner=bob,at=2025-01-01T00:00:00Z", code=2).err
    assert "takes a name" in genstore("mount", mnt, "-o", "owner=", code=2).err
    bob = tmp_path / "bob.token"
    assert "no user 'anna'" in genstore("--token-file", bob, "mount", mnt, "-o", "owner=anna", code=4).err
    assert "store's owner" in genstore("--token-file", bob, "mount", mnt, "-o", "at=2025-01-01T00:00:00Z", code=2).err
