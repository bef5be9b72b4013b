"""The rows of the measurements: the file that they are kept in, and the table of ratios."""

import csv
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from environment import OURS

sys.path.append(str(Path(__file__).resolve().parents[1]))
from machine import cores, cpu_model, slug  # noqa: E402, F401: what it ran on


@dataclass
class Row:
    date: str
    cpu_model: str
    cores: int
    system: str
    version: str
    task: str
    round: int
    steps: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    note: str

    @property
    def wall_of_a_step(self):
        return self.wall_s / self.steps

    @property
    def cpu_of_a_step(self):
        return self.cpu_s / self.steps


COLUMNS = [field.name.replace("_model", " model") for field in fields(Row)]


def append(folder, row, kind=None):
    """Appends one row to `DATE-MACHINE.csv`, or `DATE-KIND-MACHINE.csv`; a new file begins with the names of the
    columns."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(filter(None, (row.date, kind, slug(row.cpu_model))))
    path = folder / f"{name}.csv"
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(
            f"{value:.6g}" if isinstance(value, float) else value for value in asdict(row).values()
        )
    return path


# A peer's own second way to do one of our tasks is held against that task.
SAME_WORK = {"evaluate-once": "evaluate"}


def ratios(rows, task, system, measure):
    """Peer / ours of each round in which both were measured."""
    ours = {row.round: measure(row) for row in rows if row.system == OURS and row.task == SAME_WORK.get(task, task)}
    return [
        measure(row) / ours[row.round]
        for row in rows
        if row.system == system and row.task == task and ours.get(row.round, 0) > 0
    ]


def spread(values, form):
    """Median, and the smallest and largest where there are several."""
    if not values:
        return "-"
    middle = form(median(values))
    return middle if len(values) == 1 else f"{middle} [{form(min(values))}, {form(max(values))}]"


def seconds(value):
    return f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"


def whole(value):
    return f"{value:.0f}"


def times(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def table(rows, tasks, systems, steps_of_an_epoch):
    """The measurements as Markdown: one table a task, medians with [smallest, largest] over the rounds."""
    text = []
    for task in tasks:
        header = ["system", "wall a step", "CPU a step", "peak MB", "wall ratio", "CPU ratio", "memory ratio"]
        body = []
        for system in systems:
            mine = [row for row in rows if row.task == task and row.system == system]
            if not mine:
                continue
            wall = [row.wall_of_a_step for row in mine]
            cpu = [row.cpu_of_a_step for row in mine]
            cells = [
                system,
                spread(wall, seconds),
                spread(cpu, seconds),
                spread([row.peak_mb for row in mine], whole),
                *(
                    spread(ratios(rows, task, system, measure), times)
                    for measure in (
                        lambda row: row.wall_of_a_step,
                        lambda row: row.cpu_of_a_step,
                        lambda row: row.peak_mb,
                    )
                ),
            ]
            if task == "epoch":
                whole_epoch = all(row.steps >= steps_of_an_epoch for row in mine)
                label = "measured" if whole_epoch else "estimate"
                total = [part * steps_of_an_epoch for part in (median(wall), median(cpu))]
                cells.append(f"{label}: {total[0]:.0f} s wall, {total[1]:.0f} s CPU")
            body.append(cells)
        if body:
            if task == "epoch":
                header.append(f"an epoch of {steps_of_an_epoch} steps")
            text.append(f"### {task}\n\n{markdown(header, body)}")
    return "\n\n".join(text)


def markdown(header, body):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
