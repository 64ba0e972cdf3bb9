# SPDX-License-Identifier: Apache-2.0
"""Documents whose commands are run and whose outputs are compared: docs/MIGRATING.md and
docs/SESSIONS.md.

A section ("## ") is one working directory; what is in it is done from top to bottom:

* a block ```sh: a script that must succeed, and print what a block ```text after it shows;
* a block ```console: commands after "$ ", each followed by all that it prints, both streams in the
  order stdout, stderr; "[exit N]" ends what is printed when it does not end with 0;
* the second cell of a row, in tables with the three columns of HEADER: steps with <br> between them,
      `command`                      succeeds
      `command` → `text`, `text`     succeeds; prints these lines, in this order, among others
      `command` → refused: `status`  ends with 1 and names the status
      `command` → error: `status`    ends with 2 and names it
  or "not done", and why; or [DOCUMENT.md](DOCUMENT.md) "Section". A row without either is a mistake.

In what is shown, "..." stands for anything within a line, and alone for any lines; key ids, digests
and the port of the server are those of the run."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

PORT = "8443"
DOCS = Path(__file__).resolve().parents[2] / "docs"
# a block between fences, or the lines of a table
ELEMENT = re.compile(r"^```(\w*)\n(.*?)^```$|((?:^\|[^\n]*\n)+)", re.M | re.S)
STEP = re.compile(r"`([^`]+)`(?: → (.+))?")
VERDICT = re.compile(r"(refused|error): `([a-z0-9-]+)`")
SAMPLE = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b")
HEADER = ["there", "with Bulla", "what differs"]
CODES = {"refused": 1, "error": 2}


class Mistake(Exception):
    """The page does not say what a page must say."""


# ---- reading ----


class Step:
    def __init__(self, command, lines=(), code=0, status=None, every=False, mistake=None):
        self.command = command
        self.mistake = mistake
        self.lines = list(lines)  # what is shown
        self.every = every  # nothing else may be printed
        self.code, self.status = code, status
        self.where = command

    def __repr__(self):
        return self.where


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def read_step(item, row):
    match = STEP.fullmatch(item)
    if match is None:
        raise Mistake(f"no command and not marked as not done: {row}")
    command, answer = match.groups()
    step = Step(command.replace("\\|", "|"))
    verdict = VERDICT.fullmatch(answer) if answer else None
    if verdict:
        step.code, step.status = CODES[verdict[1]], verdict[2]
    elif answer:
        step.lines = [text.replace("\\|", "|") for text in re.findall(r"`([^`]+)`", answer)]
        if "`, `".join(step.lines).join("``") != answer.replace("\\|", "|"):
            raise Mistake(f"{row}: neither output nor verdict: {answer}")
    return step


def read_row(line):
    """The steps of a row; none where it says that and why it is not done."""
    row = cells(line)
    if len(row) != 3:
        raise Mistake(f"a row has three cells: {line}")
    if re.fullmatch(r"not done[:,] .+", row[1]):
        return []
    section = re.fullmatch(r'\[(\w+\.md)\]\(\1\) "(.+)"', row[1])
    if section:
        if not re.search(rf"^#+ {re.escape(section[2])}$", (DOCS / section[1]).read_text(), re.M):
            raise Mistake(f"no such section: {row[1]}")
        return []
    steps = [read_step(item.strip(), row[0]) for item in row[1].split("<br>")]
    for step in steps:
        step.where = f"{row[0]}: {step.command}"
    return steps


def read_console(text):
    steps = []
    for line in text.splitlines():
        end = re.fullmatch(r"\[exit (\d+)\]", line)
        if line.startswith("$ "):
            steps.append(Step(line[2:], every=True))
        elif steps and steps[-1].command.endswith("\\"):
            steps[-1].command += "\n" + line
        elif not steps:
            raise Mistake(f"output without a command: {line}")
        elif end:
            steps[-1].code = int(end[1])
        else:
            steps[-1].lines.append(line)
    return steps


def read_table(text):
    steps, rows = [], text.splitlines()
    if len(rows) < 3 or not rows[1].startswith("|---"):
        raise Mistake(f"a table has a header, a line and rows: {rows[0]}")
    if cells(rows[0]) != HEADER:
        return [], []  # no table of commands
    for row in rows[2:]:
        try:
            steps += read_row(row)
        except Mistake as mistake:  # the other rows are done all the same
            steps.append(Step(row, mistake=str(mistake)))
    return steps, rows[2:]


def read_section(text):
    """(steps, rows): everything in the order of the page; the rows of its tables, done or not."""
    steps, rows, end = [], [], 0
    for found in ELEMENT.finditer(text):
        kind, body, table = found.groups()
        if kind == "sh":
            steps.append(Step(body))
        elif kind == "console":
            steps += read_console(body)
        elif kind == "text" and steps and text[:end].endswith("```") and text[end : found.start()].isspace():
            steps[-1].lines, steps[-1].every = body.splitlines(), True
        elif table:
            more, lines = read_table(table)
            steps += more
            rows += lines
        end = found.end()
    return steps, rows


def sections(text):
    """(title, text) of each "## "; what comes before the first is the page's own."""
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


