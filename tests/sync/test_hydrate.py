"""What is in the bucket only, read through a mount: fetched at the first read, once for all who read."""

import concurrent.futures
import errno
import os
import signal
import subprocess
import sys

import pytest

MIB = 1 << 20
OFFLINE = "http://127.0.0.1:9"  # the port of discard, where nobody listens
READ = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"


def get(path, name="fetch"):
    return os.getxattr(path, f"user.genstore.{name}").decode()


def errno_of(action):
    with pytest.raises(OSError) as error:
        action()
    return error.value.errno


@pytest.fixture
def away(genstore, bucket, made):
    """away(size): the request id of an evicted generation of which the store has nothing left, and its archive."""
    def make(size=0):
        req = made(size)
        genstore("sync", req)
        data = genstore("get", req, "-o", "-").stdout
        genstore("evict", req)
        genstore("gc", "--compact")
        return req, data
    return make


def test_looking_fetches_nothing_and_the_first_read_all_of_it(genstore, proxy, away, mounted, tmp_path):
    req, data = away(MIB)
    proxy.reset()
    with mounted() as top:
        here = top / "generations" / req
        assert sorted(p.name for p in here.iterdir()) == ["app", "app.tar.gz", "iterations", "log.txt", "metadata.json"]
        assert (here / "app.tar.gz").stat().st_size == len(data) and (here / "app").is_dir() and (here / "iterations/1").is_dir()
        assert get(here) == get(here / "app.tar.gz") == "evicted"
        assert get(here / "app.tar.gz", "sha256") == genstore("show", req, "--json").json[0]["archive_sha256"]
        assert '"request_id"' in (here / "metadata.json").read_text()
        assert proxy.log == []
        with open(here / "app.tar.gz", "rb") as archive:
            archive.seek(1000)
            assert archive.read(100) == data[1000:1100]
        assert [r.method for r in proxy.log] == ["GET"]
        assert (here / "app/README.md").read_text() == (here / "iterations/1/README.md").read_text() == "number 1\n"
        assert (here / "app.tar.gz").read_bytes() == data
        assert errno_of(lambda: get(here)) == errno.ENODATA
        genstore("restore", req, tmp_path / "r")
        assert (here / "app/noise.bin").read_bytes() == (tmp_path / "r/noise.bin").read_bytes()
    assert len(proxy.log) == 1
    genstore("check", "--read-data")


@pytest.mark.parametrize("name", ["app", "app/README.md", "app/nope", "iterations/1", "iterations/1/README.md"])
def test_any_way_into_the_tree_fetches_it(genstore, proxy, away, mounted, wait_for, name):
    req, _ = away()
    proxy.reset()
    with mounted() as top:
        path = top / "generations" / req / name
        if name.endswith("nope"):
            assert not path.exists()
        elif name.endswith(".md"):
            assert path.stat().st_size == 9
        else:
            assert os.listdir(path) == ["README.md"]
        # How many folders are in it is known now; the kernel keeps what it was told before for half a second.
        wait_for(lambda: path.parent.stat().st_nlink >= 2, "the number of folders")
        assert len(proxy.log) == 1


def test_many_readers_wait_for_one_download(genstore, proxy, away, made, mounted, wait_for):
    req, data = away(4 * MIB)
    other = made()
    proxy.reset()
    proxy.plan[0] = "hold"
    with mounted() as top, concurrent.futures.ThreadPoolExecutor(12) as pool:
        here = top / "generations" / req
        reads = [pool.submit((here / "app.tar.gz").read_bytes) for _ in range(8)]
        reads += [pool.submit((here / "app/README.md").read_bytes) for _ in range(4)]
        assert proxy.held.wait(30)
        assert get(here).startswith("fetching ")
        # Who reads something else does not wait for the network.
        assert (top / "generations" / other / "app/README.md").read_text() == "number 2\n"
        proxy.release()
        assert [r.result(60) for r in reads] == [data] * 8 + [b"number 1\n"] * 4
    assert len(proxy.log) == 1
    assert [row["action"] for row in genstore("audit", "--json").json].count("generation.fetch") == 1


def test_several_generations_are_fetched_at_a_time(genstore, proxy, away, mounted):
    reqs = [away()[0] for _ in range(5)]
    with mounted() as top, concurrent.futures.ThreadPoolExecutor(5) as pool:
        texts = list(pool.map(lambda req: (top / "generations" / req / "app/README.md").read_text(), reqs))
    assert texts == [f"number {n}\n" for n in range(1, 6)]
    genstore("check", "--read-data")


def test_offline_it_is_eio_with_the_reason_and_works_once_there_is_a_network(genstore, bucket, away, mounted):
    req, data = away()
    genstore("config", "set", "s3.endpoint", OFFLINE)
    endpoint = genstore.env.pop("AWS_ENDPOINT_URL")
    with mounted(foreground=True) as top:
        here = top / "generations" / req
        for read in ((here / "app.tar.gz").read_bytes, lambda: os.listdir(here / "app"), (here / "app/README.md").read_bytes):
            assert errno_of(read) == errno.EIO
        assert get(here).startswith("failed: ") and "127.0.0.1:9" in get(here)
        assert "user.genstore.fetch" in os.listxattr(here)
        genstore("config", "set", "s3.endpoint", endpoint)
        assert (here / "app.tar.gz").read_bytes() == data
        assert errno_of(lambda: get(here)) == errno.ENODATA


