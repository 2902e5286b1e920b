"""The endpoints of the artifact management design, as its frontend and its users call them."""

import datetime
import hashlib
import io
import pathlib
import random
import re
import threading
import urllib.parse
import zipfile

import pytest

pytestmark = pytest.mark.threads

FILES = {"terraform/main.tf": b"# all\n", "terraform/modules/vpc/main.tf": b"# net\n", "diagrams/a b.svg": b"<svg/>", "pricing/\u00fc \"x\".csv": b"1,2\n",
         "README.md": b"# hello\n", "lambda/big.bin": random.Random(1).randbytes(3_000_000)}
TYPES = {"diagrams": "diagram", "README.md": "readme"}


def kind(path):
    folder = path.partition("/")[0]
    return TYPES.get(folder, folder), path if "/" not in path else path.partition("/")[2]


@pytest.fixture
def put(genstore, store, tmp_path):
    assert store.exists()
    for path, data in FILES.items():
        file = tmp_path / "in" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        type_, name = kind(path)
        genstore("artifact", "put", "--session", "s1", "--org", "acme", "--type", type_, "--name", name, file)
    return genstore("artifact", "list", "--session", "s1", "--json").json[-1]["session_id"]


def quoted(path):
    return urllib.parse.quote(path)


def test_the_list_has_the_fields_of_the_design_and_no_other(put, server):
    told = server("GET", f"/api/artifacts/list/{put}", status=200)
    assert told.headers["content-type"] == "application/json"
    assert set(told.json) == {"artifacts", "total_size", "session_id"}
    assert told.json["session_id"] == put and told.json["total_size"] == sum(map(len, FILES.values()))
    assert {(a["type"], a["name"], a["size"]) for a in told.json["artifacts"]} == {(*kind(p), len(d)) for p, d in FILES.items()}
    for artifact in told.json["artifacts"]:
        assert list(artifact) == ["artifact_id", "type", "name", "size", "mime_type", "download_url", "created_at"]
        assert server("GET", artifact["download_url"], status=200).headers["content-type"] == artifact["mime_type"]


@pytest.mark.parametrize("path", FILES)
def test_an_artifact_is_downloaded_with_its_name_and_type(put, server, path):
    told = server("GET", f"/api/artifacts/download/{put}/{quoted(path)}", status=200)
    assert told.body == FILES[path]
    name = pathlib.PurePosixPath(path).name
    said = told.headers["content-disposition"]
    assert said.startswith("attachment; filename=\"")
    assert name.isascii() or urllib.parse.unquote(re.search("filename\\*=UTF-8''(.*)", said)[1]) == name
    assert told.headers["etag"] == f'"{hashlib.sha256(FILES[path]).hexdigest()}"'
    assert told.headers["x-content-type-options"] == "nosniff" and "sandbox" in told.headers["content-security-policy"]


def test_head_says_what_get_would(put, server):
    path = f"/api/artifacts/download/{put}/lambda/big.bin"
    got, head = server("GET", path), server("HEAD", path)
    assert head.body == b"" and head.status == 200
    assert {k: v for k, v in head.headers.items() if k != "date"} == {k: v for k, v in got.headers.items() if k != "date"}


RANGES = [("bytes=0-0", 206, 0, 1), ("bytes=5-", 206, 5, None), ("bytes=-7", 206, -7, None), ("bytes=2999999-9999999", 206, -1, None),
          ("bytes=-9999999", 206, 0, None), ("bytes=1000-1048577", 206, 1000, 1048578), ("bytes=3000000-", 416, 0, 0), ("bytes=-0", 416, 0, 0),
          ("bytes=2-1", 200, 0, None), ("lines=1-2", 200, 0, None), ("bytes=1-2,5-6", 200, 0, None), ("bytes=a-b", 200, 0, None), ("bytes=-", 200, 0, None)]


@pytest.mark.parametrize("text, status, start, end", RANGES)
def test_ranges(put, server, text, status, start, end):
    data = FILES["lambda/big.bin"]
    told = server("GET", f"/api/artifacts/download/{put}/lambda/big.bin", headers={"Range": text}, status=status)
    if status == 416:
        assert told.headers["content-range"] == f"bytes */{len(data)}"
        return
    assert told.body == data[start:end]
    if status == 206:
        at = start if start >= 0 else len(data) + start
        assert told.headers["content-range"] == f"bytes {at}-{at + len(told.body) - 1}/{len(data)}"


def test_conditions(put, server):
    path = f"/api/artifacts/download/{put}/terraform/main.tf"
    tag = server("GET", path).headers["etag"]
    for fields, status in [({"If-None-Match": tag}, 304), ({"If-None-Match": f'"x", W/{tag}'}, 304), ({"If-None-Match": '"x"'}, 200), ({"If-None-Match": "*"}, 304),
                           ({"If-Match": tag}, 200), ({"If-Match": '"x"'}, 412), ({"If-Match": f"W/{tag}"}, 412),
                           ({"If-Range": tag, "Range": "bytes=0-1"}, 206), ({"If-Range": '"x"', "Range": "bytes=0-1"}, 200)]:
        told = server("GET", path, headers=fields, status=status)
        assert told.body == {304: b"", 206: b"# ", 200: b"# all\n"}.get(status, told.body), fields


