#!/usr/bin/env python3
"""How the command's stages grow with the shop: time and memory at 1, 4, 16 and 64 times 1.3 million events.

    cargo build --release --bin lightgcn
    python3 benches/growth.py                       # 1, 4 and 16 times; about ten minutes on two cores
    python3 benches/growth.py --sizes 1,4,16,64     # needs 16 GB of memory and 25 GB of disk

Appends to results/growth-DATE-CPU.csv and draws the rows of that file as ../docs/images/growth.svg: CPU time per event
of each stage, so that a level line is growth in proportion. Each stage is a process of its own. Beside the stages
stands what this machine can do at most: the bytes that it copies a second.
Needs Python's standard library only. `python3 -m unittest discover -s benches` tests it.
"""

import argparse
import csv
import datetime
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import machine
import record

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BASE = 1_293_750
"""Events at size 1: a sixteenth of 20.7 million."""
COLORS = ["#1b6ca8", "#c2571a", "#2e8540", "#7a3e9d", "#8a6d00", "#555555"]


@dataclass
class Row:
    date: str
    version: str
    cpu_model: str
    cores: int
    copied_gb_per_second: float
    """By one thread, between two buffers of 512 MB: reads and writes."""
    size: int
    events: int
    stage: str
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    disk_mb: float
    """Of what the stage wrote."""


def copied_gb_per_second():
    """The best of five copies of 512 MB, counting what is read and what is written."""
    source = bytearray(512 << 20)
    target = bytearray(len(source))
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        target[:] = source
        best = max(best, 2 * len(source) / (time.perf_counter() - start))
    return best / 1e9


def bytes_on_disk(path):
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0


def run(command, log):
    """Runs a command; its wall seconds, CPU seconds and peak in megabytes."""
    start = time.perf_counter()
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{Path(log).read_text()[-2000:]}")
    # Kilobytes on Linux, bytes on macOS.
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return wall, usage.ru_utime + usage.ru_stime, peak


def stages(binary, folder, events):
    """Name, command and output of each stage; of training one epoch without validation."""
    log, data, model = folder / "log.csv", folder / "dataset", folder / "model"
    train = ["--epochs", "1", "--no-ranking", "--validate-every", "1"]
    yield "generate", [binary, "generate", "--events", str(events), "--out", log], log
    yield "prepare", [binary, "prepare", log, "--out", data], data
    yield "train one epoch", [binary, "train", data, "--out", model, *train], model
    yield "evaluate", [binary, "evaluate", model, data, "-k", "20", "--baselines", "none"], folder / "none"
    yield "load and inspect", [binary, "inspect", model], folder / "none"
    lists = folder / "lists.csv"
    ask = ["--all", "-k", "20", "--out", lists]
    yield "recommend to all", [binary, "recommend", model, *ask], lists


def measured(binary, sizes, header):
    for size in sizes:
        events = BASE * size
        with tempfile.TemporaryDirectory(prefix="growth-") as folder:
            folder = Path(folder)
            for stage, command, output in stages(binary, folder, events):
                wall, cpu, peak = run(command, folder / "output.txt")
                row = Row(
                    **header,
                    size=size,
                    events=events,
                    stage=stage,
                    wall_seconds=round(wall, 2),
                    cpu_seconds=round(cpu, 2),
                    peak_mb=round(peak, 1),
                    disk_mb=round(bytes_on_disk(output) / 1e6, 1),
                )
                print(f"x{size} {stage}: {wall:.1f} s, {cpu:.1f} CPU s, {peak:.0f} MB", flush=True)
                yield row


def append(path, rows):
    path.parent.mkdir(exist_ok=True)
    is_new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        for row in rows:
            writer.writerow(asdict(row))
            file.flush()


def per_event(rows):
    """CPU microseconds per event of each stage: {stage: [(size, microseconds)]}; the last row of a size counts."""
    found = {}
    for row in rows:
        value = float(row["cpu_seconds"]) * 1e6 / int(row["events"])
        found.setdefault(row["stage"], {})[int(row["size"])] = value
    return {stage: sorted(values.items()) for stage, values in found.items()}


def drawn(lines):
    """The lines as SVG, both axes logarithmic to base 2."""
    from math import log2

    sizes = sorted({size for points in lines.values() for size, _ in points})
    values = [value for points in lines.values() for _, value in points if value > 0]
    low, high = log2(min(values)) - 0.5, log2(max(values)) + 0.5
    width, height, left, top = 520, 260, 60, 30

    def x(size):
        span = log2(sizes[-1]) - log2(sizes[0]) or 1.0
        return left + width * (log2(size) - log2(sizes[0])) / span

    def y(value):
        return top + height * (high - log2(value)) / (high - low)

    text = '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 190} {top + height + 50}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        text.format(left, 18, "start", "CPU microseconds per event"),
    ]
    for size in sizes:
        parts.append(f'<line x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{top}" y2="{top + height}" stroke="#dddddd"/>')
        parts.append(text.format(x(size), top + height + 18, "middle", f"{BASE * size / 1e6:.1f} M"))
    parts.append(text.format(left + width / 2, top + height + 38, "middle", "events"))
    for power in range(int(low) - 1, int(high) + 2):
        if low <= power <= high:
            at = y(2.0**power)
            parts.append(f'<line x1="{left}" x2="{left + width}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dddddd"/>')
            parts.append(text.format(left - 6, at + 4, "end", f"{2.0**power:g}"))
    for color, (stage, points) in zip(COLORS, lines.items()):
        path = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in points if value > 0)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        size, value = points[-1]
        parts.append(f'<text x="{x(size) + 8:.1f}" y="{y(value) + 4:.1f}" fill="{color}">{stage}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,4,16", help="times 1.3 million events [default: 1,4,16]")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/lightgcn")
    parser.add_argument("--svg", type=Path, default=ROOT / "docs/images/growth.svg")
    options = parser.parse_args()
    if not options.binary.is_file():
        sys.exit(f"{options.binary} is not there: cargo build --release --bin lightgcn, or name it with --binary")
    os.environ.setdefault("LIGHTGCN_DEVICE", "cpu")
    today, cpu = datetime.date.today().isoformat(), machine.cpu_model()
    # In a process of its own: its memory would count in the peaks of all processes started from this one.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        copied = pool.submit(copied_gb_per_second).result()
    header = {
        "date": today,
        "version": record.version(),
        "cpu_model": cpu,
        "cores": machine.cores(),
        "copied_gb_per_second": round(copied, 1),
    }
    path = HERE / "results" / f"growth-{today}-{machine.slug(cpu)}.csv"
    append(path, measured(options.binary, [int(size) for size in options.sizes.split(",")], header))
    with open(path, newline="") as file:
        options.svg.write_text(drawn(per_event(csv.DictReader(file))))
    print(f"{path}\n{options.svg}")


if __name__ == "__main__":
    main()
