# SPDX-License-Identifier: Apache-2.0
"""The calls of two MicroPython OTA modules, done by bulla-device.

Scripts written for micropython-esp32-ota (ota.update, ota.status, ota.rollback) or for the ota
module of the LoBo firmware (ota.start, ota.fromfile, ota.set_bootpart) run with the import changed:

    import bulla_ota as ota         # instead of: import ota, import ota.update, ...
    from bulla_ota import machine   # instead of: import machine, for machine.reset()

With this file saved as ota.py not even that: `import ota.update` finds what is below (an older
MicroPython, such as 1.19, needs an `import ota` first). It runs on CPython and on MicroPython that
has os.system (the unix port), and needs nothing but a POSIX shell and bulla-device.

Which device: the file $BULLA_FLASH is its flash; the program is $BULLA_DEVICE, or bulla-device in
PATH. configure(flash=..., tool=...) says it from a script.

What is different, because devices take only what was sealed:

* A URL or file that names an image stands for the envelope beside it: micropython.suit for
  micropython.bin; envelope="..." names another one. A local bundle may have any name.
* A stream is a bundle (bulla-sign bundle). It is collected in a private file and goes to the
  device when close() is called; abort() drops it. For a stream, sha and length are those of the
  bytes written, everywhere else those of the image; checked beside the signature, never instead.
* Nothing happens before close() or the end of the `with` block: what the network or the device
  refuses is raised there, and after an exception in the block nothing was done at all.
* verify=False changes nothing: devices verify what they write, and read it back.
* request_args: headers={...}, auth=(user, password) and envelope; timeout is accepted and not
  used, bulla-device has limits of its own. Headers and password go to it in files that only their
  owner can read. http: is refused, servers speak https.
* start(certificate=...): the device's trust store says which servers it believes, nothing else.
* A reboot is `bulla-device boot`. The ten seconds before it are counted on a terminal only, unless
  configure(countdown=SECONDS) says otherwise.

Errors of ota.update, ota.status and ota.rollback are OSError or ValueError with the status and the
sentence of bulla-device; args[0] of an OSError is ESP-IDF's number where it has one (-5379 not a
valid image, -261 no OTA support). LoBo's calls log the sentence and return False.
"""

import hashlib
import json
import os
import sys
import time

ENOENT, EIO = 2, 5
OTA_UNSUPPORTED = -261  # what micropython-esp32-ota raises without OTA partitions
VALIDATE_FAILED = -5379  # ESP_ERR_OTA_VALIDATE_FAILED
ESP_ERRORS = {
    "no-slot": OTA_UNSUPPORTED,
    "secure-version-too-old": -5380,  # ESP_ERR_OTA_SMALL_SEC_VER
    "no-fallback": -5381,  # ESP_ERR_OTA_ROLLBACK_FAILED
    "trial-pending": -5382,  # ESP_ERR_OTA_ROLLBACK_INVALID_STATE
}
SECTOR = 4096
ENVELOPE_START = b"\xd8\x6b"  # CBOR tag 107, of envelopes and bundles

_config = {"flash": None, "tool": None, "countdown": None}


def configure(**what):
    """flash: the device's flash file; tool: the bulla-device program; countdown: seconds."""
    for name in what:
        if name not in _config:
            raise ValueError("configure() does not know " + name)
    _config.update(what)


# ---- bulla-device ----


def _setting(name, variable, default=None):
    getenv = getattr(os, "getenv", None)
    return _config[name] or (getenv(variable) if getenv else None) or default


def quote(word):
    """One word for the shell, whatever is in it."""
    word = str(word)
    if "\0" in word:
        raise ValueError("a name with a NUL byte cannot be given to a program")
    return "'" + word.replace("'", "'\\''") + "'"


def _shell(line):
    flush = getattr(sys.stdout, "flush", None)
    if flush:
        flush()  # what is printed here comes before what the program prints
    code = os.system(line)
    if code & 0x7F == 2 or code >> 8 == 130:
        raise KeyboardInterrupt
    return code >> 8 if code & 0x7F == 0 else 128 + (code & 0x7F)


class _Folder:
    """A directory of our own that nobody else can look into."""

    def __init__(self):
        with open("/dev/urandom", "rb") as f:
            name = "".join("%02x" % byte for byte in f.read(12))
        getenv = getattr(os, "getenv", None)
        self.path = ((getenv("TMPDIR") if getenv else None) or "/tmp") + "/bulla-ota-" + name
        if _shell("umask 077; mkdir -- " + quote(self.path)) != 0:
            raise OSError(EIO, "cannot make the directory " + self.path)

    def remove(self):
        if self.path:
            _shell("rm -rf -- " + quote(self.path))
        self.path = None

    def __enter__(self):
        return self

    def __exit__(self, e_t, e_v, e_tr):
        self.remove()


