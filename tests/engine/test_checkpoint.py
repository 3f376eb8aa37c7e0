"""Weights files that fit, fit in part, or do not fit; damaged checkpoints."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vita.core.contract import UserError
from vita.core.files import sha256
from vita.engine.checkpoint import Checkpoint, load_weights, load_whole, save_weights

State = dict[str, Tensor]


class Model(nn.Module):
    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.detector = nn.ModuleDict({"body": nn.Linear(2, 2), "class_head": nn.Linear(2, classes)})
        self.video = nn.Linear(2, 2)


def weights_file(path: Path, change: Callable[[State], object] = lambda state: None, classes: int = 3) -> Path:
    torch.manual_seed(7)
    state = dict(Model(classes).state_dict())
    change(state)
    save_weights(state, path)
    return path


def test_all_weights(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w")
    model = Model()
    loaded = load_weights(model, path)
    assert (loaded.reinitialised, loaded.absent_parts) == ([], [])
    save_weights(model.state_dict(), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert sha256(path) == sha256(tmp_path / "again") and len(sha256(path)) == 64


def test_a_whole_missing_part_keeps_its_own_weights(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w", lambda state: [state.pop(key) for key in ("video.weight", "video.bias")])
    model = Model()
    before = model.video.weight.clone()
    assert load_weights(model, path).absent_parts == ["video"]
    assert torch.equal(model.video.weight, before)
    torch.manual_seed(7)
    assert torch.equal(model.detector["body"].weight, Model().detector["body"].weight)


def test_a_whole_part_of_another_model_is_left_out_of_a_start_but_not_of_a_prediction(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w", lambda state: state.update({"decoder.weight": torch.ones(1)}))
    model, whole = Model(), Model()
    loaded = load_weights(model, path)
    assert (loaded.absent_parts, loaded.left_out_parts) == ([], ["decoder"])
    load_weights(whole, weights_file(tmp_path / "own"))
    assert all(torch.equal(value, whole.state_dict()[key]) for key, value in model.state_dict().items())
    with pytest.raises(UserError, match=r"cannot predict: of another model, with the parts decoder$"):
        load_whole(model, path)


def test_class_heads_of_another_size_keep_their_own_weights(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w", classes=5)
    model = Model(classes=3)
    before = model.detector["class_head"].weight.clone()
    assert load_weights(model, path).reinitialised == ["detector.class_head.bias", "detector.class_head.weight"]
    assert torch.equal(model.detector["class_head"].weight, before)


REFUSED: dict[str, tuple[Callable[[State], object], str]] = {
    "one key missing": (lambda s: s.pop("detector.body.bias"), "1 missing, first detector.body.bias"),
    "unknown key": (lambda s: s.update({"video.scale": torch.ones(1)}), "1 unknown, first video.scale"),
    "another shape": (
        lambda s: s.update({"video.weight": torch.ones(3, 2)}),
        "1 of another shape, first video.weight",
    ),
    "another model": (
        lambda s: [s.clear(), s.update({"body.0.weight": torch.ones(1)})],
        "1 unknown, first body.0.weight",
    ),
}


@pytest.mark.parametrize("change, message", REFUSED.values(), ids=REFUSED.keys())
def test_weights_that_do_not_fit(tmp_path: Path, change: Callable[[State], object], message: str) -> None:
    path, model = weights_file(tmp_path / "w", change), Model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UserError, match=f"^{path}: weights of another model: {message}$"):
        load_weights(model, path)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_weights_with_a_number_that_is_none(number: float, tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w", lambda state: state["video.weight"][1].fill_(number))
    message = rf"^{path}: NaN or infinite entries in 1 of 6 tensors \(video.weight\); the file is of no use$"
    for load in (load_weights, load_whole):
        with pytest.raises(UserError, match=message):
            load(Model(), path)


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    whole = weights_file(tmp_path / "w").read_bytes()
    for number, content in enumerate((whole[:-10], whole[:50], b"", b"text that is no weights file")):
        (path := tmp_path / f"bad{number}").write_bytes(content)
        with pytest.raises(UserError, match=f"^{path}: not a readable safetensors file"):
            load_weights(Model(), path)
    for path, message in ((tmp_path / "none", "no such weights file"), (tmp_path, "not a readable safetensors file")):
        with pytest.raises(UserError, match=f"^{path}: {message}"):
            load_weights(Model(), path)


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoint:
    """A checkpoint after one step."""
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters())
    model.video(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    checkpoint = Checkpoint(tmp_path / "last.pt", "A")
    checkpoint.save(model, optimizer, {"step": 1, "rows": [{"loss": 0.5}], "random": [torch.get_rng_state()]})
    return checkpoint


def test_write_that_fails_within_a_large_tensor(saved: Checkpoint) -> None:
    """Larger than any buffer: torch tells of it in its own words."""
    before, model = saved.path.read_bytes(), nn.Linear(512, 512)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limit[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*last\.pt: File too large"):
            saved.save(model, torch.optim.AdamW(model.parameters()), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert saved.path.read_bytes() == before
    assert [path.name for path in saved.path.parent.iterdir()] == ["last.pt"]


def restore(checkpoint: Checkpoint, model: nn.Module) -> dict[str, object] | None:
    return checkpoint.restore(model, torch.optim.AdamW(model.parameters()))


def test_checkpoint_of_the_same_run(saved: Checkpoint) -> None:
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters())
    progress = saved.restore(model, optimizer)
    assert progress is not None and progress["step"] == 1 and progress["rows"] == [{"loss": 0.5}]
    assert optimizer.state[model.video.weight]["exp_avg"].shape == (2, 2)
    stored = torch.load(saved.path, weights_only=True)["model"]
    assert all(torch.equal(value, stored[key]) for key, value in model.state_dict().items())


def test_checkpoint_of_another_run_changes_nothing(saved: Checkpoint) -> None:
    model = Model()
    before = model.video.weight.clone()
    assert restore(Checkpoint(saved.path, "B"), model) is None
    assert torch.equal(model.video.weight, before)


def test_no_checkpoint(tmp_path: Path) -> None:
    assert restore(Checkpoint(tmp_path / "none.pt", "A"), Model()) is None


def test_damaged_checkpoints(saved: Checkpoint) -> None:
    whole = saved.path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:10], b"", b"text"):
        saved.path.write_bytes(content)
        with pytest.raises(UserError, match=r"last\.pt: damaged checkpoint; delete it to start anew"):
            restore(saved, Model())


def test_checkpoint_of_another_version_of_the_model(saved: Checkpoint) -> None:
    with pytest.raises(UserError, match=r"last\.pt: of another version of this method; delete it to start anew"):
        restore(saved, Model(classes=4))
