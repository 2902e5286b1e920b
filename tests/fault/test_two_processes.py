"""Several processes write to one store at the same time, and others read."""

import pytest

SCRIPT = "for i in 1 2 3 4 5 6 7 8; do seq $ITERATION $((i * 900)) >$PROMPT-$i; done; echo done $ITERATION"


def finish(processes):
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode(errors="replace")
        yield out.decode()


def expected(contents, prompt, iterations):
    return {f"{prompt}-{i}": ("file", False, contents.digest("".join(f"{k}\n" for k in range(iterations, i * 900 + 1)).encode()))
            for i in range(1, 9)}


@pytest.mark.parametrize("writers", [2, 4])
def test_processes_that_generate_at_once_all_get_what_they_made(genstore, store, shown, contents, writers):
    prompts = [f"p{i}" for i in range(writers)]
    running = [genstore.start("generate", "--app-name", "one" if i % 2 else f"app{i}", "--prompt", p, "--max-iterations", 4, "--json",
                              "--", "/bin/sh", "-c", SCRIPT) for i, p in enumerate(prompts)]
    ids = [contents.requests(out) for out in finish(running)]
    shown().check("--read-data")
    listed = shown().list()
    assert len(listed) == writers
    for prompt, found in zip(prompts, ids):
        row = listed[found[0]]
        assert (row["status"], row["current_iteration"]) == ("completed", 4)
        assert contents.of_archive(shown().archive(found[0])) == expected(contents, prompt, 4)
    numbers = [(row["app_name"], row["generation_number"]) for row in listed.values()]
    assert len(set(numbers)) == writers, "two generations have one number"


@pytest.mark.parametrize("writers", [2, 4])
def test_processes_that_import_at_once_share_what_is_equal(genstore, store, shown, tree, contents, tmp_path, writers):
    sources = []
    for i in range(writers):
        source = tree.real(tmp_path / f"source{i}", 200)
        (source / f"own{i}").write_bytes(bytes([i]) * 300_000)
        sources.append(source)
    ids = [out.strip() for out in finish([genstore.start("import", s, "--app-name", "app") for s in sources])]
    for request, source in zip(ids, sources):
        assert contents.of_archive(shown().archive(request)) == contents.of_folder(source)
    shown().check("--read-data")
    assert sorted(g["generation_number"] for g in shown().list().values()) == list(range(1, writers + 1))
    alone = tmp_path / "alone"
    genstore("init", env={"GENSTORE_STORE": alone})
    genstore("import", sources[0], "--app-name", "app", env={"GENSTORE_STORE": alone})
    assert store.stat().st_size < 1.3 * alone.stat().st_size


def test_readers_meanwhile_see_nothing_half_done(genstore, store, shown, tree, contents, tmp_path):
    """A generation is in the list as completed only when its archive is there, whole; and once there it stays."""
    first = tree.real(tmp_path / "first", 100)
    genstore("import", first, "--app-name", "first")
    archive = shown().archive("first")
    generator = genstore.start("generate", "--app-name", "gen", "--prompt", "p", "--max-iterations", 15, "--json", "--", "/bin/sh", "-c", SCRIPT)
    importers = [genstore.start("import", tree.real(tmp_path / f"more{i}", 300), "--app-name", f"more{i}") for i in range(2)]
    seen, rounds = set(), 0
    while rounds < 3 or generator.poll() is None or any(p.poll() is None for p in importers):
        rounds += 1
        listed = shown().list()
        assert seen <= set(listed), "a generation that was there is gone"
        seen = set(listed)
        for request, row in listed.items():
            if row["status"] == "completed":
                got = shown().archive(request)
                assert contents.of_archive(got)
            elif row["current_iteration"]:
                to = tmp_path / f"iteration-{rounds}"
                genstore("restore", f"{request}@{row['current_iteration']}", to)
                assert contents.of_folder(to) == expected(contents, "p", row["current_iteration"])
        assert shown().archive("first") == archive
        shown().check()
    list(finish([generator, *importers]))
    assert len(shown().list()) == 4


def test_a_second_import_of_the_same_tree_costs_next_to_nothing(genstore, store, tree, tmp_path):
    source = tree.real(tmp_path / "source", 400)
    genstore("import", source, "--app-name", "app")
    once = store.stat().st_size
    genstore("import", source, "--app-name", "app")
    assert store.stat().st_size < 1.02 * once
    genstore("import", source, "--app-name", "another")
    assert store.stat().st_size < 1.04 * once


def test_iterations_that_change_little_cost_little(genstore, store, tree, tmp_path):
    source = tree.real(tmp_path / "source", 400)
    genstore("import", source, "--app-name", "app")
    once = store.stat().st_size
    for _ in range(5):
        tree.change(source, 5)
        genstore("import", source, "--app-name", "app")
    assert store.stat().st_size < 1.25 * once


def test_gc_while_others_import_takes_nothing_that_is_wanted(genstore, store, shown, tree, contents, tmp_path):
    sources = [tree.real(tmp_path / f"source{i}", 150) for i in range(2)]
    for rounds in range(4):
        for i, source in enumerate(sources):
            (source / f"own{i}").write_bytes(bytes([rounds, i]) * 100_000)
        importers = [genstore.start("import", s, "--app-name", f"app{i}") for i, s in enumerate(sources)]
        collector = genstore.start("gc")
        ids = [out.strip() for out in finish(importers)]
        list(finish([collector]))
        for request, source in zip(ids, sources):
            assert contents.of_archive(shown().archive(request)) == contents.of_folder(source)
        genstore("rm", ids[0], "--force")
        shown().check("--read-data")
