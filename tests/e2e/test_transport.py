# SPDX-License-Identifier: Apache-2.0
"""Both transports against a real nginx and against a server that misbehaves on purpose: one suite,
one set of expectations. What differs by nature stands in DIFFERENCES and nowhere else.

Everything listens on 127.0.0.1, on free ports, with certificates made for this run. The driver is
tests/support/fetch_main.c. Binaries: the directory named by BULLA_BIN."""

import datetime
import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import warnings
from ipaddress import ip_address

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FETCH = os.path.join(os.environ["BULLA_BIN"], "bulla-fetch")
PROGRAM = os.path.join(os.environ["BULLA_BIN"], "bulla-device")
NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)
WORK = None  # temporary directory of the run
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


# Test: status with Mbed TLS, status with libcurl, why. docs/decisions/0023-curl-transport.md says
# the same.
DIFFERENCES = {
    "test_server_of_tls_1_3_alone":
        ("tls-protocol", "ok", "Mbed TLS 2.28 has no TLS 1.3 client"),
    "test_authority_for_clients_only":
        ("ok", "tls-chain", "OpenSSL asks authorities what they may vouch for, Mbed TLS does not"),
    "test_header_line_broken_and_cut":
        ("http-malformed", "net-closed",
         "libcurl passes on whole lines only, and none that begins with NUL"),
}


# ---- certificates and trust stores ----

class Identity:
    """A key and its certificate, with the chain a server would send."""

    def __init__(self, key, certificate, chain=()):
        self.key, self.certificate = key, certificate
        self.path = os.path.join(WORK, "id%d" % certificate.serial_number)
        with open(self.path + ".key", "wb") as out:
            out.write(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                                        serialization.NoEncryption()))
        self.write(self.der(), *[c.der() for c in chain])

    def write(self, *ders):
        with open(self.path + ".crt", "w") as out:
            for der in ders:
                out.write(ssl.DER_cert_to_PEM_cert(der))

    def der(self):
        return self.certificate.public_bytes(DER)

    def pin(self):
        spki = self.key.public_key().public_bytes(
            DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(spki).digest()


def identity(issuer=None, cn="server", dns=(), ip=(), ca=False, eku=None, start=-1, days=30,
             key=None, digest=None, chain=(), usage=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    names = [x509.DNSName(n) for n in dns] + [x509.IPAddress(ip_address(a)) for a in ip]
    builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
               .issuer_name(issuer.certificate.subject if issuer else subject)
               .serial_number(x509.random_serial_number())
               .not_valid_before(NOW + start * DAY).not_valid_after(NOW + days * DAY)
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([eku]), critical=False)
    if usage:
        bits = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment",
                              "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
                              "encipher_only", "decipher_only"), False)
        builder = builder.add_extension(x509.KeyUsage(**{**bits, usage: True}), critical=True)
    signer = issuer.key if issuer else key
    return Identity(key, builder.sign(signer, digest or hashes.SHA256()), chain)


def trust(name, pins=(), anchors=()):
    signing = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    store = {1: 1, 2: 1, 3: [{1: -19, 2: signing}], 4: list(pins),
             5: [a.der() for a in anchors]}
    path = os.path.join(WORK, name + ".trust")
    with open(path, "wb") as out:
        out.write(cbor2.dumps(store, canonical=True))
    return path


# ---- running the client ----

class Result:
    def __init__(self, run):
        self.code = run.returncode
        self.lines = run.stdout.splitlines()
        last = self.lines[-1].split(" ") if self.lines else [""]
        self.status = last[0]
        self.fields = dict(f.split("=", 1) for f in last[1:])
        self.errors = run.stderr


class Case:
    """What every test below is made of; the classes at the end run them over each transport."""

    def fetch(self, store, *arguments, timeout=30, environment=()):
        run = subprocess.run([FETCH, "--transport", self.transport, "--trust", store,
                              *map(str, arguments)], timeout=timeout, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True,
                             env={**os.environ, **dict(environment)})
        return Result(run)

    def expected(self):
        return DIFFERENCES[self._testMethodName][0 if self.transport == "mbedtls" else 1]

    def expect(self, result, status, code=None, **fields):
        detail = "%s %s" % (result.lines, result.errors)
        self.assertEqual(result.status, status, detail)
        if code is None:
            code = 0 if status == "ok" else 1 if status in REFUSED else 2
        self.assertEqual(result.code, code, detail)
        for name, value in fields.items():
            self.assertEqual(result.fields.get(name.rstrip("_")), str(value), detail)


REFUSED = {"tls-no-trust", "tls-pin", "tls-chain", "tls-host-name", "tls-expired",
           "http-redirect"}


