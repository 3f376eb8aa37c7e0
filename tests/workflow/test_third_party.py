"""A method packaged outside the repository joins Table 1: a package, a YAML file, and a tier that extends another."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
METHOD, TIER = (
    yaml.safe_load(text)
    for text in re.findall(r"```yaml\n(.*?)```", EXTENDING.partition("## A method")[2], re.DOTALL)[:2]
)


@pytest.mark.dag
def test_a_packaged_method_has_its_row_in_table_1(cold_folder):
    """The documented files, with the real command; it trains, predicts and is scored in seconds."""
    folder = cold_folder  # Python looks for packages as it starts
    shutil.copytree(Path(__file__).parent / "third_party", folder.path / "site")
    folder.environment["PYTHONPATH"] = os.pathsep.join([str(folder.path / "site"), os.environ.get("PYTHONPATH", "")])
    beside = folder.path / "tier" / "methods"
    beside.mkdir()
    (beside / "mymethod.yaml").write_text(yaml.safe_dump(METHOD))
    tier = folder.path / "tier" / "mine.yaml"
    tier.write_text(yaml.safe_dump(TIER | {"extends": "nano", "experiments": ["table1"], "seeds": [0]}))

    folder.succeed("results/table1.csv", tier=str(tier))
    with (folder.path / "results" / "table1.csv").open() as handle:
        rows = {row["method"]: row for row in csv.DictReader(handle) if row["source"] == "ours"}
    assert rows.keys() == {"VITA", METHOD["title"]}
    row = rows[METHOD["title"]]
    assert (row["n_seeds"], row["tier"], row["backbone"]) == ("1", "nano", "ResNet-50")
    assert 0 <= float(row["AP"]) <= 100
    runs = "results/runs/nano/nano_shapes/mymethod/tiny/base"
    record = json.loads(folder.read(f"{runs}/seed0/record.json"))
    assert record["status"] == "finished"
    assert re.fullmatch(r"\w{12}\+\w{12}", record["source_digest"])  # ours, and that of the package


def test_a_method_that_is_not_installed_is_told_before_anything_runs(fake_folder):
    beside = fake_folder.path / "tier" / "methods"
    beside.mkdir()
    (beside / "mymethod.yaml").write_text(yaml.safe_dump(METHOD))
    tier = fake_folder.path / "tier" / "mine.yaml"
    tier.write_text(yaml.safe_dump(TIER | {"extends": "nano", "experiments": ["table1"], "seeds": [0]}))
    ended = fake_folder.run("-n", tier=str(tier))
    assert ended.returncode != 0
    assert "unknown method 'mymethod'; installed are: " in ended.stdout + ended.stderr


def test_a_way_of_inference_that_is_not_installed_is_told_before_anything_runs(fake_folder):
    fake_folder.change("methods/vita.yaml", "inference", "intact", to={"through": "elsewhere"})
    ended = fake_folder.run("-n")
    assert ended.returncode != 0
    told = "method vita: inference.intact.through: unknown inference wrapper 'elsewhere'; installed are:"
    assert told in ended.stdout + ended.stderr
