"""The tier of the paper's numbers; VITA's part is held against the released files in tests/weights."""

import numpy as np
import pandas as pd
import pytest
from tiers import table, whole_paper

from vita.core.run_config import AugmentationConfig, CropConfig, JitterConfig, RotationConfig
from vita.report.claims.quantities import common_steps

# Of the released files: iterations, decays, clips a batch, frames a clip, their range, weight decay.
RELEASED = {
    ("mask2former_vis", "r50", "ytvis_2019"): (6000, (4000,), 16, 2, 20, 0.05),
    ("mask2former_vis", "r101", "ytvis_2019"): (6000, (4000,), 16, 2, 20, 0.05),
    ("mask2former_vis", "swin_l", "ytvis_2019"): (6000, (4000,), 16, 2, 20, 0.05),
    ("mask2former_vis", "r50", "ytvis_2021"): (8000, (5500,), 16, 2, 20, 0.05),
    ("mask2former_vis", "swin_l", "ytvis_2021"): (8000, (5500,), 16, 2, 20, 0.05),
    ("ifc", "r50", "ytvis_2019"): (6000, (4000,), 16, 5, 20, 1e-4),
    ("ifc", "r101", "ytvis_2019"): (6000, (4000,), 16, 5, 20, 1e-4),
    ("ifc", "r50", "coco"): (1108800, (739200,), 32, 1, 1, 1e-4),
    ("ifc", "r101", "coco"): (1848000, (1232000,), 32, 1, 1, 1e-4),
    ("mask2former_vis", "r50", "coco"): (368750, (327778, 355092), 16, 1, 1, 0.05),
    ("mask2former_vis", "swin_l", "coco"): (737500, (655556, 710184), 16, 1, 1, 0.05),
}
# Without a released file: as on YouTube-VIS 2019.
ASSUMED = {
    ("mask2former_vis", "r50", "ovis"): RELEASED["mask2former_vis", "r50", "ytvis_2019"],
    ("ifc", "r50", "ytvis_2021"): RELEASED["ifc", "r50", "ytvis_2019"],
    ("ifc", "r50", "ovis"): RELEASED["ifc", "r50", "ytvis_2019"],
}
SHORT_EDGES = {  # of frames in prediction, where it is not 360
    ("vita", "ytvis_2019"): 448,
    ("vita", "ytvis_2021"): 448,
    ("vita", "ovis"): 448,
    ("mask2former_vis", "ytvis_2019"): 480,
    ("mask2former_vis", "ovis"): 448,
    ("ifc", "ytvis_2019"): 448,
    ("ifc", "ytvis_2021"): 448,
    ("ifc", "ovis"): 448,
}
BASES = [run for run in table("paper") if run.variant in ("base", "pretrain") and run.seed == 0]


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Of everything that the tier could train, asked for or not."""
    every = whole_paper(tmp_path_factory.mktemp("whole"))
    return [run for run in every if run.variant in ("base", "pretrain") and run.seed == 0]


@pytest.mark.parametrize("names", [*RELEASED, *ASSUMED], ids="-".join)
def test_baselines_train_as_their_releases(names, bases):
    train = next(run.config.train for run in bases if (run.method, run.backbone, run.dataset) == names)
    assert (
        train.iterations,
        train.decay_at,
        train.clips_per_batch,
        train.clip_frames,
        train.frame_range,
        train.weight_decay,
    ) == (RELEASED | ASSUMED)[names]


def test_frames_are_larger_for_swin_alone(bases):
    for run in bases:
        if run.prediction:
            larger = SHORT_EDGES.get((run.method, run.dataset), 360) if run.backbone == "swin_l" else 360
            assert (run.prediction.short_edge, run.prediction.max_edge) == (larger, 1333), run
            assert run.prediction.top_k == (20 if run.dataset == "ovis" else 10)


def test_each_method_augments_as_its_release_does():
    found = {(run.method, run.variant): run.config.train.augmentation for run in BASES if run.backbone == "r50"}
    assert found["vita", "pretrain"].jitter == JitterConfig(size=1024, scale=(0.1, 2.0))
    assert found["vita", "base"].crop == CropConfig()
    assert found["mask2former_vis", "base"] == AugmentationConfig(short_edges=(360, 480))
    # The loader of IFC's COCO configuration puts detectron2's random crop ("absolute_range", 384 to 600) first, without
    # a condition and without a resize before it; then a short edge of 480 to 800, then the flip.
    crop = CropConfig(probability=1.0, short_edges=(), smallest=384, largest=600, moves=False)
    images = AugmentationConfig(crop=crop, short_edges=range(480, 801, 32), max_edge=1333)
    assert (found["ifc", "pretrain"], found["ifc", "base"]) == (images, AugmentationConfig(short_edges=(360, 480)))


def test_pseudo_videos_are_for_the_variants_that_ask_for_them():
    runs = [run for run in table("paper") if run.dataset == "ytvis_2019"]
    mixed_in = next(run.config.pseudo_videos for run in runs if run.variant == "base")
    assert mixed_in.dataset.name == "coco"
    assert mixed_in.ratio == pytest.approx(1 / 0.75, abs=1e-6)
    assert mixed_in.augmentation.rotation == RotationConfig(degrees=15.0, centre=(0.4, 0.6))
    without = {(run.method, run.variant) for run in runs if run.config.pseudo_videos is None}
    assert without == {(method, "base") for method in ("mask2former_vis", "ifc")} | {
        ("vita", "no_pseudo_videos"),
        ("vita", "no_similarity"),
    }


def test_figure_5_has_points_to_draw():
    for run, _ in table("paper").evaluations("figure5"):
        train = run.config.train
        assert 12 <= train.iterations / train.validate_every <= 14
        assert (train.validate_videos, train.validate_short_edge) == (100, run.prediction.short_edge)
    elsewhere = {run.backbone for run in table("paper") if run.config.train.validates}
    assert elsewhere == {"r50"}


def test_the_curves_of_figure_5_meet_at_every_step_of_the_shorter_one():
    """Else which method converges faster has no answer: the claim compares curves where both have points."""
    steps = {}
    for run, _ in table("paper").evaluations("figure5"):
        train = run.config.train
        validated = [step for step in range(1, train.iterations + 1) if train.validates_after(step)]
        steps.setdefault((run.method, run.variant), validated)
    ours, theirs = steps["vita", "no_pseudo_videos"], steps["mask2former_vis", "base"]
    assert theirs == list(range(500, 6001, 500))
    assert ours == theirs + list(range(10000, 140001, 10000)) == steps["vita", "no_similarity"]
    curves = [pd.DataFrame({seed: np.arange(len(at)) for seed in range(5)}, index=at) for at in (ours, theirs)]
    assert common_steps(curves) == (500, 6000)


def test_data_lies_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("YTVIS_2019_ROOT", str(tmp_path))
    table.cache_clear()
    assert table("paper").datasets["ytvis_2019"].root == str(tmp_path)
    table.cache_clear()