def test_the_bundle_holds_all_with_a_length_known_beforehand_and_ranges(put, server):
    path = f"/api/artifacts/bundle/{put}"
    told = server("GET", path, status=200)
    assert told.headers["content-type"] == "application/zip" and int(told.headers["content-length"]) == len(told.body)
    assert told.headers["content-disposition"] == f'attachment; filename="artifacts-{put}.zip"'
    with zipfile.ZipFile(io.BytesIO(told.body)) as whole:
        assert {name: whole.read(name) for name in whole.namelist()} == FILES
    assert server("GET", path, headers={"Range": "bytes=100-199"}, status=206).body == told.body[100:200]
    assert server("GET", path, headers={"If-None-Match": told.headers["etag"]}).status == 304
    server("PUT", f"/api/artifacts/{put}/terraform/main.tf", b"# other\n", status=200)
    assert server("GET", path, headers={"If-None-Match": told.headers["etag"]}, status=200).headers["etag"] != told.headers["etag"]


def test_what_is_not_there_is_404_with_a_problem_object(put, server):
    for path, words in [(f"/api/artifacts/download/{put}/terraform/none.tf", "Artifact not found"), ("/api/artifacts/list/nobody", "Session not found"),
                        ("/api/artifacts/bundle/nobody", "Session not found"), (f"/api/artifacts/download/{put}/..%2f..%2fetc", "Artifact not found"),
                        ("/api/none", "there is nothing here")]:
        told = server("GET", path, status=404)
        assert told.headers["content-type"] == "application/problem+json"
        assert told.json == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": words}
    assert server("GET", f"/api/artifacts/download/{put}/a%zz", status=400).json["title"] == "Bad Request"
    assert server("GET", f"/api/artifacts/download/{put}/a%00", status=400)
    assert server("PATCH", f"/api/artifacts/{put}/x", status=405).headers["allow"] == "PUT, DELETE"


def test_an_address_for_downloading_works_until_its_time_and_not_with_a_byte_changed(put, server):
    told = server("GET", f"/api/artifacts/download-url/{put}/terraform/main.tf", status=200).json
    assert set(told) == {"download_url", "expires_at", "expires_in"} and told["expires_in"] == 3600
    until = datetime.datetime.fromisoformat(told["expires_at"].replace("Z", "+00:00"))
    assert abs((until - datetime.datetime.now(datetime.timezone.utc)).total_seconds() - 3600) < 60
    path = told["download_url"].removeprefix(server.url)
    assert server("GET", path, status=200).body == b"# all\n"
    at = path.index("?")
    for i in range(at, len(path)):
        changed = path[:i] + ("1" if path[i] == "0" else "0") + path[i + 1:]
        if path[i] not in "?&=" and not path[at:i].endswith(("&t", "?e")) and "=" in path[at:i].rpartition("&")[2]:
            assert server("GET", changed).status == 403, changed
    other = path.replace("main.tf", "modules/vpc/main.tf")
    assert server("GET", other, status=403).json["detail"] == "this address was changed"
    assert server("GET", path.partition("&ticket")[0], status=403)


def test_an_address_outlives_the_server_and_ends_in_time(put, serving, wait_for):
    first = serving()
    path = first("GET", f"/api/artifacts/download-url/{put}/README.md?expires_in=600").json["download_url"].removeprefix(first.url)
    short = first("GET", f"/api/artifacts/download-url/{put}/README.md?expires_in=1").json["download_url"].removeprefix(first.url)
    first.stop()
    second = serving()
    assert second("GET", path, status=200).body == FILES["README.md"]
    wait_for(lambda: second("GET", short).status == 403, "the end of its second")
    for wrong in ("0", "604801", "-1", "x", ""):
        assert "604800" in second("GET", f"/api/artifacts/download-url/{put}/README.md?expires_in={wrong}", status=422).json["detail"]


def test_what_is_put_and_removed_over_http_is_there_for_the_command_line(genstore, put, server):
    told = server("PUT", f"/api/artifacts/{put}/terraform/new/x.tf", b"new", status=201).json
    assert (told["type"], told["name"], told["size"]) == ("terraform", "new/x.tf", 3)
    assert genstore("artifact", "get", "terraform/new/x.tf", "--session", "s1", "-o", "-").out == "new"
    assert server("PUT", f"/api/artifacts/{put}/README.md", b"", status=200).json["size"] == 0
    assert genstore("artifact", "get", "README.md", "--session", "s1", "-o", "-").out == ""
    server("DELETE", f"/api/artifacts/{put}/terraform/new/x.tf", status=204)
    genstore("artifact", "get", "terraform/new/x.tf", "--session", "s1", "-o", "-", code=4)
    server("DELETE", f"/api/artifacts/{put}/terraform/new/x.tf", status=404)
    for path, status in [("terraform/main.tf/below", 409), ("terraform/a%0Ab", 422), ("terraform/" + "n" * 256, 422), ("terraform/../x", 422)]:
        assert server("PUT", f"/api/artifacts/{put}/{path}", b"x", status=status).json["detail"], path
    genstore("check", "--read-data")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(put, server):
    connection = server.connect()
    connection.putrequest("PUT", f"/api/artifacts/{put}/lambda/huge")
    connection.putheader("Content-Length", str(300 << 20))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413 and response.getheader("connection") == "close"
    connection.close()


def test_many_readers_at_once_get_the_right_bytes(put, server):
    wrong = []

    def read():
        for _ in range(5):
            for path, data in FILES.items():
                if server("GET", f"/api/artifacts/download/{put}/{quoted(path)}").body != data:
                    wrong.append(path)

    threads = [threading.Thread(target=read) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_damaged_breaks_off_and_is_never_sent_as_whole(genstore, put, server):
    import sqlite3
    with sqlite3.connect(genstore.store) as db:
        db.execute("UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE length(bytes) > 10000")
    with pytest.raises(Exception, match="IncompleteRead|reset|closed"):
        server("GET", f"/api/artifacts/download/{put}/lambda/big.bin")
