"""The run table: what is trained, from what, and what is asked of it."""

import shutil
from collections import Counter

import pytest
import yaml
from tiers import LIBRARY, TIERS, table

from vita.core.config_base import dump, parse
from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.run_config import AugmentationConfig
from vita.core.settings import overlay
from vita.engine.inference_plan import read_plan
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file
from vita.experiments.run_table import NO_LABELS, RunTable
from vita.model.method import VitaOptions, definition

CLIPS = [f"clips{length}_{matching}" for length in (36, 48) for matching in ("greedy", "hungarian")]


def test_a_tier_that_runs_on_cores_measures_nothing_on_a_card(own):
    """paper_lite measures under 12 GiB of a card, whatever a tier's own computer has."""
    asked = [probe for probe in RunTable(own("paper_lite"), LIBRARY).probes["table4"] if probe.search]
    assert {probe.device for probe in asked} == {"cuda"}
    on_cores = RunTable(own("paper_lite", gpus=0), LIBRARY).probes["table4"]
    assert on_cores and not [probe for probe in on_cores if probe.search]
    measured = RunTable(own("paper_lite", gpus=0, probes={"device": "cpu"}), LIBRARY).probes["table4"]
    assert {probe.device for probe in measured if probe.search} == {"cpu"}


def test_rows_say_where_a_tier_runs_shorter_clips_than_the_paper():
    """Of VITA on smoke, whose videos have 36 frames; the paper's own tier runs what the cells say."""
    clips = {
        tier: [row.as_run for row in table(tier).specs["table5"].rows if row.method == "vita"]
        for tier in ("smoke", "paper")
    }
    assert clips["smoke"] == [{"clip_length": 12}] * 2 + [{"clip_length": 18}] * 2 + [{}]
    assert set(map(str, clips["paper"])) == {"{}"}


def test_smoke_is_one_pretraining_a_method_and_seeds_that_start_from_it():
    runs = list(table("smoke"))
    assert {run.method for run in runs} == {"vita", "mask2former_vis", "ifc", "minvis", "videomt"}
    for method in ("vita", "mask2former_vis", "ifc"):
        first, *others = [run for run in runs if run.method == method]
        assert (first.variant, first.seed, first.starts_from, first.prediction) == ("pretrain", 0, None, None)
        assert first.directory == f"results/runs/smoke/shapes_images/{method}/tiny/pretrain/seed0"
        assert all(run.starts_from == first and run.config.start_from == first.weights for run in others)
    of_vita = runs[0]
    assert [run.starts_from for run in runs if run.method == "minvis"] == [of_vita] * 2  # the very same detector
    assert [run.starts_from for run in runs if run.method == "videomt"] == [None] * 2
    trained = Counter((run.method, run.variant) for run in runs if run.variant != "pretrain")
    assert trained["vita", "base"] == trained["mask2former_vis", "base"] == trained["ifc", "base"] == 2
    assert trained["vita", "frozen"] == trained["vita", "no_similarity"] == 2
    beyond = ("release_layers", "paper_layers", "fed_by_1")  # of the paper: one seed is enough
    assert [trained["vita", variant] for variant in beyond] == [1, 1, 1]


def test_one_training_serves_every_inference_variant_of_all_experiments():
    base = table("smoke").find("results/runs/smoke/shapes/vita/tiny/base/seed0")
    ratios, windows = ["prune75", "prune50", "prune25"], ["window3", "window12", "window_all"]
    controls = ["zero", "first_frame", "one_token"]
    assert sorted(base.inference) == sorted(["intact", *ratios, *windows, *controls, "no_shift", *CLIPS])
    assert base.prediction.variants["clips48_greedy"]["clip_frames"] == 18  # the tier's videos have 36 frames
    assert base.prediction.variants["prune50"] == {"prune_ratio": 0.5}
    assert "prune" not in dump(base.config)  # what changes no training is not in the training's file


def test_a_table_needs_its_own_rows_for_every_seed():
    smoke = table("smoke")
    needed = [(run.seed, inference) for run, inference in smoke.evaluations("table6")]
    assert needed == [(seed, name) for name in ("intact", "prune75", "prune50", "prune25") for seed in (0, 1)]
    assert len(smoke.evaluations("table5")) == 3 * 2 * (4 + 1)
    assert {run.variant for run, _ in smoke.evaluations("figure5")} == {"base", "no_similarity"}
    of_bases = 2 * (1 + 3 + 3 + 3 + 1 + 4) + 2 * 2 * (1 + 4)  # VITA, then the others: as it is, and clips
    of_bases += 2 * 2 * 1  # MinVIS and VidEoMT, in Table 1 alone
    assert len(smoke.evaluated()) == of_bases + 2 * (1 + 1) + 3  # frozen, without similarity; beyond the paper


