# SPDX-License-Identifier: Apache-2.0
"""Prints the coverage table of one folder and compares its total with what is demanded.

table.py SUMMARY.json SHOWN.txt UNCOVERED.txt FOLDER LINES BRANCHES

SUMMARY is what `llvm-cov export -summary-only` says, SHOWN what `llvm-cov show` does; UNCOVERED is
written: the lines that never ran and the conditions of which one outcome never came.
"""

import json
import pathlib
import re
import sys


def percent(part):
    return 100.0 * part["covered"] / part["count"] if part["count"] else 100.0


def add(total, part):
    for member in ("count", "covered"):
        total[member] += part[member]


def uncovered(text):
    """Lines of `llvm-cov show` that stand for something not reached, with file names."""
    kept, name, place = [], None, ""
    for line in text.splitlines():
        if line.startswith("/") and line.endswith(":"):
            name = line[:-1]
            continue
        source = re.match(r"\s*(\d+)\|\s*([\d.kM]*)\|(.*)", line)
        if source:
            place = f"{name}:{source[1]}: {source[3].strip()}"
            if source[2] == "0":
                kept.append("line    " + place)
        branch = re.search(r"Branch \((\d+):(\d+)\): \[True: ([\d.kM]+), False: ([\d.kM]+)\]", line)
        if branch and "0" in (branch[3], branch[4]):
            never = "true" if branch[3] == "0" else "false"
            kept.append(f"branch  never {never}, column {branch[2]}: {place}")
    return list(dict.fromkeys(kept))


def main():
    summary, shown, missing, folder, lines_least, branches_least = sys.argv[1:]
    files = json.loads(pathlib.Path(summary).read_text())["data"][0]["files"]
    total = {"lines": {"count": 0, "covered": 0}, "branches": {"count": 0, "covered": 0}}
    print(f"{'file':24} {'lines':>6} {'%':>6} {'branches':>9} {'%':>6}")
    for file in sorted(files, key=lambda f: f["filename"]):
        if not file["filename"].startswith(folder) or not file["filename"].endswith(".c"):
            continue
        lines, branches = file["summary"]["lines"], file["summary"]["branches"]
        add(total["lines"], lines)
        add(total["branches"], branches)
        print(f"{file['filename'][len(folder):]:24} {lines['count']:6} {percent(lines):6.2f} "
              f"{branches['count']:9} {percent(branches):6.2f}")
    lines, branches = total["lines"], total["branches"]
    if not lines["count"] or not branches["count"]:
        print("no coverage of", folder)
        return 2
    print(f"{'total':24} {lines['count']:6} {percent(lines):6.2f} "
          f"{branches['count']:9} {percent(branches):6.2f}")
    left = uncovered(pathlib.Path(shown).read_text())
    pathlib.Path(missing).write_text("".join(line + "\n" for line in left))
    if percent(lines) >= float(lines_least) and percent(branches) >= float(branches_least):
        return 0
    print(f"below {lines_least} % of lines or {branches_least} % of branches; see {missing}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
