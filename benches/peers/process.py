"""Runs one measurement in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from environment import NotAvailable, reason


@dataclass
class Finished:
    line: dict
    """What the process printed about its measured part."""
    wall_s: float
    """Of the whole process, imports and set-up included."""
    cpu_s: float
    """User and system seconds of the process and its children, whole run."""
    peak_mb: float
    """Largest resident memory, in 10^6 bytes; never below that of the program that started it."""


def environment(threads):
    """The variables that hold every library to the same number of threads."""
    names = ("OMP", "MKL", "OPENBLAS", "BLIS", "NUMEXPR", "RAYON")
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in names},
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def run(command, threads, timeout_s, log):
    """Runs a command that prints one line of JSON, and takes the kernel's account of it when it ends.

    Its outputs go to the file `log`. A process that fails, says nothing or outlives `timeout_s` raises
    NotAvailable.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    out = log.with_suffix(".out")
    start = time.perf_counter()
    with open(log, "wb") as errors, open(out, "wb") as output:
        try:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment(threads),
                start_new_session=True,
            )
        except OSError as error:
            raise NotAvailable(f"cannot be started: {error}") from error
        late = threading.Event()
        timer = threading.Timer(timeout_s, stop, [child.pid, late])
        timer.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # Ctrl-C: no measurement outlives this program
            stop(child.pid, late)
            child.wait()
            raise
        finally:
            timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    if late.is_set():
        raise NotAvailable(f"stopped after {timeout_s:.0f} s (--timeout)")
    if child.returncode != 0:
        raise NotAvailable(f"ended with {child.returncode}: {reason(log.read_text(errors='replace'))}")
    return Finished(
        line=parse(out.read_text(encoding="utf-8", errors="replace")),
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
    )


def stop(pid, late):
    late.set()
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def parse(output):
    """The last line that is a JSON object with what the table needs."""
    for text in reversed(output.splitlines()):
        if text.startswith("{"):
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            missing = [key for key in ("wall_s", "cpu_s", "steps") if key not in line]
            if missing:
                raise NotAvailable(f"its line lacks {', '.join(missing)}")
            if not line["steps"] > 0:
                raise NotAvailable("it measured no step")
            return line
    raise NotAvailable("it printed no line of JSON")
