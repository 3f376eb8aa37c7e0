"""A campaign of kills: however Snakemake or its jobs are ended, the same command ends in the same bytes.

`make kills KILLS=100 SEED=0` prints a line for every kill, and at its end how many of each kind hit what. The seed
decides on kinds and moments; what is hit then depends on the machine's speed too.
"""

import os
import random

import pytest
import yaml
from conftest import HERE, ROOT
from kill_campaign import Campaign

KILLS = int(os.environ.get("KILLS", "100"))
SEED = int(os.environ.get("SEED", "0"))


@pytest.fixture
def kills_folder(folder):
    """The tier of the campaign; of its tables, the rows that make every kind of job run."""
    (folder.path / "tier" / "kills.yaml").write_text((HERE / "kills.yaml").read_text())
    keep_rows(folder, "table4", ["probes", "rows"], [5])  # beside Table 6
    folder.change("experiments/table4.yaml", "probes", "sizes", to=[[360, 640]])
    keep_rows(folder, "table6", ["rows"], [0, 2])
    keep_rows(folder, "figure5", ["rows"], [0])
    return folder


def keep_rows(folder, name, keys, numbers):
    file = f"experiments/{name}.yaml"
    rows = yaml.safe_load((ROOT / "workflow" / "config" / file).read_text())
    for key in keys:
        rows = rows[key]
    folder.change(file, *keys, to=[rows[number] for number in numbers])


@pytest.mark.kills
@pytest.mark.dag
def test_however_it_is_killed_it_ends_in_the_same_bytes(kills_folder):
    campaign = Campaign(kills_folder, random.Random(SEED))
    campaign.run(KILLS)
    print("\n".join(campaign.summary()), flush=True)
    assert campaign.faults == []
