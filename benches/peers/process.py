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
        "POLARS_MAX_THREADS": str(threads),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


class DoesNotFit(NotAvailable):
    """It needs more memory than there is, or than it is given."""


def run(command, threads, timeout_s, log, memory_gb=None, read=None):
    """Runs a command that prints one line of JSON, and takes the kernel's account of it when it ends.

    Its outputs go to the file `log`; `read` takes another form of output than the line. A process that fails,
    says nothing or outlives `timeout_s` raises NotAvailable, one that takes more than `memory_gb` (10^9 bytes, seen
    on Linux) DoesNotFit.
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
        large, ended = threading.Event(), threading.Event()
        if memory_gb is not None:
            threading.Thread(target=watch, args=(child.pid, memory_gb * 1e9, large, ended), daemon=True).start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # Ctrl-C: no measurement outlives this program
            stop(child.pid, late)
            child.wait()
            raise
        finally:
            ended.set()
            timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    if late.is_set():
        raise NotAvailable(f"stopped after {timeout_s:.0f} s (--timeout)")
    if large.is_set():
        raise DoesNotFit(f"stopped at {memory_gb:g} GB of memory")
    if child.returncode != 0:
        why = f"ended with {child.returncode}: {reason(log.read_text(errors='replace'))}"
        raise DoesNotFit(why) if out_of_memory(child.returncode, why) else NotAvailable(why)
    return Finished(
        line=(read or parse)(out.read_text(encoding="utf-8", errors="replace")),
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
    )


def watch(pid, limit, large, ended):
    """Stops a process once its resident memory is above `limit` bytes."""
    while not ended.wait(0.1):
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return
        if resident > limit:
            return stop(pid, large)


def out_of_memory(returncode, why):
    """Whether the kernel or an allocator ended it: nobody else kills a measurement."""
    words = ("memoryerror", "out of memory", "can't allocate", "cannot allocate", "memory allocation")
    return returncode == -signal.SIGKILL or any(word in why.lower() for word in words)


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