# ---- running ----


class Runner:
    """One working directory; samples of the page and what they were in this run."""

    def __init__(self, folder, bin_folder, port=PORT, environment=None):
        self.folder, self.port = folder, str(port)
        self.environment = {**os.environ, "PATH": f"{bin_folder}:/usr/bin:{os.environ['PATH']}",
                            "LC_ALL": "C.UTF-8", **(environment or {})}  # fmt: skip
        self.meant = {}

    def run(self, command):
        """Exit code and lines. What still runs in the background then is ended."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            shell = subprocess.Popen(
                ["sh", "-eu", "-c", command.replace(PORT, self.port)], cwd=self.folder, stdout=out,
                stderr=err, stdin=subprocess.DEVNULL, env=self.environment, start_new_session=True)
            try:
                code = shell.wait(timeout=60)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()
            out.seek(0)
            err.seek(0)
            told = (out.read() + err.read()).decode().replace(self.port, PORT)
        return code, told.replace("\r", "\n").splitlines()

    def same(self, shown, printed):
        samples, values = SAMPLE.findall(shown), SAMPLE.findall(printed)
        pattern = ".*".join(map(re.escape, SAMPLE.sub("*", shown).split("...")))
        if not re.fullmatch(pattern, SAMPLE.sub("*", printed)):
            return False
        if "..." in shown:
            return True
        return all(self.meant.setdefault(s, v) == v for s, v in zip(samples, values))

    def among(self, shown, printed):
        """The first line that is shown and not printed after those before it."""
        lines = iter(printed)
        for line in shown:
            if not any(self.same(line, found.strip()) for found in lines):
                return line
        return None

    def all(self, shown, printed):
        """What is the first difference? A line "..." stands for any lines."""
        lines, skipping = iter(printed), False
        for line in shown:
            if line == "...":
                skipping = True
                continue
            for found in lines:
                if self.same(line.rstrip(), found.rstrip()):
                    break
                if not skipping:
                    return f"{line!r} is shown, {found!r} printed"
            else:
                return f"{line!r} is shown and not printed"
            skipping = False
        left = list(lines)
        return None if skipping or not left else f"{left[0]!r} is printed and not shown"

    def judge(self, step):
        """None, or what is wrong."""
        if step.mistake:
            return step.mistake
        code, printed = self.run(step.command)
        told = "\n".join(printed)
        if code != step.code:
            return f"exit {code}, not {step.code}:\n{told}"
        if step.status and not re.search(rf"(refused|error): {step.status}: ", told):
            return f"{step.status} is not named:\n{told}"
        if step.every:
            wrong = self.all(step.lines, printed)
        else:
            missing = self.among(step.lines, printed)
            wrong = missing and f"{missing!r} is shown and not printed"
        return wrong and f"{wrong}; all of it:\n{told}"
