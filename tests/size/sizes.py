# SPDX-License-Identifier: Apache-2.0
"""sizes.py FIRMWARE: what code and static RAM cost, on two processors. "portable" is the core by
itself, every file that a device may want, compiled freestanding; it may need memcpy, memset, memcmp
and the crypto seam. "files" are the objects of the application, as compiled; "app" and "stage0" what the
linker kept of them, by its maps."""

import re
import subprocess
import sys
import tempfile
import textwrap
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from figures import Figures, beside

ROOT = Path(__file__).resolve().parents[2]


def load(path):
    """A program without .py as a module."""
    loader = SourceFileLoader(path.name, str(path))
    module = module_from_spec(spec_from_loader(path.name, loader))
    loader.exec_module(module)
    return module


linked = load(ROOT / "scripts/firmware_sizes")

FLAGS = ["-std=c11", "-Os", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-Wall",
         "-Wextra", "-Werror", "--specs=picolibc.specs", f"-I{ROOT}/verifier/include",
         f"-I{ROOT}/client_fw/include"]
# of status.h and its like: names and sentences for people, CBOR that is not ours, chips by name
FOR_PEOPLE = {"status_text", "cbor_skip", "espimage_names", "event_names"}
# the last one shifts 64 bits in the compiler's own library
MAY_NEED = {"memcpy", "memset", "memcmp", "bulla_sha256_init", "bulla_sha256_update",
            "bulla_sha256_finish", "bulla_crypto_ed25519_verify", "__lshrdi3"}
CORE_GOAL, CORE_RAM_GOAL = 16 << 10, 8 << 10
APP_GOALS = {"flash": 128 << 10, "ram": 64 << 10}
# what an application keeps for the core between calls (app.c)
CORE_RAM = ("client", "workspace", "trust_store", "url", "result")
PUBLISHED = "as published: wolfBoot's whole Ed25519 boot loader 12,224, MCUboot 39,918"


