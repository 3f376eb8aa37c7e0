"""The LaTeX form of tables: what it says, and that an engine sets it within the width of a page."""

import re
import shutil
import subprocess

import pytest
from table_scenes import ALL, HALF, Scenes, row, side_by_side, spec

from vita.report.tables.latex import escaped

DOCUMENT = r"""\documentclass{article}\usepackage{booktabs}\setlength\textwidth{5.5in}
\begin{document}\begin{table}\input{out.tex}\end{table}\end{document}
"""
pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine; checked by hand")


@pytest.fixture
def scenes(tmp_path):
    return Scenes(tmp_path)


def body(scenes):
    """Cells of the rows, and the legend."""
    above, _, below = (scenes.folder / "out.tex").read_text().partition("\\midrule\n")
    rows, _, legend = below.partition("\\bottomrule")
    return [line.removesuffix(" \\\\").split(" & ") for line in rows.splitlines()], legend, above


def latex_faults(text):
    """What a LaTeX engine would stumble over in a tabular: unescaped characters, rows of unequal length, braces."""
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    rows = [line for line in lines if line.endswith("\\\\") and "multicolumn" not in line]
    cells = {len(re.findall(r"(?<!\\)&", line)) for line in rows}
    loose = [line for line in rows if re.search(r"(?<!\\)[%#_]|[^\x00-\x7f]", line)]
    plain = re.sub(r"\\[{}]", "", "".join(lines))
    unequal = [f"rows of {sorted(cells)} separators"] if len(cells) != 1 else []
    return [*loose, *unequal, *(["braces"] if plain.count("{") != plain.count("}") else [])]


def test_rows_are_of_one_length_without_loose_characters(scenes):
    scenes.build(*side_by_side(scenes))
    text = (scenes.folder / "out.tex").read_text()
    assert latex_faults(text) == []
    assert latex_faults(text.replace("\\%", "%")) != []  # the check finds what it looks for
    assert latex_faults(text.replace(" & ", " ", 1)) != []
    assert latex_faults(text + "{") != []
    assert all(rule in text for rule in ("\\toprule", "\\midrule", "\\bottomrule"))


def test_cells_of_every_kind_of_row(scenes):
    scenes.build(*side_by_side(scenes))
    rows, legend, above = body(scenes)
    assert "method & backbone & AP & 95\\,\\% interval & AP50 & AP75 & AR1 & AR10 & paper \\\\" in above
    assert rows[1] == ["\\multicolumn{9}{@{}l}{\\emph{online}}"]  # headings take the place of the column `setting`
    first = ["MaskTrack R-CNN", "ResNet-50", "30.3\\rlap{$^{\\dagger}$}", "", "51.1", "32.6", "31.0", "35.5", ""]
    assert rows[2] == first
    assert rows[-2] == ["\\addlinespace"]  # somebody else's method has no setting
    ours = next(cells for cells in rows if cells[:2] == ["IFC", "ResNet-50"])
    assert ours[2] == "50.5\\,$\\pm$\\,0.0 (2)"  # 51 of 101 recall levels
    assert ours[4:] == ["50.5"] * 4 + ["41.2\\rlap{$^{\\ddagger}$}"]
    assert next(cells for cells in rows if cells[:2] == ["IFC", "Swin-L"])[2:] == ["---"] + [""] * 6
    assert "$^{\\dagger}$ As reported" in legend
    assert "$^{\\ddagger}$ Other data" in legend
    assert "---: not run in this tier." in legend


def test_a_difference_bears_the_mark_of_its_verdict(scenes):
    few = [True] * 2 + [False] * 8
    found = {"intact": ALL, "prune75": ALL, "prune25": few}
    runs = [scenes.run(name, seed, right) for name, right in found.items() for seed in (0, 1)]
    runs += [scenes.unscored("prune50", seed, "failed", error="loss is nan") for seed in (0, 1)]
    keys = {"intact": 1.0, "prune75": 0.75, "prune50": 0.5, "prune25": 0.25}
    table = spec(*(row({"ratio": key}, name) for name, key in keys.items()), reference={"ratio": 1.0}, max_frames=True)
    scenes.build(table, runs)
    rows, legend, _ = body(scenes)
    assert [cells[7] for cells in rows] == ["", "$+0.0$\\rlap{$^{\\circ}$}", "", "$-79.2$"]  # 100 (21 - 101) / 101
    assert [cells[9:] for cells in rows] == [["n/a", "1392"]] + [["n/a", "n/a"]] * 3
    assert rows[2][1] == "failed"
    assert "AP less that of ratio 1.0." in legend and "$^{\\circ}$ Inside the noise." in legend
    assert "One training each" not in legend
    # 8 of 10 objects less: 79.2 times an error of sqrt(0.8 x 0.2 / 9) for one of 10 videos.
    shown = re.search(r"four such experiments of five would show: ([\d.]+) points\. Rows without a spread", legend)
    assert 79.2 * 0.133 / 0.8 * 3.182 < float(shown[1]) < 79.2 * 0.133 / 0.8 * 5  # t of 9 / 3 degrees, and more


def compiled(scenes):
    (scenes.folder / "paper.tex").write_text(DOCUMENT)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    ended = subprocess.run(command, cwd=scenes.folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:]
    return ended.stdout


@pdflatex
def test_a_long_table_compiles_within_the_width_of_a_page(scenes):
    table, runs = side_by_side(scenes)
    scenes.build(table.model_copy(update={"reference": {"method": "VITA"}}), runs)
    assert "$\\Delta$" in (scenes.folder / "out.tex").read_text()
    assert "Overfull \\hbox" not in compiled(scenes)
    (scenes.folder / "out.tex").write_text("x" * 300)
    assert "Overfull \\hbox" in compiled(scenes)  # the check finds what it looks for


@pdflatex
def test_texts_that_need_several_lines_compile(scenes):
    runs = [scenes.run("intact", seed, HALF) for seed in (0, 1)]
    words = "a cell of many words, which no column of its own width could hold"
    scenes.build(spec(row({"what": words}), published=None), runs)
    assert "p{4.5cm}" in (scenes.folder / "out.tex").read_text()
    assert "Overfull \\hbox" not in compiled(scenes)


@pdflatex
def test_any_character_of_a_name_compiles(scenes):
    names = [r"50% & more_#$", r"{a}~b^c\d", "[first] ± one"]
    rows = [row({"method": name}, method=f"m{number}") for number, name in enumerate(names)]
    runs = [scenes.run("intact", seed, HALF, method=f"m{number}") for number in range(3) for seed in (0, 1)]
    scenes.build(spec(*rows, published=None), runs)
    assert [cells[0] for cells in body(scenes)[0]] == [escaped(name) for name in names]
    compiled(scenes)
