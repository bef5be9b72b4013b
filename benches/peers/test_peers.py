"""`python3 -m unittest discover -s benches/peers`: the measuring itself; needs no package beyond Python's own.

What large.py does with numpy and polars needs the virtual environment:
`target/peers/venv/bin/python -m unittest discover -s benches/peers -k Ranking -k Polars`.
"""

import contextlib
import csv
import importlib.util
import io
import json
import math
import os
import signal
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import environment
import large
import process
import report
import run


def row(system, task, turn, wall_s, cpu_s=1.0, peak_mb=100.0, steps=2):
    return report.Row("2024-05-06", "Some CPU (TM) 9", 2, system, "1", task, turn, steps, wall_s, cpu_s, peak_mb, "a, b")


class Process(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_python(self, program, timeout_s=60):
        return process.run([sys.executable, "-c", program], 2, timeout_s, Path(self.folder.name) / "a.log")

    def test_cpu_and_memory_of_a_child_are_counted(self):
        done = self.run_python(
            "import json, time\n"
            "kept = bytearray(b'x') * 200_000_000\n"
            "while time.process_time() < 0.3: pass\n"
            "print('noise')\n"
            "print(json.dumps({'wall_s': 1.5, 'cpu_s': 2.5, 'steps': 3}))\n"
        )
        self.assertEqual((done.line["wall_s"], done.line["cpu_s"], done.line["steps"]), (1.5, 2.5, 3))
        self.assertGreaterEqual(done.cpu_s, 0.3)
        self.assertGreater(done.wall_s, 0)
        self.assertGreater(done.peak_mb, 200)
        self.assertLess(done.peak_mb, 400)

    def test_threads_are_held_for_every_library(self):
        program = "import os, json; print(json.dumps({'wall_s': 1, 'cpu_s': 1, 'steps': int(os.environ['%s'])}))"
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
            self.assertEqual(self.run_python(program % name).line["steps"], 2)

    def test_a_stop_ends_the_measurement_too(self):
        log = Path(self.folder.name) / "a.log"
        timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
        with self.assertRaises(KeyboardInterrupt):
            process.run([sys.executable, "-c", program], 2, 60, log)
        child = int(log.with_suffix(".out").read_text())
        with self.assertRaises(ProcessLookupError):
            os.kill(child, 0)

    def test_failures_are_reasons(self):
        cases = {
            "raise ValueError('no such thing')": "ValueError: no such thing",
            "print('hello')": "no line of JSON",
            "print('{\"wall_s\": 1}')": "lacks cpu_s, steps",
            "print('{\"wall_s\": 1, \"cpu_s\": 1, \"steps\": 0}')": "no step",
        }
        for program, why in cases.items():
            with self.assertRaisesRegex(environment.NotAvailable, why):
                self.run_python(program)
        with self.assertRaisesRegex(environment.NotAvailable, "stopped after"):
            self.run_python("import time; time.sleep(600)", timeout_s=0.3)
        with self.assertRaisesRegex(environment.NotAvailable, "cannot be started"):
            process.run(["/no/such/program"], 2, 60, Path(self.folder.name) / "a.log")

    @unittest.skipUnless(Path("/proc/self/statm").exists(), "memory is watched on Linux")
    def test_a_process_that_takes_too_much_memory_does_not_fit(self):
        program = "import time; kept = bytearray(b'x') * 300_000_000; time.sleep(600)"
        with self.assertRaises(process.DoesNotFit):
            process.run([sys.executable, "-c", program], 2, 60, Path(self.folder.name) / "a.log", memory_gb=0.2)
        for program in ("raise MemoryError()", "import os; os.kill(os.getpid(), 9)"):
            with self.assertRaises(process.DoesNotFit):
                self.run_python(program)

    def test_other_forms_of_output(self):
        log = Path(self.folder.name) / "a.log"
        done = process.run([sys.executable, "-c", "print(7)"], 2, 60, log, memory_gb=100, read=json.loads)
        self.assertEqual(done.line, 7)


class Report(unittest.TestCase):
    rows = [
        row("lightgcn", "epoch", 1, 1.0, 2.0),
        row("pyg", "epoch", 1, 10.0, 8.0, 500.0),
        row("lightgcn", "epoch", 2, 2.0, 2.0),
        row("pyg", "epoch", 2, 10.0, 12.0, 500.0),
        row("lightgcn", "evaluate", 1, 4.0),
        row("original", "evaluate-once", 1, 6.0),
        row("pyg", "epoch", 3, 10.0),  # ours failed in this round
    ]

    def test_ratios_are_taken_within_a_round(self):
        wall = report.ratios(self.rows, "epoch", "pyg", lambda row: row.wall_of_a_step)
        self.assertEqual(wall, [10.0, 5.0])
        self.assertEqual(report.ratios(self.rows, "epoch", "pyg", lambda row: row.cpu_of_a_step), [4.0, 6.0])

    def test_the_second_way_to_evaluate_is_held_against_our_evaluation(self):
        self.assertEqual(report.ratios(self.rows, "evaluate-once", "original", lambda row: row.wall_s), [1.5])

    def test_steps_differ_between_systems(self):
        rows = [row("lightgcn", "epoch", 1, 1.0, steps=10), row("pyg", "epoch", 1, 1.0, steps=2)]
        self.assertEqual(report.ratios(rows, "epoch", "pyg", lambda row: row.wall_of_a_step), [5.0])

    def test_table(self):
        text = report.table(self.rows, ["epoch", "evaluate", "top20-1"], ["lightgcn", "pyg"], 396)
        self.assertIn("| pyg | 5 s [5 s, 5 s] |", text)
        self.assertIn("| 7.50 [5.00, 10.0] | 5.00 [4.00, 6.00] | 5.00 [5.00, 5.00] |", text)
        self.assertIn("estimate: 297 s wall, 396 s CPU", text)  # ours: medians of 0.5 and 1, and of 1 and 1
        self.assertNotIn("top20-1", text)
        self.assertIn("measured: 1 s wall", report.table([row("pyg", "epoch", 1, 1.0)], ["epoch"], ["pyg"], 2))

    def test_rows_are_appended(self):
        with tempfile.TemporaryDirectory() as folder:
            for item in self.rows[:2]:
                path = report.append(Path(folder) / "results", item)
            self.assertEqual(path.name, "2024-05-06-some-cpu-tm-9.csv")
            with open(path, newline="", encoding="utf-8") as file:
                lines = list(csv.reader(file))
        names = "date,cpu model,cores,system,version,task,round,steps,wall_s,cpu_s,peak_mb,note"
        self.assertEqual(lines[0], names.split(","))
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[2][3:], ["pyg", "1", "epoch", "1", "2", "10", "8", "500", "a, b"])


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.data = Path(self.folder.name) / "data"
        self.data.mkdir()
        (self.data / "train.txt").write_text("0 7 3\n1 3 9\n2 5\n", encoding="utf-8")
        (self.data / "test.txt").write_text("0 9 5\n1\n2 7\n", encoding="utf-8")

    def test_cut_keeps_the_first_users_and_known_items(self):
        target = run.cut(self.data, Path(self.folder.name) / "cut", 2)
        self.assertEqual((target / "train.txt").read_text(), "0 0 1\n1 1 2\n")
        self.assertEqual((target / "test.txt").read_text(), "0 2\n1\n")
        self.assertEqual(run.training_pairs(target), 4)
        self.assertNotEqual(run.fingerprint(target), run.fingerprint(self.data))

    def arguments(self, *words):
        work = ["--data", str(self.data), "--work", str(Path(self.folder.name) / "work")]
        return run.arguments([*work, "--results", str(Path(self.folder.name) / "results"), *words])

    def test_commands(self):
        args = self.arguments("--steps", "20")
        ours = run.command_of(args, "lightgcn", ["peer"], "top20-1", self.data, Path("cache"), 396)
        self.assertEqual(ours, ["peer", "topk", "--data", self.data.resolve(), "--steps", 2000, "--users", "1"])
        peer = run.command_of(args, "pyg", ["python"], "top20-1", self.data, Path("cache"), 396)
        self.assertEqual(peer[5], 200)
        ours = run.command_of(args, "lightgcn", ["peer"], "evaluate", self.data, Path("cache"), 396)
        self.assertEqual(ours[1:], ["evaluate", "--data", self.data.resolve(), "--steps", 1])
        args = self.arguments("--full-epoch", "--systems", "pyg,lightgcn")
        self.assertEqual(args.systems, ["lightgcn", "pyg"])
        peer = run.command_of(args, "pyg", ["python"], "epoch", self.data, Path("cache"), 396)
        self.assertEqual(peer[5], 396)
        self.assertIn("--cache", peer)

    def test_ours_ranks_what_the_peers_rank(self):
        args = self.arguments()
        cache = Path(self.folder.name) / "cache"
        cache.mkdir()
        start = cache / run.START
        start.write_bytes(b"")
        for task, given in (("evaluate", True), ("top20-1024", True), ("epoch", False)):
            ours = run.command_of(args, "lightgcn", ["peer"], task, self.data, cache, 396)
            self.assertEqual(start.resolve() in ours, given, task)

    def test_unknown_names_are_refused(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors, self.assertRaises(SystemExit):
            self.arguments("--systems", "pyg,nobody")
        self.assertIn("choose of lightgcn,original,pyg,recbole,implicit", errors.getvalue())

    def test_a_peer_that_fails_leaves_the_rest_to_be_measured(self):
        args = self.arguments("--rounds", "2", "--tasks", "epoch,top20-1")
        line = "{'wall_s': 1.0, 'cpu_s': 1.0, 'steps': 20}"
        good = [sys.executable, "-c", f"import json; print(json.dumps({line}))"]
        bad = [sys.executable, "-c", "import sys; 'prepare' in sys.argv or sys.exit('out of order')" + "\n" + good[2]]
        worse = [sys.executable, "-c", "raise SystemExit('cannot read the data')"]
        commands, missing = {"lightgcn": good, "pyg": bad, "recbole": worse, "implicit": good}, {}
        with contextlib.redirect_stderr(io.StringIO()):
            rows, fault = run.measure(args, commands, missing, self.data, 396)
        self.assertEqual(
            [(row.round, row.task, row.system) for row in rows],
            [
                (turn, task, system)
                for turn in (1, 2)
                for task, system in (("epoch", "lightgcn"), ("top20-1", "lightgcn"), ("top20-1", "implicit"))
            ],
        )
        self.assertIn("out of order", missing[("pyg", "epoch")])
        self.assertIn("cannot read the data", missing["recbole"])
        self.assertIn("epoch estimate 19.8 s wall = 396 steps", rows[0].note)
        self.assertIsNone(fault)
        with open(next(args.results.iterdir()), encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), 7)

    def test_ours_must_agree_with_the_peers_where_it_ranks_the_same(self):
        args = self.arguments("--rounds", "1", "--tasks", "evaluate")
        command = "import json; print(json.dumps({'wall_s': 1.0, 'cpu_s': 1.0, 'steps': 1, 'recall_at_20': %s}))"
        for start, ours, fault in ((True, 0.1, None), (True, 0.2, "recall_at_20 differs"), (False, 0.2, None)):
            path = args.work / "cache" / run.fingerprint(self.data) / run.START
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"") if start else path.unlink(missing_ok=True)
            commands = {"lightgcn": [sys.executable, "-c", command % ours], "pyg": [sys.executable, "-c", command % 0.1]}
            # Its interpreter is asked to write the embeddings, which Python alone cannot.
            with contextlib.redirect_stderr(io.StringIO()):
                found = run.measure(args, commands, {}, self.data, 396)[1]
            self.assertEqual(found if fault is None else found.split(" between")[0], fault)

    def test_systems_that_rank_the_same_embeddings_must_agree(self):
        same = {"a": {"ndcg_at_20": 0.000426516}, "b": {"ndcg_at_20": 0.000427, "recall_at_20": None}}
        self.assertIsNone(run.disagreement(same))
        other = {"a": {"recall_at_20": 0.1}, "b": {"recall_at_20": 0.11}}
        self.assertIn("recall_at_20 differs", run.disagreement(other))


