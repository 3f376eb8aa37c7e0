"""Names and paths of YAML files that people share reach no shell, and no folder but their own."""

import copy
import csv
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from vita.core.config_base import load, parse
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.data.local_split import make_local_split
from vita.data.synthetic.write import synthesise
from vita.evaluation.main_scores import OFFICIAL_SCORES
from vita.experiments.config import ExperimentConfig, MethodConfig, TierConfig
from vita.experiments.paper_numbers import published_file
from vita.experiments.run_table import RunTable

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow" / "config"
OPENED = "PWNED"  # a file that a shell writes which computes one of these
SHELL = f"$(touch {OPENED}) `touch {OPENED}`; touch {OPENED} & '\" {{x}} ü #"
OUT = f"../../{OPENED}"
HOSTILE = (SHELL, OUT, "table6\n", ".hidden", "-rf", "a" * 101, "x\0")
FILES = ("nano.yaml", "methods/vita.yaml", "experiments/table6.yaml", "experiments/table4.yaml")
SECTIONS = dict(zip(FILES, (TierConfig, MethodConfig, ExperimentConfig, ExperimentConfig), strict=True))
HOSTILE_PATH = SHELL.replace("{x}", "")  # Snakemake can read no path with braces
# In these a person writes what comes to mind; options are read by the method itself, when it is built.
FREE = {"title", "item", "label", "caption", "key", "reference", "presets", "options"}
WITH_OPTIONS = ("backbones", "inference", "variants", "schedules")  # by name; keys of a schedule are checked with it
Place = tuple[Any, ...]


def shell_fields() -> Iterator[tuple[str, str]]:
    """Every field of every command, with its format."""
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for command in re.findall(r"^    shell:\n((?: {8}.*\n?)+)", path.read_text(), re.MULTILINE):
            for field in re.findall(r"(?<!\{)\{([^{}]+)\}", command):
                yield path.name, field


def test_every_field_of_every_command_is_quoted():
    found = list(shell_fields())
    assert len(found) > 50
    assert [field for field in found if not field[1].endswith(":q")] == []


def places(content: Any, at: Place = ()) -> Iterator[tuple[Place, bool]]:
    """Every text below `content`; True where it is the key of a mapping."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield (*at, key), True
            yield from places(value, (*at, key))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from places(value, (*at, number))
    elif isinstance(content, str):
        yield at, False


def put(content: Any, place: Place, is_key: bool, text: str) -> Any:
    """A copy with another text at one place."""
    changed = copy.deepcopy(content)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    if is_key:
        inner[text] = inner.pop(place[-1])
    else:
        inner[place[-1]] = text
    return changed


def is_free(place: Place, is_key: bool) -> bool:
    """Whether a text there is nobody's name."""
    if place[0] == "methods":  # of a tier: options by method and variant
        return len(place) > 4
    below = place[:-1] if is_key else place
    of_options = below[0] in WITH_OPTIONS and len(below) > (1 if is_key else 2)
    return bool(FREE & {*below}) or of_options


@pytest.fixture
def tier(folder, tmp_path, monkeypatch):
    """The nano tier with Table 4, all its files beside it."""
    for file in FILES[1:]:
        (folder.path / "tier" / file).parent.mkdir(exist_ok=True)
        shutil.copy(LIBRARY / file, folder.path / "tier" / file)
    folder.change("nano.yaml", "experiments", to=["table6", "table4"])
    folder.change("nano.yaml", "probes", to={"device": "cpu", "budget": "1GiB", "sizes": [[64, 96]]})
    monkeypatch.chdir(tmp_path)
    return folder.tier


@pytest.mark.parametrize("file", FILES)
def test_a_hostile_text_is_refused_in_every_place_but_free_text(tier, file):
    content = yaml.safe_load((tier.parent / file).read_text())
    found = list(places(content))
    assert len(found) > 20
    for (place, is_key), hostile in itertools.product(found, HOSTILE):
        try:
            parse(SECTIONS[file], put(content, place, is_key, hostile), file)
        except UserError as error:
            assert str(error).startswith(f"{file}: "), place
        else:
            assert is_free(place, is_key), (place, hostile)


@pytest.mark.parametrize("name", ["Swin-L", "YouTube-VIS_2019", "v1.1", "2x", "_own"])
def test_names_as_people_write_them_are_names(tier, name):
    for file, place in ((FILES[0], ("tier",)), (FILES[0], ("backbones", "r50")), (FILES[1], ("inference", "prune50"))):
        path = tier.parent / file
        content = yaml.safe_load(path.read_text())
        is_key = place[0] != "tier"
        path.write_text(yaml.safe_dump(put(content, place, is_key, name)))
        for experiment in FILES[2:]:
            text = (tier.parent / experiment).read_text()
            (tier.parent / experiment).write_text(text.replace(f" {place[-1]}}}", f" {name}}}"))
    table = RunTable(tier, LIBRARY)
    assert {run.tier for run in table} == {name}
    assert name in {inference for _, inference in table.evaluated()}


