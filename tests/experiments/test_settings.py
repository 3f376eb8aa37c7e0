"""Keys of a tier that a command line sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tiers import LIBRARY, table

from vita.core.contract import UserError
from vita.experiments.reading import find_tier, load_tier
from vita.experiments.run_table import RunTable
from vita.experiments.settings import read_settings, tier_with_settings

SMOKE = LIBRARY / "smoke.yaml"


def made(folder: Path, *words: str, base: Path = SMOKE) -> Path:
    return tier_with_settings(base, LIBRARY, read_settings(words), folder)


def test_values_are_yaml_and_dots_lead_into_sections():
    words = [
        "seeds=3",
        "schedules.clips.iterations=10",
        "schedules.clips.decay_at=[5, 8]",
        "start=",
        "gpus=1",
        "gpus=0",
    ]
    assert read_settings(words) == {
        "seeds": 3,
        "schedules": {"clips": {"iterations": 10, "decay_at": [5, 8]}},
        "start": None,
        "gpus": 0,
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seeds", "--set seeds: write key=value"),
        ("=3", "--set =3: write key=value"),
        ("a..b=3", "--set a..b=3: write key=value"),
        ("seeds=[1", "--set seeds=[1: the value is not valid YAML"),
        ("extends=paper", "--set extends: another tier is chosen by --tier"),
        ("sedes=3", "--set: unknown key 'sedes'; allowed here: adjustments, anchor, backbones, "),
        ("methods.vita.pretest=1", "--set: methods.vita: unknown key 'pretest'; allowed here: inference, preset, "),
        ("schedules.clips=3", "--set: key 'schedules.clips': Input should be a valid dictionary"),
        ("seeds=0", "--set: key 'seeds': Tuple should have at least 1 item"),
        ("seeds=true", "--set: key 'seeds': Input should be a valid tuple"),
        ("seeds=-1", "--set: key 'seeds': Tuple should have at least 1 item"),
        ("seeds=1001", "--set: key 'seeds': Value error, at most 1000 seeds (found 1001)"),
        ("seeds=1e30", "--set: key 'seeds': Input should be a valid tuple"),
        ("seeds=100000000000000000000000000", "--set: key 'seeds': Value error, at most 1000 seeds"),
        ("fewer_seeds.table6=100000000000", "--set: key 'fewer_seeds.table6': Value error, at most 1000 seeds"),
        ("tier=../elsewhere", "--set: key 'tier': a name has letters"),
    ],
)
def test_slips_are_one_line_and_write_nothing(tmp_path, word, message):
    with pytest.raises(UserError) as told:
        made(tmp_path, word)
    assert str(told.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_without_settings_the_tier_is_the_one_asked_for(tmp_path):
    assert made(tmp_path) == SMOKE
    assert list(tmp_path.iterdir()) == []


def test_the_tier_says_what_it_stands_on_and_what_differs(tmp_path):
    file = made(tmp_path, "seeds=3", "only.methods=[vita]")
    assert file.parent == tmp_path / "results" / "tiers"
    content = yaml.safe_load(file.read_text())
    name, extends = content.pop("tier"), content.pop("extends")
    assert name == file.stem and name.startswith("smoke-seeds-only-")
    assert content == {"seeds": 3, "only": {"methods": ["vita"]}}
    assert (file.parent / extends).resolve() == SMOKE
    assert load_tier(file, LIBRARY).seeds == (0, 1, 2)


def test_no_run_is_shared_with_the_plain_tier_or_with_other_settings(tmp_path):
    def runs(*words: str) -> set[str]:
        return {run.directory for run in RunTable(made(tmp_path, *words), LIBRARY)}

    plain = {run.directory for run in table("smoke")}
    three, two = runs("seeds=3"), runs("seeds=2")
    assert len(three) > len(plain) == len(two)
    assert not (plain & three or plain & two or three & two)
    assert runs("seeds=2") == two


def test_the_order_of_settings_is_no_other_tier_and_a_name_may_be_given(tmp_path):
    assert made(tmp_path, "gpus=1", "seeds=3").stem[-6:] == made(tmp_path, "seeds=3", "gpus=1").stem[-6:]
    named = made(tmp_path, "seeds=3", "tier=smoke")  # who wants the folders of the plain tier says so
    assert load_tier(named, LIBRARY).tier == "smoke"
    shared = {run.directory for run in RunTable(named, LIBRARY)}
    assert {run.directory for run in table("smoke")} < shared


def test_many_keys_make_no_name_that_is_too_long(tmp_path):
    keys = ["fewer_seeds={}", "predict.top_k=5", "published_only=true", "longest_job=9", "experiments=[table6]"]
    file = made(
        tmp_path, *keys, "needs={}", "adjustments=[]", "processes=1", "gpus=0", "seeds=1", "scores={}", "start="
    )
    assert len(file.stem) <= 100
    assert load_tier(file, LIBRARY).experiments == ("table6",)


def test_files_beside_the_tier_that_it_stands_on_are_found(tmp_path):
    mine = tmp_path / "mine"
    (mine / "datasets").mkdir(parents=True)
    shapes = yaml.safe_load((LIBRARY / "datasets" / "shapes.yaml").read_text())
    shapes |= {"name": "mine", "root": "results/data/mine"}
    (mine / "datasets" / "mine.yaml").write_text(yaml.safe_dump(shapes))
    (mine / "tier.yaml").write_text("{extends: smoke, tier: mine, datasets: {ytvis_2019: {use: mine}}}")
    file = made(tmp_path, "seeds=1", "experiments=[table6]", base=mine / "tier.yaml")
    assert yaml.safe_load(file.read_text())["extends"] == "../../mine/tier.yaml"
    assert {run.dataset for run in RunTable(file, LIBRARY) if run.prediction} == {"mine"}
    shutil.move(tmp_path / "mine", tmp_path / "other")
    with pytest.raises(UserError, match=r"extends: no tier '\.\./\.\./mine/tier.yaml'"):
        RunTable(file, LIBRARY)


@pytest.mark.parametrize("name", ["a" * 300 + ".yaml", "x/" * 3000 + "t.yaml"])
def test_a_path_that_no_file_system_has_is_no_tier(name):
    with pytest.raises(UserError, match="no tier"):
        find_tier(name, LIBRARY, "--tier")
