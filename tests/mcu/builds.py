# SPDX-License-Identifier: Apache-2.0
"""The firmware under test, built by client_fw/port/mcu's own CMake project: stage 0, and one
application for each version and behaviour. `cuts` is the build whose NOR can lose power."""

import os
from pathlib import Path
from shutil import copy

from kit import ROOT, must

TOOLCHAIN = {"sifive_u": "riscv32.cmake", "emcraft_sf2": "cortex-m3.cmake"}
SOURCES = ("BULLA_LWIP_DIR", "BULLA_MBEDTLS_DIR", "BULLA_SODIUM_DIR")
# name: version, behaviour, bytes in front of the code: each release moves all that follows
APPS = {
    "v1": ("1.0.0", "works", 0),
    "v2": ("2.0.0", "works", 40),
    "crashes": ("3.0.0", "crashes", 80),
    "hangs": ("3.0.1", "hangs", 120),
    "mute": ("3.0.2", "mute", 160),
}


class Builds:
    def __init__(self, folder, tree=ROOT):
        self.folder, self.tree = Path(folder), Path(tree)

    def get(self, board, cuts=False, apps=tuple(APPS), **defines):
        """A folder with stage0.elf and NAME.bin for each of apps."""
        name = "-".join([board.name, "cuts" if cuts else "whole",
                         *(f"{key}{value}".lower() for key, value in defines.items())])
        work, out = self.folder / name, self.folder / f"{name}-apps"
        out.mkdir(parents=True, exist_ok=True)
        for app in apps:
            version, behaviour, note = APPS[app]
            self.configure(work, board, cuts, BULLA_APP_VERSION=version,
                           BULLA_APP_BEHAVIOUR=behaviour, BULLA_APP_NOTE="n" * note, **defines)
            must("ninja", "-C", work)
            copy(work / "app.bin", out / f"{app}.bin")
            copy(work / "app.elf", out / f"{app}.elf")
            copy(work / "stage0.elf", out / "stage0.elf")
        return out

    def configure(self, work, board, cuts, **defines):
        port = self.tree / "client_fw/port/mcu"
        options = {
            "CMAKE_TOOLCHAIN_FILE": port / "cmake" / TOOLCHAIN[board.name],
            "BULLA_BOARD": board.name, "BULLA_NOR_CUTS": "ON" if cuts else "OFF",
            **{name: os.environ[name] for name in SOURCES}, **defines}  # fmt: skip
        must("cmake", "-S", port, "-B", work, "-G", "Ninja",
             *(f"-D{key}={value}" for key, value in options.items()))
