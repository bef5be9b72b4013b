#!/usr/bin/env python3
"""Runs the benches at one and at two threads and appends the figures to results/DATE-CPU.csv.

    python3 benches/record.py                              # all groups
    python3 benches/record.py --groups product,adam --threads 1,2,4

Each group and number of threads is a process of its own, one after the other. Rows are kept as they come, with
how much arithmetic the machine did on that many threads at the time: a virtual machine may give two busy threads
the speed of one, and then no figure of two threads is worth keeping.
Needs Python's standard library only. `python3 -m unittest discover -s benches` tests it.
"""

import argparse
import csv
import datetime
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# The share of its threads' arithmetic below which a machine is not idle.
ENOUGH = 0.9
BENCH = ["cargo", "bench", "--package", "lightgcn", "--bench", "speed"]


class Failure(Exception):
    """Why nothing could be recorded, in one line."""


@dataclass
class Row:
    date: str
    version: str
    cpu_model: str
    cores: int
    threads: int
    cores_delivered: float
    """How many times the arithmetic of one process that many did at once, just before and after; the worse."""
    group: str
    bench: str
    size: str
    mean_ns: float
    """Of one call."""
    standard_error_ns: float
    median_ns: float
    fastest_ns: float
    """Of the samples, each a mean of some calls: what repeats best on a machine with neighbors."""
    elements: int
    """What one call works off; each group's file says what it counts. 0 if it counts nothing."""
    elements_per_second: float


COLUMNS = [field.name.replace("_", " ") for field in fields(Row)]


def estimates(folder):
    """The figures below a criterion folder: (group, bench, size, mean, its error, median, fastest, elements)."""
    found = []
    for path in sorted(folder.glob("**/new/estimates.json")):
        try:
            figures = json.loads(path.read_text(encoding="utf-8"))
            about = json.loads(path.with_name("benchmark.json").read_text(encoding="utf-8"))
            samples = json.loads(path.with_name("sample.json").read_text(encoding="utf-8"))
            throughput = about.get("throughput") or {}
            found.append(
                (
                    about["group_id"],
                    about.get("function_id") or "",
                    about.get("value_str") or "",
                    float(figures["mean"]["point_estimate"]),
                    float(figures["mean"]["standard_error"]),
                    float(figures["median"]["point_estimate"]),
                    min(time / calls for time, calls in zip(samples["times"], samples["iters"], strict=True)),
                    int(throughput.get("Elements", 0)),
                )
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Failure(f"{path} is not what criterion writes: {error!r}") from error
    return found


def rows(found, threads, delivered, version):
    """Those figures as rows of the file."""
    date, cpu_model, cores = datetime.date.today().isoformat(), machine.cpu_model(), machine.cores()
    return [
        Row(
            date=date,
            version=version,
            cpu_model=cpu_model,
            cores=cores,
            threads=threads,
            cores_delivered=delivered,
            group=group,
            bench=bench,
            size=size,
            mean_ns=mean,
            standard_error_ns=error,
            median_ns=median,
            fastest_ns=fastest,
            elements=elements,
            elements_per_second=elements / mean * 1e9,
        )
        for group, bench, size, mean, error, median, fastest, elements in found
    ]


def append(folder, rows):
    """Appends rows to `DATE-CPU.csv`; a new file begins with the names of the columns."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rows[0].date}-{machine.slug(rows[0].cpu_model)}.csv"
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        for row in rows:
            values = asdict(row).values()
            writer.writerow(f"{value:.5g}" if isinstance(value, float) else value for value in values)
    return path


def built(bench):
    """Builds the benches and returns the program, so that no build runs between measurements."""
    command = [*bench, "--no-run", "--message-format", "json"]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise Failure(f"{command[0]} cannot be started: {error}") from error
    if done.returncode != 0:
        raise Failure(f"the build ended with {done.returncode}")
    programs = [
        message["executable"]
        for message in map(json.loads, filter(None, done.stdout.splitlines()))
        if message.get("executable") and "bench" in message["target"]["kind"]
    ]
    if not programs:
        raise Failure("the build made no bench")
    return programs[-1]


def groups(program):
    """The groups of a program, in their order."""
    listed = subprocess.run([program, "--bench", "--list"], stdout=subprocess.PIPE, text=True, check=True)
    names = [line.split("/")[0] for line in listed.stdout.splitlines() if line.endswith(": benchmark")]
    return list(dict.fromkeys(names))


def run(program, group, threads, options):
    """Measures one group in a process of its own, and returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        # A folder of its own, so that no older figure is taken for one of this run.
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "CRITERION_HOME": folder}
        command = [program, "--bench", f"^{group}/", *options]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=2)
        if done.returncode != 0:
            raise Failure(f"{group} at {threads} threads ended with {done.returncode}")
        return estimates(Path(folder))


def spin(steps):
    x = 1.0
    for _ in range(steps):
        x = x * 0.999 + 0.001


def cores_delivered(processes, turns=9, steps=20_000):
    """How many times the arithmetic of one process the machine does in that many at once: the median of turns.

    The work is handed out in small parts to processes that run already, so that starting them does not count,
    and one process has its turn beside all, since the speed of the whole machine changes within seconds.
    """
    if processes == 1:
        return 1.0
    with multiprocessing.get_context("fork").Pool(processes) as all_of_them:
        with multiprocessing.get_context("fork").Pool(1) as one:

            def seconds(pool, size):
                start = time.perf_counter()
                pool.map(spin, [steps] * 50 * size, chunksize=1)
                return time.perf_counter() - start

            gains = [processes * seconds(one, 1) / seconds(all_of_them, processes) for _ in range(turns + 1)]
    return statistics.median(gains[1:])  # the first turn warms up


def version():
    """The commit, and whether the working tree differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=listed(str), help="groups to measure; default: all")
    parser.add_argument("--threads", type=listed(count), default=[1, 2], help="numbers of threads; default: 1,2")
    parser.add_argument("--program", help="a bench program that is built already")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the CSV files")
    parser.add_argument("criterion", nargs="*", help="after --: options for criterion, such as --sample-size 30")
    return parser.parse_args(words)


def listed(kind):
    def parse(text):
        return [kind(word) for word in text.split(",") if word]

    return parse


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def main(words=None):
    args = arguments(words)
    try:
        program = args.program or built(BENCH)
        known = groups(program)
        unknown = [name for name in args.groups or [] if name not in known]
        if unknown:
            raise Failure(f"there is no group {', '.join(unknown)}; there are {', '.join(known)}")
        this = version()
        for group in args.groups or known:
            for threads in args.threads:
                before = cores_delivered(threads)
                found = run(program, group, threads, args.criterion)
                delivered = min(before, cores_delivered(threads))
                if not found:
                    raise Failure(f"{group} at {threads} threads left no figures")
                if delivered < ENOUGH * threads:
                    told = f"{group}: the machine gave {threads} threads the speed of {delivered:.2f}"
                    print(f"record.py: {told}; measure again when it is idle", file=sys.stderr)
                path = append(args.results, rows(found, threads, delivered, this))
    except (Failure, OSError, subprocess.CalledProcessError) as failure:
        sys.exit(f"record.py: {failure}")
    print(path)


if __name__ == "__main__":
    main()
