"""What a generator hands over in messages is kept as artifacts of its generation's session."""

import base64
import hashlib
import json
import sqlite3
import zlib

import pytest

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
# What a generator calls, and how it says it.
HELP = """
import base64, hashlib
def shot(data, name="home.png", head="data:image/png;base64,", **more):
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    tell("screenshot", timestamp="2026-01-31T12:00:00Z", image_base64=head + text, filename=name, **more)
def noise(seed, n):
    return hashlib.shake_128(str(seed).encode()).digest(n)
"""
END = """
write("a", "1")
iteration(1)
complete(1)
farewell()
"""


@pytest.fixture(params=["lines", "websocket"])
def wsi(request, generator):
    run = generator(request.param)
    return lambda code, *args, **options: run(HELP + "begin()\n" + code + END, *args, **options)


@pytest.fixture
def lines_wsi(generator):
    run = generator("lines")
    return lambda code, *args, **options: run(HELP + "begin()\n" + code + END, *args, **options)


@pytest.fixture
def kept(genstore, last):
    """{name: bytes} of the newest generation's session."""
    def run():
        session = last()["request_id"]
        found = genstore("artifact", "list", "--session", session, "--json", code=None)
        rows = [o for o in found.json if o["message_type"] == "artifact"] if found.code == 0 else []
        assert {row["type"] for row in rows} <= {"screenshot"}
        return {row["name"]: genstore("artifact", "get", "--session", session, f"screenshot/{row['name']}", "-o", "-").stdout for row in rows}
    return run


def warnings(rows):
    return [row[0] for row in rows("SELECT line FROM generation_events WHERE level = 'warn' AND line LIKE '%screenshot%' ORDER BY id")]


def test_a_screenshot_is_an_artifact_of_the_generations_session(wsi, kept, genstore, last, rows):
    wsi(f"""
shot({PNG!r}, description="the page", width=1, height=1, stage="testing")
shot(noise(1, 3_000_000), "shots/large.png", head="")
iteration(1)
shot({PNG!r}, "second iteration.jpeg")
""".replace("iteration(1)\nshot", "write('b', '1')\niteration(1)\nshot", 1), "--max-iterations", "3")
    g = last()
    assert kept() == {"home.png": PNG, "large.png": hashlib.shake_128(b"1").digest(3_000_000), "second iteration.jpeg": PNG}
    assert warnings(rows) == ["the screenshot is kept as 'large.png'"]
    (metadata, mime, path), = rows("SELECT metadata, mime_type, storage_path FROM artifacts WHERE artifact_name = 'home.png'")
    assert json.loads(metadata) == {"request_id": g["request_id"], "iteration": 1, "timestamp": "2026-01-31T12:00:00Z", "description": "the page",
                                    "stage": "testing", "width": 1, "height": 1}
    assert mime == "image/png" and path.endswith("/artifacts/screenshot/home.png") and g["request_id"] not in path
    assert rows("SELECT metadata ->> '$.iteration' FROM artifacts WHERE artifact_name = 'second iteration.jpeg'") == [[2]]
    assert rows("SELECT count(*), max(length(data)) < 1000 FROM generation_events WHERE type = 'screenshot'") == [[3, 1]]
    assert "screenshots:     3, 3.0 MB: genstore artifact list --session " + g["request_id"] in genstore("show", "-").out
    assert genstore("show", "-", "--json").json[0]["screenshots"] == 3
    genstore("check", "--read-data")


