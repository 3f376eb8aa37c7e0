"""The tiers of the paper in dry runs on stub data: their jobs are those of the run table, every base trained once."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from distributed_layouts import write_coco, write_layout

from vita.experiments.paper_numbers import PUBLISHED
from vita.experiments.run_table import NO_LABELS, NO_NUMBER, RunTable

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
SEEDS = 5
# Rows of the paper's tables with a number, of methods that are here: each is trained once a seed.
NUMBERS = {
    "Table 1": 3 + 3 + 2,  # VITA and Mask2Former-VIS on three backbones, IFC on two
    "Table 2": 2
    + 2
    + 1
    + 2,  # on YouTube-VIS 2021 VITA and Mask2Former-VIS, R50 and Swin-L, and IFC; on OVIS VITA, both
}
IMAGES = 8  # trainings on COCO: of every method and backbone above
TRAININGS = {  # by what they are for; all start from images
    "images": IMAGES,
    "Tables 1 and 2": sum(NUMBERS.values()) * SEEDS,  # and of 3, 5, 6 and the controls, by inference alone
    "Table 7": 3 * SEEDS,  # frozen; the joint ones are Table 1's
    "Figure 5": 2 * SEEDS,  # of VITA without pseudo-videos, with and without similarity loss; Mask2Former-VIS has none
}
SCORES = {
    "every training": TRAININGS.values(),
    "Table 3": [3 * SEEDS],
    "Table 5": [4 * SEEDS],  # of VITA, the only one with numbers
    "Table 6": [3 * SEEDS],
    "controls": [3 * SEEDS],
    "shift": [SEEDS],
}
FILES = {
    "paper": ["R-50.pkl", "resnet101-63fe2227.pth", "swin_large_patch4_window12_384_22k.pth"],
    "paper_lite": ["vita_r50_coco.pth", "model_final_3c8ec9.pkl"],
    "released": ["vita_r50_ovis.pth", "vita_swin_ovis.pth"],  # of data whose labels of `valid` are there
}


def test_the_numbers_are_those_of_the_published_files():
    """Of the methods that are here: read from the files themselves."""
    ours = {"VITA", "Mask2Former-VIS", "IFC"}
    for table, file in (("Table 1", "table1.csv"), ("Table 2", "table2.csv")):
        with (PUBLISHED / file).open() as handle:
            assert NUMBERS[table] == sum(row["method"] in ours and bool(row["AP"]) for row in csv.DictReader(handle))


@pytest.fixture(params=["ytvis_2019", "ytvis_2019_codalab"])
def stub_data(request, tmp_path, monkeypatch):
    """A few tiny videos of each data set, as distributed, their folders named by the variables."""
    for variable, layout in (("YTVIS_2019", request.param), ("YTVIS_2021", "ytvis_2021"), ("OVIS", "ovis")):
        write_layout(layout, tmp_path / variable)
        monkeypatch.setenv(f"{variable}_ROOT", str(tmp_path / variable))
    write_coco(tmp_path / "COCO")
    monkeypatch.setenv("COCO_ROOT", str(tmp_path / "COCO"))
    (tmp_path / "weights").mkdir()
    for file in (name for names in FILES.values() for name in names):
        (tmp_path / "weights" / file).write_text("a stub")
    monkeypatch.setenv("WEIGHTS_ROOT", str(tmp_path / "weights"))


@pytest.mark.usefixtures("stub_data")
def test_jobs_are_those_of_the_run_table(fake_folder):
    said = fake_folder.succeed("-n", tier="paper")
    table = RunTable(LIBRARY / "paper.yaml", LIBRARY)
    jobs = fake_folder.stats(said)

    assert len(table) == jobs["train"] == jobs["run_config"] == sum(TRAININGS.values())
    assert jobs["convert_backbone"] == IMAGES and "convert_weights" not in jobs
    predicted = len(table) - TRAININGS["images"]
    assert jobs["predict"] == jobs["inference_config"] == predicted
    scores = sum(sum(counts) for counts in SCORES.values()) - TRAININGS["images"]  # which are not scored
    assert jobs["evaluate"] == len(table.evaluated()) == scores
    assert jobs["data_split"] == 2  # YouTube-VIS 2019 and 2021; OVIS is scored on `valid`
    assert "data_synth" not in jobs

    blocks = re.findall(r"Training results/runs/paper/(\w+)/(\w+)/(\w+)/(\w+)/seed(\d+);", said)
    bases = Counter(block for block in blocks if block[3] == "base")
    assert len(bases) == TRAININGS["Tables 1 and 2"]  # (data set, method, backbone, seed)
    assert set(bases.values()) == {1}


@pytest.mark.usefixtures("stub_data")
def test_the_cheapest_set_starts_from_released_image_models(fake_folder):
    jobs = fake_folder.jobs(tier="paper_lite")
    table = RunTable(LIBRARY / "paper_lite.yaml", LIBRARY)
    # VITA on three data sets, Mask2Former-VIS on two, frozen, no pseudo-videos, no similarity loss; three seeds each.
    assert jobs["train"] == sum(run.is_trained for run in table) == (3 + 2 + 1 + 1 + 1) * 3
    assert jobs["convert_weights"] == len(FILES["paper_lite"])
    assert "convert_backbone" not in jobs
    assert jobs["run_config"] == len(table)
    assert jobs["evaluate"] == len(table.evaluated())


@pytest.mark.usefixtures("stub_data")
def test_released_weights_are_scored_and_nothing_is_trained(fake_folder):
    """On stub data that has labels of `valid` for OVIS alone, as they are public."""
    jobs = fake_folder.jobs(tier="released")
    table = RunTable(LIBRARY / "released.yaml", LIBRARY)
    assert "train" not in jobs
    assert jobs["convert_weights"] == jobs["predict"] == len(table) == len(FILES["released"])
    # VITA R50: whole, 4 clip associations, 3 windows, 3 ratios, 3 controls; Swin-L whole.
    assert jobs["evaluate"] == len(table.evaluated()) == 1 + 4 + 3 + 3 + 3 + 1
    rows = {name: [row.not_run or "" for row in spec.rows] for name, spec in table.specs.items()}
    assert set(rows["table1"]) == {NO_LABELS, NO_NUMBER}
    assert rows["table6_ovis"] == [""] * 4


@pytest.mark.usefixtures("stub_data")
@pytest.mark.parametrize(
    ("tier", "target", "file"),
    [
        ("paper", "table6", "R-50.pkl; that environment variable is not set. It is detectron2's ImageNet ResNet"),
        ("paper_lite", "table6", "vita_r50_coco.pth; that environment variable is not set. It is VITA"),
        ("released", "table6_ovis", "vita_r50_ovis.pth; that environment variable is not set. It is VITA"),
    ],
)
def test_a_published_file_that_is_not_there_is_named_with_where_to_get_it(fake_folder, monkeypatch, tier, target, file):
    monkeypatch.delenv("WEIGHTS_ROOT")
    ended = fake_folder.run("-n", f"results/{target}.csv", tier=tier)
    assert ended.returncode != 0
    told = ended.stdout + ended.stderr
    assert f"no file ${{WEIGHTS_ROOT}}/{file}" in told
    assert "Job stats" not in told  # nothing is planned in its place


@pytest.mark.usefixtures("stub_data")
def test_one_file_of_several_that_is_not_there_stops_the_others_too(fake_folder, tmp_path):
    missing = tmp_path / "weights" / FILES["paper_lite"][0]
    missing.unlink()
    ended = fake_folder.run("results/table1.csv", tier="paper_lite")
    assert ended.returncode != 0
    assert f"no file {missing}. It is " in ended.stdout + ended.stderr
    assert not fake_folder.calls()


def test_without_data_the_variable_is_named(fake_folder, monkeypatch):
    for variable in ("YTVIS_2019_ROOT", "COCO_ROOT", "WEIGHTS_ROOT"):
        monkeypatch.delenv(variable, raising=False)
    ended = fake_folder.run("-n", "results/table6.csv", tier="paper")
    assert ended.returncode != 0
    told = ended.stderr + ended.stdout
    assert "that environment variable is not set" in told
    assert all(variable in told for variable in ("YTVIS_2019_ROOT", "COCO_ROOT", "WEIGHTS_ROOT"))  # in one line
