# SPDX-License-Identifier: Apache-2.0
"""One update's whole life, recorded operation by operation: v1 fetches and selects v2 and restarts
(download), v2 has its trial and confirms (trial). Played again here the operations give the flash
that the board has, so what each cut leaves is known before it is made."""

from collections import Counter

from judge import demand
from traces import RECORD, SECTOR, erases, operations


class Phase:
    """What one power-on did to the flash, from a file to a file."""

    def __init__(self, name, before, after, trace):
        self.name, self.before, self.after = name, before, after
        self.operations = operations(trace)

    def flash_at(self, number, size):
        """The first `size` bytes as they are before operation `number`, from 1."""
        flash = bytearray(self.before.read_bytes()[:size])
        for operation in self.operations[:number - 1]:
            operation.apply(flash)
        return flash


def run(device, port, flash, **how):
    with device.power(flash, port, [device.url(device.releases["v2"])], traces=RECORD, **how) as power:
        code = power.end()
    demand(code == 0, f"the life ended with {code}\n{power.text()}")
    return power


def record(device, nginx):
    """The two phases; a life without a power cut between them has the same operations."""
    end = device.kit.layout.end
    middle = device.flash("life")
    download = run(device, nginx.port, middle, once=True)
    last = device.flash("life", of=middle)
    trial = run(device, nginx.port, last)
    phases = [Phase("download", device.factory, middle, download.traced),
              Phase("trial", middle, last, trial.traced)]
    for phase in phases:
        demand(phase.flash_at(len(phase.operations) + 1, end) == phase.after.read_bytes()[:end],
               f"{phase.name}: the recorded operations give another flash than the board has")
        demand(phase.after.read_bytes()[end:].count(0xFF) == device.board.flash_size - end,
               f"{phase.name}: written behind the partitions")
    whole = device.flash("life")
    power = run(device, nginx.port, whole)
    demand(operations(power.traced) == phases[0].operations + phases[1].operations,
           "in one go the life has other operations")
    device.judge.confirmed(whole, 2)
    return phases, power


def wear(device, power):
    """Of a whole life: erases of each partition's sectors, (sectors, erases, most of one sector)."""
    layout, table = device.kit.layout, {}
    for sector, times in erases(power.traced).items():
        row = table.setdefault(layout.place(sector * SECTOR), Counter())
        row["sectors"] += 1
        row["erases"] += times
        row["most"] = max(row["most"], times)
    return table
