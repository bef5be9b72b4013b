#!/usr/bin/env python3
"""Measures lightgcn and its peers in Python on one large log: preparation, fits, Recall@20; see README.md."""

import argparse
import datetime
import json
import math
import shutil
import signal
import sys
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import report
from environment import (
    HERE,
    OURS,
    PEERS,
    NotAvailable,
    Peer,
    finish,
    prepare_peer,
    prepare_venv,
    python_of,
    target_folder,
)
from process import DoesNotFit, run
from run import BATCH, names, positive

LARGE_PEERS = {
    "polars": Peer("polars_prepare.py", ("polars", "numpy"), "polars, numpy", ("prepare",)),
    "implicit": Peer(
        "implicit_fit.py", ("implicit", "numpy", "scipy", "threadpoolctl"), "implicit.als, threadpoolctl", ("fit",)
    ),
    "pyg": PEERS["pyg"],
    "recbole": PEERS["recbole"],
}
SMALL = 200_000
"""Events of the log of `--small`."""


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, help="log that `lightgcn generate --events 20700000` wrote")
    parser.add_argument("--lightgcn", required=True, help="our program, a release build")
    parser.add_argument("--small", action="store_true", help=f"trial on a log of {SMALL:,} events; keeps no rows")
    parser.add_argument("--systems", type=names(LARGE_PEERS), default=list(LARGE_PEERS), help="peers to measure")
    parser.add_argument("--minutes", type=float, default=10, help="after which a fit of implicit ends")
    parser.add_argument("--epochs", type=positive, default=3, help="of lightgcn")
    parser.add_argument("--steps", type=positive, default=20, help="of a peer's epoch, after 3 for warming up")
    parser.add_argument("--memory", type=float, default=20, help="GB above which a peer does not fit")
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--timeout", type=float, default=3600, help="seconds after which a process is stopped")
    made = target_folder() / "peers"
    parser.add_argument("--work", type=Path, default=made / "large", help="folder for all that is made")
    parser.add_argument("--venv", type=Path, default=made / "venv", help="virtual environment")
    parser.add_argument("--python", default=sys.executable, help="interpreter that makes the environment")
    parser.add_argument("--no-install", action="store_true", help="take the environment as it is")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the CSV files")
    parser.add_argument("--no-results", action="store_true", help="print only")
    args = parser.parse_args(words)
    if args.small == (args.log is not None):
        parser.error("give either --log or --small")
    args.lightgcn = shutil.which(args.lightgcn) or parser.error(f"{args.lightgcn} is not a program")
    args.no_results |= args.small
    args.work, args.venv = args.work.resolve() / ("small" if args.small else "full"), args.venv.absolute()
    return args


@dataclass
class Measured:
    """A line of the table: a row and what else is known about it."""

    row: report.Row
    whole_s: float
    """Seconds of the whole job: of the epoch, where `row` has some of its steps."""
    recall: float | None = None


@dataclass
class Comparison:
    args: argparse.Namespace
    measured: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)
    """Why, by system and task."""
    remarks: list = field(default_factory=list)

    def run(self, system, task, command, read=None):
        """One process, or None if it failed; then `missing` has the reason."""
        print(f"{datetime.datetime.now():%H:%M:%S} {system}: {task}", file=sys.stderr, flush=True)
        log = self.args.work / "logs" / f"{system}-{task}.log"
        limit = None if system == OURS else self.args.memory
        try:
            return run(command, self.args.threads, self.args.timeout, log, memory_gb=limit, read=read)
        except NotAvailable as fault:
            reason = f"does not fit: {fault}" if isinstance(fault, DoesNotFit) else str(fault)
            print(f"  not available: {reason}", file=sys.stderr, flush=True)
            self.missing[(system, task)] = reason
            if isinstance(fault, DoesNotFit):
                self.keep(system, task, "unknown", 0, math.nan, math.nan, 1e3 * self.args.memory, reason)
            return None

    def ours(self, task, *words):
        """One call of our program, which prints an object."""
        done = self.run(OURS, task, [self.args.lightgcn, "--json", *words], read=json.loads)
        if done is None:
            raise SystemExit(f"lightgcn {task}: {self.missing[(OURS, task)]}")
        return done

    def peer(self, system, script, task, *words):
        return self.run(system, task, [python_of(self.args.venv), HERE / "systems" / script, *words])

    def keep(self, system, task, version, steps, wall_s, cpu_s, peak_mb, note, whole_s=None, recall=None):
        row = report.Row(
            date=datetime.date.today().isoformat(),
            cpu_model=report.cpu_model(),
            cores=report.cores(),
            system=system,
            version=version,
            task=task,
            round=1,
            steps=steps,
            wall_s=wall_s,
            cpu_s=cpu_s,
            peak_mb=peak_mb,
            note=note,
        )
        self.measured.append(Measured(row, wall_s if whole_s is None else whole_s, recall))
        if not self.args.no_results:
            report.append(self.args.results, row, kind="large")