def test_the_reason_is_in_the_log_once(genstore, away, tmp_path, wait_for):
    req, _ = away()
    top = tmp_path / "m"
    top.mkdir()
    server = genstore.start("mount", top, "-f", env={"AWS_ENDPOINT_URL": OFFLINE})
    wait_for(lambda: os.path.ismount(top), "the mount")
    try:
        assert errno_of((top / "generations" / req / "app.tar.gz").read_bytes) == errno.EIO
    finally:
        genstore("umount", top)
    _, err = server.communicate(timeout=60)
    assert f"cannot fetch '{req}': " in err.decode()


def test_what_comes_is_compared_and_damage_is_eio(genstore, bucket, away, mounted):
    req, data = away()
    key = f"generations/{req}/app.tar.gz"
    bucket.put(key, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    with mounted() as top:
        here = top / "generations" / req
        assert errno_of((here / "app.tar.gz").read_bytes) == errno.EIO
        assert "SHA-256" in get(here)
        bucket.put(key, data)
        assert (here / "app.tar.gz").read_bytes() == data


def test_nohydrate_keeps_crawlers_off(genstore, proxy, away, mounted):
    req, data = away()
    proxy.reset()
    with mounted("-o", "nohydrate") as top:
        here = top / "generations" / req
        assert errno_of((here / "app.tar.gz").read_bytes) == errno.EIO
        assert errno_of(lambda: os.listdir(here / "app")) == errno.EIO
        assert get(here) == "evicted" and proxy.log == []
        genstore("pull", req)
        assert (here / "app.tar.gz").read_bytes() == data and os.listdir(here / "app") == ["README.md"]


def test_a_mount_that_is_read_only_fetches_too(genstore, away, mounted):
    req, data = away()
    with mounted("-o", "ro") as top:
        assert (top / "generations" / req / "app.tar.gz").read_bytes() == data


def test_what_goes_while_it_is_mounted_comes_back_as_it_was(genstore, bucket, made, mounted):
    req = made(2 * MIB)
    genstore("sync", req)
    with mounted() as top:
        here = top / "generations" / req
        data, noise = (here / "app.tar.gz").read_bytes(), (here / "app/noise.bin").read_bytes()
        inodes = [(here / name).stat().st_ino for name in ("app.tar.gz", "app/noise.bin")]
        for _ in range(2):
            genstore("evict", req)
            genstore("gc")
            made(2 * MIB)  # where it was there is something else now
            for path in (here / "app.tar.gz", here / "app/noise.bin"):
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert (here / "app/noise.bin").read_bytes() == noise and (here / "app.tar.gz").read_bytes() == data
            assert [(here / name).stat().st_ino for name in ("app.tar.gz", "app/noise.bin")] == inodes


def test_a_reader_that_is_interrupted_need_not_wait(genstore, proxy, away, mounted, running):
    req, data = away()
    proxy.reset()
    proxy.plan[0] = "hold"
    with mounted() as top:
        path = top / "generations" / req / "app.tar.gz"
        reader = subprocess.Popen([sys.executable, "-c", READ, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        running(reader)
        assert proxy.held.wait(30)
        reader.send_signal(signal.SIGKILL)
        assert reader.wait(30) == -signal.SIGKILL
        proxy.release()
        assert path.read_bytes() == data


def test_a_mount_that_ends_gives_up_what_it_fetches(genstore, proxy, away, mounted, tmp_path, wait_for, running):
    req, data = away()
    proxy.reset()
    proxy.plan[0] = "hold"
    top = tmp_path / "m"
    top.mkdir()
    server = genstore.start("mount", top, "-f")
    running(server)
    wait_for(lambda: os.path.ismount(top), "the mount")
    reader = subprocess.Popen([sys.executable, "-c", READ, top / "generations" / req / "app.tar.gz"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    running(reader)
    assert proxy.held.wait(30)
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0 and reader.wait(60) != 0
    proxy.release()
    subprocess.run(["fusermount3", "-u", "-z", str(top)], stderr=subprocess.DEVNULL, check=False)
    genstore("check", "--read-data")
    assert genstore("get", req, "-o", "-").stdout == data


def test_a_store_that_was_recovered_lazily_is_read_through_the_mount(genstore, bucket, made, mounted, tmp_path):
    req = made()
    genstore("sync", req)
    genstore.store.unlink()
    genstore("init")
    genstore("recover", f"s3://{bucket.name}")
    with mounted() as top:
        here = top / "generations" / req
        assert get(here) == "evicted"
        assert (here / "app/README.md").read_text() == "number 1\n"
    # With what nobody could know before.
    assert genstore("show", req, "--json").json[0]["files"] == 1
