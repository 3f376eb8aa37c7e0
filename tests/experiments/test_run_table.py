"""The run table: what is trained, from what, and what is asked of it."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from vita.config import AugmentationConfig, CropConfig, JitterConfig, RotationConfig
from vita.config_file import dump, load
from vita.contract import UserError
from vita.dataset_config import DatasetConfig
from vita.engine.methods import find_method
from vita.engine.procedures import read_plan
from vita.experiments.run_table import RunTable
from vita.experiments.schema import schemas
from vita.experiments.reading import load_file, overlay
from vita.experiments.sections import ExperimentConfig, MethodConfig, TierConfig
from vita.method import definition

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow" / "config"
KINDS = {"": ("tier", TierConfig), "datasets": ("dataset", DatasetConfig)}
KINDS |= {"methods": ("method", MethodConfig), "experiments": ("experiment", ExperimentConfig)}
FILES = [(path, *KINDS[kind]) for kind in KINDS for path in sorted((LIBRARY / kind).glob("*.yaml"))]
TIERS = ("smoke", "mini", "paper")


def table(tier):
    return RunTable(LIBRARY / f"{tier}.yaml", LIBRARY)


@pytest.fixture
def own(tmp_path):
    """A function that writes the smoke tier with some keys changed, and its path."""

    def write(**changes):
        content = yaml.safe_load((LIBRARY / "smoke.yaml").read_text()) | changes
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize(("path", "schema", "section"), FILES, ids=lambda value: getattr(value, "name", ""))
def test_every_file_fits_its_class_and_its_schema(path, schema, section, tmp_path):
    load_file(section, path)
    content = yaml.safe_load(path.read_text())
    validator = Draft202012Validator(json.loads(schemas()[f"{schema}.schema.json"]))
    validator.validate(json.loads(json.dumps(content)))

    bad = tmp_path / path.name
    bad.write_text(yaml.safe_dump(content | {"colour": "blue"}))
    with pytest.raises(UserError, match=rf"{path.name}: unknown key 'colour'; allowed here: "):
        load_file(section, bad)
    assert not validator.is_valid(content | {"colour": "blue"})


def test_schemas_on_disk_are_those_of_the_classes():
    on_disk = {path.name: path.read_text() for path in (ROOT / "workflow" / "schemas").glob("*.json")}
    assert on_disk == schemas(), "make schemas"


def test_experiments_open_with_item_command_cost_and_expectation():
    for path in (LIBRARY / "experiments").glob("*.yaml"):
        head = [line for line in path.read_text().splitlines() if line.startswith("# ")]
        assert [line[2:].split(":")[0] for line in head if ":  " in line] == [
            "Paper item",
            "Command",
            "Cost",
            "Expect",
        ], path


def test_a_bad_key_inside_a_mapping_of_sections_is_named_with_its_place(own):
    path = own(methods={"vita": {"preset": "tiny", "colour": 1}})
    with pytest.raises(UserError, match=r"own\.yaml: methods\.vita: unknown key 'colour'; allowed here: inference"):
        RunTable(path, LIBRARY)


def test_smoke_is_one_pretraining_and_two_seeds_that_start_from_it():
    every = list(table("smoke"))
    assert {run.method for run in every} == {"vita", "mask2former_vis", "ifc"}
    for method in ("vita", "mask2former_vis", "ifc"):
        own = [run for run in every if run.method == method]
        assert [(run.variant, run.seed) for run in own] == [("pretrain", 0), ("base", 0), ("base", 1)]
    runs = [run for run in every if run.method == "vita"]
    assert runs[0].directory == "results/runs/smoke/shapes/vita/tiny/pretrain/seed0"
    assert runs[1].starts_from == runs[2].starts_from == runs[0]
    assert runs[1].config.start_from == runs[0].weights == f"{runs[0].directory}/model.safetensors"
    assert runs[0].starts_from is None
    assert runs[0].prediction is None


def test_one_training_serves_every_inference_variant_of_all_experiments():
    base = list(table("smoke"))[1]
    tokens = ["intact", "prune75", "prune50", "prune25", "zero", "first_frame", "one_token"]
    clips = [f"clips{length}_{matching}" for length in (36, 48) for matching in ("greedy", "hungarian")]
    assert list(base.inference) == [*tokens, *clips]
    assert base.prediction.variants["clips48_greedy"]["clip_frames"] == 18  # the tier's videos have 36 frames
    assert base.prediction.variants["prune50"] == {"prune_ratio": 0.5}
    assert "prune" not in dump(base.config)  # what changes no training is not in the training's file


def test_a_table_needs_its_own_rows_for_every_seed():
    smoke = table("smoke")
    needed = [(run.seed, inference) for run, inference in smoke.evaluations("table6")]
    ratios = ("intact", "prune75", "prune50", "prune25")
    assert needed == [(seed, name) for name in ratios for seed in (0, 1)]
    # A seed of VITA: four ratios, three controls, four ways of clips; of the others: as it is, four ways of clips.
    assert len(smoke.evaluated()) == 2 * (4 + 3 + 4) + 2 * 2 * (1 + 4)


@pytest.mark.parametrize("tier", TIERS)
def test_every_option_that_a_tier_names_is_one_of_the_method(tier):
    for run in table(tier):
        definition = find_method(run.method)
        assert set(read_plan(definition, run.inference).names) == set(run.inference)
        if tier != "paper":  # full-sized models take long to build
            definition.build(run.config.options, num_classes=3)


def test_all_presets_backbones_and_variants_are_options_of_the_method():
    from vita.config_file import parse
    from vita.method import VitaOptions

    vita = load_file(MethodConfig, LIBRARY / "methods" / "vita.yaml")
    for preset in vita.presets.values():
        for backbone in vita.backbones.values():
            for variant in vita.variants.values():
                parse(VitaOptions, overlay(overlay(preset, backbone), variant.options), "vita.yaml")
    assert set(read_plan(definition, vita.inference).names) == set(vita.inference)


def test_paper_trains_on_its_own_data(monkeypatch, tmp_path):
    monkeypatch.setenv("YTVIS_2019_ROOT", str(tmp_path))
    paper = table("paper")
    assert paper.datasets["ytvis_2019"].root == str(tmp_path)
    assert {(run.variant, run.dataset) for run in paper} == {("pretrain", "coco"), ("base", "ytvis_2019")}
    rates = {run.method: run.config.train.learning_rate for run in paper if run.variant == "base"}
    assert rates == {"vita": 5e-5, "mask2former_vis": 1e-4, "ifc": 1e-4}


def test_paper_augments_each_method_as_its_release_does():
    configs = {(run.method, run.variant): run.config for run in table("paper")}
    assert configs["vita", "pretrain"].train.augmentation.jitter == JitterConfig(size=1024, scale=(0.1, 2.0))
    assert configs["vita", "base"].train.augmentation.crop == CropConfig()
    assert configs["mask2former_vis", "base"].train.augmentation == AugmentationConfig(short_edges=(360, 480))
    ifc = configs["ifc", "pretrain"].train.augmentation
    assert ifc.jitter is None
    assert ifc.crop == CropConfig()
    assert ifc.short_edges == tuple(range(480, 801, 32))


def test_pseudo_videos_are_for_the_variants_that_ask_for_them():
    configs = {(run.method, run.variant): run.config for run in table("paper")}
    mixed_in = configs["vita", "base"].pseudo_videos
    assert mixed_in.dataset.name == "coco"
    assert mixed_in.ratio == pytest.approx(1 / 0.75, abs=1e-6)
    assert mixed_in.augmentation.rotation == RotationConfig(degrees=15.0, centre=(0.4, 0.6))
    without = {key for key, config in configs.items() if config.pseudo_videos is None}
    assert without == configs.keys() - {("vita", "base")}
    assert not any(run.config.pseudo_videos for tier in ("smoke", "mini") for run in table(tier))


def test_a_tier_names_its_own_pseudo_videos(own):
    images = {"use": "shapes_large", "ratio": 2.0, "augmentation": {"flip_probability": 0.0}}
    stand_ins = {"ytvis_2019": {"use": "shapes", "pseudo_videos": images}, "coco": {"use": "shapes"}}
    tier = RunTable(own(datasets=stand_ins), LIBRARY)
    assert list(tier.datasets) == ["shapes", "shapes_large"]
    configs = {(run.method, run.variant): run.config for run in tier}
    assert configs["vita", "base"].pseudo_videos.dataset == tier.datasets["shapes_large"]
    assert configs["vita", "base"].pseudo_videos.augmentation == AugmentationConfig(flip_probability=0.0)
    images["augmentation"] = {"turn": 1}
    with pytest.raises(UserError, match=r"datasets\.ytvis_2019\.pseudo_videos\.augmentation: unknown key 'turn'"):
        RunTable(own(datasets=stand_ins), LIBRARY)


def test_only_the_paper_tier_has_the_papers_model_and_data(tmp_path):
    rows = table("paper").specs["table6"].rows
    assert {(row.as_paper, row.valid_videos) for row in rows} == {(True, 302)}
    assert not any(row.as_paper for tier in ("smoke", "mini") for row in table(tier).specs["table6"].rows)
    content = yaml.safe_load((LIBRARY / "paper.yaml").read_text())
    content["datasets"]["ytvis_2019"]["use"] = "ytvis_2021"
    (tmp_path / "paper.yaml").write_text(yaml.safe_dump(content))
    assert not any(row.as_paper for row in RunTable(tmp_path / "paper.yaml", LIBRARY).specs["table6"].rows)


def test_a_corrected_description_changes_no_run(tmp_path):
    (tmp_path / "datasets").mkdir()
    content = yaml.safe_load((LIBRARY / "datasets" / "coco.yaml").read_text())
    (tmp_path / "datasets" / "coco.yaml").write_text(yaml.safe_dump(content | {"licence": "other words"}))
    (tmp_path / "paper.yaml").write_text((LIBRARY / "paper.yaml").read_text())
    before, after = table("paper"), RunTable(tmp_path / "paper.yaml", LIBRARY)
    assert [run.config for run in after] == [run.config for run in before]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"experiments": ["table66"]},
            r"no experiments/table66\.yaml; known experiments: association, controls, methods",
        ),
        (
            {"datasets": {"ytvis_2019": {"use": "cubes"}}},
            r"no datasets/cubes\.yaml; known datasets: coco, ovis",
        ),
        ({"backbones": {"r101": "tiny"}}, "experiment 'table6': the tier 'smoke' has a stand-in for none"),
        ({"backbones": {"r50": "r51"}}, "method vita: backbones: 'r51' is not known; allowed: r101, r50"),
        (
            {"methods": {"vita": {"preset": "huge"}}, "experiments": ["table6"]},
            "presets: 'huge' is not known; allowed: paper",
        ),
        ({"schedules": {"clips": {}}}, "schedules: 'pretrain' is not known; allowed: clips"),
        ({"predict": {"top": 3}}, r"own\.yaml: predict: unknown key 'top'; allowed here: max_edge"),
    ],
)
def test_what_is_not_known_is_named_with_what_is(own, changes, message):
    with pytest.raises(UserError, match=message):
        RunTable(own(**changes), LIBRARY)


def test_schedule_is_the_tiers_with_the_data_sets_difference_laid_over_it(own):
    stand_ins = {"ytvis_2019": {"use": "shapes", "train": {"clip_frames": 6}}, "coco": {"use": "shapes"}}
    pretrain, base, *_ = RunTable(own(datasets=stand_ins), LIBRARY)
    assert (pretrain.config.train.clip_frames, base.config.train.clip_frames) == (1, 6)


def test_overlay_goes_into_mappings_and_changes_neither():
    base = {"a": {"x": 1, "y": 2}, "b": [1, 2]}
    assert overlay(base, {"a": {"y": 3}, "b": [4]}) == {"a": {"x": 1, "y": 3}, "b": [4]}
    assert base == {"a": {"x": 1, "y": 2}, "b": [1, 2]}


def test_embedded_data_set_lies_where_the_workflow_writes_it(own, tmp_path):
    (tmp_path / "datasets").mkdir()
    shapes = load(DatasetConfig, LIBRARY / "datasets" / "shapes.yaml").model_copy(update={"root": "elsewhere"})
    (tmp_path / "datasets" / "shapes.yaml").write_text(dump(shapes))
    with pytest.raises(UserError, match=r"root is 'elsewhere'; embedded data lies in 'results/data/shapes'"):
        RunTable(own(), LIBRARY)
