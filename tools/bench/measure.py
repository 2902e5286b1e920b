"""Runs programs and measures them: interleaved rounds, medians, CPU time by the kernel's own account."""

import collections
import os
import statistics
import subprocess
import threading
import time

ROUNDS = 5
Took = collections.namedtuple("Took", "wall cpu memory")


class Failed(Exception):
    pass


def watch(pid, most, done):
    """The highest VmHWM of a process: wait4() would count what its parent had before exec."""
    while not done.is_set():
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                for line in status:
                    if line.startswith("VmHWM"):
                        most[0] = max(most[0], int(line.split()[1]) * 1024)
        except OSError:
            return
        time.sleep(0.002)


def run(argv, env=None, cwd=None, stdin=None, memory=False):
    """Wall clock and CPU seconds of a command and all that it waited for; with `memory`, the most that it held, in bytes."""
    argv = [str(a) for a in argv]
    before = time.perf_counter()
    process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    most, done, thread = [0], threading.Event(), None
    if memory:
        thread = threading.Thread(target=watch, args=(process.pid, most, done))
        thread.start()
    stderr = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    if thread:
        thread.join()
    if process.returncode:
        raise Failed(f"{' '.join(argv)}: {process.returncode}: {stderr.decode(errors='replace').strip()}")
    return Took(wall, usage.ru_utime + usage.ru_stime, most[0])


def interleave(cases, rounds=ROUNDS):
    """cases: {name: function that prepares and returns a Took, or a list of them}. Medians of each, the rounds taken in turns."""
    taken = {name: [] for name in cases}
    for _ in range(rounds):
        for name, function in cases.items():
            took = function()
            taken[name] += took if isinstance(took, list) else [took]
    return {name: Took(*(statistics.median(part) for part in zip(*all_of_it))) for name, all_of_it in taken.items()}


class Table:
    """Rows of a target and what was reached; a miss is shown as a miss."""

    def __init__(self):
        self.rows, self.misses = [], 0

    def section(self, title):
        self.rows.append(("section", title))

    def heading(self, title):
        self.rows.append(("heading", title))

    def text(self, text):
        """What another program has made of it, as it stands."""
        self.rows.append(("text", text))

    def row(self, what, reached, target=None, figures="", more=False):
        """`target` is an upper bound, or a lower one with `more`; without one the row only reports."""
        good = None if target is None else reached >= target if more else reached <= target
        self.misses += good is False
        self.rows.append(("row", what, reached, target, figures, more, good))
        print(self.line(self.rows[-1]), flush=True)

    @staticmethod
    def line(row):
        _, what, reached, target, figures, more, good = row
        bound = "" if target is None else f"{'>=' if more else '<='} {target:g}"
        verdict = {None: "", True: "reached", False: "**missed**"}[good]
        return f"| {what} | {bound} | {reached:.3g} | {verdict} | {figures} |"

    def markdown(self):
        lines = []
        for row in self.rows:
            if row[0] == "section":
                lines += ["", f"## {row[1]}", "", "| what | target | reached | verdict | figures |", "| --- | --- | --- | --- | --- |"]
            elif row[0] == "heading":
                lines += ["", f"## {row[1]}"]
            elif row[0] == "text":
                lines += ["", "```", row[1].rstrip(), "```"]
            elif row[0] == "row":
                lines.append(self.line(row))
        return "\n".join(lines) + "\n"


def ms(took):
    return f"{took.wall * 1000:.0f} ms ({took.cpu * 1000:.0f} CPU)"


def mb(size):
    return f"{size / 1e6:.2f} MB"