def test_variants_that_come_to_the_same_are_one_run():
    """`shapes` has no pseudo-videos, so that training without them is `base`; on real data it is not."""
    assert not any(run.variant == "no_pseudo_videos" for run in table("smoke"))
    curve = table("smoke").specs["figure5"].rows[0]
    assert (curve.key["curve"], curve.variant) == ("VITA", "base")
    assert any(run.variant == "no_pseudo_videos" for run in table("paper"))
    assert table("smoke").specs["table2"].rows[3].dataset == "shapes"  # of OVIS: no run beyond Table 1's
    of_the_paper = [one for one in table("smoke").evaluations("table1") if one[0].method not in ("minvis", "videomt")]
    assert table("smoke").evaluations("table2") == of_the_paper


def test_rows_without_a_stand_in_say_so():
    rows = {tuple(row.key.values()): row for row in table("smoke").specs["table1"].rows}
    assert rows["VITA", "ResNet-50"].not_run is None
    assert rows["VITA", "Swin-L"].not_run == "not run in this tier"
    assert rows["VITA", "Swin-L"].seeds == ()
    assert len(rows) == 3 * 3 + 2


@pytest.fixture
def own_ifc(own, tmp_path):
    """A function that writes IFC's file beside the tier with some keys changed."""

    def write(**changes):
        (tmp_path / "methods").mkdir()
        content = yaml.safe_load((LIBRARY / "methods" / "ifc.yaml").read_text())
        (tmp_path / "methods" / "ifc.yaml").write_text(yaml.safe_dump(content | changes, sort_keys=False))

    return write


def test_what_one_method_lacks_is_not_offered(own, own_ifc):
    own_ifc(inference={"intact": {}})
    rows = RunTable(own(), LIBRARY).specs["table5"].rows
    lacking = {row.key["clip_length"] for row in rows if row.not_run == "not offered by this method"}
    assert lacking == {36, 48}
    assert {row.key["method"] for row in rows if row.not_run is None} == {"VITA", "Mask2Former-VIS", "IFC"}


def test_a_method_may_list_its_variants_in_any_order_but_not_in_a_circle(own, own_ifc, tmp_path):
    variants = {"base": {"starts_from": "pretrain"}, "pretrain": {"dataset": "coco", "schedule": "pretrain", "seed": 0}}
    own_ifc(variants=variants)
    assert {run.directory for run in RunTable(own(), LIBRARY)} == {run.directory for run in table("smoke")}
    shutil.rmtree(tmp_path / "methods")
    own_ifc(variants={"base": {"starts_from": "pretrain"}, "pretrain": {"starts_from": "base"}})
    with pytest.raises(UserError, match=r"method ifc: variants\.base: starts from itself"):
        RunTable(own(), LIBRARY)


@pytest.mark.parametrize("tier", TIERS)
def test_every_training_is_done_once(tier):
    runs = list(table(tier))
    assert len({run.directory for run in runs}) == len(runs)
    bases = Counter((run.dataset, run.method, run.backbone, run.seed) for run in runs if run.variant == "base")
    assert set(bases.values()) == {1}
    configs = Counter(dump(run.config.model_copy(update={"variant": ""})) for run in runs)
    assert set(configs.values()) == {1}  # under other names neither
    assert all(runs.index(run.starts_from) < place for place, run in enumerate(runs) if run.starts_from)


@pytest.mark.parametrize("tier", TIERS)
def test_every_option_that_a_tier_names_is_one_of_the_method(tier):
    built = set()
    for run in table(tier):
        method = find_method(run.method)
        assert set(read_plan(method, run.inference).names) == set(run.inference)
        sizes = (run.method, run.variant)
        if tier != "paper" and sizes not in built:  # full-sized models take long to build
            method.build(run.config.options, num_classes=3)
            built.add(sizes)


def test_all_presets_backbones_and_variants_are_options_of_the_method():
    vita = load_file(MethodConfig, LIBRARY / "methods" / "vita.yaml")
    for preset in vita.presets.values():
        for backbone in vita.backbones.values():
            for variant in vita.variants.values():
                parse(VitaOptions, overlay(overlay(preset, backbone), variant.options), "vita.yaml")
    assert set(read_plan(definition, vita.inference).names) == set(vita.inference)


def test_fewer_seeds_of_one_experiment_leave_those_of_the_others(own):
    tier = RunTable(own(seeds=[0, 1, 2], fewer_seeds={"table3": [1]}), LIBRARY)
    assert {run.seed for run, _ in tier.evaluations("table3")} == {1}
    assert {run.seed for run, _ in tier.evaluations("table6")} == {0, 1, 2}
    assert tier.specs["table3"].rows[0].seeds == (1,)


