#!/usr/bin/env python3
"""Measures lightgcn and its peers in Python on the same work, in turns; see README.md beside this file."""

import argparse
import datetime
import hashlib
import math
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

import report
from environment import (
    HERE,
    OUR_TASKS,
    OURS,
    PEERS,
    NotAvailable,
    build_ours,
    our_version,
    prepare_peer,
    prepare_venv,
    python_of,
    target_folder,
)
from process import run

BATCH = 2048
# Layer 0 of `evaluate` and `topk`, written by a peer for ours.
START = "start.f32"
TASKS = ("epoch", "evaluate", "evaluate-once", "top20-1024", "top20-1")
ALL = (OURS, *PEERS)


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__)
    data = os.environ.get("LIGHTGCN_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(data) / "gowalla" if data else None,
        help="folder with train.txt and test.txt; default: $LIGHTGCN_DATA/gowalla",
    )
    parser.add_argument("--systems", type=names(ALL), default=list(ALL), help=f"of {','.join(ALL)}")
    parser.add_argument("--tasks", type=names(TASKS), default=list(TASKS), help=f"of {','.join(TASKS)}")
    parser.add_argument("--rounds", type=positive, default=3, help="how often every system has its turn")
    parser.add_argument("--steps", type=positive, default=20, help="training steps and top-K calls that are measured")
    parser.add_argument("--warm-up", type=not_negative, default=3, help="steps of the peers before the clock")
    parser.add_argument("--full-epoch", action="store_true", help="all steps of an epoch instead of --steps")
    parser.add_argument("--ours", help="command of our program; default: build and run the example `peer`")
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--timeout", type=float, default=3600, help="seconds after which a process is stopped")
    parser.add_argument("--work", type=Path, default=target_folder() / "peers", help="folder for all that is made")
    parser.add_argument("--venv", type=Path, help="virtual environment; default: venv in the --work folder")
    parser.add_argument("--python", default=sys.executable, help="interpreter that makes the environment")
    parser.add_argument("--no-install", action="store_true", help="take the environment as it is")
    parser.add_argument("--prepare-only", action="store_true", help="install, build and write files, but do not measure")
    parser.add_argument("--subset-users", type=positive, help="trial run on the first N users; keeps no rows")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the CSV files")
    parser.add_argument("--no-results", action="store_true", help="print only")
    args = parser.parse_args(words)
    if args.data is None:
        parser.error("set LIGHTGCN_DATA or give --data")
    for name in ("train.txt", "test.txt"):
        if not (args.data / name).is_file():
            parser.error(f"{args.data} has no {name}")
    args.venv = args.venv or args.work / "venv"
    return args