# ---- servers ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """One process, one port for each identity."""

    def __init__(self):
        self.root = os.path.join(WORK, "nginx")
        os.makedirs(os.path.join(self.root, "www/d"))
        self.blocks = []
        self.held = []

    def add(self, who, extra=""):
        held = socket.create_server(("127.0.0.1", 0))  # or the next one may get the same port
        self.held.append(held)
        port = held.getsockname()[1]
        self.blocks.append("""
    server {
        listen 127.0.0.1:%d ssl;
        ssl_certificate %s.crt;
        ssl_certificate_key %s.key;
        %s
        root www;
        location = /busy { add_header Retry-After 1000000000 always; return 503; }
        location = /coded { add_header Content-Encoding gzip; return 200 x; }
        location = /hop { return 302 /hop2; }
        location = /hop2 { return 307 https://$host:$server_port/small; }
        location = /http { return 302 http://localhost/small; }
        location = /other-host { return 302 https://127.0.0.1:$server_port/small; }
        location = /other-port { return 302 https://localhost:1/small; }
        location = /loop { return 302 /loop; }
    }""" % (port, who.path, who.path, extra))
        return port

    def start(self):
        temporary = "\n".join("    %s_temp_path tmp;" % n for n in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(os.path.join(self.root, "nginx.conf"), "w") as out:
            out.write("""daemon off; master_process off; pid nginx.pid; error_log error.log;
events { worker_connections 64; }
http {
%s
    log_format c '$server_port $connection $request_uri $status';
    access_log access.log c;
    default_type application/octet-stream;
    absolute_redirect off;
    %s
}
""" % (temporary, "".join(self.blocks)))
        for held in self.held:
            held.close()
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", self.root, "-c", "nginx.conf", "-e", "error.log"],
            stderr=subprocess.DEVNULL)
        port = int(re.search(r"127\.0\.0\.1:(\d+)", self.blocks[-1]).group(1))
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(os.path.join(self.root, "error.log")) as log:
            raise RuntimeError("nginx did not start: " + log.read())

    def put(self, name, data):
        with open(os.path.join(self.root, "www", name), "wb") as out:
            out.write(data)

    def log(self, port, least=0):
        """[connection, path, status] of each request; nginx writes it after the answer."""
        for _ in range(100):
            with open(os.path.join(self.root, "access.log")) as log:
                lines = [line.split()[1:] for line in log if line.startswith("%d " % port)]
            if len(lines) >= least:
                break
            time.sleep(0.02)
        return lines

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Server:
    """Accepts, speaks TLS (unless raw), and lets a script answer each request.

    script(connection, number) is called for every request of every connection; it returns True
    to go on with this connection. Leaving a script closes TCP without close_notify."""

    version = ssl.TLSVersion.TLSv1_2

    def __init__(self, script, who=None, raw=False, prepare=None):
        self.script, self.raw = script, raw
        self.requests, self.connections = [], 0
        self.stopping = threading.Event()
        if not raw:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.minimum_version = self.context.maximum_version = self.version
            self.context.load_cert_chain((who or GOOD).path + ".crt", (who or GOOD).path + ".key")
            if prepare:
                prepare(self.context)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if not self.raw:
                connection = self.context.wrap_socket(connection, server_side=True,
                                                      do_handshake_on_connect=False)
                self.handshake(connection)
                while self.read_request(connection) and self.script(connection,
                                                                    len(self.requests)):
                    pass
            else:
                self.script(connection, self.connections)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    @staticmethod
    def handshake(connection):
        """On failure read on until the client closes: a reset would overtake the alert."""
        try:
            connection.do_handshake()
        except ssl.SSLError:
            raw = socket.socket(fileno=connection.detach())
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
            raw.close()
            raise

    def read_request(self, connection):
        text = b""
        while b"\r\n\r\n" not in text:
            more = connection.recv(4096)
            if not more:
                return False
            text += more
        self.requests.append(text.decode("latin-1"))
        return True

    def url(self, path="/x"):
        return "https://localhost:%d%s" % (self.port, path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def says(*parts, clean=False, go_on=False):
    """A script that sends these bytes."""
    def script(connection, _):
        for part in parts:
            connection.sendall(part)
        if clean:
            connection.unwrap()
        return go_on
    return script


def relay(source, target, pause):
    """At 400 bytes in each pause."""
    try:
        while data := source.recv(400 if pause else 4096):
            target.sendall(data)
            time.sleep(pause)
    except OSError:
        pass


OK_HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def sized(body, *fields):
    head = b"".join(f + b"\r\n" for f in fields)
    return OK_HEAD + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


# ---- identity of the server ----

class IdentityTests:
    """Each port of nginx has one certificate; a refused server must not see a request."""

    def refused(self, store, port, status, *arguments, host="localhost"):
        result = self.fetch(store, *arguments, "https://%s:%d/to-nobody" % (host, port))
        self.expect(result, status)

    @classmethod
    def tearDownClass(cls):
        time.sleep(0.2)  # nginx writes a line after its answer
        seen = [line for port in PORTS.values() for line in NGINX.log(port)]
        assert seen and not [line for line in seen if line[1] == "/to-nobody"], seen

    def accepted(self, store, port, *arguments, host="localhost"):
        result = self.fetch(store, *arguments, "https://%s:%d/small" % (host, port))
        self.expect(result, "ok", http=200, bytes=5)

    def test_no_pin_and_no_anchor_is_refused_before_any_connection(self):
        with Server(says(), raw=True) as server:
            self.expect(self.fetch(trust("none"), server.url()), "tls-no-trust")
            self.assertEqual(server.connections, 0)

    def test_anchor_only_is_accepted(self):
        self.accepted(BY_CA, PORTS["good"])

    def test_pin_only_is_accepted(self):
        self.accepted(trust("p", [GOOD.pin()]), PORTS["good"])

    def test_anchor_and_pin_are_accepted(self):
        self.accepted(trust("ap", [GOOD.pin()], [CA]), PORTS["good"])

    def test_second_pin_of_two_is_accepted(self):
        self.accepted(trust("pp", [bytes(32), GOOD.pin()]), PORTS["good"])

    def test_self_signed_server_under_its_pin_is_accepted(self):
        self.accepted(trust("ss", [SELF.pin()]), PORTS["self"])

    def test_rsa_server_is_accepted(self):
        self.accepted(BY_CA, PORTS["rsa"])

    def test_intermediate_in_the_chain_is_accepted(self):
        self.accepted(BY_CA, PORTS["deep"])

    def test_one_of_two_anchors_is_accepted(self):
        self.accepted(trust("aa", anchors=[OTHER_CA, CA]), PORTS["good"])

    def test_upper_case_host_is_accepted(self):
        self.accepted(BY_CA, PORTS["good"], host="LocalHost")

    def test_other_pin_is_refused(self):
        self.refused(trust("wp", [SELF.pin()]), PORTS["good"], "tls-pin")

    def test_right_chain_other_pin_is_refused(self):
        self.refused(trust("wap", [SELF.pin()], [CA]), PORTS["good"], "tls-pin")

    def test_pin_of_the_issuer_is_refused(self):
        self.refused(trust("ip", [CA.pin()]), PORTS["good"], "tls-pin")

    def test_other_authority_is_refused(self):
        self.refused(trust("wca", anchors=[OTHER_CA]), PORTS["good"], "tls-chain")

    def test_right_pin_other_authority_is_refused(self):
        self.refused(trust("pwca", [GOOD.pin()], [OTHER_CA]), PORTS["good"], "tls-chain")

    def test_self_signed_server_under_an_anchor_is_refused(self):
        self.refused(BY_CA, PORTS["self"], "tls-chain")

    def test_right_authority_other_name_is_refused(self):
        self.refused(BY_CA, PORTS["name"], "tls-host-name")

    def test_right_pin_other_name_is_refused(self):
        self.refused(trust("pn", [NAMED.pin()]), PORTS["name"], "tls-host-name")

    def test_common_name_alone_is_refused(self):
        self.refused(BY_CA, PORTS["cn"], "tls-host-name")
        self.refused(trust("pcn", [CN_ONLY.pin()]), PORTS["cn"], "tls-host-name")

    def test_ip_literal_with_its_address_is_accepted(self):
        self.accepted(BY_CA, PORTS["good"], host="127.0.0.1")

    def test_ip_literal_under_a_pin_is_accepted(self):
        self.accepted(trust("pip", [GOOD.pin()]), PORTS["good"], host="127.0.0.1")

    def test_ip_literal_without_an_address_is_refused(self):
        self.refused(BY_CA, PORTS["self-ca"], "tls-host-name", host="127.0.0.1")

    def test_ip_literal_with_another_address_is_refused(self):
        self.refused(BY_CA, PORTS["other-ip"], "tls-host-name", host="127.0.0.1")

    def test_ip_literal_spelt_as_dns_name_is_refused(self):
        self.refused(BY_CA, PORTS["ip-as-dns"], "tls-host-name", host="127.0.0.1")
        self.refused(trust("pid", [IP_AS_DNS.pin()]), PORTS["ip-as-dns"], "tls-host-name",
                     host="127.0.0.1")

    def test_trailing_dot_is_refused(self):
        self.expect(self.fetch(BY_CA, "https://localhost.:%d/small" % PORTS["good"]), "url")

    def test_expired_under_an_anchor_is_refused(self):
        self.refused(BY_CA, PORTS["expired"], "tls-expired")

    def test_not_yet_valid_under_an_anchor_is_refused(self):
        self.refused(BY_CA, PORTS["future"], "tls-expired")

    def test_expired_without_clock_is_accepted(self):
        self.accepted(BY_CA, PORTS["expired"], "--no-clock")
        self.accepted(BY_CA, PORTS["future"], "--no-clock")

    def test_expired_under_a_pin_is_accepted(self):
        self.accepted(trust("pe", [EXPIRED.pin()]), PORTS["expired"])

    def test_expired_authority_is_refused(self):
        self.refused(trust("eca", anchors=[OLD_CA]), PORTS["old-ca"], "tls-expired")

    def test_unreadable_date_is_refused(self):
        self.refused(BY_CA, PORTS["bad-date"], "tls-chain")

    def test_certificate_for_clients_is_refused(self):
        self.refused(BY_CA, PORTS["client-use"], "tls-chain")
        self.refused(trust("pcu", [CLIENT_USE.pin()]), PORTS["client-use"], "tls-chain")

    def test_certificate_signed_with_sha1_is_refused(self):
        self.refused(BY_CA, PORTS["sha1"], "tls-chain")

    def test_certificate_signed_with_another_curve_is_refused(self):
        self.refused(trust("521", anchors=[CA_521]), PORTS["by-521"], "tls-chain")

    def test_small_rsa_key_is_refused_even_when_pinned(self):
        self.refused(trust("sm", [SMALL.pin()]), PORTS["small-rsa"], "tls-chain")

    def test_leaf_that_signs_a_leaf_is_refused(self):
        self.refused(BY_CA, PORTS["by-leaf"], "tls-chain")

    def test_intermediate_as_the_anchor_is_accepted(self):
        self.accepted(trust("mid", anchors=[MIDDLE]), PORTS["deep"])

    def test_server_as_its_own_anchor_is_refused(self):
        self.refused(trust("own", anchors=[GOOD]), PORTS["good"], "tls-chain")

    def test_server_among_the_anchors_of_its_authority_is_accepted(self):
        self.accepted(trust("both", anchors=[GOOD, CA]), PORTS["good"])

    def test_authority_as_a_server_is_no_anchor_of_itself(self):
        self.refused(trust("midown", anchors=[MIDDLE_SERVER]), PORTS["middle"], "tls-chain")

    def test_self_signed_server_as_its_own_anchor_is_accepted(self):
        self.accepted(trust("owns", anchors=[SELF]), PORTS["self"])

    def test_certificate_that_may_not_sign_is_refused(self):
        self.refused(BY_CA, PORTS["no-signature"], "tls-chain")

    def test_certificate_for_any_use_is_accepted(self):
        self.accepted(BY_CA, PORTS["any-use"])

    def test_pin_is_told_before_name_and_name_before_date(self):
        self.refused(trust("pbn", [SELF.pin()]), PORTS["name"], "tls-pin")
        self.refused(trust("pbna", [SELF.pin()], [CA]), PORTS["name"], "tls-pin")
        self.refused(BY_CA, PORTS["old-name"], "tls-host-name")

    def test_weak_signature_under_a_pin_is_refused(self):
        self.refused(trust("psha", [SHA1.pin()]), PORTS["sha1"], "tls-chain")

    def test_unreadable_date_under_a_pin_is_refused(self):
        self.refused(trust("pbd", [BAD_DATE.pin()]), PORTS["bad-date"], "tls-chain")

    def test_unreadable_date_without_clock_is_refused(self):
        self.refused(BY_CA, PORTS["bad-date"], "tls-chain", "--no-clock")

    def test_authority_for_clients_only(self):
        result = self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["client-ca"])
        self.expect(result, self.expected())

    def test_authorities_of_the_environment_are_not_trusted(self):
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"):
            result = self.fetch(trust("env", anchors=[OTHER_CA]), URL + "/to-nobody",
                                environment={name: CA.path + ".crt"})
            self.expect(result, "tls-chain")