def test_pseudo_videos_go_to_the_variants_that_ask_for_them(own):
    images = {"use": "shapes_large", "ratio": 2.0, "augmentation": {"flip_probability": 0.0}}
    datasets = {name: {"pseudo_videos": images} for name in ("ytvis_2019", "ovis")}
    tier = RunTable(own(datasets=datasets), LIBRARY)
    mixed = {run.variant for run in tier if run.config.pseudo_videos}
    assert mixed == {"base", "frozen", "release_layers", "paper_layers", "fed_by_1"}
    base = tier.find("results/runs/smoke/shapes/vita/tiny/base/seed0").config.pseudo_videos
    assert base.dataset == tier.datasets["shapes_large"]
    assert base.augmentation == AugmentationConfig(flip_probability=0.0)
    images["augmentation"] = {"turn": 1}
    with pytest.raises(UserError, match=r"datasets\.ytvis_2019\.pseudo_videos\.augmentation: unknown key 'turn'"):
        RunTable(own(datasets=datasets), LIBRARY)


def test_two_stand_ins_of_one_data_set_must_agree(own):
    message = r"one run, results/runs/smoke/shapes/vita/tiny/base/seed0; `datasets` may use one data set twice, but not"
    with pytest.raises(UserError, match=message):
        RunTable(own(datasets={"ovis": {"train": {"clip_frames": 6}}}), LIBRARY)


def test_a_schedule_is_the_tiers_then_the_data_sets_then_the_methods_then_adjusted(own):
    changes = {
        "datasets": {name: {"train": {"clip_frames": 6, "iterations": 990}} for name in ("ytvis_2019", "ovis")},
        "methods": {"ifc": {"schedules": {"clips": {"iterations": 991}}}},
        "adjustments": [
            {"method": "ifc", "schedule": "clips", "train": {"clip_frames": 2}},
            {"backbone": "r50", "schedule": "clips", "train": {"clips_per_batch": 9}},
        ],
    }
    tier = RunTable(own(**changes), LIBRARY)
    found = {}
    for run in tier:
        train = run.config.train
        found[run.method, run.variant] = (train.clip_frames, train.iterations, train.clips_per_batch)
    assert found["vita", "base"] == (6, 990, 9)
    assert found["ifc", "base"] == (2, 991, 9)
    assert (found["vita", "pretrain"][0], found["vita", "pretrain"][2]) == (1, 16)  # another schedule


def test_an_adjustment_of_one_training_variant_leaves_the_others(own):
    changes = {"adjustments": [{"method": "vita", "variant": "frozen", "train": {"iterations": 77, "decay_at": []}}]}
    found = {
        run.variant: run.config.train.iterations for run in RunTable(own(**changes), LIBRARY) if run.method == "vita"
    }
    assert found.pop("frozen") == 77
    assert 77 not in found.values()


def test_only_the_paper_tier_has_the_papers_model_and_data(own):
    rows = table("paper").specs["table6"].rows
    assert {(row.as_paper, row.valid_videos) for row in rows} == {(True, 302)}
    assert not any(row.as_paper for tier in ("smoke", "mini") for row in table(tier).specs["table6"].rows)
    other = RunTable(own(extends="paper", experiments=["table6"], datasets={"ytvis_2019": {"use": "ovis"}}), LIBRARY)
    assert not any(row.as_paper for row in other.specs["table6"].rows)


def test_a_corrected_description_changes_no_run(own, tmp_path):
    (tmp_path / "datasets").mkdir()
    content = yaml.safe_load((LIBRARY / "datasets" / "coco.yaml").read_text())
    (tmp_path / "datasets" / "coco.yaml").write_text(yaml.safe_dump(content | {"licence": "other words"}))
    after = RunTable(own(extends="paper"), LIBRARY)
    assert [run.config for run in after] == [run.config for run in table("paper")]


def test_labels_are_looked_for_once_a_data_set_not_once_a_row(own, monkeypatch):
    looked = []

    def no_labels(dataset, part):
        looked.append((dataset.name, part))
        raise UserError("no labels of `valid` found")

    monkeypatch.setattr("vita.experiments.run_table.find_files", no_labels)
    where_labelled = {"ytvis_2019": {"only_with_labels": True}, "ovis": {"only_with_labels": True}}
    found = RunTable(own(datasets=where_labelled, experiments=["table5", "table6"]), LIBRARY)
    assert looked == [("shapes", "valid")] * 2  # smoke has `shapes` for both of the paper's data sets
    assert {row.not_run for spec in found.specs.values() for row in spec.rows} == {NO_LABELS}
    assert len(found) == 0
