"""`python3 -m unittest discover -s benches`: the recording; needs no package beyond Python's own."""

import contextlib
import csv
import io
import json
import os
import stat
import sys
import tempfile
import unittest
from unittest import mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import machine
import record


def figures(folder, group, bench, size, mean, elements):
    """What criterion leaves of one benchmark."""
    here = folder / group / bench / size / "new"
    here.mkdir(parents=True)
    estimate = {"point_estimate": mean, "standard_error": mean / 100, "confidence_interval": {}}
    (here / "estimates.json").write_text(json.dumps({"mean": estimate, "median": estimate, "slope": None}))
    (here / "sample.json").write_text(json.dumps({"iters": [1.0, 2.0], "times": [mean, 2 * mean - 1]}))
    throughput = {"Elements": elements} if elements else None
    about = {"group_id": group, "function_id": bench, "value_str": size, "throughput": throughput}
    (here / "benchmark.json").write_text(json.dumps(about))


# A bench program: it lists two groups, and measures by its number of threads and its filter.
PROGRAM = """#!{python}
import os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_record import figures
if "--list" in sys.argv:
    print("product/f32/x1: benchmark\\nproduct/f32/x4: benchmark\\nadam/step/x1: benchmark\\n\\nproduct: 9 tests")
    sys.exit()
group = sys.argv[sys.argv.index("--bench") + 1].strip("^/")
if group == "adam" and "--fail" in sys.argv:
    sys.exit(3)
threads = int(os.environ["RAYON_NUM_THREADS"])
print("noise of", group)
figures(Path(os.environ["CRITERION_HOME"]), group, "f32", "x1", 4e6 / threads, 1000)
"""


class Record(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        # What the machine gives is no matter of tests.
        self.delivered = float
        patch = mock.patch.object(record, "cores_delivered", lambda threads: self.delivered(threads))
        self.addCleanup(patch.stop)
        self.ask_the_machine, _ = record.cores_delivered, patch.start()
        self.program = self.folder / "program"
        here = str(Path(__file__).resolve().parent)
        self.program.write_text(PROGRAM.format(python=sys.executable, here=here))
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def main(self, *words):
        results = ["--results", str(self.folder / "results"), "--program", str(self.program)]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            record.main([*results, *words])
        with open(printed.getvalue().strip(), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def test_every_group_is_measured_at_every_number_of_threads(self):
        rows = self.main("--threads", "1,2")
        measured = [(row["group"], row["threads"], row["mean ns"]) for row in rows]
        self.assertEqual(
            measured,
            [("product", "1", "4e+06"), ("product", "2", "2e+06"), ("adam", "1", "4e+06"), ("adam", "2", "2e+06")],
        )
        self.assertEqual([row["elements per second"] for row in rows[:2]], ["2.5e+05", "5e+05"])
        self.assertEqual(rows[0]["standard error ns"], "40000")
        self.assertEqual((rows[0]["bench"], rows[0]["size"], rows[0]["elements"]), ("f32", "x1", "1000"))
        self.assertEqual(rows[0]["cpu model"], machine.cpu_model())

    def test_later_runs_are_appended(self):
        self.assertEqual(len(self.main("--groups", "adam", "--threads", "3")), 1)
        rows = self.main("--groups", "product", "--threads", "1")
        self.assertEqual([(row["group"], row["threads"]) for row in rows], [("adam", "3"), ("product", "1")])

    def test_what_the_machine_gave_is_kept_and_told(self):
        given = iter([1.9, 1.2, 1.95, 2.01])
        self.delivered = lambda threads: next(given)
        with contextlib.redirect_stderr(io.StringIO()) as told:
            rows = self.main("--threads", "2")
        self.assertEqual([(row["group"], row["cores delivered"]) for row in rows], [("product", "1.2"), ("adam", "1.95")])
        self.assertIn("product: the machine gave 2 threads the speed of 1.20", told.getvalue())
        self.assertNotIn("adam", told.getvalue())

    def test_the_machine_is_asked_by_processes_at_once(self):
        self.assertGreater(self.ask_the_machine(2, turns=1, steps=10), 0)
        self.assertEqual(self.ask_the_machine(1), 1)

    def test_failures_keep_what_was_measured(self):
        with self.assertRaisesRegex(SystemExit, "adam at 1 threads ended with 3"):
            self.main("--threads", "1", "--", "--fail")
        (path,) = (self.folder / "results").iterdir()
        self.assertEqual(len(path.read_text().splitlines()), 2)

    def test_unknown_groups_are_refused(self):
        with self.assertRaisesRegex(SystemExit, "no group nobody; there are product, adam"):
            self.main("--groups", "adam,nobody")

    def test_files_that_criterion_did_not_write_are_told(self):
        figures(self.folder, "adam", "step", "x1", 1.0, 0)
        self.assertEqual(record.estimates(self.folder), [("adam", "step", "x1", 1.0, 0.01, 1.0, 0.5, 0)])
        (self.folder / "adam/step/x1/new/estimates.json").write_text("{}")
        with self.assertRaisesRegex(record.Failure, "estimates.json is not what criterion writes: KeyError"):
            record.estimates(self.folder)


class Machine(unittest.TestCase):
    def name(self, text):
        with tempfile.NamedTemporaryFile("w", suffix="cpuinfo") as file:
            file.write(text)
            file.flush()
            return machine.cpu_model(file.name)

    def test_a_name_that_says_little_is_told_more_of(self):
        text = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Intel(R) Xeon(R) Processor\n"
        self.assertEqual(self.name(text), "Intel(R) Xeon(R) Processor, family 6 model 207")
        self.assertEqual(self.name(text.replace("Processor", "Gold 6430")), "Intel(R) Xeon(R) Gold 6430")
        self.assertNotEqual(self.name(""), "")

    def test_names_of_files(self):
        self.assertEqual(machine.slug("Intel(R) Xeon(R) Gold 6430"), "intel-r-xeon-r-gold-6430")
        self.assertEqual(machine.slug("()"), "unknown")
        self.assertGreaterEqual(machine.cores(), 1)
        self.assertLessEqual(machine.cores(), os.cpu_count())


if __name__ == "__main__":
    unittest.main()