class Large(unittest.TestCase):
    record = (
        '{"event":"start","threads":2}\n'
        '{"event":"epoch","epoch":1,"seconds":10.5,"validation":{"recall@20":0.25,"ndcg@20":0.5}}\n'
        '{"event":"epoch","epoch":2,"seconds":9.5,"validation":{"recall@20":0.5,"ndcg@20":0.5}}\n'
        '{"event":"epoch","epoch":3,"seconds":10.0,"validation":{"recall@20":0.4375,"ndcg@20":0.5}}\n'
        '{"event":"end","reason":"finished"}\n'
    )
    curve = [(10.5, 0.25), (20.0, 0.5), (30.0, 0.4375)]

    def test_the_curve_of_a_record(self):
        self.assertEqual(large.curve(self.record), self.curve)

    def test_when_ours_is_as_good(self):
        times = [large.passed(self.curve, recall) for recall in (0.1, 0.25, 0.3, 0.5, 0.51)]
        self.assertEqual(times, [10.5, 10.5, 20.0, 20.0, None])

    def test_differences(self):
        prepared = {
            "training_pairs": 7,
            "validation_targets": 2,
            "test_targets": 1,
            "stages": [{"stage": "read", "kept": 10, "rows_in": 12}, {"stage": "split", "kept": 8, "rows_in": 10}],
        }
        ours = large.our_counts(prepared)
        self.assertEqual(ours, {"rows": 10, "pairs": 7, "validation": 2, "test": 1})
        self.assertFalse(large.differences(ours, {**ours, "wall_s": 1})[0].startswith("WARNING"))
        self.assertIn("pairs: lightgcn 7, polars 8", large.differences(ours, {**ours, "pairs": 8})[0])

    def test_table(self):
        measured = [
            large.Measured(row("lightgcn", "prepare", 1, 20.0), 20.0),
            large.Measured(row("polars", "prepare", 1, 30.0), 30.0),
            large.Measured(row("lightgcn", "fit", 1, 30.0, steps=3), 30.0, 0.5),
            large.Measured(row("implicit-als", "fit", 1, 40.0, steps=15), 40.0, 0.3),
            large.Measured(row("implicit-bpr", "fit", 1, 40.0, steps=15), 40.0, 0.6),
            large.Measured(row("pyg", "epoch", 1, 40.0, 60.0, steps=20), 4000.0),
            large.Measured(row("recbole", "epoch", 1, math.nan, math.nan, 20000.0, steps=0), math.nan),
        ]
        lines = large.table(measured, self.curve).splitlines()[2:]
        self.assertEqual(
            lines,
            [
                "| lightgcn | prepare | 20.0 | 1.0 | 100 | - | - | - |",
                "| polars | prepare | 30.0 | 1.0 | 100 | - | - | 1.50 |",
                "| lightgcn | fit | 30.0 | 1.0 | 100 | 0.5000 | - | - |",
                "| implicit-als | fit | 40.0 | 1.0 | 100 | 0.3000 | 20.0 s | 2.00 |",
                "| implicit-bpr | fit | 40.0 | 1.0 | 100 | 0.6000 | not in 3 epochs | - |",
                "| pyg | epoch, estimate | 4000.0 | 6000.0 | 100 | - | - | 400.0 |",
                "| recbole | epoch | does not fit | - | > 20000 | - | - | - |",
            ],
        )

    def test_rows_go_to_a_file_of_their_own(self):
        with tempfile.TemporaryDirectory() as folder:
            path = report.append(Path(folder), row("polars", "prepare", 1, 30.0), kind="large")
            self.assertEqual(path.name, "2024-05-06-large-some-cpu-tm-9.csv")

    def test_either_a_log_or_a_small_one(self):
        with contextlib.redirect_stderr(io.StringIO()):
            for words in ([], ["--small", "--log", "big.csv"]):
                with self.assertRaises(SystemExit):
                    large.arguments(["--lightgcn", sys.executable, *words])
        self.assertTrue(large.arguments(["--lightgcn", sys.executable, "--small"]).no_results)


