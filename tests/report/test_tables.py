"""Tables from runs written by hand, with the arithmetic beside them."""

import math
import re
from pathlib import Path

import pytest
from table_scenes import ALL, HALF, Scenes, average_precision, row, spec

from vita.core.contract import UserError
from vita.evaluation.main_scores import SCORES
from vita.report.tables.table import build_table

FEW = [True] * 2 + [False] * 8
PAPER = [f"paper_{score}" for score in SCORES]
LOCAL = "local split of train (15%, seed 0)"


@pytest.fixture
def scenes(tmp_path):
    return Scenes(tmp_path)


def ratios(*keys):
    inference = {1.0: "intact", 0.75: "prune75", 0.5: "prune50", 0.25: "prune25"}
    return [row({"ratio": key}, inference[key]) for key in keys]


def test_mean_and_deviation_over_seeds_with_the_papers_row_beside(scenes):
    # 10 of 10 objects: 101 of 101 recall levels, 100 points; 5 of 10: 51 of 101; 2 of 10: 21 of 101
    assert [average_precision(found) for found in (ALL, HALF, FEW)] == [100, 100 * 51 / 101, 100 * 21 / 101]
    others = [scenes.run("intact", 0, FEW, variant="frozen"), scenes.run("intact", 0, FEW, tier="mini")]
    ours = [scenes.run("intact", 0, ALL), scenes.run("intact", 1, HALF), scenes.run("intact", 2, FEW)]
    prune = [scenes.run("prune25", seed, HALF) for seed in (0, 1)]
    first, last = scenes.build(spec(*ratios(1.0, 0.25)), [*ours, *others, *prune])[0]
    a, b = 100.0, 100 * 51 / 101  # seed 2 is not among the row's
    assert float(first["AP"]) == pytest.approx((a + b) / 2, abs=1e-4)
    assert float(first["AP_std"]) == pytest.approx((a - b) / math.sqrt(2), abs=1e-4)
    assert (first["ratio"], first["n_seeds"], first["source"]) == ("1.0", "2", "ours")
    assert [float(first[name]) for name in PAPER] == [49.8, 72.6, 54.5, 49.4, 61.0]
    assert (float(last["AP_std"]), last["paper_AP"]) == (0.0, "48.1")
    assert (first["dataset"], first["tier"], first["comparable"]) == ("shapes", "smoke", "False")
    assert float(first["AP_low"]) < float(first["AP"]) < float(first["AP_high"]) <= 100


def test_a_difference_is_of_the_mean_and_marked_only_where_videos_and_seeds_carry_it(scenes):
    table = spec(*ratios(1.0, 0.75, 0.25), reference={"ratio": 1.0})
    better = [scenes.run("intact", seed, ALL) for seed in (0, 1)]
    same = [scenes.run("prune75", seed, ALL) for seed in (0, 1)]
    worse = [scenes.run("prune25", seed, FEW) for seed in (0, 1)]
    rows, printed = scenes.build(table, [*better, *same, *worse])
    assert [line["verdict"] for line in rows] == ["reference", "inside the noise", "lower"]
    assert rows[0]["difference"] == ""
    assert [float(line["difference"]) for line in rows[1:]] == pytest.approx([0, 100 * (21 - 101) / 101], abs=1e-4)
    assert (float(rows[1]["difference_low"]), float(rows[1]["difference_high"])) == (0, 0)
    assert "+0.0 [+0.0, +0.0]" in printed
    assert "Tier smoke, data set shapes, backbone tiny; means over 2 seeds, points 0-100." in printed


def test_each_row_is_compared_with_its_own_reference(scenes):
    cells = [{"backbone": name, "frozen": frozen} for name in ("A", "B") for frozen in ("no", "yes")]
    names = {"A": "tiny", "B": "small"}
    rows = [row(c, backbone=names[c["backbone"]], variant="frozen" if c["frozen"] == "yes" else "base") for c in cells]
    found = {("tiny", "base"): ALL, ("tiny", "frozen"): FEW, ("small", "base"): HALF, ("small", "frozen"): HALF}
    runs = [
        scenes.run("intact", seed, right, backbone=b, variant=v) for (b, v), right in found.items() for seed in (0, 1)
    ]
    lines, _ = scenes.build(spec(*rows, published=None, reference={"frozen": "no"}), runs)
    assert [line["verdict"] for line in lines] == ["reference", "lower", "reference", "inside the noise"]
    assert "paper_AP" not in lines[0]


