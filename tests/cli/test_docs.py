"""What a new user reads is true: the manual, the commands in the README, and the completion."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("GENSTORE", ROOT / "build" / "genstore"))
SAN = bool(os.environ.get("GENSTORE_SAN"))
MARK = "\x01"


def listed_by(genstore, *group):
    parts = genstore("help", *group).out.split("\ncommands:\n")
    return re.findall(r"^  ([a-z]+) ", parts[1].split("\n\n")[0], re.M) if len(parts) > 1 else []


def commands_of(genstore):
    """In the order of the help; those of a group as "group command"."""
    return [name for first in listed_by(genstore)
            for name in [f"{first} {word}" for word in listed_by(genstore, first)] or [first]]


def options_of(genstore, *command, part="options:"):
    shown = genstore("help", *command).out.split(f"\n{part}\n")
    return set(re.findall(r"^ {2,6}(?:-\w, )?(--[a-z0-9-]+)", shown[1].split("\n\n")[0], re.M)) if len(shown) > 1 else set()


def manual_section(title):
    return re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", (ROOT / "src/genstore.1").read_text(), re.M | re.S)[1]


def manual_entries():
    """{command: the text of its entry}"""
    parts = re.split(r'^\.It Cm ("[a-z ]+"|[a-z]+)', manual_section("COMMANDS"), flags=re.M)
    return {name.strip('"'): text.partition("\n")[2] for name, text in zip(parts[1::2], parts[2::2])}


def manual_options(text):
    """The options that a text explains, in the tags of its lists."""
    tags = re.findall(r"^\.It (Fl .*)", text, re.M)
    return {"-" + name for tag in tags for name in re.findall(r"Fl (-[a-z0-9-]+)", tag)}


def test_the_manual_explains_every_command_in_the_order_of_the_help(genstore):
    assert list(manual_entries()) == commands_of(genstore)


def test_the_manual_explains_the_options_that_each_command_has_and_no_other(genstore):
    entries = manual_entries()
    assert {name: manual_options(text) for name, text in entries.items()} == {n: options_of(genstore, *n.split()) for n in entries}


def test_the_manual_explains_the_options_that_all_commands_have(genstore):
    everywhere = options_of(genstore, part="everywhere:")
    assert everywhere
    assert manual_options(manual_section("OPTIONS")) == everywhere | {"--version"}


def test_every_variable_in_the_manual_is_one_that_the_program_asks_for():
    sources = [p.read_text() for top in ("src", "fs", "store") for p in (ROOT / top).rglob("*.c")]
    read = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', "".join(sources)))
    named = {n for line in re.findall(r"^\.It Ev (.*)", manual_section("ENVIRONMENT"), re.M) for n in line.split(" , ")}
    assert named and named <= read


def test_every_exit_code_of_the_program_is_in_the_manual():
    codes = re.findall(r"^\tEXIT_\w+ = (\d+),", (ROOT / "src/cmd/cmd.h").read_text(), re.M)
    assert len(codes) > 5
    assert set(codes) <= set(re.findall(r"^\.It (\d+)$", manual_section("EXIT STATUS"), re.M))


def complete(genstore, tmp_path, *words):
    (tmp_path / "completion").write_text(genstore("completion", "bash").out)
    script = '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _genstore; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", tmp_path / "completion", *words], capture_output=True, text=True,
                          check=True, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_the_completion_knows_every_command(genstore, tmp_path):
    assert set(listed_by(genstore)) <= complete(genstore, tmp_path, "genstore", "")
    assert set(listed_by(genstore, "artifact")) <= complete(genstore, tmp_path, "genstore", "artifact", "")
    assert complete(genstore, tmp_path, "genstore", "--store", "x", "sna") == {"snapshot", "snapshots"}
    assert complete(genstore, tmp_path, "genstore", "help", "umo") == {"umount"}


def test_the_completion_knows_every_option_of_a_command(genstore, tmp_path):
    for command in commands_of(genstore):
        found = complete(genstore, tmp_path, "genstore", *command.split(), "--")
        assert options_of(genstore, *command.split()) <= found, command
        assert "--json" in found or command in ("help", "completion"), command


class Shell:
    """Runs lines one after the other in one bash, in a home of their own where `genstore` is in PATH."""

    def __init__(self, genstore, tmp_path, fuse):
        self.genstore = genstore
        self.fuse = fuse
        self.left_out = []
        self.bin = tmp_path / "bin"
        self.bin.mkdir()
        (self.bin / "genstore").symlink_to(PROGRAM)

    def skips(self, line, block):
        if ".load libgenstore" in line and SAN:
            self.left_out.append(f"a library with sanitizers is not for other programs: {line}")
        elif "genstore mount" in block and not self.fuse:
            self.left_out.append(f"no mount here: {line}")
        else:
            return False
        return True

    def run(self, lines):
        """[(line, output)]; every line must succeed."""
        script = "".join(f"{line}\nprintf '{MARK}%d{MARK}' $?\n" for line in lines)
        env = self.genstore.environment({"PATH": f"{self.bin}:{os.environ['PATH']}", "LD_LIBRARY_PATH": PROGRAM.parent})
        done = subprocess.run(["bash", "--norc", "-c", script], cwd=self.genstore.home, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        parts = done.stdout.split(MARK)
        assert len(parts) == 2 * len(lines) + 1, done.stdout[-2000:]
        for line, output, code in zip(lines, parts[::2], parts[1::2]):
            assert code == "0", f"$ {line}\n{output}exited with {code}"
        return list(zip(lines, parts[::2]))


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.mount, id="with-the-mount"), pytest.param(False, id="without-the-mount")])
def shell(request, genstore, tmp_path):
    run = Shell(genstore, tmp_path, request.param)
    yield run
    for line in run.left_out:
        print(line)


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def shown_in(text):
    """[(command, output, block)] of the console blocks."""
    found = []
    for block in blocks(text, "console"):
        assert block.startswith("$ ")
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            line, _, output = part.partition("\n")
            found.append((line, output, block))
    return found


def pattern_of(output, home):
    """What varies between two runs stands for itself: ids, hashes, times, numbers, widths. A line of dots is any lines."""
    text = output.replace(str(home), "/home/you")
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{64}\b|\breq_[a-z2-7]{12}\b", "ID", text)
    text = re.sub(r"\d[\d.,:TZ-]*(?: [kM]?B\b)?", "N", text)
    return re.sub(r"[ \t]+|─+", " ", text).strip().split("\n")


def assert_same(line, told, really, home):
    want, got = pattern_of(told, home), pattern_of(really, home)
    if "..." in want:
        at = want.index("...")
        tail = len(want) - at - 1
        assert len(got) >= at + tail, f"$ {line}\n{really}"
        got = got[:at] + ["..."] + (got[-tail:] if tail else [])
    assert got == want, f"the README shows something else for\n$ {line}\n{really}"


def test_every_command_of_the_readme_works_and_prints_what_is_shown(genstore, shell):
    shown = [(line, told, block) for line, told, block in shown_in((ROOT / "README.md").read_text()) if not shell.skips(line, block)]
    assert len(shown) > 10
    for (line, told, _), (_, really) in zip(shown, shell.run([line for line, _, _ in shown])):
        assert_same(line, told, really, genstore.home)


def test_what_the_readme_only_names_are_commands_with_options_that_they_have(genstore):
    """The sh blocks need what is not here, a bucket or a generation that runs: their words are looked up instead."""
    commands = commands_of(genstore)
    everywhere = options_of(genstore, part="everywhere:")
    lines = [line for block in blocks((ROOT / "README.md").read_text(), "sh") for line in block.splitlines() if line.startswith("genstore ")]
    assert len(lines) > 10
    for line in lines:
        words = [word for word in shlex.split(line, comments=True)[1:]]
        while words[0].startswith("-"):
            assert words[0] in everywhere, line
            words = words[2 if words[0] == "--store" else 1:]
        command = next((name for name in (" ".join(words[:2]), words[0]) if name in commands), None)
        assert command, line
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= options_of(genstore, *command.split()) | everywhere, line


def test_the_examples_of_the_manual_work(store, shell):
    assert store.exists()
    lines = []
    for block in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed", manual_section("EXAMPLES"), re.M | re.S):
        whole = block.replace("\\e\n", "").replace("\\e", "\\")
        lines += [line for line in whole.splitlines() if not shell.skips(line, whole)]
    assert len(lines) > 8
    assert all(shutil.which(line.split()[0]) or line.split()[0] in ("genstore", "export") for line in lines)
    shell.run(lines)


def test_the_files_that_the_readme_points_at_are_there():
    for name in ("README.md", "CONTRIBUTING.md", "examples/generators/README.md"):
        top = (ROOT / name).parent
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (top / target).exists(), f"{name}: {target}"
