"""External results in tables and lists of runs: every form says `external`, and nothing of a training is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from table_scenes import ALL, HALF, Scenes, average_precision, row, spec
from tiny_run import vita
from written_records import metrics_record

from vita.core.config_base import dump, parse
from vita.evaluation.main_scores import SCORES
from vita.experiments.config import ResolvedRow
from vita.experiments.external import ExternalConfig
from vita.report.pages.external_section import external_section

PLACE = "results/external/shapes/theirs"
LIKE = {"method": "VITA", "backbone": "ResNet-50"}


def external(backbone: str = "ResNet-50", **changes: Any) -> ResolvedRow:
    about = {"record": f"{PLACE}/import.json", "like": LIKE, "citation": "Them, 2026", "commit": "abc123"} | changes
    names = {"method": "external.theirs", "backbone": backbone, "variant": "external"}
    return row({"method": "Theirs", "backbone": backbone}, seeds=(0,), external=about, **names)


def runs_of(scenes: Scenes, backbone: str = "ResNet-50") -> list[dict[str, Any]]:
    names = {"method": "external.theirs", "backbone": backbone, "variant": "external", "weights_from": "external"}
    return [*(scenes.run("intact", seed, HALF) for seed in (0, 1)), scenes.run("intact", 0, ALL, **names)]


def build(scenes: Scenes, *rows: ResolvedRow, **changes: Any) -> tuple[list[dict[str, str]], str]:
    about = {"published": None, "reference": {"method": "VITA"}, "title": "Side by side"} | changes
    backbone = rows[0].backbone if rows else "ResNet-50"
    return scenes.build(spec(row(LIKE), *(rows or [external()]), **about), runs_of(scenes, backbone))


def test_a_row_has_the_statistics_of_all_rows_and_says_external(tmp_path: Path) -> None:
    """AP of all found is 100, of half of them 51 of 101 recall levels; the difference is against the row of ours."""
    (ours, theirs), printed = build(Scenes(tmp_path))
    assert (ours["source"], theirs["source"]) == ("ours", "external")
    half = average_precision(HALF)
    assert (float(theirs["AP"]), float(theirs["difference"])) == (100.0, pytest.approx(100 - half, abs=1e-4))
    assert (theirs["n_seeds"], theirs["videos"], theirs["comparable"]) == ("1", "10", "False")
    assert float(theirs["AP_low"]) <= 100 and float(theirs["difference_low"]) < float(theirs["difference_high"])
    assert theirs["verdict"] == "too few trainings"  # one against two
    assert "external" in printed and "were predicted by other code" in printed
    assert f"Theirs, ResNet-50: Them, 2026; commit abc123; {PLACE}/import.json." in printed


def test_every_form_says_it(tmp_path: Path) -> None:
    build(Scenes(tmp_path))
    markdown, latex, html = (tmp_path.joinpath(f"out.{form}").read_text() for form in ("md", "tex", "html"))
    (line,) = [line for line in markdown.splitlines() if line.startswith("| Theirs")]
    assert "| external |" in line
    (line,) = [line for line in latex.splitlines() if line.startswith("Theirs")]
    assert "100.0 (1)\\rlap{$^{e}$}" in line
    assert "$^{e}$ External: predicted by other code, scored here." in latex
    assert "external</td>" in html and 'class="missing"' not in html


def test_a_table_without_one_says_nothing_of_them(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path)
    _, printed = scenes.build(spec(row(LIKE), published=None), runs_of(scenes))
    assert "external" not in printed.lower()
    assert "^{e}" not in (tmp_path / "out.tex").read_text()


def test_with_what_it_is_compared_is_told_where_its_backbone_is_another(tmp_path: Path) -> None:
    (_, theirs), printed = build(Scenes(tmp_path), external("VGG-16", empty_videos=3))
    assert float(theirs["difference"]) > 0
    assert "It is compared with VITA, ResNet-50." in printed
    assert "It predicted nothing in 3 of the videos that it was imported for." in printed


def test_the_papers_number_of_the_same_cells_stands_beside_it(tmp_path: Path) -> None:
    """MaskTrack R-CNN with ResNet-50 has 30.3 AP in the paper; whether the imported model is that one is not known."""
    theirs = external().model_copy(update={"key": {"method": "MaskTrack R-CNN", "backbone": "ResNet-50"}})
    rows, _ = build(Scenes(tmp_path), theirs, published="table1.csv", reported=True)
    (found,) = [line for line in rows if line["method"] == "MaskTrack R-CNN" and line["backbone"] == "ResNet-50"]
    assert (found["source"], found["paper_AP"], found["comparable"]) == ("external", "30.3", "False")


@pytest.mark.parametrize("backbone", ["50", "None", "nan", "1e5", "=1+1"])
def test_a_backbone_is_a_word_whatever_it_looks_like(tmp_path: Path, backbone: str) -> None:
    """Also where no other row has letters in that column."""
    scenes, theirs = Scenes(tmp_path), external(backbone)
    rows, _ = scenes.build(spec(theirs, published=None), [runs_of(scenes, backbone)[-1]])
    assert [(row["source"], row["n_seeds"]) for row in rows] == [("external", "1")]


def write_external(folder: Path, scored: bool = True) -> Path:
    """The folder of a seed that scored 75 points."""
    split = {"annotations": "a.json", "frames": "frames"}
    dataset = {"name": "shapes", "root": "data", "train": split, "valid": split}
    names = {"tier": "smoke", "method": "external.theirs", "backbone": "VGG-16", "seed": 3}
    config = parse(ExternalConfig, {**names, "dataset": dataset, "record": str(folder / "import.json")}, "test")
    place = folder / "scores" / "smoke" / "seed3"
    (place / "metrics").mkdir(parents=True)
    (place / "external.yaml").write_text(dump(config))
    if scored:
        scores = dict.fromkeys(map(str.lower, SCORES), 0.75)
        (place / "metrics" / "intact.json").write_text(json.dumps(metrics_record(scores, videos=4)))
    return place


def collect(folder: Path, place: Path) -> dict[str, str]:
    assert vita("table", "runs", "--external", place, "--out", folder / "runs.csv").code == 0
    with (folder / "runs.csv").open() as handle:
        (found,) = csv.DictReader(handle)
    return found


def test_a_line_of_runs_tells_nothing_of_a_training(tmp_path: Path) -> None:
    place = write_external(tmp_path)
    found = collect(tmp_path, place)
    names = [found[key] for key in ("tier", "dataset", "method", "backbone", "variant", "seed", "inference")]
    assert names == ["smoke", "shapes", "external.theirs", "VGG-16", "external", "3", "intact"]
    assert (found["status"], found["weights_from"], found["ground_truth"]) == ("finished", "external", "valid")
    assert (found["videos"], found["directory"]) == ("4", place.as_posix())
    assert {float(found[score]) for score in SCORES} == {75.0}
    assert {found[key] for key in ("iterations", "train_time_s", "device", "source_digest")} == {""}


def test_scoring_that_failed_stands_there_with_its_error(tmp_path: Path) -> None:
    place = write_external(tmp_path, scored=False)
    assert collect(tmp_path, place)["status"] == "not evaluated"
    (place / "logs").mkdir()
    (place / "logs" / "evaluate.log").write_text("error: seed3.json: covers 2 of the 4 videos\n")
    found = collect(tmp_path, place)
    assert (found["status"], found["error"]) == ("failed", "seed3.json: covers 2 of the 4 videos")


def test_the_report_has_whose_they_are(tmp_path: Path) -> None:
    origin = {"name": "theirs", "title": "Theirs <b>", "backbone": "VGG-16", "commit": "abc123", "citation": "Them"}
    file = {"seed": 3, "file": "results.json", "sha256": "e" * 64, "tracks": 1, "empty_videos": [], "left_out": {}}
    record = {"origin": origin, "dataset": "shapes", "validate_on": "valid", "ground_truth": "valid"}
    record |= {"videos": {}, "categories": {}, "categories_by": "names of classes.txt", "video_id_shift": 0}
    record |= {"files": [file | {"stored_sha256": "f" * 64}], "imported_at": "2026-01-02", "version": "0"}
    (tmp_path / "import.json").write_text(json.dumps(record))
    page = external_section([write_external(tmp_path)])
    for told in ("<h2>External</h2>", "Theirs &lt;b&gt;", "abc123", "e" * 12, "75.0", "names of classes.txt", "Them"):
        assert told in page
