"""What the tests of a generation share, beside what all tests that run the program do.

Fixtures
  wsi         wsi(code, "--max-iterations", "2", ...): generate with a generator that speaks WSI, which is the code
              after the helpers of WSI below; expect= is the exit code, start=True starts it in the background
  last        last(): the newest generation, as `list --json` has it
  rows        rows(sql): rows of the store, each a list
  lines       lines(): [(level, line)] of all that was logged
  workspaces  workspaces(): the folders of generations that are there
"""

import contextlib
import sqlite3
import sys

import pytest

# A generator in Python. tell() sends a message, hear() waits for one, write() makes a file of the app.
WSI = """
import json, os, pathlib, sys, time
def tell(type, **fields):
    print(json.dumps({"type": type, **fields}), flush=True)
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None
def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)
def begin():
    tell("ready")
    start = hear()
    assert start["type"] == "start_generation", start
    return start
def iteration(n, **more):
    tell("iteration_complete", iteration=n, app_path=os.getcwd(), **more)
def settle():  # messages are handled in order: when this is answered, the snapshot before it is taken
    tell("decision_prompt", id="settle", prompt="taken?")
    hear()
def complete(n, reason="completed", **more):
    tell("all_work_complete", completion_reason=reason, app_path=os.getcwd(), total_iterations=n, **more)
def farewell():
    while (order := hear()) and order.get("command") != "prepare_shutdown":
        pass
    tell("shutdown_ready")
"""


@pytest.fixture
def wsi(genstore, store, tmp_path):
    """Runs a generator that speaks WSI; its code begins where WSI ends."""

    def run(code, *args, expect=0, start=False, **options):
        script = tmp_path / f"generator{len(list(tmp_path.glob('generator*')))}.py"
        script.write_text(WSI + code)
        argv = ["generate", "--app-name", "app", "--prompt", "make it so", *args, "--", sys.executable, script]
        return genstore.start(*argv, **options) if start else genstore(*argv, code=expect, **options)

    return run


@pytest.fixture
def last(genstore):
    """The newest generation, as `list --json` has it."""
    return lambda: max(genstore("list", "--json").json, key=lambda g: g["id"])


@pytest.fixture
def rows(genstore):
    """Rows of the store, by SQL, each a list."""

    def run(sql):
        with contextlib.closing(sqlite3.connect(genstore.store)) as db:
            return [list(row) for row in db.execute(sql)]

    return run


@pytest.fixture
def lines(rows):
    """[(level, line)] of all that was logged."""
    return lambda: [tuple(row) for row in rows("SELECT level, line FROM generation_events ORDER BY id")]


@pytest.fixture
def workspaces(genstore):
    """The folders of generations that are there, of those that run and those that were kept."""
    return lambda: sorted((genstore.home / ".state" / "genstore" / "workspaces").glob("leo-workspace-*"))
