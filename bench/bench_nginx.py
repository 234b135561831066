# Copyright (C) the nginx-acme-ca authors
#
# One nginx with the module of build/debian in a folder of its own, for the
# scripts beside this file.

import http.client
import os
import signal
import socket
import ssl
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODULE = os.path.join(TOP, "build/debian/ngx_http_acme_ca_module.so")

CONF = """
load_module {module};
daemon off;
user root;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    acme_ca_authority bench {{
        path {folder}/ca;
        base_url {scheme}://127.0.0.1:{port}/acme;
        {authority}
    }}
    server {{
        listen 127.0.0.1:{port}{ssl};
        location /acme/ {{ acme_ca bench; }}
        {server}
    }}
}}
"""

TLS = """
        ssl_certificate $acme_ca_certificate;
        ssl_certificate_key $acme_ca_certificate_key;
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    def __init__(self, folder, authority="", server="", tls=False, workers=1,
                 module=MODULE):
        self.folder = folder
        self.port = free_port()
        self.tls = tls
        self.process = None

        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)

        with open(os.path.join(folder, "nginx.conf"), "w") as f:
            f.write(CONF.format(module=module, workers=workers, folder=folder,
                                scheme="https" if tls else "http",
                                port=self.port, ssl=" ssl" if tls else "",
                                authority=authority,
                                server=server + (TLS if tls else "")))

    def start(self):
        self.process = subprocess.Popen(
            ["nginx", "-p", self.folder, "-c", self.folder + "/nginx.conf",
             "-e", self.folder + "/error.log"])

        for _ in range(600):
            if self.process.poll() is not None:
                break

            try:
                connection = self.connect()
                connection.request("GET", "/")
                connection.getresponse().read()
                return self
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)

        raise SystemExit("nginx does not start: see %s/error.log" % self.folder)

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)
            self.process = None

    def workers(self):
        path = "/proc/%d/task/%d/children" % ((self.process.pid,) * 2)

        with open(path) as f:
            return [int(pid) for pid in f.read().split()]

    # nanoseconds of CPU of the event loops; threads are not counted

    def cpu(self):
        n = 0

        for pid in self.workers():
            with open("/proc/%d/task/%d/schedstat" % (pid, pid)) as f:
                n += int(f.read().split()[0])

        return n

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=60,
                context=ssl._create_unverified_context())

        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]