def test_a_file_whose_name_is_no_name_is_told(tier):
    """Experiments are found by their files; hidden ones are what other systems leave beside them."""
    content = yaml.safe_load(tier.read_text())
    tier.write_text(yaml.safe_dump(content | {"experiments": None}))
    folder = tier.parent / "experiments"
    (folder / "._table6.yaml").write_bytes(b"\0\5\x16\7")
    whole = set(RunTable(tier, LIBRARY).experiments)
    assert "table6" in whole and not any(name.startswith(".") for name in whole)
    shutil.copy(folder / "table6.yaml", folder / f"x$(touch {OPENED}).yaml")
    with pytest.raises(UserError, match="the file's name is no name of experiments: a name has letters"):
        RunTable(tier, LIBRARY)


@pytest.mark.parametrize("name", ["../paper_numbers.py", "../published/table6_prune_ratio.csv", "/etc/passwd", "a.csv"])
def test_published_numbers_stay_in_their_folder(tier, name):
    path = tier.parent / FILES[2]
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"published": name}))
    with pytest.raises(UserError, match=r"key 'published': a name has|published file 'a.csv' is not known; allowed: "):
        RunTable(tier, LIBRARY)
    with pytest.raises(UserError, match=r"is not known; allowed: figure5_convergence.csv, "):
        published_file(name)


def test_the_dag_with_a_hostile_text_in_every_place_that_takes_one(fake_folder, tier):
    """Titles, captions and cells; nothing of them is computed, and every file lies where it should."""
    for file in FILES[2:]:
        path = tier.parent / file
        content = yaml.safe_load(path.read_text())
        for place, is_key in list(places(content)):
            if place[-1] in ("title", "item", "label", "caption", "method") and not is_key and is_free(place, is_key):
                content = put(content, place, False, SHELL)
        path.write_text(yaml.safe_dump(content))
    method = yaml.safe_load((tier.parent / FILES[1]).read_text())
    (tier.parent / FILES[1]).write_text(yaml.safe_dump(method | {"title": SHELL}))
    scored = fake_folder.path / "results" / "server" / f"{HOSTILE_PATH}.json"
    scored.parent.mkdir(parents=True)
    names = {"tier": "nano", "dataset": "nano_shapes", "method": "vita", "backbone": "tiny", "variant": "base"}
    scores = dict.fromkeys(OFFICIAL_SCORES, 50.0)
    scored.write_text(
        json.dumps({**names, "inference": "intact", "seed": 0, "date": "2022-06-08", "server": SHELL, "scores": scores})
    )

    fake_folder.succeed("results/table6.csv", "results/table4.csv", "results/all_runs.csv")
    assert any(f"--label method={SHELL}" in call for call in fake_folder.calls("probe"))
    assert f"--server {scored.relative_to(fake_folder.path)} --out" in fake_folder.calls("table runs")[0]
    assert not list(fake_folder.path.rglob(f"*{OPENED}"))


@pytest.mark.parametrize("name", ["{x}", "{tier}", "a}b"])
def test_a_path_with_braces_is_told(fake_folder, name):
    """Snakemake would read another file, or ask what the wildcard is."""
    content = yaml.safe_load((fake_folder.path / "tier/datasets/nano_shapes.yaml").read_text())
    place = fake_folder.path / f"data {name}"
    for part in ("train", "valid"):
        (place / part / "JPEGImages").mkdir(parents=True)
        (place / part / "instances.json").write_text("{}")
    del content["shapes"]
    path = fake_folder.path / "tier/datasets/mine.yaml"
    path.write_text(yaml.safe_dump(content | {"name": "mine", "root": str(place)}))
    fake_folder.change("nano.yaml", "datasets", "ytvis_2019", "use", to="mine")
    said = fake_folder.said("-n", "results/table6.csv")
    assert f"{place}/valid/instances.json: braces have a meaning to Snakemake; rename it" in said


@pytest.mark.dag
def test_data_at_a_place_with_every_sign_of_a_shell(folder):
    """Real data, which no rule writes, through training, prediction and scores, with the real command."""
    place = folder.path / HOSTILE_PATH
    described = load(DatasetConfig, folder.path / "tier" / "datasets" / "nano_shapes.yaml")
    synthesise(described.shapes, place)
    split = folder.path / f"split; touch {OPENED} '.json"
    content = described.model_dump(mode="json", exclude={"shapes"}) | {"name": "Mine-1.0", "root": str(place)}
    content |= {"validate_on": "local_split", "local_split": {"file": str(split), "valid_share": 0.34}}
    (folder.path / "tier" / "datasets" / "Mine-1.0.yaml").write_text(yaml.safe_dump(content))
    split.write_text(make_local_split("Mine-1.0", place / "train/instances.json", 0.34, 0).model_dump_json())
    for name in ("ytvis_2019", "coco"):
        folder.change("nano.yaml", "datasets", name, "use", to="Mine-1.0")
    folder.change("nano.yaml", "seeds", to=[0])

    folder.succeed("results/table6.csv")
    with (folder.path / "results" / "table6.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["ratio"] for row in rows] == ["1.0", "0.75", "0.5", "0.25"]
    assert {row["dataset"] for row in rows} == {"Mine-1.0"}
    assert all(float(row["AP"]) >= 0 for row in rows)
    assert not list(folder.path.rglob(f"*{OPENED}"))