class Target:
    def __init__(self, name, board, prefix, options, goals=False):
        self.name, self.board, self.prefix, self.goals = name, board, prefix, goals
        self.compile = [f"{prefix}-gcc", *options, *FLAGS]

    def tool(self, name, *words):
        return subprocess.run([f"{self.prefix}-{name}", *map(str, words)], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def size(self, objects):
        """(code and constants, data and zeroed)."""
        total = self.tool("size", "-t", *objects).splitlines()[-1].split()
        return int(total[0]), int(total[1]) + int(total[2])


TARGETS = (
    Target("cortex-m3", "emcraft_sf2", "arm-none-eabi", ["-mcpu=cortex-m3", "-mthumb"],
           goals=True),
    Target("rv32imac", "sifive_u", "riscv64-unknown-elf",
           ["-march=rv32imac", "-misa-spec=2.2", "-mabi=ilp32"]),
)


# ---- the cores by themselves ----


def compile_core(target, sources, folder):
    objects = []
    for source in sources:
        objects.append(folder / f"{source.stem}.o")
        subprocess.run([*target.compile, "-c", source, "-o", objects[-1]], check=True)
    return objects


def needs(target, objects):
    """Symbols that these objects use and none of them has."""
    rows = [line.split() for line in target.tool("nm", *objects).splitlines() if line]
    used = {row[-1] for row in rows if row[-2:-1] == ["U"]}
    return used - {row[-1] for row in rows if len(row) == 3}


def portable(target, figures, folder):
    """The files of both cores; True when they are as freestanding as they promise."""
    everything = [path for part in ("verifier", "client_fw")
                  for path in sorted((ROOT / part / "core").glob("*.c"))
                  if path.stem not in FOR_PEOPLE and not path.stem.endswith("_none")]
    objects = compile_core(target, everything, folder)
    count = sum(path.parts[-3] == "verifier" for path in everything)
    verifier, client = objects[:count], objects[count:]
    image = [path for path in verifier if path.stem.startswith("espimage")]
    text, data = target.size(verifier)
    client_text, client_data = target.size(client)
    images = target.size(image)[0]
    name = f"{target.name} portable"
    figures.add(f"{name} verifier-core", text)
    figures.add(f"{name} verifier-core-without-images", text - images)
    figures.add(f"{name} client-core", client_text)
    figures.add(f"{name} static-data", data + client_data)
    print(f"{target.name}, -Os, every file of the cores: verifier {text:,} ({images:,} of it rules of "
          f"ESP-IDF images), client {client_text:,}, static data {data + client_data}")
    for part, compiled in (("verifier", verifier), ("client", client)):
        rows = sorted(((target.size([path])[0], path.stem) for path in compiled), reverse=True)
        print(textwrap.fill(f"{part}: " + ", ".join(f"{name} {size:,}" for size, name in rows), 110,
                            initial_indent="  ", subsequent_indent="    "))
    needed = needs(target, objects)
    print(f"  undefined: {' '.join(sorted(needed))}\n")
    strange = needed - MAY_NEED
    if strange:
        print(f"the cores need what they must not: {' '.join(sorted(strange))}")
    return not strange


# ---- the firmware ----


def files_of(folder, part):
    """Objects of a part that the application is linked from, as compiled."""
    loaded = re.findall(r"^LOAD (\S+\.obj)$", (folder / "app.map").read_text(), re.M)
    return [folder / path for path in loaded if linked.owner(path) == part]


def slug(part):
    return re.sub(r"[ ,]+", "-", part).lower()


def firmware(target, figures, folder):
    app = linked.sizes((folder / "app.map").read_text())
    stage0 = linked.sizes((folder / "stage0.map").read_text())
    nothing = [0, 0, 0]
    title = f"{target.board}, {target.name}, -Os"
    print(f"{title:<40}{'files':>9}{'app':>10}{'RAM':>8}{'stage 0':>10}{'RAM':>8}")
    sums = {"files": 0, "app": 0, "stage0": 0}
    for part in (*linked.PARTS, "other", "alignment", "stack"):
        objects = files_of(folder, part) if part in linked.PARTS else []
        row = {"files": target.size(objects)[0] if objects else 0}
        for where, parts in (("app", app), ("stage0", stage0)):
            code, data, zeroed = parts.get(part, nothing)
            row[where], row[f"{where}-ram"] = code + data, data + zeroed
        if not any(row.values()):
            continue
        if part in linked.PARTS:
            for where in ("files", "app", "stage0"):
                if row[where] and (where != "files" or "core" in part):
                    figures.add(f"{target.name} {where} {slug(part)}", row[where])
        if "core" in part:
            sums = {where: sums[where] + row[where] for where in sums}
        print(f"  {part:<38}{row['files'] or '-':>9}{row['app']:>10}{row['app-ram']:>8}"
              f"{row['stage0']:>10}{row['stage0-ram']:>8}")
    for where, parts in (("app", app), ("stage0", stage0)):
        code, data, zeroed = (sum(column) for column in zip(*parts.values()))
        figures.add(f"{target.name} {where} flash", code + data)
        figures.add(f"{target.name} {where} ram", data + zeroed)
    return sums


def core_ram(target, figures, folder):
    """Symbols of the application that are the core's memory, and the other large ones."""
    symbols = {}
    for line in target.tool("nm", "-S", folder / "app.elf").splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "bBdD":
            symbols[words[3]] = max(int(words[1], 16), symbols.get(words[3], 0))
    missing = [name for name in CORE_RAM if name not in symbols]
    if missing:
        sys.exit(f"not in app.elf: {' '.join(missing)}")
    total = sum(symbols[name] for name in CORE_RAM)
    figures.add(f"{target.name} app core-ram", total)
    figures.add(f"{target.name} app struct-bulla_client", symbols["client"])
    others = sorted(((size, name) for name, size in symbols.items()
                     if size >= 1024 and name not in CORE_RAM), reverse=True)
    print("  RAM of the cores: " + ", ".join(f"{name} {symbols[name]:,}" for name in CORE_RAM))
    print("  other large variables: " + ", ".join(f"{name} {size:,}" for size, name in others))
    return total, symbols["client"]


def wholes(target, figures, sums, ram):
    """Sums, beside the goals where there are any: they were set for the Cortex-M3."""
    value = figures.values

    def say(what, size, goal):
        print(f"  {what}: {size:,}" + (f"; {beside(size, goal)}" if target.goals else ""))

    for where, text in (("files", "as compiled"), ("app", "linked in the application"),
                        ("stage0", "linked in stage 0")):
        say(f"verifier and client core, {text}", sums[where], CORE_GOAL)
    say(f"their RAM, of which struct bulla_client {ram[1]:,}", ram[0], CORE_RAM_GOAL)
    for kind, goal in APP_GOALS.items():
        say(f"whole application, {kind}", value[f"{target.name} app {kind}"], goal)
    print(f"  stage 0: {value[f'{target.name} stage0 flash']:,}; {PUBLISHED}\n")


def main():
    figures = Figures({"portable", "files", "app", "stage0"})
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        for target in TARGETS:
            fine = portable(target, figures, Path(folder)) and fine
    for target in TARGETS:
        folder = Path(sys.argv[1]) / target.board
        sums = firmware(target, figures, folder)
        wholes(target, figures, sums, core_ram(target, figures, folder))
    return figures.verdict() or not fine


if __name__ == "__main__":
    sys.exit(main())