def test_a_seed_without_scores_does_not_count(scenes):
    rows, _ = scenes.build(
        spec(*ratios(1.0)), [scenes.run("intact", 0, HALF), scenes.unscored("intact", 1, "not evaluated")]
    )
    assert (rows[0]["n_seeds"], rows[0]["AP_std"], rows[0]["failed"]) == ("1", "", "0")


def test_failed_seeds_are_counted_and_told_and_a_row_of_them_alone_is_no_gap(scenes):
    fault = {"error": "UserError: loss is nan"}
    runs = [scenes.run("intact", 0, HALF), scenes.unscored("intact", 1, "failed", **fault)]
    runs += [scenes.unscored("prune50", seed, "failed", **fault) for seed in (0, 1)]
    (first, second), printed = scenes.build(spec(*ratios(1.0, 0.5), reference={"ratio": 1.0}), runs)
    assert (first["source"], first["n_seeds"], first["failed"]) == ("ours", "1", "1")
    assert (second["source"], second["AP"], second["failed"]) == ("failed", "", "2")
    assert first["error"] == "seed 1: UserError: loss is nan"
    assert "Some runs FAILED" in printed
    assert 'class="failed"' in (scenes.folder / "out.html").read_text()


@pytest.mark.parametrize(
    ("as_paper", "published", "truth", "scored", "comparable"),
    [
        (True, 10, "valid", 10, True),
        (True, None, "valid", 10, True),
        (True, 11, "valid", 10, False),  # a copy that lacks a video
        (True, 10, "valid, first 10 videos", 10, False),
        (True, 10, LOCAL, 10, False),
        (False, 10, "valid", 10, False),  # another model
    ],
)
def test_comparable_is_the_papers_model_on_all_of_the_official_videos(
    scenes, as_paper, published, truth, scored, comparable
):
    table = spec(row({"ratio": 1.0}, as_paper=as_paper, valid_videos=published))
    rows, printed = scenes.build(table, [scenes.run("intact", 0, HALF, ground_truth=truth, videos=scored)])
    assert rows[0]["comparable"] == str(comparable)
    assert ("NOT comparable" in printed) != comparable
    assert f"Ground truth: {truth}." in printed


@pytest.mark.parametrize("as_paper", [True, False])
def test_scores_of_a_server_stand_in_a_row_of_their_own_without_interval(scenes, as_paper):
    """(40 + 44) / 2 = 42 by the server of two seeds; they are never averaged with those on a local split."""
    local = [scenes.run("intact", seed, HALF, ground_truth=LOCAL) for seed in (0, 1)]
    server = [
        scenes.unscored("intact", seed, "scored", source_digest="", ground_truth="server") | {"AP": ap}
        for seed, ap in ((0, 40.0), (1, 44.0))
    ]
    rows, printed = scenes.build(spec(row({"ratio": 1.0}, as_paper=as_paper)), [*server, *local])
    assert [(line["ground_truth"], line["n_seeds"]) for line in rows] == [(LOCAL, "2"), ("server", "2")]
    assert [line["comparable"] for line in rows] == ["False", str(as_paper)]
    assert (rows[1]["AP"], rows[1]["AP_low"]) == ("42.0", "")
    assert "scores that an evaluation server gave" in printed
    assert "versions of the source" not in printed


def test_warning_when_the_source_changed_between_runs(scenes):
    runs = [scenes.run("intact", seed, HALF) for seed in (0, 1)]
    _, same = scenes.build(spec(*ratios(1.0)), [*runs, scenes.run("zero", 0, FEW, source_digest="bbb")])
    _, mixed = scenes.build(spec(*ratios(1.0)), [runs[0], runs[1] | {"source_digest": "bbb"}])
    assert "versions of the source" not in same  # the row `zero` is not in the table
    assert "different versions of the source: aaa, bbb" in mixed
    assert "server" not in same