def whole_process(done):
    return f"whole process {done.wall_s:.1f} s wall {done.cpu_s:.1f} s CPU"


def prepare(comparison, log, dataset, version):
    """Our preparation and that of polars, and what they differ in."""
    args = comparison.args
    done = comparison.ours("prepare", "prepare", log, "--out", dataset)
    ours = our_counts(done.line)
    note = "; ".join(f"{count} {name}" for name, count in ours.items())
    comparison.keep(OURS, "prepare", version, 1, done.wall_s, done.cpu_s, done.peak_mb, note)
    comparison.ours("export", "export", dataset, "--out", args.work / "exported")
    if "polars" not in args.systems:
        return
    done = comparison.peer("polars", "polars_prepare.py", "prepare", log, args.work / "polars")
    if done:
        note = "; ".join(f"{done.line[name]} {name}" for name in ours)
        comparison.keep("polars", "prepare", done.line["version"], 1, done.wall_s, done.cpu_s, done.peak_mb, note)
        comparison.remarks += differences(ours, done.line)


def our_counts(prepared):
    stages = {stage["stage"]: stage for stage in prepared["stages"]}
    return {
        "rows": stages["read"]["kept"],
        "pairs": prepared["training_pairs"],
        "validation": prepared["validation_targets"],
        "test": prepared["test_targets"],
    }


def differences(ours, polars):
    """What the two prepared datasets differ in."""
    parts = [f"{name}: lightgcn {ours[name]}, polars {polars[name]}" for name in ours if ours[name] != polars[name]]
    if parts:
        return ["WARNING: the prepared data differ: " + "; ".join(parts)]
    return ["lightgcn and polars kept the same numbers of rows, training pairs and targets"]


def train(comparison, dataset, version):
    """Our training; returns its curve and the path of the model."""
    model, record = comparison.args.work / "model", comparison.args.work / "model.run"
    options = ["--no-ranking", "--epochs", comparison.args.epochs, "--validate-every", 1]
    for folder in (model, record):
        shutil.rmtree(folder, ignore_errors=True)
    done = comparison.ours("fit", "train", dataset, *options, "--out", model, "--run", record)
    ours = curve((record / "run.jsonl").read_text(encoding="utf-8"))
    seconds = ours[-1][0]
    by_epoch = ", ".join(f"{recall:.4f} after {at:.1f} s" for at, recall in ours)
    note = f"Recall@20 {by_epoch}, validation included; CPU of the {whole_process(done)}"
    best = max(recall for _, recall in ours)
    comparison.keep(OURS, "fit", version, len(ours), seconds, done.cpu_s, done.peak_mb, note, recall=best)
    return ours, model


def curve(record):
    """Of the record of a run: seconds since its start and Recall@20, by epoch."""
    events = [json.loads(line) for line in record.splitlines() if line]
    epochs = [event for event in events if event["event"] == "epoch"]
    seconds = accumulate(event["seconds"] for event in epochs)
    return [(at, event["validation"]["recall@20"]) for at, event in zip(seconds, epochs)]


def passed(ours, recall):
    """When our Recall@20 first was at least this, in seconds; None if it never was."""
    return next((at for at, reached in ours if reached >= recall), None)


def check_recall(comparison, ours, model):
    """Evaluates our embeddings the way the peers' are: both figures must agree."""
    work = comparison.args.work
    comparison.ours("export-model", "export", model, "--out", work / "exported-model")
    words = ["recall", work / "exported", work / "arrays", work / "exported-model"]
    done = comparison.peer(OURS, "exported.py", "recall", *words)
    if done is None:
        return
    expected, found = max(recall for _, recall in ours), done.line["recall_at_20"]
    agree = math.isclose(expected, found, rel_tol=1e-3)
    text = f"Recall@20 of lightgcn's embeddings: {expected:.6f} by itself, {found:.6f} by the peers' evaluation"
    comparison.remarks.append(text if agree else f"WARNING: {text}")


def implicit(comparison):
    args = comparison.args
    for name in ("als", "bpr"):
        words = [name, "--data", args.work / "arrays", "--minutes", args.minutes, "--threads", args.threads]
        done = comparison.peer(f"implicit-{name}", "implicit_fit.py", "fit", *words)
        if done is None:
            continue
        line, recall = done.line, done.line["recall_at_20"]
        note = f"Recall@20 {recall:.6f}, on test {line['later']:.6f}; {line['steps']} of {line['of']} iterations"
        note += f"; {whole_process(done)}"
        measured = line["version"], line["steps"], line["wall_s"], line["cpu_s"], line["peak_mb"]
        comparison.keep(f"implicit-{name}", "fit", *measured, note, recall=recall)
        comparison.remarks.append(f"Recall@20 of implicit-{name} on the test part: {line['later']:.4f}")