def _private(path, text):
    """A file that only we can read. Its mode is set before there is anything in it."""
    _shell("umask 077; : >" + quote(path))
    with open(path, "wb") as f:
        f.write(text.encode())
    return path


def _device(command, *words, options=(), stdin="/dev/null", loud=False):
    """Run a command, give the JSON object that it answers with."""
    flash = _setting("flash", "BULLA_FLASH")
    if not flash:
        raise ValueError("which device? set BULLA_FLASH to its flash file, or configure(flash=...)")
    tool = _setting("tool", "BULLA_DEVICE", "bulla-device")
    line = [tool, command] + list(options) + ["--json", "--", flash] + list(words)
    with _Folder() as folder:
        answer = folder.path + "/answer"
        code = _shell(
            " ".join([quote(word) for word in line])
            + " <" + quote(stdin) + " >" + quote(answer) + ("" if loud else " 2>/dev/null")
        )
        with open(answer) as f:
            text = f.read()
    if code in (126, 127) and not text:
        raise OSError(ENOENT, tool + " cannot be run: put it into PATH or set BULLA_DEVICE")
    try:
        answer = json.loads(text)
    except ValueError:
        raise OSError(EIO, tool + " " + command + " gave no answer, exit code " + str(code))
    answer["exit"] = code
    return answer


def _checked(answer, hint=""):
    """The answer if it says yes, else the exception it stands for."""
    status = answer["status"]
    text = status + ": " + answer["detail"]
    if answer["exit"] == 0:
        return answer
    if status == "http-status":
        raise ValueError("HTTP Error: " + text + hint)
    if status in ("usage", "url", "image-not-expected", "image-md5"):
        raise ValueError(text)
    if answer["exit"] == 1:
        raise OSError(ESP_ERRORS.get(status, VALIDATE_FAILED), text)
    raise OSError(EIO, text)


def _status():
    return _checked(_device("status"))


def _restart():
    """What a reset does; returns the label of what runs."""
    slot = _checked(_device("boot"))["slot"]
    running = _status()["running"]
    print(
        "Running from partition at %x, type %x [%s]."
        % (running["offset"], running["subtype_number"], slot)
    )
    return slot


def _countdown():
    seconds = _config["countdown"]
    if seconds is None:
        seconds = 10 if _shell("test -t 1") == 0 else 0
    for left in range(seconds, 0, -1):
        print("\rRebooting in %2d seconds (ctrl-C to cancel)" % left, end="")
        time.sleep(1)
    print("\nRebooting." if seconds else "Rebooting.")


# ---- sources of an update ----


def _is_url(name):
    return name.split(":", 1)[0].lower() in ("http", "https")


def _mode(path):
    try:
        return os.stat(path)[0]
    except OSError:
        return 0


def _exists(path):
    return _mode(path) != 0


def _is_folder(path):
    return _mode(path) & 0xF000 == 0x4000


def _beside(name, ending):
    """Name of the file beside an image: micropython.bin and .suit give micropython.suit."""
    path, mark, query = name.partition("?") if _is_url(name) else (name, "", "")
    folder, slash, last = path.rpartition("/")
    if not last:
        return name
    stem = last.rsplit(".", 1)[0] if "." in last[1:] else last
    return folder + slash + stem + ending + mark + query


def _is_sealed(path):
    with open(path, "rb") as f:
        return f.read(2) == ENVELOPE_START


def _sealing(image):
    image = image.split("?")[0].split("/")[-1] if _is_url(image) else image
    names = (image, _beside(image, ".suit"))
    options = ", with --key, --vendor, --class, --sequence, --version"
    return "seal it: bulla-sign sign %s -o %s" % names + options


def _source_of(name, envelope=None):
    """What bulla-device reads when somebody names an image."""
    if envelope:
        return envelope
    if _is_url(name):
        path = name.split("?", 1)[0]
        return name if path.endswith(".suit") else _beside(name, ".suit")
    if not _exists(name):
        raise OSError(ENOENT, "no such file: " + name)
    if _is_folder(name) or _is_sealed(name):
        return name
    beside = _beside(name, ".suit")
    if not _exists(beside):
        raise OSError(VALIDATE_FAILED, "%s has no envelope beside it; %s" % (name, _sealing(name)))
    return beside


def _from(source):
    if _is_url(source):
        return ["--url", source]
    return ["--from", source if source[:1] != "-" else "./" + source]


