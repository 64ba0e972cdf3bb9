# SPDX-License-Identifier: Apache-2.0
"""What docs/MIGRATING.md and docs/SESSIONS.md promise: every row of the tables has a command, every
command does and prints what the page says, and no call of the systems that people come from is left
out. BULLA_BIN names the directory of the programs; how a page is read: support/pages.py."""

import os
import re
import shutil
import tempfile
import time
import unittest
from pathlib import Path

import bed
import pages

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BULLA_BIN", ".")).resolve()
BEGINNING = "What every "

# calls, arguments, messages of those systems: each one is in a row
THERE = """
    --force2p --force3p --appsize --fssize BUILD.sh
    ota.start port= file= restart=True md5=True forceFactory=True certificate= ota.fromfile
    ota.set_bootpart machine.reset() Running|from|partition|at|370000
    Starting|OTA|update Received|remote|MD5 Update|image|size Writing|to Image|written
    MD5|Checksum|check|PASSED MD5|Checksum|check|FAILED On|next|reboot
    ota.update.from_file from_firmware_file from_json sha= length= verify=True verbose=False reboot=True
    **request_args OTA() from_stream write(data) close() length=
    Writing|new|micropython|image Device|capacity Opening|firmware|file BLOCK|n Verifying|SHA SHA256=
    updated|successfully will|boot|from Remember|to|call Rebooting|in|10|seconds
    Received|n|(expect|m) SHA|mismatch SHA|verify|failed -5379 -261
    ota.status.status() ota.status.ready() ota.status.boot_ota() ota.status.ota_partitions()
    partition_table() ota.rollback.cancel() ota.rollback.force() ota.rollback.cancel_force()
    hard|reset soft|reset .app-bin watchdog mip|install mp-image-tool-esp32
    esp_ota_begin esp_ota_write esp_ota_write_with_offset esp_ota_end esp_ota_abort esp_ota_resume
    esp_ota_set_boot_partition esp_ota_set_boot_partition_skip_validate esp_ota_get_boot_partition
    esp_ota_get_running_partition esp_ota_get_next_update_partition esp_ota_get_state_partition
    esp_ota_mark_app_valid_cancel_rollback esp_ota_mark_app_invalid_rollback_and_reboot
    esp_ota_get_last_invalid_partition esp_ota_erase_last_boot_app_partition
    esp_ota_invalidate_inactive_ota_data_slot esp_ota_check_rollback_is_possible
    esp_ota_get_app_partition_count esp_ota_set_final_partition esp_ota_check_image_validity
    esp_ota_revoke_secure_boot_public_key otatool.py gen_esp32part.py secure_version esp_https_ota
    cert_pem bulk_flash_erase partial_http_download max_http_request_size ota_resumption
    ota_image_bytes_written decrypt_cb http_client_init_cb esp_delta_ota esp_encrypted_img redirects
    overlaps|bootloader|data PENDING|and|ABORTED
    fwupdate erase_all safe_check verbose add_frozen del_frozen ls_frozen reset_frozen
""".split()
COMPLAINTS = """
    17520 17960 14783 760 8258 13038 578 7640 4876 12243 5471 8011 12302 #1 #26 #306 4799 5950 14688
    1280 15552 17699 #244 6773 #646 #337 11854 18915 17315 #294 1918 6820 #374 6172 3970
""".split()


def read(name):
    return (ROOT / "docs" / name).read_text()


class Words(unittest.TestCase):
    def test_every_call_of_the_other_systems_has_a_row(self):
        rows = [row for _, text in pages.sections(read("MIGRATING.md"))
                for row in pages.read_section(text)[1]]  # fmt: skip
        named = "\n".join(pages.cells(row)[0] for row in rows)
        for word in THERE + COMPLAINTS:
            with self.subTest(word):
                self.assertTrue(word.replace("|", " ") in named, "no row names it")

    def test_functions_named_exist(self):
        headers = [*(ROOT / "client_fw/include").rglob("*.h"), *(ROOT / "verifier/include").rglob("*.h")]
        declared = "\n".join(path.read_text() for path in headers)
        named = set(re.findall(r"`(bulla_(?!ota)\w+)`", read("MIGRATING.md")))
        self.assertGreater(len(named), 5)
        for name in named:
            with self.subTest(name):
                self.assertRegex(declared, rf"\b{name}\(")