def names(known):
    def parse(text):
        chosen = [word for word in text.split(",") if word]
        unknown = [word for word in chosen if word not in known]
        if unknown or not chosen:
            raise argparse.ArgumentTypeError(f"choose of {','.join(known)}")
        return [name for name in known if name in chosen]

    return parse


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def not_negative(text):
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def cut(source, target, users):
    """Copies the first `users` users; items are renumbered, and test items unseen in training left out."""
    target.mkdir(parents=True, exist_ok=True)
    ids = {}
    for name in ("train.txt", "test.txt"):
        lines = []
        for line in (source / name).read_text(encoding="utf-8").splitlines():
            user, *items = line.split() or [str(users)]
            if int(user) < users:
                if name == "train.txt":
                    for item in items:
                        ids.setdefault(item, str(len(ids)))
                lines.append(" ".join([user, *(ids[item] for item in items if item in ids)]))
        (target / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target


def training_pairs(folder):
    with open(folder / "train.txt", encoding="utf-8") as file:
        return sum(max(len(line.split()) - 1, 0) for line in file)


def fingerprint(folder):
    """Files that a system makes from the data are kept apart by the data's contents."""
    digest = hashlib.sha256()
    for name in ("train.txt", "test.txt"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def prepare(args):
    """The command that begins each system's measurements, and why the others have none."""
    commands, missing = {}, {}
    try:
        if any(name in PEERS for name in args.systems):
            prepare_venv(args.venv, args.python)
        venv_fault = None
    except NotAvailable as fault:
        venv_fault = fault
    for name in args.systems:
        print(f"preparing {name}", file=sys.stderr, flush=True)
        try:
            if name == OURS:
                commands[name] = shlex.split(args.ours) if args.ours else [build_ours()]
            elif venv_fault:
                raise venv_fault
            else:
                prepare_peer(PEERS[name], args.venv, install=not args.no_install)
                commands[name] = [python_of(args.venv), HERE / "systems" / PEERS[name].script]
        except NotAvailable as fault:
            missing[name] = str(fault)
    return commands, missing


def command_of(args, name, base, task, folder, cache, epoch):
    """One measurement's command, and its number of steps."""
    # Our CPU time is counted in hundredths of a second, so that short calls need many.
    calls = 100 if name == OURS else 10
    steps = {"epoch": epoch if args.full_epoch else args.steps, "top20-1024": args.steps, "top20-1": calls * args.steps}
    words = ["--data", folder.resolve(), "--steps", steps.get(task, 1)]
    kind = task
    if task.startswith("top20-"):
        kind = "topk"
        words += ["--users", task.removeprefix("top20-")]
    start = cache / START
    if name != OURS:
        words += ["--cache", (cache / name).resolve(), "--warm-up", args.warm_up, "--threads", args.threads]
    elif kind != "epoch" and start.exists():
        words += ["--start", start.resolve()]
    return [*base, kind, *words]


def note_of(done, task, epoch, subset):
    line = done.line
    parts = []
    if subset:
        parts.append(f"first {subset} users only")
    if task == "epoch":
        if line["steps"] >= epoch:
            parts.append(f"a whole epoch of {epoch} steps")
        else:
            estimate = line["wall_s"] / line["steps"] * epoch
            parts.append(f"epoch estimate {estimate:.1f} s wall = {epoch} steps at this rate")
    for key, form in (
        ("setup_s", "set-up {:.1f} s"),
        ("imported_mb", "{:.0f} MB after imports"),
        ("recall_at_20", "Recall@20 {:.6f}"),
        ("ndcg_at_20", "NDCG@20 {:.6f}"),
    ):
        if line.get(key) is not None:
            parts.append(form.format(line[key]))
    parts.append(f"whole process {done.wall_s:.1f} s wall {done.cpu_s:.1f} s CPU")
    return "; ".join(parts)


def disagreement(lines):
    """All rank the same embeddings: figures that differ mean that one of them does other work."""
    for key in ("recall_at_20", "ndcg_at_20"):
        values = {name: line[key] for name, line in lines.items() if line.get(key) is not None}
        if values and not math.isclose(min(values.values()), max(values.values()), rel_tol=5e-3, abs_tol=2e-6):
            return f"{key} differs between systems that rank the same embeddings: {values}"
    return None


def write_caches(args, commands, missing, folder, cache):
    """Lets each peer write the files that it makes once from the data, which count in no measurement."""
    peers = [(name, base) for name, base in commands.items() if name != OURS]
    if OURS in commands and peers:
        command = [peers[0][1][0], HERE / "systems" / "gowalla.py", folder.resolve(), (cache / START).resolve()]
        try:
            run(command, args.threads, args.timeout, args.work / "logs" / "start.log")
        except NotAvailable as fault:
            print(f"ours ranks random embeddings of its own: {fault}", file=sys.stderr, flush=True)
    for name, base in peers:
        words = ["prepare", "--data", folder.resolve(), "--cache", (cache / name).resolve()]
        print(f"preparing the data for {name}", file=sys.stderr, flush=True)
        try:
            run([*base, *words], args.threads, args.timeout, args.work / "logs" / f"{name}-prepare.log")
        except NotAvailable as fault:
            missing[name] = str(fault)
            del commands[name]


def measure(args, commands, missing, folder, epoch):
    """All rounds. Rows are kept as they come, so that a stop loses none."""
    rows, evaluations = [], {}
    cache = args.work / "cache" / fingerprint(folder)
    write_caches(args, commands, missing, folder, cache)
    version = our_version()
    model, cores = report.cpu_model(), report.cores()
    for turn in range(1, args.rounds + 1):
        for task in args.tasks:
            for name, base in commands.items():
                tasks = OUR_TASKS if name == OURS else PEERS[name].tasks
                if task not in tasks or (name, task) in missing:
                    continue
                print(f"round {turn} of {args.rounds}: {task}, {name}", file=sys.stderr, flush=True)
                command = command_of(args, name, base, task, folder, cache, epoch)
                try:
                    done = run(command, args.threads, args.timeout, args.work / "logs" / f"{name}-{task}.log")
                except NotAvailable as fault:
                    missing[(name, task)] = str(fault)
                    print(f"  not available: {fault}", file=sys.stderr, flush=True)
                    continue
                row = report.Row(
                    date=datetime.date.today().isoformat(),
                    cpu_model=model,
                    cores=cores,
                    system=name,
                    version=version if name == OURS else done.line.get("version", "unknown"),
                    task=task,
                    round=turn,
                    steps=done.line["steps"],
                    wall_s=float(done.line["wall_s"]),
                    cpu_s=float(done.line["cpu_s"]),
                    peak_mb=done.peak_mb,
                    note=note_of(done, task, epoch, args.subset_users),
                )
                rows.append(row)
                if task.startswith("evaluate") and (name != OURS or (cache / START).exists()):
                    evaluations[f"{name} {task}"] = done.line
                if not (args.no_results or args.subset_users):
                    report.append(args.results, row)
    return rows, disagreement(evaluations)


def main():
    args = arguments()
    # A request to end is handled like Ctrl-C, which ends the running measurement too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    args.work.mkdir(parents=True, exist_ok=True)
    commands, missing = prepare(args)
    folder = args.data
    if args.subset_users:
        folder = cut(args.data, args.work / f"first-{args.subset_users}-users", args.subset_users)
    epoch = math.ceil(training_pairs(folder) / BATCH)
    if args.prepare_only:
        write_caches(args, commands, missing, folder, args.work / "cache" / fingerprint(folder))
        for name, why in missing.items():
            print(f"not available: {name}: {why}")
        return 1 if missing else 0
    rows, fault = measure(args, commands, missing, folder, epoch)

    print(f"{report.cpu_model()}, {args.threads} threads, {args.rounds} rounds; ratio = peer / {OURS}\n")
    print(report.table(rows, args.tasks, args.systems, epoch))
    for name, why in missing.items():
        print(f"\nnot available: {name if isinstance(name, str) else ', '.join(name)}: {why}")
    if fault:
        print(f"\nWARNING: {fault}")
    if args.subset_users:
        shutil.rmtree(folder)
    return 1 if fault or not rows else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; rows that were finished are kept")