sys.path.append(str(environment.HERE / "systems"))


@unittest.skipUnless(importlib.util.find_spec("numpy"), "needs numpy")
class Ranking(unittest.TestCase):
    def test_recall_masks_what_was_bought_and_divides_by_all_targets(self):
        import numpy as np
        import ranking

        users = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
        items = np.array([[5, 1], [4, 2], [3, 3], [2, 4], [1, 5]], dtype=np.float32)
        # User 0 bought item 0, so that items 1 and 2 are its best; user 1 has none of its best, 4 and 3.
        bought = np.array([[0, 2], [0, 4]])
        truth = np.array([[0, 0, 0, 1], [1, 2, 4, 0]])
        self.assertEqual(ranking.mean_recall(users, items, truth, bought, k=2), (2 / 3 + 0) / 2)
        nothing = np.zeros((2, 0), dtype=int)
        self.assertEqual(ranking.mean_recall(users, items, truth, nothing, k=2), (1 / 3 + 0) / 2)
        self.assertEqual(ranking.mean_recall(users, items, truth, nothing, k=5), 1)


@unittest.skipUnless(importlib.util.find_spec("polars"), "needs polars")
class Polars(unittest.TestCase):
    LOG = [
        (1, "view", 10, 1),
        (1, "view", 10, 1),  # a duplicate
        (2, "cart", 10, 1),
        (3, "remove_from_cart", 10, 2),
        (4, "purchase", 20, 1),
        (5, "view", 20, 1),
        (6, "purchase", 10, 2),
        (7, "purchase", 20, 2),  # validation
        (8, "purchase", 20, 1),  # test, but bought before
        (8, "purchase", 10, 1),  # test
        (8, "purchase", 30, 1),  # test, of an unknown item
    ]

    def prepared(self):
        import polars_prepare

        line = "2024-05-0{} 10:00:00 UTC,{},{},5,,acme,1.50,{},s".format
        lines = [line(*event) for event in self.LOG]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log.csv"
            path.write_text("\n".join([",".join(polars_prepare.SCHEMA), *lines]) + "\n", encoding="utf-8")
            return polars_prepare.prepare(polars_prepare.scan(path))

    def test_a_log_becomes_pairs_and_targets(self):
        found = self.prepared()
        self.assertEqual(found.rows, 10)
        users = dict(found.users.select("user", "user_id").iter_rows())
        items = dict(found.items.select("item", "product_id").iter_rows())
        self.assertEqual((sorted(users), sorted(users.values())), ([0, 1], [1, 2]))
        self.assertEqual((sorted(items), sorted(items.values())), ([0, 1], [10, 20]))

        def ids(table, *columns):
            rows = table.select("user", "item", *columns).iter_rows()
            return sorted((users[user], items[item], *values) for user, item, *values in rows)

        counts = ["n_view", "n_cart", "n_remove_from_cart", "n_purchase"]
        self.assertEqual(
            ids(found.train, *counts),
            [(1, 10, 1, 1, 0, 0), (1, 20, 1, 0, 0, 1), (2, 10, 0, 0, 1, 1)],
        )
        # 0.01 + 0.1; above 1, with a purchase; -0.09 + 1.
        weights = [weight for _, _, weight in ids(found.train, "weight")]
        for weight, expected in zip(weights, (0.11, 1.0, 0.91), strict=True):
            self.assertAlmostEqual(weight, expected, places=12)
        self.assertEqual(ids(found.validation), [(2, 20)])
        self.assertEqual(ids(found.test), [(1, 10)])

    def test_weights_have_a_floor_and_a_ceiling(self):
        import polars as pl
        import polars_prepare

        events = [(1, 10, "remove_from_cart")] + [(2, 10, "cart")] * 11 + [(3, 10, "purchase")] * 2
        time = [0] * len(events)
        table = pl.DataFrame(events, schema=["user_id", "product_id", "event_type"], orient="row")
        weighed = polars_prepare.weighed(table.with_columns(time=pl.Series(time))).sort("user_id")
        self.assertEqual(weighed["weight"].to_list(), [0.01, 0.5, 1.0])


class Reason(unittest.TestCase):
    def test_the_error_is_preferred_to_the_last_line(self):
        self.assertEqual(environment.reason("a\nERROR: no version\nhint: b\n"), "ERROR: no version")
        self.assertEqual(environment.reason("a\nb\n"), "b")
        self.assertEqual(environment.reason(""), "no message")


if __name__ == "__main__":
    unittest.main()
