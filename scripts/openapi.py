#!/usr/bin/env python3
"""Checks the OpenAPI documents of a running service, and its answers against them.

    python3 scripts/openapi.py target/debug/lightgcn

Generates a log, trains a small model on it, serves it on loopback, validates the documents of both listeners, and sends
requests made from them (schemathesis): no answer may be an error of the service (503 and 429 aside), or have a status, a
media type or a body that the document does not tell of. Prints how many requests there were and what memory they took:
its own (anonymous), and the pages of the program's file, which come into memory as they run.

LIGHTGCN_OPENAPI_EXAMPLES is the number of requests made at random for each operation (10).

Needs the Python packages openapi-spec-validator and schemathesis.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from openapi_spec_validator import validate

KEY = "a-key-of-the-check"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# 503 says that too much is waiting, and 429 would.
SCHEMATHESIS = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]
"""
CONFIG = f"""
[serve]
bind = "127.0.0.1:0"
impressions = true
events = "events.redb"

[serve.admin]
bind = "127.0.0.1:0"

[[serve.keys]]
name = "check"
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["read", "write", "admin"]
"""


class Memory(threading.Thread):
    """Watches the anonymous memory of a process until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.most = 0.0

    def now(self, line: str = "RssAnon") -> float:
        """A line of the process's status, in MiB."""
        found = re.search(rf"^{line}:\s*(\d+) kB", self.status.read_text(), re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    def run(self) -> None:
        while self.status.exists():
            try:
                self.most = max(self.most, self.now())
            except OSError:
                return
            time.sleep(0.1)


def get(url: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as response:
        return response.read().decode()


def n_requests(address: str) -> int:
    lines = re.findall(r"^lightgcn_http_requests_total\{.*\} (\d+)$", get(f"{address}/metrics"), re.MULTILINE)
    return sum(map(int, lines))


def fuzz(address: str, examples: str) -> bool:
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", "schemathesis.toml"]
    command += ["run", f"{address}/openapi.json", "--url", address, "--checks", CHECKS]
    command += ["--max-examples", examples, "--seed", "1", "--header", f"Authorization: Bearer {KEY}"]
    command += ["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all", "--no-color"]
    return subprocess.run(command).returncode == 0


def main() -> None:
    command = str(pathlib.Path(sys.argv[1]).resolve())
    examples = os.environ.get("LIGHTGCN_OPENAPI_EXAMPLES", "10")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)

        def lightgcn(*arguments: str) -> None:
            subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        lightgcn("generate", "--events", "20000", "--out", "shop.csv")
        lightgcn("prepare", "shop.csv", "--out", "shop.dataset")
        lightgcn("train", "shop.dataset", "--epochs", "2", "--out", "shop.model")
        pathlib.Path("shop.toml").write_text(CONFIG)
        pathlib.Path("schemathesis.toml").write_text(SCHEMATHESIS)
        serve = [command, "serve", "shop.model", "--config", "shop.toml", "--json"]
        service = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        try:
            listening = json.loads(service.stdout.readline())
            public, admin = (f"http://{listening[name]}" for name in ("address", "admin"))
            for address in (public, admin):
                validate(json.loads(get(f"{address}/openapi.json")))
            memory = Memory(service.pid)
            idle, code = memory.now(), memory.now("RssFile")
            memory.start()
            passed = [fuzz(address, examples) for address in (public, admin)]
            n, now = n_requests(public), memory.now()
            print(f"{n} requests; {idle:.0f} MiB when idle, {now:.0f} MiB after them, {memory.most:.0f} MiB at most")
            print(f"and {code:.0f} MiB of the program's file before, {memory.now('RssFile'):.0f} MiB after them")
            assert all(passed), "an answer was not as the document tells, see above"
            assert service.poll() is None, "the service ended"
        finally:
            service.terminate()
            service.wait()


main()
