"""The paper tier in a dry run on stub data: its jobs are those of the run table, every base trained once."""

import re
from collections import Counter
from pathlib import Path

import pytest
from distributed_layouts import write_coco, write_layout

from vita.experiments.run_table import RunTable

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
SEEDS, METHODS, BACKBONES, DATASETS = 5, 3, 3, 3
TRAININGS = {  # by what they are for; all start from images
    "images": METHODS * BACKBONES + 1,  # of every method and backbone, and once more with the text's layers
    "Tables 1 and 2": METHODS * BACKBONES * DATASETS * SEEDS,  # and of 3, 5, 6 and the controls, by inference alone
    "Table 7": BACKBONES * SEEDS,  # frozen; the joint ones are Table 1's
    "Figure 5": 2 * SEEDS,  # of VITA without pseudo-videos, with and without similarity loss; Mask2Former-VIS has none
    "layers": SEEDS,  # the text's; the release's are Table 1's
    "fed layers": SEEDS,  # one of two; three are Table 1's
}
SCORES = {
    "every training": TRAININGS.values(),
    "Table 3": [3 * SEEDS],
    "Table 5": [METHODS * 4 * SEEDS],
    "Table 6": [3 * SEEDS],
    "controls": [3 * SEEDS],
    "shift": [SEEDS],
}


@pytest.fixture(params=["ytvis_2019", "ytvis_2019_codalab"])
def stub_data(request, tmp_path, monkeypatch):
    """A few tiny videos of each data set, as distributed, their folders named by the variables."""
    for variable, layout in (("YTVIS_2019", request.param), ("YTVIS_2021", "ytvis_2021"), ("OVIS", "ovis")):
        write_layout(layout, tmp_path / variable)
        monkeypatch.setenv(f"{variable}_ROOT", str(tmp_path / variable))
    write_coco(tmp_path / "COCO")
    monkeypatch.setenv("COCO_ROOT", str(tmp_path / "COCO"))


@pytest.mark.usefixtures("stub_data")
def test_jobs_are_those_of_the_run_table(fake_folder):
    said = fake_folder.succeed("-n", tier="paper")
    table = RunTable(LIBRARY / "paper.yaml", LIBRARY)
    jobs = fake_folder.stats(said)

    assert len(table) == jobs["train"] == jobs["run_config"] == sum(TRAININGS.values())
    predicted = len(table) - TRAININGS["images"]
    assert jobs["predict"] == jobs["inference_config"] == predicted
    scores = sum(sum(counts) for counts in SCORES.values()) - TRAININGS["images"]  # which are not scored
    assert jobs["evaluate"] == len(table.evaluated()) == scores
    assert jobs["data_split"] == 2  # YouTube-VIS 2019 and 2021; OVIS is scored on `valid`
    assert "data_synth" not in jobs

    blocks = re.findall(r"Training (\w+), seed (\d+), on (\w+);.*?/(\w+)/(\w+)/\1/seed", said)
    bases = Counter(block for block in blocks if block[0] == "base")
    assert len(bases) == TRAININGS["Tables 1 and 2"]  # (data set, method, backbone, seed)
    assert set(bases.values()) == {1}


def test_without_data_the_variable_is_named(fake_folder, monkeypatch):
    monkeypatch.delenv("YTVIS_2019_ROOT", raising=False)
    ended = fake_folder.run("-n", "results/table6.csv", tier="paper")
    assert ended.returncode != 0
    assert "YTVIS_2019_ROOT" in ended.stderr + ended.stdout
