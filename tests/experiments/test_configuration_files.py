"""The files that say what is run: typed, as their schemas say, with every slip named."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from tiers import LIBRARY

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.settings import overlay
from vita.experiments.config import ExperimentConfig, TierConfig
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file, load_tier
from vita.experiments.run_table import RunTable
from vita.experiments.schema import schemas

ROOT = Path(__file__).parents[2]
KINDS = {"": ("tier", TierConfig), "datasets": ("dataset", DatasetConfig)}
KINDS |= {"methods": ("method", MethodConfig), "experiments": ("experiment", ExperimentConfig)}
FILES = [(path, *KINDS[kind]) for kind in KINDS for path in sorted((LIBRARY / kind).glob("*.yaml"))]


def read(section, path):
    return load_tier(path, LIBRARY) if section is TierConfig else load_file(section, path)


def fits(schema, content):
    validator = Draft202012Validator(json.loads(schemas()[f"{schema}.schema.json"]))
    return validator.is_valid(json.loads(json.dumps(content)))


@pytest.mark.parametrize(("path", "schema", "section"), FILES, ids=lambda value: getattr(value, "name", ""))
def test_every_file_fits_its_class_and_its_schema(path, schema, section, tmp_path):
    read(section, path)
    content = yaml.safe_load(path.read_text())
    assert fits(schema, content)

    bad = tmp_path / path.name
    bad.write_text(yaml.safe_dump(content | {"colour": "blue"}))
    with pytest.raises(UserError, match=rf"{path.name}: unknown key 'colour'; allowed here: "):
        read(section, bad)
    assert not fits(schema, content | {"colour": "blue"})


@pytest.mark.parametrize(("path", "schema", "section"), FILES, ids=lambda value: getattr(value, "name", ""))
def test_every_file_names_for_editors_a_schema_that_it_fits(path, schema, section):
    first = path.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    assert (path.parent / named).resolve() == ROOT / "workflow" / "schemas" / f"{schema}.schema.json"
    content = yaml.safe_load(path.read_text())
    assert Draft202012Validator(json.loads((path.parent / named).read_text())).is_valid(content)


def test_schemas_on_disk_are_those_of_the_classes():
    on_disk = {path.name: path.read_text() for path in (ROOT / "workflow" / "schemas").glob("*.json")}
    assert on_disk == schemas(), "make schemas"


def test_only_a_tier_that_extends_may_leave_something_out():
    part = {"tier": "mine", "datasets": {"ytvis_2019": {"predict": {"short_edge": 288}}}}
    assert not fits("tier", part)
    assert fits("tier", part | {"extends": "smoke"})
    assert not fits("tier", part | {"extends": "smoke", "datasets": {"ytvis_2019": {"colour": 1}}})


def test_experiments_open_with_item_command_cost_and_expectation():
    for path in (LIBRARY / "experiments").glob("*.yaml"):
        head = [line for line in path.read_text().splitlines() if line.startswith("# ")]
        words = ["Paper item", "Command", "Cost", "Expect"]
        assert [line[2:].split(":")[0] for line in head if ":  " in line] == words, path


def test_a_tier_lies_over_what_it_extends_key_by_key(own, tmp_path):
    smoke = load_tier(LIBRARY / "smoke.yaml", LIBRARY)
    tier = load_tier(own(seeds=[7], schedules={"clips": {"iterations": 5}}), LIBRARY)
    assert (tier.tier, tier.seeds) == ("smoke", (7,))  # lists are replaced
    assert tier.schedules["clips"] == smoke.schedules["clips"] | {"iterations": 5}
    assert tier.methods == smoke.methods
    second = tmp_path / "second.yaml"
    second.write_text("{extends: own, gpus: 2}")  # found beside it
    assert (load_tier(second, LIBRARY).seeds, load_tier(second, LIBRARY).gpus) == ((7,), 2)


def test_extending_what_is_not_there_or_oneself_is_told(own):
    with pytest.raises(
        UserError, match=r"own\.yaml: extends: no tier 'smock'; known: laptop, mini, paper, paper_lite, released, smoke"
    ):
        load_tier(own(extends="smock"), LIBRARY)
    with pytest.raises(UserError, match=r"own\.yaml: extends: goes round in a circle"):
        load_tier(own(extends="own"), LIBRARY)


def test_a_bad_key_inside_a_mapping_of_sections_is_named_with_its_place(own):
    with pytest.raises(UserError, match=r"own\.yaml: methods\.vita: unknown key 'colour'; allowed here: inference"):
        RunTable(own(methods={"vita": {"colour": 1}}), LIBRARY)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"experiments": ["table66"]},
            r"no experiments/table66\.yaml; known experiments: controls, controls_ovis, fed_layers, fig",
        ),
        ({"fewer_seeds": {"table66": [0]}}, r"fewer_seeds: 'table66' is not known; allowed: controls"),
        ({"datasets": {"coco": {"use": "cubes"}}}, r"no datasets/cubes\.yaml; known datasets: coco, ovis"),
        ({"backbones": {"r50": "r51"}}, "method vita: backbones: 'r51' is not known; allowed: r101, r50"),
        ({"methods": {"vita": {"preset": "huge"}}}, "presets: 'huge' is not known; allowed: paper"),
        ({"predict": {"top": 3}}, r"own\.yaml: predict: unknown key 'top'; allowed here: card, keep_gib, max_edge"),
        (
            {"adjustments": [{"method": "vito"}]},
            r"own\.yaml: adjustments\[0\]\.method: 'vito' is not known; allowed: ifc, mask2former_vis, minvis, vid",
        ),
        ({"adjustments": [{"schedule": "clips", "predict": {"top_k": 3}}]}, "prediction has no schedule"),
        ({"adjustments": [{"variant": "base"}]}, "a variant is of a method; name the method too"),
        (
            {"adjustments": [{"method": "ifc", "variant": "frozen"}]},
            r"adjustments\[0\]\.variant: 'frozen' is not known; allowed: base, pretrain",
        ),
        ({"adjustments": [{"dataset": "ovis", "predict": {"top_k": 3}}]}, "two ways to predict with one run"),
    ],
)
def test_what_is_not_known_or_not_possible_is_named(own, changes, message):
    with pytest.raises(UserError, match=message):
        RunTable(own(**changes), LIBRARY)


def test_an_experiment_may_not_take_the_name_of_a_variant_that_is_there(own, tmp_path):
    (tmp_path / "experiments").mkdir()
    content = yaml.safe_load((LIBRARY / "experiments" / "shift.yaml").read_text())
    content["methods"]["vita"]["inference"] = {"window3": {"shift": False}}
    (tmp_path / "experiments" / "shift.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"experiment shift: methods\.vita\.inference: 'window3' is there already"):
        RunTable(own(), LIBRARY)


def test_a_reference_must_be_a_row(own, tmp_path):
    (tmp_path / "experiments").mkdir()
    content = yaml.safe_load((LIBRARY / "experiments" / "table3.yaml").read_text())
    (tmp_path / "experiments" / "table3.yaml").write_text(yaml.safe_dump(content | {"reference": {"window": 7}}))
    with pytest.raises(UserError, match=r"experiment 'table3': reference: no row \{'window': 7\}"):
        RunTable(own(), LIBRARY)


def test_embedded_data_set_lies_where_the_workflow_writes_it(own, tmp_path):
    (tmp_path / "datasets").mkdir()
    content = yaml.safe_load((LIBRARY / "datasets" / "shapes.yaml").read_text())
    (tmp_path / "datasets" / "shapes.yaml").write_text(yaml.safe_dump(content | {"root": "elsewhere"}))
    with pytest.raises(UserError, match=r"root is 'elsewhere'; embedded data lies in 'results/data/shapes'"):
        RunTable(own(), LIBRARY)


def test_overlay_goes_into_mappings_and_changes_neither():
    base = {"a": {"x": 1, "y": 2}, "b": [1, 2]}
    assert overlay(base, {"a": {"y": 3}, "b": [4]}) == {"a": {"x": 1, "y": 3}, "b": [4]}
    assert base == {"a": {"x": 1, "y": 2}, "b": [1, 2]}