def _request(headers=None, auth=None, timeout=None):
    """What scripts pass on to requests.get, as (lines of the fields' file, line of the password's).
    Either may be a secret, and everybody can read the command lines of others."""
    fields = ""
    for name in headers or {}:
        field = "%s: %s" % (name, headers[name])
        if "\n" in field or "\r" in field:
            raise ValueError("a header with a line break cannot be sent: " + str(name))
        fields += field + "\n"
    if auth and (":" in auth[0] or "\n" in auth[0] + auth[1]):
        raise ValueError("auth cannot be sent: ':' in the name, or a line break")
    return fields, auth[0] + ":" + auth[1] + "\n" if auth else None


def _update(source, options, request=("", None), loud=False):
    """The one way to install anything. Returns the answer, not yet judged."""
    fields, password = request
    with _Folder() as folder:
        words = _from(source) + list(options)
        if fields:
            words += ["--header", "@" + _private(folder.path + "/headers", fields)]
        if password:
            words += ["--auth-file", _private(folder.path + "/auth", password)]
        return _device("update", options=words, loud=loud)


# ---- ota.update ----


class OTA:
    """An update in the making: name what to install, then close()."""

    def __init__(self, verify=True, verbose=True, reboot=False, sha="", length=0):
        self.verify = verify
        self.verbose = verbose
        self.reboot = reboot
        self.sha, self.length = sha, length
        self.source = None  # what bulla-device reads; None: what was written
        self.hint = ""
        self.request = ("", None)
        self.folder = None  # of what was written
        self.stream = None
        self.written, self.hash = 0, None
        self.closed = False
        known = _status()
        label = known["next_update"]
        if label is None:
            raise OSError(OTA_UNSUPPORTED, "there is no partition for an update")
        self.room = [row["size"] for row in known["partitions"] if row["name"] == label][0]
        self._say("Writing new micropython image to OTA partition '%s'..." % label)
        self._say("Device capacity: %d x %d byte blocks." % (self.room // SECTOR, SECTOR))
        # a bundle is its envelope longer than its image: list, and what limits.h allows beside it
        self._check_length(self.room + self.room // 64 + 8192)

    def _say(self, line):
        if self.verbose:
            print(line)

    def _check_length(self, most):
        if self.length and int(self.length) > most:
            raise ValueError("length (%s bytes) is > size of partition." % self.length)

    def _open(self, taken):
        if self.closed:
            raise ValueError("this update is closed")
        if taken:
            raise ValueError("this update has another source already")

    def _named(self, source, request):
        self._open(self.source or self.stream)
        self.source, self.request = source, request

    def from_firmware_file(self, url, sha="", length=0, envelope=None, **request_args):
        if sha or length:
            self.sha, self.length = sha, length
        self._check_length(self.room)
        source = _source_of(url, envelope)
        self._say("Opening firmware file %s..." % source)
        if self.length:
            self._say("Writing %d blocks + %d bytes." % divmod(int(self.length), SECTOR))
        self._named(source, _request(**request_args))
        if source != url:
            self.hint = "; %s stands for its envelope %s, %s" % (url, source, _sealing(url))

    def from_json(self, url, **request_args):
        if not url.endswith(".json"):
            raise ValueError("Url does not end with '.json'")
        self._say("Opening json file %s..." % url)
        if not _is_url(url) and not _exists(url):
            raise OSError(ENOENT, "no such file: " + url)
        self.sha, self.length = "", 0  # those of the JSON count
        self._named(url, _request(**request_args))

    def from_stream(self, f, sha="", length=0):
        if sha or length:
            self.sha, self.length = sha, length
        start = self.written
        if hasattr(f, "readinto"):
            chunk = bytearray(SECTOR)
            view = memoryview(chunk)
            count = f.readinto(chunk)
            while count:
                self.write(view[:count])
                count = f.readinto(chunk)
        else:
            data = f.read(SECTOR)
            while data:
                self.write(data)
                data = f.read(SECTOR)
        return self.written - start

    def write(self, data):
        self._open(self.source)
        if not self.stream:
            self.folder = _Folder()
            self.stream = open(self.folder.path + "/stream", "wb")
            self.hash = hashlib.sha256()
        self.stream.write(data)
        self.hash.update(data)
        self.written += len(data)
        return len(data)

    def abort(self):
        """Nothing is installed; what was written is forgotten."""
        self.closed = True
        if self.stream:
            self.stream.close()
        if self.folder:
            self.folder.remove()

    def close(self):
        if self.closed:
            return
        try:
            answer = self._install()
        finally:
            self.abort()
        if answer["nothing_newer"]:
            print("Nothing newer: sequence %d is confirmed and runs." % answer["sequence"])
            return
        self._tell(answer)
        if self.reboot:
            _countdown()
            _restart()

    def _install(self):
        if self.source:
            options = ["--sha256", self.sha] if self.sha else []
            options += ["--length", str(self.length)] if self.length else []
            return _checked(_update(self.source, options, self.request, self.verbose), self.hint)
        if not self.stream:
            raise OSError(VALIDATE_FAILED, "nothing was written")
        self.stream.close()
        path = self.folder.path + "/stream"
        if self.length and self.written != int(self.length):
            raise ValueError("Received %d bytes (expect %s)." % (self.written, self.length))
        received = "".join("%02x" % byte for byte in self.hash.digest())
        if self.sha and str(self.sha).lower() != received:
            raise ValueError("SHA mismatch recv=%s expect=%s." % (received, self.sha))
        if not _is_sealed(path):
            raise OSError(
                VALIDATE_FAILED,
                "the stream is no envelope with its image; seal the image (bulla-sign sign) and "
                + "send the bundle that `bulla-sign bundle ENVELOPE IMAGE -o FILE` makes",
            )
        return _checked(_device("update", options=["--from", "-"], stdin=path, loud=self.verbose))

    def _tell(self, answer):
        slot = answer["slot"]
        if answer.get("image_size"):
            self._say("BLOCK %d + %d bytes" % divmod(answer["image_size"], SECTOR))
        self._say("Verifying SHA of the written data...Passed.")
        if answer.get("image_sha256"):
            self._say("SHA256=" + answer["image_sha256"])
        print("OTA Partition '%s' updated successfully." % slot)
        boots = _status()["next_boot"]["label"]
        if boots != slot:
            print("Warning: failed to set %s as the next boot partition." % slot)
        print("Micropython will boot from '%s' partition on next boot." % boots)
        print("Remember to call ota.rollback.cancel() after successful reboot.")

    def __enter__(self):
        return self

    def __exit__(self, e_t, e_v, e_tr):
        if e_t is None:
            self.close()
        else:
            self.abort()


def _from_file(url, sha="", length=0, verify=True, verbose=True, reboot=True, **request_args):
    with OTA(verify, verbose, reboot) as new:
        new.from_firmware_file(url, sha, length, **request_args)


def _from_json(url, verify=True, verbose=True, reboot=True, **request_args):
    with OTA(verify, verbose, reboot) as new:
        new.from_json(url, **request_args)


class update:
    """ota.update"""

    OTA = OTA
    from_file = from_firmware_file = _from_file
    from_json = _from_json


# ---- ota.status ----


class Partition:
    """A row of the partition table, in the shape of esp32.Partition."""

    def __init__(self, row):
        self.row = row

    def info(self):
        row = self.row
        numbers = (row["type_number"], row["subtype_number"], row["offset"], row["size"])
        return numbers + (row["name"], False)

    def set_boot(self):
        _checked(_device("set-boot", self.row["name"]))


def _apps(known):
    return [Partition(row) for row in known["partitions"] if row["type"] == "app"]


def _partition_table():
    rows = [Partition(row).info() for row in _status()["partitions"]]
    return sorted(rows, key=lambda row: row[2])


def _ota_partitions(known=None):
    slots = [p for p in _apps(known or _status()) if 16 <= p.info()[1] < 32]
    return sorted(slots, key=lambda p: p.info()[1])


def _boot_ota():
    known = _status()
    for partition in _apps(known):
        if partition.info()[4] == known["next_boot"]["label"]:
            return partition
    raise OSError(OTA_UNSUPPORTED, "nothing can boot: " + known["next_boot"]["why"])


def _ready():
    return _status()["next_update"] is not None


def _print_table(known):
    print("Partition table:")
    print("# Name       Type     SubType      Offset       Size (bytes)")
    for row in known["partitions"]:
        print(
            "  {:10s} {:8s} {:8s} {:>10s} {:>10s} {:10,}".format(
                row["name"], row["type"], row["subtype"],
                hex(row["offset"]), hex(row["size"]), row["size"],
            )
        )


def _print_status():
    known = _status()
    running, boots = known["running"], known["next_boot"]
    if running:
        version = ""
        for slot in known["slots"]:
            if slot["label"] == running["label"] and slot["version"]:
                version = "v" + slot["version"] + " "
        words = (version, running["label"])
        print("Micropython firmware %shas booted from partition '%s'." % words)
    if boots["label"]:
        print("Will boot from partition '%s' on next reboot: %s." % (boots["label"], boots["why"]))
    else:
        print("Nothing can boot: %s." % boots["why"])
    if not _ota_partitions(known):
        print("There are no OTA partitions available.")
    elif known["next_update"] is None:
        print("No spare OTA partition is available for update.")
    else:
        print("The next OTA partition is '%s'." % known["next_update"])
    if known["filesystem"]:
        print("The / filesystem is in partition '%s'." % known["filesystem"])
    _print_table(known)
    for record in known["otadata"]:
        if record:
            print(
                "OTA record: state=%s, seq=%d, crc=%d, valid=%s"
                % (record["state"], record["seq"], record["crc"], record["valid"])
            )


class status:
    """ota.status"""

    status = _print_status
    ready = _ready
    boot_ota = _boot_ota
    ota_partitions = _ota_partitions
    partition_table = _partition_table


# ---- ota.rollback ----


def _cancel():
    answer = _device("confirm")
    if answer["status"] != "no-trial":  # what runs was confirmed before it was delivered
        _checked(answer)


def _force():
    _checked(_device("rollback"))


def _cancel_force():
    _checked(_device("rollback", options=["--cancel"]))


class rollback:
    """ota.rollback"""

    cancel = _cancel
    force = _force
    cancel_force = _cancel_force


# ---- the ota module of the LoBo firmware ----


def _log(level, text):
    ticks = time.ticks_ms() if hasattr(time, "ticks_ms") else int(time.monotonic() * 1000)
    print("%s (%d) OTA_UPDATE: %s" % (level, ticks, text))


def _lobo_update(name, restart, md5, factory):
    try:
        source = _source_of(name)
        known = _status()
        target = known["next_update"]
        if factory:
            labels = [p.info()[4] for p in _apps(known) if p.info()[1] == 0]
            target = labels[0] if labels else None
        if target is None:
            raise OSError(OTA_UNSUPPORTED, "there is no partition for this update")
        runs = known["running"]["label"] if known["running"] else "nothing"
        _log("I", "Starting OTA update from '%s' to '%s' partition" % (runs, target))
        options = (["--md5"] if md5 else []) + (["--factory"] if factory else [])
        answer = _checked(_update(source, options, loud=True))
        if factory and not answer["nothing_newer"]:
            _checked(_device("set-boot", answer["slot"]))
        _lobo_tell(answer, known, md5)
        if restart and not answer["nothing_newer"]:
            _restart()
    except (OSError, ValueError) as e:
        _log("E", e.args[-1])
        return False
    return True


def _lobo_tell(answer, known, md5):
    if answer["nothing_newer"]:
        return _log("I", "Nothing newer: sequence %d is confirmed and runs" % answer["sequence"])
    slot = answer["slot"]
    if answer.get("image_size"):
        _log("I", "Update image size: %d bytes" % answer["image_size"])
    for row in known["partitions"]:
        if row["name"] == slot:
            _log("I", "Written to '%s' partition at offset 0x%x" % (slot, row["offset"]))
    if answer.get("image_size"):
        _log("I", "Image written, total length = %d bytes" % answer["image_size"])
    if md5:
        _log("I", "MD5 Checksum check PASSED.")
    boots = _status()["next_boot"]["label"]
    _log("W", "On next reboot the system will be started from '%s' partition" % boots)


def start(
    url, *, port=None, file=None, restart=False, md5=False, forceFactory=False, certificate=None
):
    scheme, mark, rest = url.partition("://")
    host, slash, path = (rest if mark else url).partition("/")
    if file:
        path = file.lstrip("/")
    if port and ":" not in host.split("]")[-1]:
        host = "%s:%d" % (host, port)
    if certificate:
        _log("W", "certificate '%s' is not used: the trust store names the servers" % certificate)
    address = "%s://%s/%s" % (scheme if mark else "https", host, path or "MicroPython.bin")
    return _lobo_update(address, restart, md5, forceFactory)


def fromfile(file, restart=False, *, forceFactory=False):
    if not _exists(file):
        raise OSError(ENOENT, "no such file: " + file)
    md5 = _exists(file + ".md5")
    _log("I", "MD5 file found" if md5 else "MD5 file NOT found")
    return _lobo_update(file, restart, md5, forceFactory)


def set_bootpart(name):
    try:
        slot = _checked(_device("set-boot", name))["slot"]
    except (OSError, ValueError) as e:
        _log("E", e.args[-1])
        return False
    _log("W", "On next reboot the system will be started from '%s' partition" % slot)
    return True


class machine:
    """What scripts call after ota.set_bootpart."""

    reset = _restart


for _name, _module in (("update", update), ("status", status), ("rollback", rollback)):
    sys.modules[__name__ + "." + _name] = _module