@unittest.skipUnless((BIN / "bulla-device").exists(), "bulla-device is not built")
class Page(unittest.TestCase):
    """A page whose sections are done one after the other, each in a directory of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="bulla-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.server = bed.Server(cls.folder)
        cls.addClassCleanup(cls.server.close)

    def do(self, name, sessions):
        """Every step of the page: how many rows its tables have, and how many commands it runs."""
        before, count, done = [], 0, 0
        for title, text in pages.sections(read(name)):
            steps, rows = pages.read_section(text)
            count += len(rows)
            done += len(steps)
            if title.startswith(BEGINNING):
                before = steps
            elif steps:
                self.do_section(title, before + steps, sessions)
        return count, done

    def do_section(self, title, steps, sessions):
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        bed.prepare(folder, self.server, sessions)
        python = {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
        runner = pages.Runner(folder, BIN, self.server.port, python)
        with bed.serial_line(folder):
            for step in steps:
                with self.subTest(section=title, step=repr(step)):
                    wrong = runner.judge(step)
                    if wrong:
                        self.fail(wrong)
        shutil.rmtree(folder)

    def test_every_row_has_a_command_that_does_what_it_says(self):
        rows, commands = self.do("MIGRATING.md", False)
        self.assertGreater(rows, 170)
        self.assertGreater(commands, 190)

    def test_every_session_prints_what_is_shown(self):
        _, commands = self.do("SESSIONS.md", True)
        self.assertGreater(commands, 35)


ROWS = "| there | with Bulla | what differs |\n|---|---|---|\n"


class Reading(unittest.TestCase):
    """A page that says something wrong is noticed: otherwise the tests above show nothing."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def wrong(self, text):
        """What is wrong with each step of this section."""
        runner = pages.Runner(self.folder, BIN)
        return [runner.judge(step) for step in pages.read_section(text)[0]]

    def row(self, cell):
        return self.wrong(f"{ROWS}| call | {cell} | |\n")

    def test_rows_that_are_true(self):
        for cell in ("`true`", "`echo a b` → `a b`", "`echo a` → `a`<br>`true`", "`echo 'a: b'` → `a: ...`",
                     "`echo refused: some-status: no >&2; exit 1` → refused: `some-status`",
                     "`printf '1\\n2\\n3\\n'` → `1`, `3`", "`echo a \\| tr a b` → `b`"):  # fmt: skip
            with self.subTest(cell):
                self.assertEqual(set(self.row(cell)), {None})
        for cell in ("not done: for a reason", '[FORMAT.md](FORMAT.md) "Images"'):
            self.assertEqual(self.row(cell), [])

    def test_rows_that_are_not_true(self):
        for cell, why in (
            ("", "no command"), ("later", "no command"), ("not done", "no command"),
            ("`true` does it", "no command"), ("`true` → good", "neither output nor verdict"),
            ('[FORMAT.md](FORMAT.md) "Nothing"', "no such section"),
            ("`false`", "exit 1, not 0"), ("`exit 2` → refused: `usage`", "exit 2, not 1"),
            ("`exit 1` → refused: `usage`", "usage is not named"),
            ("`echo refused: other: no; exit 1` → refused: `usage`", "usage is not named"),
            ("`echo b` → `a`", "'a' is shown and not printed"), ("`echo ab` → `a`", "'a' is shown"),
            ("`printf '2\\n1\\n'` → `1`, `2`", "'2' is shown and not printed"),
        ):  # fmt: skip
            with self.subTest(cell):
                found = self.row(cell)
                self.assertEqual(len(found), 1)
                self.assertIn(why, str(found[0]))
        self.assertIn("three cells", self.wrong(f"{ROWS}| call | `true` |\n")[0])

    def test_blocks_that_are_not_true(self):
        key, other = "0123456789abcdef", "fedcba9876543210"
        for text, why in (
            ("```sh\nfalse\ntrue\n```\n", "exit 1"),
            ("```sh\necho a\n```\n\n```text\nb\n```\n", "'b' is shown, 'a' printed"),
            ("```console\n$ echo a\n```\n", "'a' is printed and not shown"),
            ("```console\n$ echo a\na\nb\n```\n", "'b' is shown and not printed"),
            ("```console\n$ false\n```\n", "exit 1, not 0"),
            ("```console\n$ true\n[exit 1]\n```\n", "exit 0, not 1"),
            (f"```console\n$ echo {key} {other}\n{key} {key}\n```\n", "is shown"),
        ):
            with self.subTest(text):
                self.assertIn(why, str(self.wrong(text)[0]))
        self.assertEqual(self.wrong(f"```console\n$ echo {key} {other}; exit 3\n{other} {key}\n[exit 3]\n```\n"),
                         [None])  # fmt: skip
        with self.assertRaises(pages.Mistake):
            pages.read_section("```console\noutput\n```\n")

    def test_programs_left_behind_are_ended(self):
        runner = pages.Runner(self.folder, BIN)
        _, lines = runner.run("sleep 1000 & echo $!")
        status = Path(f"/proc/{lines[0]}/stat")
        until = time.monotonic() + 10
        while status.exists() and ") Z " not in status.read_text():
            self.assertLess(time.monotonic(), until, "it still runs")
            time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
