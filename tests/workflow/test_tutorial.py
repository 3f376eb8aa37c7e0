"""The cells of docs/tutorial.ipynb, one after the other on the nano tier: every step works, numbers are none."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from documents import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


def code_cells():
    """The source of each, and its tags."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return [("".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in code]


def test_one_cell_holds_the_parameters():
    (parameters,) = [source for source, tags in code_cells() if "parameters" in tags]
    assert 'TIER = "smoke"' in parameters and "FOLDER = CLONE" in parameters
    assert code_cells()[0][1] == ["parameters"]


@pytest.mark.dag
def test_the_cells_run_one_after_the_other(folder):
    folder.change("nano.yaml", "experiments", to=["table6", "figure6"])
    (parameters, _), *rest = code_cells()
    changed = f"from pathlib import Path\nTIER, FOLDER = {str(folder.tier)!r}, Path({str(folder.path)!r})"
    (folder.path / "mine").symlink_to(
        folder.path / "tier"
    )  # the notebook's own tier finds the data of the first beside it
    script = folder.path / "tutorial.py"
    script.write_text("\n\n".join([parameters, changed, *(source for source, _ in rest)]))
    ended = subprocess.run(
        [sys.executable, script],
        cwd=ROOT / "docs",
        env=os.environ | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "ratio 0.25: +0.00 points" in ended.stdout  # four steps of training find nothing, in any row
    assert yaml.safe_load((folder.path / "mine" / "tutorial.yaml").read_text())["experiments"] == ["hard_pruning"]
    assert (folder.path / "results" / "hard_pruning.csv").exists()