@pytest.mark.parametrize(
    ("first", "second", "other", "warned"),
    [
        ("aaa", "aaa", "aaa+ccc", False),  # another method's own code is no other version
        ("aaa", "aaa", "bbb+ccc", True),  # another harness
        ("aaa+ccc", "aaa+ddd", "aaa", True),  # another version of one method
    ],
)
def test_versions_of_several_methods(scenes, first, second, other, warned):
    rows = [row({"method": "ours"}), row({"method": "theirs"}, method="other")]
    runs = [scenes.run("intact", seed, HALF, source_digest=d) for seed, d in ((0, first), (1, second))]
    runs.append(scenes.run("intact", 0, HALF, method="other", source_digest=other))
    _, printed = scenes.build(spec(*rows, published=None), runs)
    assert ("different versions of the source" in printed) == warned


def test_a_row_without_a_run_is_named_and_nothing_is_written(scenes):
    with pytest.raises(
        UserError, match=r"no run for the row \{'ratio': 0\.5\} .*inference prune50.*train and evaluate"
    ):
        scenes.build(spec(*ratios(1.0, 0.5)), [scenes.run("intact", 0, HALF)])
    assert not list(scenes.folder.glob("out.*"))


def test_bad_input_names_its_file(scenes):
    files = (scenes.folder / "spec.yaml", scenes.folder / "runs.csv", scenes.folder / "out.csv")
    runs = [scenes.run("intact", 0, HALF)]
    with pytest.raises(UserError, match=r"published file 'table99\.csv' is not known; allowed: figure5"):
        scenes.build(spec(*ratios(1.0), published="table99.csv"), runs)
    with pytest.raises(UserError, match=r"table6_prune_ratio\.csv: none of the columns size"):
        scenes.build(spec(row({"size": 1})), runs)
    with pytest.raises(UserError, match=r"runs\.csv: no such file; `vita table runs` writes it"):
        files[1].unlink()
        build_table(*files)
    files[1].write_text("AP\n1\n")
    with pytest.raises(UserError, match=r"runs\.csv: no column 'tier'"):
        build_table(*files)


def test_reports_know_no_torch():
    for path in (Path(__file__).parents[2] / "vita" / "report").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) torch", path.read_text(), re.MULTILINE), path


def cells_of_one_video(scenes):
    table = spec(*ratios(1.0, 0.25), reference={"ratio": 1.0})
    return scenes.build(table, [scenes.run(name, 0, [True]) for name in ("intact", "prune25")])


def test_an_interval_over_one_video_says_so_in_every_form(scenes):
    """Each draw of one video is that video: not 100 to 100, and no difference of exactly 0."""
    rows, printed = cells_of_one_video(scenes)
    assert [(line["AP_low"], line["videos"], line["verdict"]) for line in rows] == [
        ("", "1", "reference"),
        ("", "1", "one video"),
    ]
    assert (rows[1]["difference"], rows[1]["difference_low"], rows[1]["smallest_difference"]) == ("0.0", "", "")
    forms = {name: (scenes.folder / f"out.{name}").read_text() for name in ("md", "html", "tex")}
    assert all("one video" in text for text in (printed, *forms.values()))
    assert not any("100.0 to 100.0" in text or "[100.0" in text or "nan" in text for text in forms.values())
    assert all(
        "No smallest difference can be stated: no row has a spread" in text for text in (printed, *forms.values())
    )


def test_a_table_names_what_is_missing_and_what_it_could_have_shown(scenes):
    """Trainings of 10 and 5 of 10 objects (100, 50.5) against two with 2 (20.8): 54.5 with an error of 24.8.

    That is 2.2 errors, but of 1 degree of freedom: half of the interval is 315, and the smallest difference more.
    """
    rows = [row({"frozen": name}, variant=variant) for name, variant in (("no", "base"), ("yes", "frozen"))]
    runs = [scenes.run("intact", seed, found) for seed, found in enumerate((ALL, HALF))]
    runs += [scenes.run("intact", seed, FEW, variant="frozen") for seed in (0, 1)]
    lines, printed = scenes.build(spec(*rows, published=None, reference={"frozen": "no"}), runs)
    frozen = lines[1]
    error = (100 - 100 * 51 / 101) / 2
    assert float(frozen["difference_high"]) - float(frozen["difference"]) == pytest.approx(12.706 * error, rel=0.01)
    assert float(frozen["smallest_difference"]) > 12.706 * error
    assert frozen["verdict"] == "too few trainings"
    assert f"four such experiments of five would show: {float(frozen['smallest_difference']):.1f} points" in printed
