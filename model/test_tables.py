"""Does not prove that the figures are right, only that they stand where they belong."""

import unittest

from inspection import Cell, Defect, summary
from tables import Result, cell_table, defect_table, mean, quality_table


class TablesTest(unittest.TestCase):
    def setUp(self):
        self.results = [
            Result("model", "sigma 25", "1.png", "weld", 30.0, 0.8, 0.1),
            Result("model", "sigma 25", "2.png", "board", 34.0, 0.9, 0.3),
            Result("bm3d", "sigma 25", "1.png", "weld", 29.0, 0.7, 5.0),
            Result("bm3d", "sigma 25", "2.png", "board", 31.0, 0.8, 7.0),
        ]
        self.louder = [one._replace(noise="sigma 50", psnr_db=one.psnr_db - 4) for one in self.results]

    def test_methods_stand_side_by_side_for_each_group_and_for_all(self):
        lines = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in quality_table(self.results + self.louder).split("\n")
        ]
        self.assertEqual(lines[0], ["images", "noise", "model", "bm3d"])
        self.assertEqual(lines[2], ["weld", "sigma 25", "30.00 / 0.8000", "29.00 / 0.7000"])
        self.assertEqual(lines[3], ["weld", "sigma 50", "26.00 / 0.8000", "25.00 / 0.7000"])
        self.assertEqual(lines[6], ["all", "sigma 25", "32.00 / 0.8500", "30.00 / 0.7500"])
        self.assertEqual(lines[8], ["CPU seconds an image", "", "0.200", "6.000"])

    def test_a_mean_is_over_what_was_asked_for(self):
        self.assertEqual(mean(self.results, "psnr_db", method="bm3d", group="board"), 31)
        self.assertNotEqual(mean(self.results, "psnr_db", method="nlm"), 0)

    def test_a_missed_limit_is_named_and_what_has_no_limit_does_not_count(self):
        cells = [Cell("a", "x", 0.5, most=0.4), Cell("a", "y", 0.3, most=0.4), Cell("a", "z", 9.0)]
        table = cell_table(cells)
        self.assertRegex(table, r"x +\| 0\.500 \| <= 0\.4 \| MISSED")
        self.assertRegex(table, r"y +\| 0\.300 \| <= 0\.4 \| met")
        self.assertRegex(table, r"z +\| 9\.000 \| +\| +\|")
        self.assertEqual(summary(cells), "1 of 2 cells met")

    def test_defects_stand_beside_the_baseline(self):
        defects = {("disc r 3", "dark", 2): Defect(0.5, 0.01, 10.3, 10.0, 8.0)}
        self.assertIn(
            "| disc r 3, dark, 2 sigma | 0.500 +- 0.010 | 10.00     | 8.00     |", defect_table(defects, None)
        )
        self.assertTrue(
            defect_table(defects, defects).endswith("| 0.500 +- 0.010      | 10.00           | 8.00           |")
        )


if __name__ == "__main__":
    unittest.main()
