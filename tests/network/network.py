# SPDX-License-Identifier: Apache-2.0
"""All network tests, one table each: network.py BIN [--long] [--only PART] [--seed N]."""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time

import hostile
import kill
from place import LARGE, SECTOR, Place, noise

SMALL = 4796  # a whole sector and a part of one
CUTS_TITLE = (f"{'fault':<30} {'positions':>9}  {'transport':<8} {'survived':>9} {'failed':>9} "
              f"{'hangs':>6} {'wrong':>6}")


class Tests:
    def __init__(self, place, transports, arguments):
        self.place, self.transports, self.arguments = place, transports, arguments
        place.publish("small", noise("small release", SMALL), 2)
        self.small = place.provision("small", noise("small app", 4300), small=True)
        self.old = noise("large app", LARGE)
        self.large = place.provision("large", self.old, small=False)
        place.publish("large", noise("large release", LARGE), 2)

    def driver(self, mode, flash, name, transport, *more, port=None):
        copy = flash.with_suffix("." + transport)  # a flash file belongs to one process at a time
        shutil.copy(flash, copy)
        return subprocess.Popen(
            [self.place.driver, mode, "--flash", str(copy), "--url", self.place.url(name, port),
             "--image", str(self.place.www / f"{name}.bin"), "--transport", transport,
             *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def all_of(self, mode, flash, name, *more, transports=None, port=None):
        """The driver over each transport, at the same time; output in order, failures."""
        running = [self.driver(mode, flash, name, transport, *more, port=port)
                   for transport in transports or self.transports]
        outputs = [process.communicate()[0] for process in running]
        print("".join(outputs), end="")
        return sum(process.returncode != 0 for process in running)

    def cuts(self):
        """One fault at a time, at byte positions of a small update's TLS stream."""
        long = self.arguments.long
        step, slow, storms = (1, 60, 2000) if long else (7, 8, 60)
        print(f"small update, at every {'' if step == 1 else f'{step}th '}byte position; survived: "
              "by the same call; failed: told why, old image boots, next update completes\n"
              f"{CUTS_TITLE}", flush=True)
        more = ("--seed", self.arguments.seed, "--slow")
        wrong = self.all_of("cuts", self.small, "small", *more, slow, "--step", step, "--storms",
                            storms)
        print(f"the image inside the envelope\n{CUTS_TITLE}", flush=True)
        self.place.publish("bundle", noise("bundle", SMALL), 2, bundle=True)
        wrong += self.all_of("cuts", self.small, "bundle", *more, 2, "--step", 5 if long else 97,
                             "--storms", storms)
        print("70 sectors, 2 KiB of memory for their list: it comes in groups; a chip with blocks "
              f"and program units of 16 bytes\n{CUTS_TITLE}", flush=True)
        self.place.publish("groups", noise("groups", 70 * SECTOR - 100), 2)
        return wrong + self.all_of("cuts", self.large, "groups", *more, 2, "--step",
                                   499 if long else 9973, "--storms", storms // 10, "--memory", 2048,
                                   "--blocks", "--unit", 16)

    def hostile(self):
        """Servers that misbehave on purpose."""
        return hostile.run(self.place, self.transports)

    def drops(self):
        """200 random drops during an update of 1.5 MiB."""
        wrong = 0
        first = self.arguments.seed
        for seed in range(first, first + (5 if self.arguments.long else 1)):
            more = ("--drops", 200, "--seed", seed)
            wrong += self.all_of("drops", self.large, "large", *more)
            print("server with TLS records of 16 KiB, device that asks for 4 KiB:", flush=True)
            wrong += self.all_of("drops", self.large, "large", *more, "--fragment", 4096,
                                 transports=["mbedtls"], port=self.place.port_16k)
            print("server with TLS records of 16 KiB, of which most are lost:", flush=True)
            wrong += self.all_of("drops", self.large, "large", *more, "--per-drop", 16384,
                                 port=self.place.port_16k)
        return wrong

    def plain(self, name, flash, transport):
        process = self.driver("update", flash, name, transport)
        text = process.communicate()[0].strip()
        result = dict(pair.split("=", 1) for pair in text.partition(" wrong=")[0].split())
        if process.returncode != 0 or result.get("boots") != "new":
            raise RuntimeError(text)
        return result

    def delta(self):
        """A release that differs from the running one in 10 % of its sectors."""
        sectors = LARGE // SECTOR
        changed = random.Random(self.arguments.seed).sample(range(sectors), sectors // 10)
        image = bytearray(self.old)
        for sector in changed:
            image[sector * SECTOR:(sector + 1) * SECTOR] = noise(f"changed {sector}", SECTOR)
        self.place.publish("delta", bytes(image), 2)
        wrong = 0
        print(f"{len(changed)} of {sectors} sectors differ, seed {self.arguments.seed}\n"
              f"{'update':<18} {'transport':<9} {'received':>9} {'sent':>7} {'of image':>9} "
              f"{'requests':>8} {'connections':>11}")
        for transport in self.transports:
            for name in ("large", "delta"):
                result = self.plain(name, self.large, transport)
                wire = int(result["down"]) + int(result["up"])
                share = wire / LARGE
                print(f"{'full' if name == 'large' else '10 % changed':<18} {transport:<9} "
                      f"{result['down']:>9} {result['up']:>7} {share:>8.1%} "
                      f"{result['requests']:>8} {result['connections']:>11}")
                if result["connections"] != "1" or (name == "delta" and share > 0.15):
                    print("  more than one connection, or more than 15 % of the image")
                    wrong += 1
        return wrong

    def kill(self):
        """bulla-device update, killed with SIGKILL at random moments."""
        return kill.run(self.place, self.transports, 500 if self.arguments.long else 60,
                        self.arguments.seed)


def transports_of(place):
    """Those that were built."""
    told = subprocess.run([place.driver, "transports"], stdout=subprocess.PIPE, text=True)
    return told.stdout.split()


def main():
    parts = ("cuts", "hostile", "drops", "delta", "kill")
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wrong = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bulla-network-") as folder:
        place = Place(folder, arguments.binaries)
        try:
            place.start()
            tests = Tests(place, transports_of(place), arguments)
            for part in parts if not arguments.only else (arguments.only,):
                method = getattr(tests, part)
                start = time.monotonic()
                print(f"== {part}: {method.__doc__}", flush=True)
                failures = method()
                print(f"== {part}: {'passed' if not failures else f'{failures} FAILED'}, "
                      f"{time.monotonic() - start:.1f} s\n", flush=True)
                wrong += failures
        finally:
            place.stop()
    print(f"network tests over {', '.join(tests.transports)}: "
          f"{'passed' if not wrong else f'{wrong} FAILED'}, {time.monotonic() - began:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