def test_what_is_no_picture_or_no_name_is_said_and_the_generation_goes_on(wsi, kept, last, rows):
    wsi(r"""
shot("not base64!")
shot("")
shot("AAAAA", head="")
shot("PNG", head="data:image/png,")
shot(b"1", "../../etc/passwd")
shot(b"2", "..")
shot(b"3", "a\nb.png")
shot(b"4", "C:\\windows\\shot.png")
shot(b"5", "n" * 300)
shot(base64.b64encode(b"6 without padding").decode().rstrip("="), "six")
""")
    assert last()["status"] == "completed"
    assert kept() == {"passwd": b"1", "screenshot-2.png": b"2", "screenshot-3.png": b"3", "shot.png": b"4", "screenshot-5.png": b"5",
                      "six": b"6 without padding"}
    said = warnings(rows)
    assert said[:4] == ["the screenshot is not kept: its image_base64 is neither a data URI nor base64", "the screenshot is not kept: it is empty",
                        "the screenshot is not kept: its image_base64 is neither a data URI nor base64",
                        "the screenshot is not kept: its image_base64 is neither a data URI nor base64"]
    assert len(said) == 4 + 5


def test_the_same_name_again_is_the_newest_picture(wsi, kept, rows):
    wsi("shot(b'one')\nshot(b'two')\n")
    assert kept() == {"home.png": b"two"}
    assert rows("SELECT action FROM audit_log WHERE action LIKE 'artifact.%' ORDER BY id") == [["artifact.put"], ["artifact.replace"]]


def test_a_short_secret_does_not_spoil_pictures_and_one_inside_of_them_is_not_kept(lines_wsi, kept, genstore, rows):
    inside = zlib.compress(b"x")
    # Four characters that are in the base64 of the picture.
    short = base64.b64encode(PNG).decode()[40:44]
    lines_wsi(f"""
shot({PNG!r}, description="says hunter2-hunter2 aloud")
shot({inside!r} + b"hunter2-hunter2", "leak.png")
""", "--env", "PASSWORD", "--env", "SHORT", env={"PASSWORD": "hunter2-hunter2", "SHORT": short})
    assert kept() == {"home.png": PNG}
    assert warnings(rows) == ["the screenshot is not kept: it holds the value of a secret"]
    assert rows("SELECT metadata ->> '$.description' FROM artifacts") == [["says *** aloud"]]
    with sqlite3.connect(genstore.store) as db:
        assert not [line for line in db.iterdump() if "hunter2" in line and "PASSWORD" not in line]


def test_there_is_a_ceiling_and_it_is_said_once(lines_wsi, rows, genstore):
    """The generator itself adds the rows that a thousand pictures would have made."""
    lines_wsi(f"""
import sqlite3
shot(b"first", "0.png")
settle()
with sqlite3.connect({str(genstore.store)!r}, timeout=30) as db:
    columns = "session_id, organization_id, artifact_type, file_size"
    db.execute(f'''WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 998)
        INSERT INTO artifacts ({{columns}}, artifact_name, storage_path) SELECT {{columns}}, i || '.png', storage_path || i FROM artifacts, n''')
db.close()
for name in "last.png", "over.png", "more.png":
    shot(b"again", name)
""")
    assert rows("SELECT count(*) FROM artifacts") == [[1000]]
    assert rows("SELECT count(*) FROM artifacts WHERE artifact_name IN ('last.png', 'over.png', 'more.png')") == [[1]]
    assert warnings(rows) == ["no more screenshots are kept: a generation has at most 1000, of 512 MiB in all"]


def test_rm_takes_the_screenshots_along_and_leaves_what_people_put(wsi, genstore, last, rows, tmp_path):
    wsi("shot(b'one')\nshot(b'two', 'b.png')\n")
    session = last()["request_id"]
    (tmp_path / "notes.md").write_text("mine")
    genstore("artifact", "put", "--session", session, "--type", "notes", tmp_path / "notes.md")
    genstore("rm", session, "--force")
    assert rows("SELECT artifact_name FROM artifacts") == [["notes.md"]]
    assert rows("SELECT count(*) FROM audit_log WHERE action = 'artifact.remove'") == [[2]]
    genstore("artifact", "rm", "--session", session, "notes/notes.md")
    wsi("shot(b'one')\n")
    genstore("rm", "-", "--force")
    assert rows("SELECT name FROM sessions") == [[session]]
    genstore("gc")
    assert rows("SELECT count(*) FROM content") == [[0]]
    genstore("check", "--read-data")