# ---- what may be negotiated ----

class NegotiationTests:
    def test_server_of_tls_1_3_alone(self):
        result = self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["tls13"])
        self.expect(result, self.expected())

    def test_tls_1_1_is_refused(self):
        result = self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["tls11"])
        self.expect(result, "tls-protocol")

    def test_rsa_key_exchange_is_refused(self):
        result = self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["rsa-kx"])
        self.expect(result, "tls-protocol")

    def test_cbc_is_refused(self):
        self.expect(self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["cbc"]), "tls-protocol")

    def test_each_suite_is_accepted(self):
        for suite in ("aes128", "aes256", "chacha"):
            self.expect(self.fetch(BY_CA, "https://localhost:%d/small" % PORTS[suite]), "ok")

    def test_each_group_is_accepted(self):
        for group in ("x25519", "p256", "p384"):
            self.expect(self.fetch(BY_CA, "https://localhost:%d/small" % PORTS[group]), "ok")

    def test_other_group_is_refused(self):
        self.expect(self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["p521"]), "tls-protocol")

    def test_client_certificate_demanded_and_absent(self):
        result = self.fetch(BY_CA, "https://localhost:%d/small" % PORTS["mutual"])
        self.expect(result, "http-status", http=400)

    def test_client_certificate_is_shown(self):
        url = "https://localhost:%d/small" % PORTS["mutual"]
        path = DEVICE.path
        result = self.fetch(BY_CA, "--certificate", path + ".crt", "--key", path + ".key", url)
        self.expect(result, "ok")

    def test_client_certificate_of_another_authority(self):
        url = "https://localhost:%d/small" % PORTS["mutual"]
        path = STRANGER.path
        result = self.fetch(BY_CA, "--certificate", path + ".crt", "--key", path + ".key", url)
        self.expect(result, "http-status", http=400)

    def test_client_certificate_refused_in_the_handshake(self):
        def demand(context):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(CA.path + ".crt")
        with Server(says(sized(b"hello")), prepare=demand) as server:
            self.expect(self.fetch(BY_CA, server.url()), "tls-client-certificate")
            for who, status in ((STRANGER, "tls-client-certificate"), (DEVICE, "ok")):
                result = self.fetch(BY_CA, "--certificate", who.path + ".crt",
                               "--key", who.path + ".key", server.url())
                self.expect(result, status)

    def test_client_certificate_with_another_key_is_refused(self):
        def demand(context):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(CA.path + ".crt")
        with Server(says(sized(b"hello")), prepare=demand) as server:
            result = self.fetch(BY_CA, "--certificate", DEVICE.path + ".crt",
                                "--key", STRANGER.path + ".key", server.url())
            self.expect(result, "tls-client-certificate")

    def test_client_key_without_certificate_is_refused(self):
        self.expect(self.fetch(BY_CA, "--key", DEVICE.path + ".key", URL + "/small"), "usage")

    def test_unreadable_client_certificate_is_refused(self):
        self.expect(self.fetch(BY_CA, "--certificate", DEVICE.path + ".key",
                          "--key", DEVICE.path + ".key", URL + "/small"),
                    "tls-client-certificate")

    def test_keys_are_not_logged(self):
        path = os.path.join(WORK, "keys-%s" % self.transport)
        result = self.fetch(BY_CA, URL + "/small", environment={"SSLKEYLOGFILE": path})
        self.expect(result, "ok")
        self.assertFalse(os.path.exists(path) and os.path.getsize(path))

    def test_server_without_tls(self):
        with Server(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), raw=True) as server:
            self.expect(self.fetch(BY_CA, server.url()), "tls-protocol")

    def test_record_larger_than_the_buffer(self):
        with Server(says(b"\x16\x03\x03\xff\xff" + bytes(65535)), raw=True) as server:
            self.expect(self.fetch(BY_CA, server.url()), "tls-record-too-large")

    def test_connection_closed_in_the_handshake(self):
        with Server(says(), raw=True) as server:
            self.expect(self.fetch(BY_CA, server.url()), "net-closed")

    def test_nobody_listens(self):
        self.expect(self.fetch(BY_CA, "https://localhost:%d/" % free_port()), "net-connect")

    def test_unknown_host(self):
        self.expect(self.fetch(BY_CA, "https://nobody.invalid/"), "net-resolve")

    def test_proxy_of_the_environment_is_not_used(self):
        proxy = "http://127.0.0.1:%d" % free_port()
        result = self.fetch(BY_CA, URL + "/small", environment={
            name: proxy for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")})
        self.expect(result, "ok")


# ---- HTTP with nginx ----

class NginxTests:
    def test_file_arrives_whole_with_any_buffer(self):
        for size in (1000, 16384, 1 << 20):
            path = os.path.join(WORK, "out")
            result = self.fetch(BY_CA, "--buffer", size, "--output", path, URL + "/big")
            self.expect(result, "ok", http=200, from_=0, length=len(BIG), total=len(BIG))
            with open(path, "rb") as data:
                self.assertEqual(data.read(), BIG)

    def test_one_byte_buffer(self):
        self.expect(self.fetch(BY_CA, "--buffer", 1, URL + "/small"), "ok", bytes=5)

    def test_empty_file(self):
        self.expect(self.fetch(BY_CA, URL + "/d/empty"), "ok", bytes=0, length=0)

    def test_range_is_what_was_asked(self):
        path = os.path.join(WORK, "out")
        for start, end in ((0, 0), (1, 4096), (70000, 1 << 40), (len(BIG) - 1, None)):
            limit = () if end is None else ("--to", end)
            last = min(len(BIG) - 1, len(BIG) if end is None else end)
            result = self.fetch(BY_CA, "--from", start, *limit, "--output", path, URL + "/big")
            self.expect(result, "ok", http=206, from_=start, length=last - start + 1,
                        total=len(BIG))
            with open(path, "rb") as data:
                self.assertEqual(data.read(), BIG[start:last + 1])

    def test_range_behind_the_end(self):
        self.expect(self.fetch(BY_CA, "--from", len(BIG), URL + "/big"), "http-status", http=416)

    def test_if_range_with_the_same_and_another_etag(self):
        etag = self.fetch(BY_CA, URL + "/big").fields["etag"]
        self.assertRegex(etag, '^".+"$')
        self.expect(self.fetch(BY_CA, "--from", 10, "--etag", etag, URL + "/big"), "ok", http=206)
        result = self.fetch(BY_CA, "--from", 10, "--etag", '"other"', URL + "/big")
        self.expect(result, "ok", http=200, from_=0, bytes=len(BIG))

    def test_missing_file(self):
        self.expect(self.fetch(BY_CA, URL + "/nothing"), "http-status", http=404)

    def test_retry_after_is_capped(self):
        self.expect(self.fetch(BY_CA, URL + "/busy"), "http-status", http=503, retry=86400)

    def test_other_coding(self):
        self.expect(self.fetch(BY_CA, URL + "/coded"), "http-coding")

    def connections(self, requests, *paths, arguments=()):
        port = PORTS["kept"]
        before = len(NGINX.log(port))
        urls = ["https://localhost:%d%s" % (port, path) for path in paths]
        self.expect(self.fetch(BY_CA, *arguments, *urls), "ok")
        log = NGINX.log(port, before + requests)[before:]
        self.assertEqual(len(log), requests)
        return len({number for number, *_ in log})

    def test_connection_is_kept_between_requests(self):
        self.assertEqual(self.connections(4, "/small", "/big", "/d/empty", "/small"), 1)

    def test_connection_is_kept_across_redirects(self):
        self.assertEqual(self.connections(6, "/hop", "/hop"), 1)

    def test_connection_with_unread_body_is_not_kept(self):
        self.assertEqual(self.connections(2, "/big", "/big", arguments=("--stop-after", 1)), 2)

    def test_redirect_on_the_same_server_is_followed(self):
        self.expect(self.fetch(BY_CA, URL + "/hop"), "ok", http=200, bytes=5)

    def test_redirect_elsewhere_is_refused(self):
        for path in ("/http", "/other-host", "/other-port", "/loop"):
            self.expect(self.fetch(BY_CA, URL + path), "http-redirect")


# ---- a hostile server with the right certificate ----

class HostileTests:
    def against(self, script, status, *arguments, code=None, **fields):
        with Server(script) as server:
            result = self.fetch(BY_CA, *arguments, server.url())
            self.expect(result, status, code, **fields)
            return server

    def test_request_is_what_we_say(self):
        server = self.against(says(sized(b"hello")), "ok")
        self.assertEqual(server.requests, [
            "GET /x HTTP/1.1\r\nHost: localhost:%d\r\nUser-Agent: bulla\r\n"
            "Accept-Encoding: identity\r\n\r\n" % server.port])

    def test_chunks_in_any_records(self):
        text = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n" \
            b"1000\r\n" + bytes(4096) + b"\r\n0\r\nA: b\r\n\r\n"
        for size in (1, 7, 100, len(text)):
            parts = [text[i:i + size] for i in range(0, len(text), size)]
            for buffer in (1, 100, 8192):
                self.against(says(*parts), "ok", "--buffer", buffer, bytes=4101)

    def test_body_until_close_notify(self):
        self.against(says(OK_HEAD + b"\r\n", b"hello", clean=True), "ok", bytes=5)

    def test_body_until_fin_is_cut(self):
        self.against(says(OK_HEAD + b"\r\n", b"hello"), "net-closed", bytes=5)

    def test_length_body_cut(self):
        for clean in (False, True):
            self.against(says(OK_HEAD + b"Content-Length: 9\r\n\r\nhello", clean=clean),
                         "net-closed", bytes=5)

    def test_chunks_cut(self):
        text = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        self.against(says(text, clean=True), "net-closed")

    def test_header_cut(self):
        for clean in (False, True):
            self.against(says(OK_HEAD, clean=clean), "net-closed")

    def test_reset_in_mid_body(self):
        def script(connection, _):
            connection.sendall(OK_HEAD + b"Content-Length: 9\r\n\r\nhello")
            time.sleep(0.2)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        self.against(script, "net-closed")

    def test_garbage_record_in_mid_body(self):
        def script(connection, _):
            connection.sendall(OK_HEAD + b"Content-Length: 9\r\n\r\nhello")
            time.sleep(0.1)
            raw = connection.detach()
            os.write(raw, b"\x17\x03\x03\x00\x20" + bytes(32))
            time.sleep(0.3)
            os.close(raw)
            return False
        self.against(script, "tls-protocol")

    def test_malformed_answers(self):
        for text in (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"\x00" * 100,
                     OK_HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                     OK_HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                     OK_HEAD + b"A: b\r\n c\r\n\r\n", OK_HEAD + b" A: b\r\n\r\n",
                     OK_HEAD + b"A: b\0\r\n\r\n", OK_HEAD + b"A\r\n\r\n",
                     OK_HEAD + b"Content-Length: 5x\r\n\r\nhello",
                     OK_HEAD + b"Content-Length: -5\r\n\r\nhello",
                     OK_HEAD + b"Content-Length: 99999999999999999999\r\n\r\nhello",
                     b"HTTP/2 200 OK\r\n\r\n", b"http/1.1 200 OK\r\n\r\n",
                     b"HTTP/1.1 99 OK\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n",
                     b"HTTP/1.1 600 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n" + CHUNKED[17:]):
            for clean in (False, True):
                self.against(says(text, clean=clean), "http-malformed")

    def test_malformed_chunks(self):
        for text in (b"5\nhello\r\n0\r\n\r\n", b"x\r\nhello\r\n0\r\n\r\n",
                     b"5 \r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
                     b"00000000000000005\r\nhello\r\n0\r\n\r\n",
                     b"5;" + b"x" * 65 + b"\r\nhello\r\n0\r\n\r\n",
                     b"0\r\nA b\r\n\r\n"):
            self.against(says(CHUNKED + text), "http-malformed")

    def test_other_transfer_coding(self):
        for coding in (b"gzip", b"gzip, chunked", b"chunked, chunked", b"x"):
            self.against(says(OK_HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n"),
                         "http-coding")

    def test_long_header_line(self):
        for size in (65536, 300000):
            self.against(says(OK_HEAD + b"X: " + b"x" * size + b"\r\n\r\n"),
                         "http-header-too-large")

    def test_header_line_broken_and_cut(self):
        for line in (b"A b", b"\0\r\n\r\n"):
            self.against(says(OK_HEAD + line), self.expected())

    def test_endless_header(self):
        def script(connection, _):
            connection.sendall(OK_HEAD)
            while True:
                connection.sendall(b"a: b\r\n" * 100)
        self.against(script, "http-header-too-large")

    def test_endless_interim_answers(self):
        def script(connection, _):
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.against(script, "http-malformed")

    def test_partial_answer_to_a_whole_request(self):
        self.against(says(b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-4/5\r\n"
                          b"Content-Length: 5\r\n\r\nhello"), "http-range")

    def test_multipart_answer(self):
        self.against(says(b"HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=b\r\n"
                          b"Content-Length: 5\r\n\r\nhello"), "http-range", "--from", 5)

    def test_other_part_than_asked(self):
        self.against(says(b"HTTP/1.1 206 P\r\nContent-Range: bytes 4-8/9\r\n"
                          b"Content-Length: 5\r\n\r\nhello"), "http-range", "--from", 5)

    def test_whole_answer_to_a_range_request(self):
        self.against(says(sized(b"hello")), "ok", "--from", 3, http=200, from_=0, bytes=5)

    def test_redirect_without_location(self):
        self.against(says(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n"), "http-redirect")

    def test_redirect_with_a_line_break(self):
        self.against(says(b"HTTP/1.1 302 F\r\nLocation: /a%0d%0aX:y\r\nContent-Length: 0\r\n\r\n"),
                     "http-redirect")

    def test_redirects_three_are_followed_four_are_not(self):
        for count, status in ((3, "ok"), (4, "http-redirect")):
            def script(connection, number):
                if number <= count:
                    connection.sendall(b"HTTP/1.1 301 M\r\nLocation: /n%d\r\n"
                                       b"Content-Length: 2\r\n\r\nno" % number)
                else:
                    connection.sendall(sized(b"hello"))
                return True
            server = self.against(script, status)
            self.assertEqual(server.connections, 1)
            self.assertEqual(len(server.requests), 4)

    def test_redirect_with_an_endless_body(self):
        def script(connection, number):
            if number == 2:
                connection.sendall(sized(b"hello"))
                return False
            connection.sendall(b"HTTP/1.1 302 F\r\nLocation: /y\r\n\r\n")
            while True:
                connection.sendall(bytes(1000))
        server = self.against(script, "ok", bytes=5)
        self.assertEqual(server.connections, 2)

    def test_kept_connection_closed_by_the_server_is_opened_again(self):
        def script(connection, _):
            connection.sendall(sized(b"hello"))
            return False
        with Server(script) as server:
            result = self.fetch(BY_CA, server.url("/1"), server.url("/2"))
            self.expect(result, "ok", bytes=5)
            self.assertEqual(server.connections, 2)

    def test_connection_is_opened_again_only_once(self):
        def script(connection, number):
            if number == 1:
                connection.sendall(sized(b"hello"))
            return number == 1
        with Server(script) as server:
            result = self.fetch(BY_CA, server.url("/1"), server.url("/2"))
            self.expect(result, "net-closed")
            self.assertEqual(server.connections, 2)
            self.assertEqual(len(server.requests), 3)

    def test_answer_begun_and_cut_on_a_kept_connection_is_not_repeated(self):
        def script(connection, number):
            connection.sendall(sized(b"hello") if number == 1 else b"HTTP/1.1 2")
            return number == 1
        with Server(script) as server:
            self.expect(self.fetch(BY_CA, server.url("/1"), server.url("/2")), "net-closed")
            self.assertEqual(server.connections, 1)

    def test_bytes_behind_an_answer_end_the_connection(self):
        for first in (sized(b"hello"), CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"):
            def script(connection, number):
                connection.sendall(first + sized(b"smuggled") if number == 1 else sized(b"hello"))
                return True
            with Server(script) as server:
                result = self.fetch(BY_CA, server.url("/1"), server.url("/2"))
                self.expect(result, "ok", bytes=5)
                self.assertEqual(server.connections, 2)

    def test_connection_close_is_obeyed(self):
        """Also where it may hide: in a field longer than what is kept of it."""
        for value in (b"close", b"x, Close", b"x" * 80):
            def script(connection, _):
                connection.sendall(sized(b"hello", b"Connection: " + value))
                return True
            with Server(script) as server:
                self.expect(self.fetch(BY_CA, server.url("/1"), server.url("/2")), "ok")
                self.assertEqual(server.connections, 2)


# ---- time ----

class TimeTests:
    """Limits of a second instead of the fifteen of a device."""

    def trickle(self, size, pause, head=OK_HEAD + b"Content-Length: 1000000\r\n\r\n"):
        def script(connection, _):
            connection.sendall(head)
            while True:
                connection.sendall(b"x" * size)
                time.sleep(pause)
        return script

    def timed(self, server, status, least, most, *arguments):
        began = time.monotonic()
        self.expect(self.fetch(BY_CA, *arguments, server.url()), status)
        self.assertTrue(least <= time.monotonic() - began <= most, time.monotonic() - began)

    def test_silence_in_the_handshake(self):
        with Server(lambda c, _: time.sleep(5), raw=True) as server:
            self.timed(server, "net-stalled", 0.9, 3, "--progress", 1000)

    def test_trickle_in_the_handshake(self):
        def script(connection, _):
            connection.sendall(b"\x16\x03\x03\x40\x00")
            for _ in range(100):
                connection.sendall(b"\x02")
                time.sleep(0.1)
        with Server(script, raw=True) as server:
            self.timed(server, "net-stalled", 0.9, 3, "--progress", 1000)

    def test_flood_of_hello_requests(self):
        def script(connection, _):
            connection.recv(4096)
            while True:
                connection.sendall(b"\x16\x03\x03\x00\x04\0\0\0\0" * 20000)
        with Server(script, raw=True) as server:
            self.timed(server, "tls-protocol", 0, 3, "--deadline", 2000)

    def test_total_deadline_ends_a_flood(self):
        def script(connection, _):
            connection.recv(4096)
            connection.sendall(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall((b"1;" + b"e" * 60 + b"\r\nx\r\n") * 1000)
        with Server(script) as server:
            self.timed(server, "net-deadline", 1.4, 3, "--deadline", 1500)

    def test_silence_before_the_header(self):
        with Server(lambda c, _: time.sleep(5)) as server:
            self.timed(server, "net-stalled", 0.9, 3, "--progress", 1000)

    def test_trickle_in_the_header(self):
        with Server(self.trickle(1, 0.1, OK_HEAD + b"X: ")) as server:
            self.timed(server, "net-stalled", 0.9, 3, "--progress", 1000)

    def test_trickle_of_header_lines(self):
        def script(connection, _):
            connection.sendall(OK_HEAD)
            while True:
                connection.sendall(b"a: b\r\n")
                time.sleep(0.1)
        with Server(script) as server:
            self.timed(server, "net-stalled", 0.9, 3, "--progress", 1000)

    def test_slow_but_steady_handshake_is_accepted(self):
        def script(connection, _):
            nginx = socket.create_connection(("127.0.0.1", PORTS["long"]))
            threading.Thread(target=relay, args=(connection, nginx, 0), daemon=True).start()
            relay(nginx, connection, 0.25)
        with Server(script, raw=True) as server:
            began = time.monotonic()
            result = self.fetch(BY_CA, "--progress", 1000, server.url("/small"))
            self.expect(result, "ok", bytes=5)
            self.assertGreater(time.monotonic() - began, 1.5)

    def test_trickle_in_the_body(self):
        with Server(self.trickle(1, 0.1)) as server:
            self.timed(server, "net-stalled", 0.9, 3, "--progress", 1000)

    def test_slow_but_steady_body_is_accepted(self):
        def script(connection, _):
            connection.sendall(OK_HEAD + b"Content-Length: 6144\r\n\r\n")
            for _ in range(12):
                connection.sendall(b"x" * 512)
                time.sleep(0.2)
            return False
        with Server(script) as server:
            self.expect(self.fetch(BY_CA, "--progress", 1000, server.url()), "ok", bytes=6144)

    def test_total_deadline_ends_a_steady_body(self):
        with Server(self.trickle(1024, 0.05)) as server:
            self.timed(server, "net-deadline", 1.4, 3, "--deadline", 1500)

    def test_total_deadline_ends_silence(self):
        with Server(lambda c, _: time.sleep(5)) as server:
            self.timed(server, "net-deadline", 0.9, 3, "--deadline", 1000)

    def test_time_of_the_caller_does_not_count_before_a_slow_server(self):
        def script(connection, _):
            connection.sendall(OK_HEAD + b"Content-Length: 6000\r\n\r\n" + bytes(2000))
            for _ in range(2):
                time.sleep(1.4)
                connection.sendall(bytes(2000))
            return False
        with Server(script) as server:
            result = self.fetch(BY_CA, "--progress", 1000, "--pause", 800, "--buffer", 2000,
                                server.url())
            self.expect(result, "ok", bytes=6000)

    def test_time_of_the_caller_does_not_count(self):
        with Server(says(sized(bytes(3000)), go_on=True)) as server:
            result = self.fetch(BY_CA, "--progress", 400, "--pause", 600, "--buffer", 1000,
                           server.url())
            self.expect(result, "ok", bytes=3000)


# ---- the choice ----

class TestChoice(unittest.TestCase):
    def test_unknown_transport_is_a_usage_error_that_names_both(self):
        run = subprocess.run([PROGRAM, "update", os.path.join(WORK, "no.flash"), "--url",
                              URL + "/small", "--transport", "carrier-pigeon"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertRegex(run.stderr, "mbedtls or curl, found carrier-pigeon")

    def test_table_of_differences_names_tests(self):
        for name in DIFFERENCES:
            self.assertTrue(any(hasattr(kind, name) for kind in (IdentityTests, NegotiationTests,
                                                                 HostileTests)), name)


# ---- the transports ----

class OnMbedtls(Case, unittest.TestCase):
    transport = "mbedtls"


class OnCurl(Case, unittest.TestCase):
    transport = "curl"


class OnCurlWithTls13(OnCurl):
    """Alerts, close_notify and a refused client look otherwise there."""

    def setUp(self):
        Server.version = ssl.TLSVersion.TLSv1_3

    def tearDown(self):
        Server.version = ssl.TLSVersion.TLSv1_2


class TestIdentityMbedtls(IdentityTests, OnMbedtls):
    pass


class TestIdentityCurl(IdentityTests, OnCurl):
    pass


class TestNegotiationMbedtls(NegotiationTests, OnMbedtls):
    """Small records are for devices whose buffers are."""

    def test_smaller_records_are_negotiated(self):
        for size in (512, 1024, 2048, 4096):
            result = self.fetch(BY_CA, "--max-fragment", size, URL + "/big")
            self.expect(result, "ok", bytes=len(BIG))

    def test_odd_record_size_is_refused(self):
        for size in (1, 256, 1000, 8192):
            self.expect(self.fetch(BY_CA, "--max-fragment", size, URL + "/small"), "usage")


class TestNegotiationCurl(NegotiationTests, OnCurl):
    pass


class TestNegotiationCurlWithTls13(NegotiationTests, OnCurlWithTls13):
    pass


class TestNginxMbedtls(NginxTests, OnMbedtls):
    pass


class TestNginxCurl(NginxTests, OnCurl):
    pass


class TestHostileMbedtls(HostileTests, OnMbedtls):
    pass


class TestHostileCurl(HostileTests, OnCurl):
    pass


class TestHostileCurlWithTls13(HostileTests, OnCurlWithTls13):
    pass


class TestTimeMbedtls(TimeTests, OnMbedtls):
    pass


class TestTimeCurl(TimeTests, OnCurl):
    pass


# ---- the run ----

def bad_date(issuer):
    """Month 13 in notAfter: parsers see it before any signature."""
    who = identity(issuer, dns=["localhost"])
    text = who.certificate.not_valid_after.strftime("%y%m%d").encode()
    der = who.der().replace(b"\x17\x0d" + text, b"\x17\x0d" + text[:2] + b"13" + text[4:])
    assert der != who.der()
    who.write(der)
    return who


def make_identities():
    good_names = {"dns": ["localhost"], "ip": ["127.0.0.1"]}
    g = globals()
    g["CA"] = identity(cn="test CA", ca=True)
    g["OTHER_CA"] = identity(cn="other CA", ca=True)
    g["OLD_CA"] = identity(cn="old CA", ca=True, start=-30, days=-1)
    g["CA_521"] = identity(cn="521 CA", ca=True, key=ec.generate_private_key(ec.SECP521R1()))
    g["GOOD"] = identity(CA, **good_names)
    g["SELF"] = identity(**good_names)
    g["NAMED"] = identity(CA, cn="localhost", dns=["other.example", "localhost.example"])
    g["CN_ONLY"] = identity(CA, cn="localhost")
    g["EXPIRED"] = identity(CA, start=-30, days=-1, **good_names)
    g["CLIENT_USE"] = identity(CA, eku=ExtendedKeyUsageOID.CLIENT_AUTH, **good_names)
    g["IP_AS_DNS"] = identity(CA, cn="127.0.0.1", dns=["127.0.0.1", "*.0.0.1"])
    g["SMALL"] = identity(key=rsa.generate_private_key(65537, 1024), **good_names)
    g["DEVICE"] = identity(CA, cn="device", eku=ExtendedKeyUsageOID.CLIENT_AUTH)
    g["STRANGER"] = identity(OTHER_CA, cn="device")
    rsa_key = rsa.generate_private_key(65537, 2048)
    g["MIDDLE"] = identity(CA, cn="middle CA", ca=True)
    g["MIDDLE_SERVER"] = identity(CA, cn="serving CA", ca=True, **good_names)
    client_ca = identity(CA, cn="client CA", ca=True, eku=ExtendedKeyUsageOID.CLIENT_AUTH)
    by_rsa = identity(CA, key=rsa_key, **good_names)
    warnings.simplefilter("ignore")  # of SHA-1, which is the point
    g["SHA1"] = identity(CA, digest=hashes.SHA1(), **good_names)
    g["BAD_DATE"] = bad_date(CA)
    low = "ssl_ciphers DEFAULT@SECLEVEL=0;"
    suites = "ssl_protocols TLSv1.2; ssl_ciphers %s;"
    return {
        "good": (GOOD, ""),
        "kept": (GOOD, ""),
        "self": (SELF, ""),
        "rsa": (by_rsa, ""),
        "deep": (identity(MIDDLE, chain=[MIDDLE], **good_names), ""),
        "middle": (MIDDLE_SERVER, ""),
        "long": (identity(MIDDLE, chain=[MIDDLE] * 7, **good_names), ""),
        "client-ca": (identity(client_ca, chain=[client_ca], **good_names), ""),
        "old-name": (identity(CA, dns=["other.example"], start=-30, days=-1), ""),
        "any-use": (identity(CA, eku=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, **good_names),
                    ""),
        "no-signature": (identity(CA, key=rsa_key, usage="key_encipherment", **good_names), ""),
        "name": (NAMED, ""),
        "cn": (CN_ONLY, ""),
        "self-ca": (identity(CA, dns=["localhost"]), ""),
        "other-ip": (identity(CA, dns=["localhost"], ip=["127.0.0.2", "::1"]), ""),
        "ip-as-dns": (IP_AS_DNS, ""),
        "expired": (EXPIRED, ""),
        "future": (identity(CA, start=5, **good_names), ""),
        "old-ca": (identity(OLD_CA, **good_names), ""),
        "bad-date": (BAD_DATE, ""),
        "client-use": (CLIENT_USE, ""),
        "sha1": (SHA1, low),
        "small-rsa": (SMALL, low),
        "by-leaf": (identity(GOOD, chain=[GOOD], **good_names), ""),
        "tls13": (by_rsa, "ssl_protocols TLSv1.3;"),
        "tls11": (by_rsa, "ssl_protocols TLSv1.1; " + low),
        "rsa-kx": (by_rsa, suites % "AES128-GCM-SHA256:AES128-SHA"),
        "cbc": (by_rsa, suites % "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA"),
        "aes128": (by_rsa, suites % "ECDHE-RSA-AES128-GCM-SHA256"),
        "aes256": (GOOD, suites % "ECDHE-ECDSA-AES256-GCM-SHA384"),
        "chacha": (GOOD, suites % "ECDHE-ECDSA-CHACHA20-POLY1305"),
        "by-521": (identity(CA_521, **good_names), ""),
        "x25519": (GOOD, "ssl_ecdh_curve X25519;"),
        "p256": (GOOD, "ssl_ecdh_curve prime256v1;"),
        "p384": (identity(CA, key=ec.generate_private_key(ec.SECP384R1()), **good_names),
                 "ssl_ecdh_curve secp384r1;"),
        "p521": (by_rsa, "ssl_ecdh_curve secp521r1;"),
        "mutual": (GOOD, "ssl_verify_client on; ssl_client_certificate %s.crt;" % CA.path),
    }


def setUpModule():
    g = globals()
    g["WORK"] = tempfile.mkdtemp(prefix="bulla-transport.")
    g["NGINX"] = Nginx()
    g["PORTS"] = {name: NGINX.add(*entry) for name, entry in make_identities().items()}
    g["BIG"] = os.urandom(1 << 20)
    NGINX.put("small", b"hello")
    NGINX.put("big", BIG)
    NGINX.put("d/empty", b"")
    NGINX.start()
    g["URL"] = "https://localhost:%d" % PORTS["good"]
    g["BY_CA"] = trust("by-ca", anchors=[CA])


def tearDownModule():
    NGINX.stop()
    shutil.rmtree(WORK)


if __name__ == "__main__":
    unittest.main()
