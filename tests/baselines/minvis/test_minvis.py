"""MinVIS: the objective of VITA's detector, weights that start either, and tracks of a video from its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from noise_video import Noise
from same_tracks import assert_same
from tiny_vita import TINY
from torch import Tensor

from vita.blocks.frame_detector import FrameOutput, normalise_and_pad
from vita.blocks.losses.point_sampling import UniformDraws
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, decode
from vita.core.contract import Clip, CountedMethod, UserError
from vita.engine.checkpoint import load_weights, save_weights
from vita.model.method import Vita
from vita.model.network import VitaVariant
from vita_baselines.minvis import network as module
from vita_baselines.minvis.method import definition
from vita_baselines.minvis.network import MinVis

OPTIONS: dict[str, Any] = {"detector": TINY["detector"], "points": TINY["frame_points"]}
MakeClip = Callable[..., Clip]
ALWAYS: Mapping[str, object] = {"intact": None}


def build(**options: Any) -> MinVis:
    torch.manual_seed(0)
    model = definition.build({**OPTIONS, **options}, 3)
    assert isinstance(model, MinVis)
    return model


@pytest.fixture
def started(tiny_vita: Callable[..., Vita], tmp_path: Path) -> tuple[MinVis, Vita]:
    """A MinVIS that starts from the file of a whole VITA, and that VITA."""
    vita, model = tiny_vita(stage="detector"), build()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in vita.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_weights(vita.state_dict(), tmp_path / "vita.safetensors")
    loaded = load_weights(model, tmp_path / "vita.safetensors")
    assert loaded.absent_parts == loaded.reinitialised == []
    video_level = {name.partition(".")[0] for name in vita.state_dict()} - {"detector"}
    assert loaded.left_out_parts == sorted(video_level)
    return model, vita


def test_its_objective_is_that_of_vitas_detector(started: tuple[MinVis, Vita], random_clip: MakeClip) -> None:
    clips, heard = [random_clip(0), random_clip(1, objects=3)], []
    for model in started:
        torch.manual_seed(7)
        losses = model.train().losses(clips, UniformDraws(torch.device("cpu")))
        losses.total.backward()
        heard.append([(term.name, term.weight, term.value.item()) for term in losses.terms])
    assert heard[0] == heard[1]
    ours, theirs = started
    gradients = dict(theirs.named_parameters())
    assert all(torch.equal(p.grad, gradients[name].grad) for name, p in ours.named_parameters())


def test_it_adds_no_weights_to_its_detector() -> None:
    model = build()
    assert isinstance(model, CountedMethod)
    own = {id(parameter) for parameter in model.image_detector.parameters()}  # type: ignore[union-attr]
    assert own == {id(parameter) for parameter in model.parameters()}


def test_what_the_detector_finds_is_what_vitas_finds(started: tuple[MinVis, Vita]) -> None:
    frames, variants = Noise(4), {"intact": VitaVariant()}
    ours, theirs = (model.eval().predict(frames, variants, 3) for model in started)
    assert len(ours.frame_detections) == 4 * 3
    assert list(ours.frame_detections) == list(theirs.frame_detections)


class Scripted(torch.nn.Module):
    """A detector that says of each frame what is written; F frames at once, Q = 2 queries, K = 2 classes."""

    def __init__(self, queries: Tensor, class_logits: Tensor, masks: Tensor) -> None:
        super().__init__()
        self.said, self.class_head, self.seen = (queries, class_logits, masks), torch.nn.Linear(1, 1), 0

    def forward(self, images: Tensor) -> FrameOutput:
        now = slice(self.seen, self.seen + len(images))
        self.seen = now.stop
        queries, class_logits, masks = (each[now][None] for each in self.said)
        return FrameOutput(queries, class_logits, masks, images)


def scene() -> Scripted:
    """Two objects in three frames, whose queries swap in the second: A left, of class 0; B right, of class 1.

    Logits of A's classes are (4, 0, 0), (2, 0, 0), (0, 0, 0): on average (2, 0, 0). B's are (0, 3, 0) throughout.
    """
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    left, right = torch.full((8, 8), -9.0), torch.full((8, 8), -9.0)
    left[:, :4], right[:, 4:] = 9.0, 9.0
    of_a = [torch.tensor([logit, 0.0, 0.0]) for logit in (4.0, 2.0, 0.0)]
    of_b = torch.tensor([0.0, 3.0, 0.0])
    swapped = [False, True, False]

    def said(first: list[Tensor], second: list[Tensor]) -> Tensor:
        pairs = zip(first, second, swapped, strict=True)
        return torch.stack([torch.stack([two, one] if swap else [one, two]) for one, two, swap in pairs])

    return Scripted(said([a] * 3, [b] * 3), said(of_a, [of_b] * 3), said([left] * 3, [right] * 3))


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_tracks_keep_their_object_and_scores_are_means(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Noise(3, height=32, width=32)
    frames.out_height = frames.out_width = 32
    model = MinVis(scene(), criterion=None).eval()  # type: ignore[arg-type]
    monkeypatch.setattr("vita.blocks.frame_detector.CHUNK_FRAMES", at_once)
    found = model.predict(frames, ALWAYS, 2)
    first, second = found.tracks["intact"]
    e = torch.e
    assert (first.label, second.label) == (1, 0)  # B, A
    assert first.score == pytest.approx(e**3 / (e**3 + 2))
    assert second.score == pytest.approx(e**2 / (e**2 + 2))
    b, a = decode([first.segmentations, second.segmentations])  # (3, 32, 32) each
    assert (a[:, :, :15] == 1).all() and (a[:, :, 17:] == 0).all()
    assert (b[:, :, :15] == 0).all() and (b[:, :, 17:] == 1).all()
    assert [found.frame_index for found in found.frame_detections] == [0, 0, 1, 1, 2, 2]


def test_a_track_is_what_its_queries_say(started: tuple[MinVis, Vita], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a real detector, whose queries are put in order and averaged by hand."""
    model, _ = started
    frames = Noise(5)
    with torch.no_grad():
        seen = model.eval().detector(normalise_and_pad([frames.frames]))
    order = module.QueryTracker().follow(seen.queries[-1])
    of_track = torch.stack([seen.class_logits[-1][t, order[t]] for t in range(5)]).mean(0).softmax(1)[:, :-1]
    best = of_track.flatten().topk(4)
    whole = model.predict(frames, ALWAYS, 4)
    assert [track.score for track in whole.tracks["intact"]] == pytest.approx(best.values.tolist(), rel=1e-5)
    assert [track.label for track in whole.tracks["intact"]] == (best.indices % 3).tolist()
    masks = MaskTracks(FrameGeometry((64, 64), (40, 50), (60, 75)), 4)
    logits = torch.stack([seen.mask_logits[-1][t, order[t]][best.indices // 3] for t in range(5)], 1)
    masks.add(logits)
    assert [track.segmentations for track in whole.tracks["intact"]] == list(masks.segmentations)
    monkeypatch.setattr("vita.blocks.frame_detector.CHUNK_FRAMES", 2)
    assert_same(model.predict(frames, ALWAYS, 4), whole)


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match="method minvis: unknown key 'window'; allowed here: detector, points"):
        definition.build({"window": 6}, 3)
    with pytest.raises(UserError, match=r"options\.detector\.heads is 3; it must divide the 32 channels"):
        build(detector={**TINY["detector"], "heads": 3})
    with pytest.raises(UserError, match="inference options of method minvis: unknown key 'window'; allowed here: none"):
        definition.read_variant({"window": 6})
