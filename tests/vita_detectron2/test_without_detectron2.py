"""What of the bridge needs no detectron2: who imports what, the `vita` command beside another `vita`, the formats.

Legend: N tracks, T frames, H W pixels.
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from import_graph import import_graph
from pycocotools import mask as coco_mask

import vita
from vita_detectron2.command import VitaCommandError, run_vita
from vita_detectron2.results import results_of
from vita_detectron2.scores import scores_of


@pytest.fixture
def another_vita(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a checkout that has a package `vita` of its own, where the tests' program was started."""
    (tmp_path / "checkout" / "vita").mkdir(parents=True)
    for name in ("__init__", "__main__"):
        (tmp_path / "checkout" / "vita" / f"{name}.py").write_text("raise SystemExit('another vita')")
    monkeypatch.chdir(tmp_path / "checkout")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "checkout"))
    return tmp_path / "checkout"


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys, vita_detectron2; print(sorted({'vita', 'detectron2', 'torch'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_only_the_architectures_import_vita() -> None:
    graph = import_graph()
    ours = {name: graph[name] for name in graph if name.startswith("vita_detectron2")}
    with_vita = {name for name, targets in ours.items() if any(one.split(".")[0] == "vita" for one in targets)}
    assert with_vita and all(name.startswith("vita_detectron2.architectures.") for name in with_vita)
    others = {target for name in ours.keys() - with_vita for target in ours[name]}
    assert not any(target in with_vita for target in others)


def test_the_command_is_ours_where_another_vita_is_in_the_way(another_vita: Path) -> None:
    there = subprocess.run([sys.executable, "-m", "vita"], capture_output=True, text=True, check=False)
    assert there.stderr == "another vita\n"
    assert run_vita("--version") == f"vita-bench {vita.__version__}\n"
    assert run_vita("--version", folder=another_vita) == f"vita-bench {vita.__version__}\n"


def test_the_architectures_refuse_another_vita_before_it_is_imported(another_vita: Path) -> None:
    program = [sys.executable, "-c", "import vita_detectron2.architectures.clips"]
    refused = subprocess.run(program, capture_output=True, text=True, check=False)
    *_, line = refused.stderr.splitlines()
    assert line.startswith("ImportError: the architectures of vita-bench need its package `vita`, in ")
    assert f"but `vita` is the one in {another_vita / 'vita'} here" in line
    elsewhere = [sys.executable, "-E", "-P", "-c", "import vita_detectron2.architectures"]
    assert subprocess.run(elsewhere, check=False).returncode == 0


def test_an_error_is_the_one_line_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(VitaCommandError, match=r"^\S*nothing\.json: no such file$"):
        run_vita("evaluate", "--gt", "nothing.json", "--pred", "nothing.json", folder=tmp_path)


def test_the_interpreter_can_be_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "python"
    script.write_text('#!/bin/sh\necho "asked: $*"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VITA_PYTHON", str(script))
    assert run_vita("evaluate", "--gt", "a.json") == "asked: -E -P -m vita evaluate --gt a.json\n"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')  # an interpreter without any package
    with pytest.raises(VitaCommandError, match=f"vita-bench is not installed for {script}; .* variable VITA_PYTHON$"):
        run_vita("evaluate")
    script.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(VitaCommandError, match=r"-m vita evaluate` ended with exit code 3"):
        run_vita("evaluate")


def test_outputs_become_entries_of_a_results_file() -> None:
    """Two tracks of two frames of 3 x 4 pixels."""
    masks = np.zeros((2, 2, 3, 4), bool)
    masks[0, 0, 1, 2] = masks[0, 1, :, 3] = masks[1, 1, 0, :2] = True
    output: dict[str, Any] = {"image_size": (3, 4), "pred_scores": [0.75, 0.5], "pred_labels": [1, 0]}
    found = results_of(7, {**output, "pred_masks": torch.from_numpy(masks)}, {0: 10, 1: 30})
    assert [(e["video_id"], e["score"], e["category_id"]) for e in found] == [(7, 0.75, 30), (7, 0.5, 10)]
    decoded = np.stack([[coco_mask.decode(code) for code in entry["segmentations"]] for entry in found])
    np.testing.assert_array_equal(decoded, masks)
    assert found == results_of(7, {**output, "pred_masks": list(masks)}, {0: 10, 1: 30})
    tensors = {"pred_scores": torch.tensor([0.75, 0.5]), "pred_labels": torch.tensor([1, 0]), "pred_masks": masks}
    assert found == results_of(7, tensors, {0: 10, 1: 30})
    assert [entry["category_id"] for entry in results_of(7, tensors, None)] == [1, 0]
    assert results_of(7, {"pred_scores": [], "pred_labels": [], "pred_masks": []}, None) == []


def test_outputs_that_are_no_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="video 7: the model's output has no 'pred_scores', but panoptic_seg"):
        results_of(7, {"panoptic_seg": None}, None)
    masks = np.zeros((1, 2, 3, 4), bool)
    with pytest.raises(ValueError, match="video 7: 2 pred_scores, 1 pred_labels and 1 pred_masks"):
        results_of(7, {"pred_scores": [1, 1], "pred_labels": [0], "pred_masks": masks}, None)
    with pytest.raises(ValueError, match="video 7: the model says class 4, but the data set has the 2 classes 0 to 1"):
        results_of(7, {"pred_scores": [1], "pred_labels": [4], "pred_masks": masks}, {0: 1, 1: 2})


def test_scores_are_points_under_detectron2s_names() -> None:
    metrics = {
        "scores": {"ap": 0.5, "ap50": 0.75, "ar100": 0.25, "ap_small": 0.125, "ar_large": None},
        "intervals": {"ap": [0.25, 0.625]},
        "per_category": [{"id": 1, "name": "giant_panda", "ap": 0.5}, {"id": 2, "name": "cat", "ap": None}],
    }
    found = scores_of(metrics)
    assert math.isnan(found.pop("ARl")) and math.isnan(found.pop("AP-cat"))
    told = {"AP": 50, "AP50": 75, "AR100": 25, "APs": 12.5, "AP_low": 25, "AP_high": 62.5, "AP-giant_panda": 50}
    assert found == told
    assert math.isnan(scores_of({**metrics, "intervals": {}})["AP_low"])
