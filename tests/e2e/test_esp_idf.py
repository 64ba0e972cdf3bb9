# SPDX-License-Identifier: Apache-2.0
"""client_fw/port/esp-idf without ESP-IDF: the component compiles for microcontrollers against
declarations of what it calls (tests/port/esp_idf_headers) and the real headers of Mbed TLS 3.6 and
lwIP, and its example runs here, with functions of tests/port/esp_idf_host behind them and a model of
the stock bootloader in front, against an HTTPS server."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import bed
import firmware

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BULLA_BIN", ".")).resolve()
PORT = ROOT / "client_fw/port/esp-idf"
STATE, STATE_SIZE = 0x3F0000, 0x10000
SLOTS = {"ota_0": 0x10000, "ota_1": 0x190000}
POWER_ON, RESTART, PANIC, TASK_WATCHDOG, BROWN_OUT, CPU_LOCK_UP = 1, 3, 4, 6, 9, 15
CRASHES_MAX = 5
MACHINES = {
    "arm-none-eabi": ["-mcpu=cortex-m3", "-mthumb"],
    "riscv64-unknown-elf": ["-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"],
    "xtensa-lx106-elf": ["-mlongcalls", "-isystem", "/usr/lib/xtensa-lx106-elf/include"],
}
FLAGS = "-std=gnu17 -Os -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow -Werror".split()  # -Wconversion: the host build
# what ESP-IDF, its libc, lwIP, Mbed TLS and libsodium have
FOREIGN = re.compile(r"""mem(cpy|set|cmp|move)|str(len|cmp|ncmp|chr)|snprintf|_*errno|__aeabi_\w+|(mbedtls|esp|lwip|crypto_sign)_\w+|
    vTaskDelay|close|connect|fcntl|freeaddrinfo|getaddrinfo|getsockopt|recv|select|send|setsockopt|socket""".replace("\n    ", ""))  # fmt: skip


def own_tree(variable, name, file):
    """A library's own source tree: named by the user, or fetched by scripts/sources into build."""
    for tree in (os.environ.get(variable), *sorted(ROOT.glob(f"build/*/sources/{name}")),
                 *sorted(ROOT.glob(f"build/*/*/sources/{name}"))):  # fmt: skip
        if tree and (Path(tree) / file).exists():
            return Path(tree)
    return None