def epoch(comparison, system, pairs):
    """A peer's LightGCN of one layer, its epoch extrapolated."""
    args = comparison.args
    cache = args.work / system
    shutil.rmtree(cache, ignore_errors=True)  # made from other data, perhaps
    words = ["epoch", "--data", args.work / "arrays", "--cache", cache, "--layers", 1]
    words += ["--steps", args.steps, "--warm-up", 3, "--threads", args.threads]
    done = comparison.peer(system, LARGE_PEERS[system].script, "epoch", *words)
    if done is None:
        return
    line, steps = done.line, math.ceil(pairs / BATCH)
    whole = line["wall_s"] / line["steps"] * steps
    note = f"epoch estimate {whole:.1f} s wall = {steps} steps at this rate; set-up {line['setup_s']:.1f} s"
    note += f"; {line['imported_mb']:.0f} MB after imports; {whole_process(done)}"
    measured = line["version"], line["steps"], line["wall_s"], line["cpu_s"], done.peak_mb
    comparison.keep(system, "epoch", *measured, note, whole_s=whole)


def table(measured, ours):
    """All as one Markdown table."""
    header = ["system", "task", "wall s", "CPU s", "peak MB", "Recall@20", "lightgcn is as good after", "ratio"]
    body = []
    for entry in measured:
        row = entry.row
        task = f"{row.task}, estimate" if row.steps and row.task == "epoch" else row.task
        if row.steps == 0:
            body.append([row.system, task, "does not fit", "-", f"> {row.peak_mb:.0f}", "-", "-", "-"])
            continue
        cpu_s = row.cpu_s * entry.whole_s / row.wall_s  # extrapolated as the wall time is
        figures = [f"{entry.whole_s:.1f}", f"{cpu_s:.1f}", f"{row.peak_mb:.0f}"]
        recall = "-" if entry.recall is None else f"{entry.recall:.4f}"
        beside = ["-", "-"] if row.system == OURS else [equal(ours, entry), ratio(measured, ours, entry)]
        body.append([row.system, task, *figures, recall, *beside])
    return report.markdown(header, body)


def equal(ours, entry):
    """When our Recall@20 first passed that of a peer."""
    if entry.recall is None:
        return "-"
    at = passed(ours, entry.recall)
    return f"not in {len(ours)} epochs" if at is None else f"{at:.1f} s"


def ratio(measured, ours, entry):
    """Peer / ours: of a preparation, of an epoch, of the time to equal Recall@20."""
    mine = {other.row.task: other for other in measured if other.row.system == OURS}
    if entry.row.task == "prepare":
        return report.times(entry.whole_s / mine["prepare"].whole_s)
    if entry.row.task == "epoch":
        return report.times(entry.whole_s / mine["fit"].row.wall_of_a_step)
    at = passed(ours, entry.recall)
    return "-" if at is None else report.times(entry.whole_s / at)


def install(args):
    """Installs the chosen peers; those that cannot be are left out, with the reason."""
    missing = {}
    prepare_venv(args.venv, args.python)
    # The arrays for all are made with polars.
    for name in dict.fromkeys(["polars", *args.systems]):
        print(f"preparing {name}", file=sys.stderr, flush=True)
        try:
            prepare_peer(LARGE_PEERS[name], args.venv, install=not args.no_install)
        except NotAvailable as fault:
            missing[(name, "install")] = str(fault)
    if ("polars", "install") in missing:
        raise NotAvailable(f"polars: {missing[('polars', 'install')]}")
    args.systems = [name for name in args.systems if (name, "install") not in missing]
    return missing


def compare(args):
    comparison = Comparison(args, missing=install(args))
    version = finish([args.lightgcn, "--version"], "asking lightgcn for its version").split()[-1]
    log, dataset, arrays = args.log, args.work / "dataset", args.work / "arrays"
    if args.small:
        log = args.work / "small.csv"
        comparison.ours("generate", "generate", "--events", SMALL, "--out", log)
    prepare(comparison, log, dataset, version)
    done = comparison.peer("polars", "exported.py", "arrays", "arrays", args.work / "exported", arrays)
    if done is None:
        raise NotAvailable(comparison.missing[("polars", "arrays")])
    ours, model = train(comparison, dataset, version)
    check_recall(comparison, ours, model)
    if "implicit" in args.systems:
        implicit(comparison)
    for system in ("pyg", "recbole"):
        if system in args.systems:
            epoch(comparison, system, done.line["pairs"])
    return comparison, ours


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    args.work.mkdir(parents=True, exist_ok=True)
    try:
        comparison, ours = compare(args)
    except NotAvailable as fault:
        sys.exit(f"cannot be measured: {fault}")
    print(f"{report.cpu_model()}, {args.threads} threads; ratio = peer / {OURS}\n")
    print(table(comparison.measured, ours))
    for remark in comparison.remarks:
        print(f"\n{remark}")
    for (system, task), why in comparison.missing.items():
        print(f"\nnot available: {system} {task}: {why}")
    return 1 if any(remark.startswith("WARNING") for remark in comparison.remarks) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; rows that were finished are kept")
