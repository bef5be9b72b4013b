"""Tests of growth.py: figures per event, and what is drawn."""

import unittest

import growth


def row(stage, size, seconds):
    return {"stage": stage, "size": str(size), "events": str(size * 1000), "cpu_seconds": str(seconds)}


class Growth(unittest.TestCase):
    def test_the_last_row_of_a_size_counts(self):
        rows = [row("prepare", 4, 9.0), row("prepare", 1, 0.5), row("prepare", 4, 2.0)]
        self.assertEqual(growth.per_event(rows), {"prepare": [(1, 500.0), (4, 500.0)]})

    def test_lines_are_level_where_growth_is_in_proportion(self):
        svg = growth.drawn({"a": [(1, 2.0), (4, 2.0)], "b": [(1, 1.0), (4, 4.0)]})
        paths = [part.split('"')[1] for part in svg.split("<polyline points=")[1:]]
        heights = [[float(point.split(",")[1]) for point in path.split()] for path in paths]
        self.assertEqual(heights[0][0], heights[0][1])
        self.assertGreater(heights[1][0], heights[1][1])
        self.assertTrue(svg.endswith("</svg>\n"))


if __name__ == "__main__":
    unittest.main()
