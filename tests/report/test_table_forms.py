"""Order of a table's rows, and its forms: CSV, Markdown, LaTeX, HTML."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from probe_scenes import measured, write_probe
from table_scenes import HALF, Scenes, row, side_by_side, spec


@pytest.fixture
def scenes(tmp_path):
    return Scenes(tmp_path)


def test_reported_rows_stand_in_the_papers_order_with_ours_among_them(scenes):
    lines, printed = scenes.build(*side_by_side(scenes))
    names = [(line["method"], line["backbone"], line["source"]) for line in lines]
    assert len(names) == 23 + 2  # of the paper; two of ours that it lacks
    assert names[0] == ("MaskTrack R-CNN", "ResNet-50", "reported")
    place = names.index(("IFC", "ResNet-101", "reported"))
    assert names[place - 1] == ("IFC", "ResNet-50", "ours")
    assert names[place + 1] == ("IFC", "Swin-L", "not run in this tier")
    assert names[-1] == ("50% & more_", "ResNet-50", "ours")
    reported = lines[0]
    assert (reported["AP"], reported["paper_AP"], reported["n_seeds"]) == ("", "30.3", "")
    assert reported["evidence"] == "published/table1.csv"
    assert re.search(r"MaskTrack R-CNN +ResNet-50 +reported +30\.3 ", printed)
    assert "Rows marked `reported` are the paper's numbers" in printed


def test_frames_beside_the_pruning_ratios(scenes):
    runs = [scenes.run(name, seed, HALF) for name in ("intact", "prune75") for seed in (0, 1)]
    table = spec(row({"ratio": 1.0}), row({"ratio": 0.75}, "prune75"), max_frames=True)
    lines, _ = scenes.build(table, runs)
    assert [line["max_frames"] for line in lines] == ["not available"] * 2
    assert [line["paper_max_frames"] for line in lines] == ["1392", "not available"]
    probes = [
        write_probe(
            scenes.folder / f"{ratio}.json", {"method": "VITA", "window": "6", "prune_ratio": ratio}, *told, **more
        )
        for ratio, told, more in (("1.0", (1500, 1800), {}), ("0.75", (2500, 3100), measured(2635)))
    ]
    lines, printed = scenes.build(table, runs, probes)
    assert [line["max_frames"] for line in lines] == ["1800 predicted", "2635"]
    assert "Max frames: of the released ResNet-50 model" in printed
    latex = (scenes.folder / "out.tex").read_text()
    assert " & 1800$^{p}$ & 1392 " in latex and " & 2635 & n/a " in latex
    assert "$^{p}$ From shapes alone" in latex


def test_csv_loads_with_the_documented_types(scenes):
    scenes.build(*side_by_side(scenes))
    frame = pd.read_csv(
        scenes.folder / "out.csv", dtype={"n_seeds": "Int64", "failed": "Int64", "comparable": "boolean"}
    )
    numbers = [name for name in frame if re.match(r"(paper_)?A[PR]", name)]
    assert all(frame[name].dtype == "float64" for name in numbers)
    assert frame["n_seeds"].dropna().tolist() == [2, 2, 2]
    assert frame["comparable"].dropna().tolist() == [False] * 3
    assert frame["method"].notna().all()
    assert frame["source"].notna().all()


def test_markdown_has_one_cell_for_every_header(scenes):
    scenes.build(*side_by_side(scenes))
    lines = [line for line in (scenes.folder / "out.md").read_text().splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 25
    assert len({line.count("|") for line in lines}) == 1


class Cells(HTMLParser):
    """Counts cells by row and checks that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.rows = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "meta":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        elif tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_well_formed_and_marks_rows_that_are_not_ours(scenes):
    scenes.build(*side_by_side(scenes))
    text = (scenes.folder / "out.html").read_text()
    parser = Cells()
    parser.feed(text)
    assert not parser.open
    assert len(parser.rows) == 1 + 25
    assert len(set(parser.rows)) == 1
    assert text.count('class="reported"') == 23 - 2
    assert text.count('class="missing"') == 1
    assert "50% &amp; more_" in text


def test_same_rows_are_the_same_bytes(scenes):
    table, runs = side_by_side(scenes)
    scenes.build(table, runs)
    first = {path.name: path.read_bytes() for path in scenes.folder.glob("out.*")}
    scenes.build(table, runs)
    assert first == {path.name: path.read_bytes() for path in scenes.folder.glob("out.*")}
    assert set(first) == {"out.csv", "out.md", "out.tex", "out.html"}


def test_a_method_that_the_papers_table_lacks_says_so_in_every_form(scenes):
    """IFC with Swin-L has no number in the paper, but other rows there; `mine` has none."""
    lines, printed = scenes.build(*side_by_side(scenes))
    assert [line["method"] for line in lines if line["in_paper"] == "False"] == ["50% & more_"]
    note = "Rows `beyond the paper` are of methods that its table does not have."
    forms = {path.suffix: path.read_text() for path in scenes.folder.glob("out.*")}
    for text in (printed, forms[".md"], forms[".html"]):
        assert sum("beyond the paper" in line for line in text.splitlines()) == 2  # its row, and the note
    assert note in printed and note in forms[".tex"]
    assert re.search(r"50\\% \\& more\\_\$\^\{\\ast\}\$ & ResNet-50 ", forms[".tex"])
    assert forms[".tex"].count("$^{\\ast}$") == 2  # its row, and the legend
    assert "$^{\\ast}$ Not a method of the paper's table." in forms[".tex"]


def test_a_table_without_reported_rows_marks_none(scenes):
    table, runs = side_by_side(scenes)
    lines, printed = scenes.build(table.model_copy(update={"reported": False}), runs)
    assert "in_paper" not in lines[0]
    assert "beyond" not in printed + "".join(path.read_text() for path in scenes.folder.glob("out.*"))


def test_a_row_that_is_compared_with_another_kind_says_with_which(scenes):
    rows = [
        row({"method": "VITA", "backbone": "ResNet-50"}),
        row({"method": "Mine", "backbone": "ViT"}, method="mine", reference={"backbone": "ResNet-50"}),
    ]
    table = spec(*rows, published="table1.csv", reference={"method": "VITA"})
    runs = [scenes.run("intact", seed, HALF, method=method) for method in ("vita", "mine") for seed in (0, 1)]
    lines, printed = scenes.build(table, runs)
    assert [line["verdict"] for line in lines] == ["reference", "inside the noise"]
    assert "Mine, ViT is compared with VITA, ResNet-50.\n" in printed
    rows[0] = row(rows[0].key, not_run="not run in this tier")
    _, printed = scenes.build(table.model_copy(update={"rows": tuple(rows)}), runs)
    assert "is compared with" not in printed


def test_a_cell_says_what_was_run_and_what_the_paper_ran(scenes):
    """Clips of 12 frames in the place of the paper's 36, in every form; the paper's number is found all the same."""
    key = {"method": "VITA", "clip_length": 36, "algorithm": "greedy"}
    table = spec(row(key, as_run={"clip_length": 12}), published="table5_clip_association.csv")
    (line,), printed = scenes.build(table, [scenes.run("intact", seed, HALF) for seed in (0, 1)])
    assert (line["clip_length"], line["paper_AP"]) == ("12 (paper: 36)", "18.8")
    forms = [path.read_text() for path in scenes.folder.glob("out.*")]
    assert len(forms) == 4 and all("12 (paper: 36)" in text for text in (*forms, printed))
