"""Sizes against the official models', work against arithmetic and against what prediction really does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import typer.testing
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vita.blocks.frame_detector import normalise_and_pad
from vita.cli.main import app
from vita.core.contract import CountedMethod, UserError
from vita.core.plugins import find_method
from vita.engine.counting import TOP_K, count_parameters, count_work
from vita.official import model_card as module
from vita.official.conformance.recording import StoredFrames
from vita.official.model_card import ModelCard, model_card, model_cards, released_model, tabulated

# Of the official models, 40 classes: all parameters, and those of VITA's own module.
OFFICIAL = {
    ("vita", "r50"): (57_135_058, 13_175_081),
    ("vita", "r101"): (76_074_962, 13_175_081),
    ("vita", "swin_l"): (228_712_390, 13_200_681),
    ("mask2former_vis", "r50"): (43_959_977, 0),
    ("mask2former_vis", "swin_l"): (215_511_709, 0),
    ("ifc", "r50"): (39_148_009, None),
}


@pytest.mark.parametrize(("method", "backbone"), OFFICIAL)
def test_parameters_of_the_released_models(method: str, backbone: str) -> None:
    model: Any = released_model(method, backbone)
    assert {tensor.device.type for tensor in (*model.parameters(), *model.buffers())} == {"meta"}
    assert isinstance(model, CountedMethod)
    total, own = OFFICIAL[method, backbone]
    assert count_parameters(model) == total
    detector = model.image_detector
    assert (None if detector is None else total - count_parameters(detector)) == own


def test_percent_of_the_detector() -> None:
    # The official figures: 13,200,681 of 215,511,709 and 13,175,081 of 43,959,977.
    swin = ModelCard("vita", "swin_l", 228_712_390, 448, 796, 36, own_parameters=13_200_681)
    assert swin.added_percent == pytest.approx(6.1252732212336545, rel=1e-12)
    assert ModelCard("vita", "r50", 57_135_058, 360, 640, 36, 13_175_081).added_percent == pytest.approx(
        29.97062760064685
    )
    assert ModelCard("other", "r50", 10, 360, 640, 36).added_percent is None


class Counted(nn.Module):
    """A 1 x 1 convolution as detector; a linear layer, a product and attention on top."""

    def __init__(self) -> None:
        super().__init__()
        self.image_detector, self.on_top = nn.Conv2d(3, 4, 1), nn.Linear(4, 5)

    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        tokens = self.image_detector(frames.float()).flatten(2).transpose(1, 2)  # (T, S, 4)
        torch.einsum("tsc,kc->tks", self.on_top(tokens), tokens.new_empty(top_k, 5))
        heads = tokens[:, None]
        F.scaled_dot_product_attention(heads, heads, heads)


def test_work_by_hand() -> None:
    with torch.device("meta"):
        model, video = Counted().requires_grad_(False), torch.empty(2, 3, 6, 7, dtype=torch.uint8)
    work = count_work(model, model.image_detector, video)
    positions = 6 * 7
    inside = 2 * (2 * positions * 3 * 4)  # frames x (multiply and add) x positions x channels in x channels out
    linear, masks = 2 * (2 * positions * 4 * 5), 2 * (2 * positions * 5 * TOP_K)
    attention = 2 * 2 * (2 * positions * positions * 4)  # queries with keys, and weights with values
    assert work.in_detector == inside
    assert work.total == inside + linear + masks + attention
    whole = count_work(model, model, video)
    assert whole.in_detector == whole.total == work.total
    assert count_work(model, None, video).in_detector == 0


SWIN = {"kind": "swin", "channels": 8, "depths": [1, 2, 1, 1], "heads": [1, 2, 4, 8], "window": 3}
RESNET = {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4}
WIDTHS = {"channels": 32, "heads": 4, "feedforward": 32}
DETECTOR = {"backbone": RESNET, "queries": 6, "pixel_layers": 1, "pixel_feedforward": 32, "decoder_layers": 3, **WIDTHS}
TINY_OPTIONS: dict[str, dict[str, Any]] = {
    "vita": {"detector": DETECTOR, "heads": 4, "feedforward": 32, "encoder_layers": 2, "decoder_layers": 2},
    "mask2former_vis": {"detector": DETECTOR},
    "ifc": {"backbone": SWIN, "queries": 6, **WIDTHS},
}


def tiny(method: str) -> Any:
    torch.manual_seed(0)
    return find_method(method).build(TINY_OPTIONS[method], 3).eval().requires_grad_(False)


def flops(act: Any) -> int:
    """Attention in single products, which are what is counted."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        act()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("method", "frames"), [("vita", 1), ("vita", 7), ("mask2former_vis", 1), ("mask2former_vis", 7), ("ifc", 1)]
)
def test_rehearsing_is_as_much_work_as_predicting(method: str, frames: int) -> None:
    """One track is kept, so that one query's masks are made."""
    model = tiny(method)
    video = torch.randint(0, 256, (frames, 3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    variant = find_method(method).read_variant({})
    predicted = flops(lambda: model.predict(StoredFrames(video, 32, 64), {"only": variant}, top_k=1))
    assert predicted == flops(lambda: model.forward_for_flops(video, top_k=1)) > 0


def test_clips_are_rehearsed_as_they_are_predicted() -> None:
    """Seven frames have three clips of five. What compares clips with each other is not the network's work."""
    model = tiny("ifc")
    video = torch.zeros(7, 3, 32, 64, dtype=torch.uint8)

    def clip_by_clip() -> None:
        maps = model.see(normalise_and_pad([video], divisor=1))
        for start in range(3):
            model.candidates(maps[start : start + 5], start)

    assert flops(clip_by_clip) == flops(lambda: model.forward_for_flops(video, top_k=1)) > 0


@pytest.mark.parametrize("method", TINY_OPTIONS)
def test_no_step_needs_values(method: str) -> None:
    model = tiny(method)
    video = torch.zeros(7, 3, 32, 64, dtype=torch.uint8)
    assert flops(lambda: model.forward_for_flops(video, 2)) == flops(
        lambda: model.to("meta").forward_for_flops(video.to("meta"), 2)
    )


def test_the_detectors_work_is_proportional_to_the_frames() -> None:
    model = tiny("vita")
    videos = [torch.zeros(frames, 3, 32, 64, dtype=torch.uint8) for frames in (6, 12)]
    with sdpa_kernel(SDPBackend.MATH):
        short, long = (count_work(model, model.image_detector, video) for video in videos)
    assert long.in_detector == 2 * short.in_detector > 0
    # Windows of 6 frames, but in the shifted layer, whose first window is half as long.
    assert short.total - short.in_detector < long.total - long.in_detector < 3 * (short.total - short.in_detector)


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(UserError, match="unknown backbone 'r18' of vita; allowed are r50, r101, swin_l"):
        model_card("vita", "r18", 1)
    with pytest.raises(UserError, match="unknown backbone 'swin_l' of vistr; allowed are default"):
        model_card("vistr", "swin_l", 1)


def test_a_method_that_cannot_be_counted_has_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "released_model", lambda method, backbone: nn.Linear(3, 2))
    monkeypatch.setattr(module, "installed_methods", lambda: ["vistr"])  # which no official code gives backbones
    assert list(model_cards(4)) == [ModelCard("vistr", "default", 8, 360, 640, 4)]


def test_the_table_and_its_files(tmp_path: Path) -> None:
    cards = [
        ModelCard("one", "r50", 57_135_058, 360, 640, 36, 13_175_081, 128.686, 4.168),
        ModelCard("two", "r50", 39_148_009, 360, 640, 36),
    ]
    printed = tabulated(cards, tmp_path / "models.csv")
    assert "57.14" in printed
    assert "30.0" in printed
    assert printed.endswith("Work for videos of 36 frames; 40 classes.")
    assert "| 13.18" in (tmp_path / "models.md").read_text()
    table = pd.read_csv(tmp_path / "models.csv")
    assert table["parameters"].tolist() == [57_135_058, 39_148_009]
    assert table["added_percent"][0] == cards[0].added_percent
    assert table.loc[1, ["own_parameters", "gflops_per_frame"]].isna().all()
    assert ",13175081," in (tmp_path / "models.csv").read_text()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed_methods", lambda: ["vita", "ifc"])
    monkeypatch.setattr(module, "BACKBONES", {"r50": 64})
    monkeypatch.setattr(module, "released_model", lambda method, backbone: tiny(method).to("meta"))
    out = tmp_path / "models.csv"
    ended = typer.testing.CliRunner().invoke(app, ["models", "--frames", "3", "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    assert "videos of 3 frames" in ended.output
    table = pd.read_csv(out)
    assert table["method"].tolist() == ["vita", "ifc"]
    assert table[["height", "width", "frames"]].to_numpy().tolist() == [[64, 114, 3], [64, 114, 3]]
    assert table["gflops_per_frame"][0] > table["own_gflops_per_frame"][0] > 0
    assert table["gflops_per_frame"][1] > 0
    assert table["own_gflops_per_frame"].isna().tolist() == [False, True]
    printed = json.loads(typer.testing.CliRunner().invoke(app, ["models", "--frames", "3", "--json"]).stdout)
    assert [card["method"] for card in printed] == ["vita", "ifc"]
    assert printed[0]["gflops_per_frame"] == pytest.approx(table["gflops_per_frame"][0])
    assert printed[1]["own_gflops_per_frame"] is None
