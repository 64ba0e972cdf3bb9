# SPDX-License-Identifier: Apache-2.0
"""Figures held against tests/size/limits: a line each, words that name the figure and a number that
it must not exceed. A figure without a limit, and a limit without a figure, are mistakes as well."""

from pathlib import Path

LIMITS = Path(__file__).with_name("limits")


def limits():
    rows = (line.rsplit(maxsplit=1) for line in LIMITS.read_text().splitlines()
            if line and not line.startswith("#"))
    return {name: float(number) for name, number in rows}


class Figures:
    def __init__(self, kinds):
        """kinds: second words of the names that are measured in this run."""
        self.limits = {name: limit for name, limit in limits().items() if name.split()[1] in kinds}
        self.values = {}

    def add(self, name, value):
        self.values[name] = value
        return value

    def verdict(self):
        """Says what is exceeded, and returns the exit status."""
        bad = []
        for name, value in self.values.items():
            if name not in self.limits:
                bad.append(f"no limit for: {name} {value}")
            elif value > self.limits[name]:
                bad.append(f"{name}: {value}, the limit is {self.limits[name]}")
        bad += [f"not measured: {name}" for name in self.limits if name not in self.values]
        print("\n".join(bad) if bad else f"{len(self.values)} figures within their limits")
        return 1 if bad else 0


def beside(value, goal):
    """How far a figure is from its goal."""
    if value <= goal:
        return f"goal {goal:,}: met, {goal - value:,} to spare"
    return f"goal {goal:,}: missed by {value - goal:,}"
