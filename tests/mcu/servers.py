# SPDX-License-Identifier: Apache-2.0
"""The other end: nginx as anyone runs it, and for what nginx does not do wrong the scripted server of
tests/network. Both listen on 127.0.0.1 on a free port."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from kit import ended, start

sys.path.append(str(Path(__file__).resolve().parents[1] / "network"))

NGINX = "/usr/sbin/nginx"
CONFIGURATION = """daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/error.log;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {at}/t; proxy_temp_path {at}/t; fastcgi_temp_path {at}/t;
  uwsgi_temp_path {at}/t; scgi_temp_path {at}/t; types {{ }}
  default_type application/octet-stream;
  log_format short '$uri|$http_range|$status|$body_bytes_sent';
  access_log {at}/access.log short;
  ssl_certificate {certificate}.crt; ssl_certificate_key {certificate}.key;
  ssl_protocols TLSv1.2; ssl_buffer_size {records}; root {www}; {more}
  server {{ listen 127.0.0.1:{port} ssl; }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    def __init__(self, folder, www, certificate, records="4k", more="", port=None):
        self.at = folder / f"nginx{free_port()}"
        self.at.mkdir()
        self.port = port or free_port()
        (self.at / "nginx.conf").write_text(CONFIGURATION.format(
            at=self.at, www=www, certificate=str(certificate)[:-len(".crt")], records=records,
            more=more, port=self.port))
        self.log = self.at / "access.log"
        self.process = None
        self.start()

    def start(self):
        self.process = start(NGINX, "-p", self.at, "-c", "nginx.conf", "-e", "error.log",
                             stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("nginx does not answer: " + (self.at / "error.log").read_text())

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            ended(self.process)
            self.process = None

    def requests(self):
        """(path, range, status, body bytes sent) of what ended so far."""
        rows = (line.split("|") for line in self.log.read_text().splitlines())
        return [(uri, "" if ranges == "-" else ranges, int(status), int(size))
                for uri, ranges, status, size in rows]

    def forget(self):
        self.log.write_text("")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def image_bytes(requests):
    """Of the images alone: bytes of body that were sent."""
    return sum(size for uri, _, _, size in requests if uri.endswith(".bin"))