class Component(unittest.TestCase):
    """What ESP-IDF's build would read."""

    def sources(self, *options):
        """What the component registers with these options set."""
        script = f"""
            foreach(option {" ".join(options)})
              set(${{option}} 1)
            endforeach()
            macro(idf_component_register)
              cmake_parse_arguments(c "" "" "SRCS;INCLUDE_DIRS;REQUIRES;PRIV_REQUIRES" ${{ARGN}})
              foreach(source ${{c_SRCS}})
                message(STATUS "source ${{source}}")
              endforeach()
              foreach(folder ${{c_INCLUDE_DIRS}})
                message(STATUS "include ${{folder}}")
              endforeach()
              return()  # as in the pass in which ESP-IDF asks for requirements
            endmacro()
            include({PORT}/CMakeLists.txt)
            """
        with tempfile.NamedTemporaryFile("w", suffix=".cmake") as file:
            file.write(script)
            file.flush()
            done = subprocess.run(["cmake", "-P", file.name], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = re.findall(r"^-- (source|include) (.+)$", done.stdout, re.M)
        return ([PORT / path for kind, path in found if kind == "source"],
                [PORT / path for kind, path in found if kind == "include"])  # fmt: skip

    def test_options_choose_files_that_exist(self):
        for options in ((), ("CONFIG_BULLA_MODULES",), ("CONFIG_BULLA_FLOOR_IN_EFUSE",), ("CONFIG_BULLA_SELF_PROVISION",)):
            with self.subTest(options):
                sources, includes = self.sources(*options)
                names = [source.name for source in sources]
                self.assertEqual(len(sources), len(set(sources)))
                for path in sources + includes:
                    self.assertTrue(path.exists(), path)
                for option, chosen, other in (("CONFIG_BULLA_MODULES", "modules.c", "modules_none.c"),
                                              ("CONFIG_BULLA_SELF_PROVISION", "provision_esp.c", "provision_none.c"),
                                              ("CONFIG_BULLA_FLOOR_IN_EFUSE", "floor_efuse.c", "floor_none.c")):  # fmt: skip
                    self.assertEqual((chosen in names, other in names), (option in options, option not in options))

    def test_options_used_are_those_of_the_menu(self):
        declared = set(re.findall(r"^    config (BULLA_\w+)$", (PORT / "Kconfig").read_text(), re.M))
        files = [*PORT.rglob("*.c"), *PORT.rglob("*.h"), PORT / "CMakeLists.txt"]
        used = set(re.findall(r"CONFIG_(BULLA_\w+)", "".join(path.read_text() for path in files)))
        self.assertEqual(used, declared)
        defaults = (PORT / "examples/update/sdkconfig.defaults").read_text()
        self.assertLessEqual(set(re.findall(r"^CONFIG_(BULLA_\w+)=", defaults, re.M)), declared)
        for name in re.findall(r"`CONFIG_(BULLA_\w+)", (PORT / "README.md").read_text()):
            self.assertIn(name, declared)

    def headers(self, folder):
        """Include options for Mbed TLS and lwIP; lwIP's only where there is a tree of it."""
        tls = own_tree("BULLA_MBEDTLS36_DIR", "mbedtls-3.6", "include/mbedtls/ssl.h")
        if tls is None:  # 2.28, as this machine has it
            for name in ("mbedtls", "psa"):
                (folder / name).symlink_to(f"/usr/include/{name}")
        lwip = own_tree("BULLA_LWIP_DIR", "lwip", "src/include/lwip/sockets.h")
        found = [f"-I{ROOT / 'tests/port/esp_idf_headers'}", f"-I{tls / 'include' if tls else folder}"]
        if tls is None:  # a device's settings: the machine's own have threads
            found += [f"-I{ROOT / 'client_fw/port/mcu/mbedtls'}", '-DMBEDTLS_CONFIG_FILE="config_2_28.h"']
        return found + ([f"-I{lwip / 'src/include'}"] if lwip else []), lwip is not None

    def compile(self, machine, sources, includes, folder):
        def one(source):
            out = folder / f"{machine}-{source.stem}-{source.parent.name}.o"
            done = subprocess.run([f"{machine}-gcc", *MACHINES[machine], *FLAGS, *includes, "-c", source, "-o", out],
                                  capture_output=True, text=True)  # fmt: skip
            return out, done.stderr if done.returncode else ""

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            done = list(pool.map(one, sources))
        self.assertEqual("".join(error for _, error in done), "")
        return [out for out, _ in done]

    def test_port_and_example_compile_for_microcontrollers(self):
        machines = [machine for machine in MACHINES if shutil.which(f"{machine}-gcc")]
        if not machines:
            self.skipTest("no cross compiler here")
        with tempfile.TemporaryDirectory() as name:
            headers, has_lwip = self.headers(Path(name))
            _, includes = self.sources()
            sources = [*PORT.glob("*.c"), PORT / "examples/update/main/main.c"]
            sources = [source for source in sources if has_lwip or source.name != "stream_esp.c"]
            for machine in machines:
                with self.subTest(machine):
                    self.compile(machine, sources, headers + [f"-I{path}" for path in includes], Path(name))

    @unittest.skipUnless(shutil.which("arm-none-eabi-gcc"), "no arm-none-eabi-gcc here")
    def test_component_is_whole(self):
        with tempfile.TemporaryDirectory() as name:
            headers, has_lwip = self.headers(Path(name))
            sources, includes = self.sources("CONFIG_BULLA_FLOOR_IN_EFUSE", "CONFIG_BULLA_SELF_PROVISION")
            if not has_lwip or not Path("/usr/include/sodium").exists():
                self.skipTest("no tree of lwIP (BULLA_LWIP_DIR), or no libsodium")
            for own in ("sodium", "sodium.h"):
                (Path(name) / own).symlink_to(f"/usr/include/{own}")
            objects = self.compile("arm-none-eabi", [*sources, PORT / "examples/update/main/main.c"],
                                   [*headers, f"-I{name}", *(f"-I{path}" for path in includes)], Path(name))  # fmt: skip
            whole = Path(name) / "whole.elf"
            subprocess.run(["arm-none-eabi-ld", "-r", *objects, "-o", whole], check=True)
            told = subprocess.run(["arm-none-eabi-nm", "-u", whole], check=True, capture_output=True, text=True).stdout
        missing = {line.split()[-1] for line in told.splitlines()}
        unknown = {symbol for symbol in missing if not FOREIGN.fullmatch(symbol)}
        # the example's and the test's own stand-ins
        self.assertEqual(unknown, {"_binary_trust_cbor_start", "_binary_trust_cbor_end", "example_connect",
                                   "nvs_flash_init", "test_esp_error_check", "test_esp_log"})  # fmt: skip


@unittest.skipUnless((BIN / "bulla-esp-device").exists(), "bulla-esp-device is not built")
class Device(unittest.TestCase):
    """One start is one run of a program; the flash, the fuses and the memory that a reset keeps are files."""

    @classmethod
    def setUpClass(cls):
        cls.common = Path(tempfile.mkdtemp(prefix="bulla-esp-"))
        cls.addClassCleanup(shutil.rmtree, cls.common)
        cls.server = bed.Server(cls.common)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=self.common))
        self.server.serve(self.folder)
        self.tool("bulla-key", "generate", "release")
        pin = self.tool("bulla-key", "pin", self.server.certificate).strip()
        self.tool("bulla-key", "trust", "--key", "release.pub", "--pin", pin, "-o", "trust.cbor")
        for name, version, secure in (("1.bin", "1.0.0", 0), ("2.bin", "2.0.0", 0), ("3.bin", "3.0.0", 1), ("4.bin", "4.0.0", 20)):
            (self.folder / name).write_bytes(firmware.app(90000, version, "lamp", secure))
        self.tool("bulla-device", "provision", "flash.bin", "--layout", PORT / "examples/update/partitions.csv",
                  "--flash-size", "4M", "--app", "1.bin", "--trust", "trust.cbor", "--vendor", "example.com",
                  "--class", "board")  # fmt: skip
        # as idf.py flash leaves it: no device state
        flash = bytearray((self.folder / "flash.bin").read_bytes())
        flash[STATE : STATE + STATE_SIZE] = b"\xff" * STATE_SIZE
        (self.folder / "flash.bin").write_bytes(flash)
        self.url = f"https://localhost:{self.server.port}/app.suit"

    def tool(self, name, *arguments, code=0):
        done = subprocess.run([BIN / name, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def publish(self, image, sequence, *more):
        self.tool("bulla-sign", "sign", image, "--key", "release.pem", "--vendor", "example.com", "--class",
                  "board", "--sequence", sequence, "--version", f"{sequence}.0.0", "-o", "app.suit", *more)  # fmt: skip

    def start(self, reason=RESTART, until="", **environment):
        """The slot that the bootloader started, what the app said, how it ended. It dies once it has told
        of `until`."""
        done = subprocess.run(
            [BIN / "bulla-esp-device", "flash.bin", "kept", "trust.cbor", self.url, str(reason), until],
            cwd=self.folder, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = done.stdout.splitlines()
        self.lines = lines
        self.waited = int(re.search(r"^waited (\d+)$", done.stderr, re.M)[1])  # ms, of the device's time
        if len(lines) == 1:  # does not start
            return "", {}, lines[0]
        said = dict(re.fullmatch(r"(\w+): ([\w-]+), .*", line).groups() for line in lines[1:-1])
        return lines[0].removeprefix("starts "), said, lines[-1]

    def fuses(self):
        return int.from_bytes((self.folder / "kept").read_bytes()[:4], "little")

    def slot(self, name):
        flash = (self.folder / "flash.bin").read_bytes()
        return flash[SLOTS[name] : SLOTS[name] + 0x180000]

    def confirmed(self, image, sequence):
        self.publish(image, sequence)
        self.assertEqual(self.start()[2], "restarts")
        self.assertEqual(self.start()[2], "goes on")

    def test_board_from_idf_py_is_provisioned_updated_tried_and_confirmed(self):
        self.publish("2.bin", 2)
        slot, said, end = self.start(POWER_ON)
        self.assertEqual((slot, end), ("ota_0", "restarts"))
        self.assertEqual(said, {"provision": "ok", "open": "ok", "crashes": "ok", "keep": "ok", "update": "ok"})
        image = (self.folder / "2.bin").read_bytes()
        self.assertEqual(self.slot("ota_1")[: len(image)], image)
        slot, said, end = self.start()
        self.assertEqual((slot, end), ("ota_1", "goes on"))
        self.assertEqual(said["update"], "ok")  # nothing newer
        self.assertEqual(self.start()[::2], ("ota_1", "goes on"))
        told = self.tool("bulla-verify", "flash", "flash.bin", "--trust", "release.pub")
        self.assertIn("ota_1 boots next", told)
        self.assertIn("a stock ESP-IDF bootloader would select ota_1", told)
        self.assertRegex(told, r"confirmed +sequence 2")

    def test_trial_that_cannot_reach_the_server_falls_back(self):
        self.publish("2.bin", 2)
        self.start()
        (self.folder / "app.suit").unlink()
        slot, said, end = self.start()
        self.assertEqual((slot, said["keep"], end), ("ota_1", "http-status", "restarts"))
        self.assertEqual(self.start()[0], "ota_0")

    def test_trial_that_crashes_falls_back(self):
        self.publish("2.bin", 2)
        self.start()
        self.assertEqual(self.start(until="open")[::2], ("ota_1", "dies"))
        self.assertEqual(self.start(PANIC, "open")[0], "ota_0")

    def test_crash_loop_of_a_confirmed_release_goes_back(self):
        self.start(POWER_ON)
        self.confirmed("2.bin", 2)
        for number in range(CRASHES_MAX - 1):
            for reason in (TASK_WATCHDOG if number % 2 else CPU_LOCK_UP, BROWN_OUT, RESTART):
                self.assertEqual(self.start(reason, "keep")[::2], ("ota_1", "dies"))
        self.assertEqual(self.start(PANIC)[::2], ("ota_1", "restarts"))
        self.assertEqual(self.start(until="keep")[0], "ota_0")
        for _ in range(2 * CRASHES_MAX):  # and there it stays: each is left once
            self.assertEqual(self.start(PANIC, "keep")[::2], ("ota_0", "dies"))

    def test_crashes_are_forgotten_when_the_app_was_alive_or_the_power_off(self):
        self.start(POWER_ON)
        self.confirmed("2.bin", 2)
        for _ in range(CRASHES_MAX - 1):
            self.start(PANIC, "keep")
        self.assertEqual(self.start(RESTART)[::2], ("ota_1", "goes on"))  # for ten minutes
        for _ in range(CRASHES_MAX - 1):
            self.assertEqual(self.start(PANIC, "keep")[::2], ("ota_1", "dies"))
        (self.folder / "kept").unlink()
        for _ in range(CRASHES_MAX - 1):
            self.assertEqual(self.start(PANIC, "keep")[::2], ("ota_1", "dies"))
        self.assertEqual(self.start(PANIC)[2], "restarts")

    def test_security_floor_is_burned_after_the_confirmation_and_not_before(self):
        self.start(POWER_ON)
        self.publish("3.bin", 3)
        self.assertEqual(self.start()[2], "restarts")
        self.assertEqual(self.fuses(), 0)
        self.start(until="crashes")
        self.assertEqual(self.fuses(), 0)
        self.assertEqual(self.start()[0::2], ("ota_0", "restarts"))  # fell back, and fetched it again
        self.assertEqual(self.start()[0::2], ("ota_1", "goes on"))
        self.assertEqual(self.fuses(), 1)

    def change(self, at, new):
        flash = bytearray((self.folder / "flash.bin").read_bytes())
        flash[at : at + len(new)] = new
        (self.folder / "flash.bin").write_bytes(flash)

    def unburn(self):
        """As if the power had gone before they were burned."""
        kept = (self.folder / "kept").read_bytes()
        (self.folder / "kept").write_bytes(bytes(4) + kept[4:])

    def test_fuses_refuse_what_an_old_state_would_take(self):
        self.start(POWER_ON)
        old = (self.folder / "flash.bin").read_bytes()[STATE : STATE + STATE_SIZE]
        self.confirmed("3.bin", 3)
        self.change(STATE, old)
        self.publish("2.bin", 2)
        self.assertEqual(self.start()[1]["update"], "secure-version-too-old")

    def test_fuses_never_rise_above_the_app_that_runs(self):
        """Of a release that was confirmed the floor stays in the state, its app does not start any more."""
        self.start(POWER_ON)
        self.confirmed("3.bin", 3)
        self.unburn()
        self.change(SLOTS["ota_1"] + 32, bytes(4))  # so that the bootloader does not take it, nor burn
        slot, said, _ = self.start(until="keep")
        self.assertEqual((slot, said["keep"], self.fuses()), ("ota_0", "ok", 0))
        self.assertEqual(self.start()[0], "ota_0")

    def test_bootloader_burns_for_a_valid_record_and_refuses_the_older_slot(self):
        """ESP-IDF's own rule, told in the README: no call of ours is needed for it, and none prevents it."""
        self.start(POWER_ON)
        self.confirmed("3.bin", 3)
        self.unburn()
        self.change(SLOTS["ota_1"] + 5000, b"damaged")
        self.assertEqual(self.start()[2], "does not start")
        self.assertEqual(self.fuses(), 1)

    def test_floor_beyond_the_fuses_is_told_once_and_does_not_hold_up_updates(self):
        self.start(POWER_ON)
        self.confirmed("4.bin", 4)
        for _ in range(2):
            _, said, end = self.start()
            self.assertEqual((said["keep"], said["update"], end), ("usage", "ok", "goes on"))
            self.assertEqual(sum(line.startswith("keep: ") for line in self.lines), 1)
        self.assertEqual(self.fuses(), 0)

    def test_crash_loops_after_confirmations_count_as_failed_trials(self):
        self.start(POWER_ON)
        self.confirmed("2.bin", 2)
        for number in range(3):
            for _ in range(CRASHES_MAX):
                self.start(PANIC, "keep")
            slot, said, end = self.start()
            self.assertEqual(slot, "ota_0")
            if number < 2:
                self.assertEqual((said["update"], end), ("ok", "restarts"))
                self.assertEqual(self.start()[::2], ("ota_1", "goes on"))
        self.assertEqual((said["update"], end), ("trial-failed-before", "goes on"))

    def test_trial_that_cannot_open_its_state_falls_back(self):
        self.start(POWER_ON)
        self.publish("2.bin", 2)
        self.assertEqual(self.start()[2], "restarts")
        for half in (0, STATE_SIZE // 2):
            self.change(STATE + half, bytes(4))
        slot, said, end = self.start()
        self.assertEqual((slot, said["open"], end), ("ota_1", "state-damaged", "restarts"))
        self.assertLess(self.waited, 60_000)
        self.assertEqual(self.start()[0], "ota_0")

    def test_trial_that_gets_no_address_falls_back(self):
        self.publish("2.bin", 2)
        self.assertEqual(self.start()[2], "restarts")
        slot, _, end = self.start(BULLA_TEST_NETWORK="mute")
        self.assertEqual((slot, end), ("ota_1", "restarts"))
        self.assertLess(self.waited, 30 * 60_000)
        self.assertEqual(self.start(BULLA_TEST_NETWORK="mute")[::2], ("ota_0", "waits"))

    def test_devices_do_not_ask_all_at_once(self):
        self.start(POWER_ON)
        self.confirmed("2.bin", 2)
        waits = set()
        for _ in range(3):
            self.assertEqual(self.start()[2], "goes on")
            self.assertEqual(sum(line.startswith("update: ") for line in self.lines), 2)
            self.assertGreater(self.waited, 6 * 3600_000)
            waits.add(self.waited // 1000)
        self.assertEqual(len(waits), 3)

    def test_wrong_pin_and_changed_image_are_refused_without_a_byte_written(self):
        self.start(POWER_ON)
        before = self.slot("ota_1")
        self.publish("2.bin", 2)
        image = bytearray((self.folder / "2.bin").read_bytes())
        image[50] ^= 1
        (self.folder / "2.bin").write_bytes(image)
        self.assertEqual(self.start()[1]["update"], "sector-digest")
        other = bed.Server(self.folder)  # another key
        self.addCleanup(other.close)
        other.serve(self.folder)
        self.url = f"https://localhost:{other.port}/app.suit"
        self.assertEqual(self.start()[1]["update"], "tls-pin")
        self.assertEqual(self.slot("ota_1"), before)


if __name__ == "__main__":
    unittest.main()
