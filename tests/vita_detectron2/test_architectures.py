"""Our models as meta-architectures of the real detectron2: built, fed, and their checkpoints read and written.

Legend: T frames, N tracks, H W pixels.
"""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from detectron2_checkout import needs_detectron2
from released_models import BY_ARCHITECTURE, VITA, build, configured, loaded, two_objects, write_model_yaml

from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.official.checkpoints.conversion import to_theirs
from vita.official.configs.convert import METHODS

pytestmark = needs_detectron2
ARCHITECTURES = sorted(BY_ARCHITECTURE)
each_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def loads(model: Any, path: Path) -> Any:
    """What detectron2's checkpointer says of the model's and the file's keys: missing, unexpected, other shapes."""
    from detectron2.checkpoint import DetectionCheckpointer

    told: list[Any] = []

    class Telling(DetectionCheckpointer):  # type: ignore[misc]
        def _log_incompatible_keys(self, incompatible: Any) -> None:
            told.append(incompatible)

    Telling(model).load(str(path))
    return told[0] if told else None


def official_file(folder: Path, model: Any, architecture: str) -> Path:
    """The checkpoint that `vita convert weights --to official` writes of the model's weights."""
    converted = to_theirs(model.method.state_dict(), METHODS[architecture], None, "test")
    torch.save({"model": converted.state}, folder / "official.pth")
    return folder / "official.pth"


@each_architecture
def test_official_checkpoints_are_read_and_written_by_detectron2(architecture: str, tmp_path: Path) -> None:
    from detectron2.checkpoint import DetectionCheckpointer

    path = write_model_yaml(tmp_path, architecture)
    model, other = build(path, architecture), build(path, architecture, seed=1)
    source = official_file(tmp_path, model, architecture)
    assert loads(other, source) is None or not any(loads(other, source))
    for name, tensor in model.method.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(other.method.state_dict()[name], tensor), name
    DetectionCheckpointer(other, save_dir=str(tmp_path)).save("written")
    written, wanted = (torch.load(tmp_path / name)["model"] for name in ("written.pth", source.name))
    assert written.keys() == wanted.keys()
    assert all(torch.equal(written[key], wanted[key]) for key in wanted)


@each_architecture
def test_another_number_of_classes_starts_heads_anew_and_is_told(architecture: str, tmp_path: Path) -> None:
    """As the releases go from COCO's 80 classes to a video data set's: heads and class weights alone do not fit."""
    source = official_file(tmp_path, build(write_model_yaml(tmp_path, architecture), architecture), architecture)
    section, key = ("IFC", "NUM_CLASSES") if architecture == "Ifc" else ("SEM_SEG_HEAD", "NUM_CLASSES")
    changed = {section: BY_ARCHITECTURE[architecture][section] | {key: 5}}
    other = build(write_model_yaml(tmp_path, architecture, **changed), architecture)
    told = loads(other, source)
    heads = {key for key, _, _ in told.incorrect_shapes}
    assert {(found, wanted) for _, found, wanted in told.incorrect_shapes} == {((4, 32), (6, 32)), ((4,), (6,))}
    assert all("class_embed" in key or "empty_weight" in key for key in heads) and len(heads) == 3 * (
        2 if architecture == "Vita" else 1
    )
    assert set(told.missing_keys) == {key for key in heads if "empty_weight" not in key}
    assert told.unexpected_keys == []


def test_what_does_not_belong_to_the_model_is_named(tmp_path: Path) -> None:
    model = build(write_model_yaml(tmp_path, "Vita"), "Vita")
    source = official_file(tmp_path, model, "Vita")
    state = torch.load(source)["model"]
    state["vita_module.another.weight"] = torch.zeros(1)
    del state["vita_module.enc_self_attn.0.self_attn.in_proj_weight"]
    torch.save({"model": state}, source)
    told = loads(model, source)
    assert told.unexpected_keys == ["vita_module.another.weight"]
    assert told.missing_keys == ["vita_module.enc_self_attn.0.self_attn.in_proj_weight"]  # once, not by thirds


@each_architecture
def test_a_backbone_of_the_model_zoo_is_found_by_its_names(architecture: str, tmp_path: Path) -> None:
    model = build(write_model_yaml(tmp_path, architecture), architecture)
    state = model.state_dict()
    prefix = "detr.backbone.0.backbone." if architecture == "Ifc" else "backbone."
    random = torch.Generator().manual_seed(2)
    zoo = {key.removeprefix(prefix): torch.rand(state[key].shape, generator=random) for key in state if prefix in key}
    content = {
        "model": {k: v.numpy() for k, v in zoo.items()},
        "matching_heuristics": True,
        "__author__": "torchvision",
    }
    (tmp_path / "R-18.pkl").write_bytes(pickle.dumps(content))
    told = loads(model, tmp_path / "R-18.pkl")
    assert not told.unexpected_keys and not [key for key in told.missing_keys if key.startswith(prefix)]
    found = model.state_dict()
    assert len(zoo) == 100 and all(torch.equal(found[prefix + key], tensor) for key, tensor in zoo.items())


@each_architecture
def test_losses_are_weighted_and_are_those_of_the_method(architecture: str, tmp_path: Path) -> None:
    from vita_detectron2.architectures.clips import clip_of

    model = build(write_model_yaml(tmp_path, architecture), architecture).train()
    videos = [loaded(two_objects(), [0, 2]), loaded(two_objects(), [1, 1], seed=1)]
    torch.manual_seed(5)
    found = model(videos)
    torch.manual_seed(5)
    wanted = model.method([clip_of(video, model.device) for video in videos])
    assert {name: value.item() for name, value in found.items()} == {
        f"loss_{term.name}": (term.value * term.weight).item() for term in wanted.terms
    }
    assert all(value.requires_grad and math.isfinite(value) for value in found.values())


def test_processes_compute_one_objective_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with a clip each, one after the other: the mean of their losses is that of both clips at once."""
    from detectron2.utils import comm

    from vita.core.batch import summary_of
    from vita.core.contract import BatchPart
    from vita_detectron2.architectures.clips import clip_of

    model = build(write_model_yaml(tmp_path, "Vita"), "Vita").train()
    clips = [
        clip_of(loaded(two_objects(), [0, 2]), model.device),
        clip_of(loaded(two_objects()[:1], [1], seed=1), model.device),
    ]
    summaries = [summary_of(clip) for clip in clips]
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)
    monkeypatch.setattr(comm, "all_gather", lambda mine: [[one] for one in summaries])
    shares = []
    for rank, clip in enumerate(clips):
        monkeypatch.setattr(comm, "get_rank", lambda rank=rank: rank)
        torch.manual_seed(5)  # so that both draw the same points as the whole below
        shares.append(model.losses([clip]))
    torch.manual_seed(5)
    seed = int(torch.randint(2**31, ()))
    whole = model.method(clips, BatchPart(tuple(summaries), (0, 1), seed, 0))
    for number, term in enumerate(whole.terms):
        mean = sum(share.terms[number].value * share.terms[number].weight for share in shares) / 2
        torch.testing.assert_close(mean, term.value * term.weight)


@each_architecture
def test_outputs_are_those_of_the_method(architecture: str, tmp_path: Path) -> None:
    from vita.data.masks import rle
    from vita_detectron2.architectures.clips import InputFrames

    model = build(write_model_yaml(tmp_path, architecture), architecture).eval()
    video = loaded(two_objects(5), [0, 2]) | {"height": 64, "width": 128}
    found = model([video])
    variant = find_method(METHODS[architecture]).read_variant(dict(BATCHED.get(architecture, {})))
    with torch.no_grad():
        tracks = model.method.predict(InputFrames(video), {"a": variant}, 10)
    wanted = tracks.tracks["a"]
    assert found["image_size"] == (64, 128) and len(wanted) > 0
    assert found["pred_scores"] == [track.score for track in wanted]
    assert found["pred_labels"] == [track.label for track in wanted]
    assert found["pred_masks"].shape == (len(wanted), 5, 64, 128) and found["pred_masks"].dtype == torch.bool
    for mask, track in zip(found["pred_masks"], wanted, strict=True):
        assert torch.equal(mask, torch.from_numpy(rle.decode(track.segmentations, 64, 128)))


BATCHED = {"Ifc": {"clip_frames": 2}}  # INPUT.SAMPLING_FRAME_NUM


@each_architecture
def test_parameters_of_the_backbone_begin_as_trainers_expect(architecture: str, tmp_path: Path) -> None:
    model = build(write_model_yaml(tmp_path, architecture), architecture)
    named = dict(model.named_parameters())
    backbone = {id(parameter) for parameter in model.method.backbone_parameters()}
    assert {id(one) for name, one in named.items() if name.startswith("backbone.")} == backbone
    assert {id(one) for one in named.values()} == {id(one) for one in model.method.parameters()}
    modules = dict(model.named_modules())
    assert set(modules.values()) == set(model.modules()) and len(modules) == len(list(model.modules()))


def test_a_configuration_that_ours_cannot_be_is_refused(tmp_path: Path) -> None:
    from vita_detectron2.architectures.config import read_config

    for changed, message in (
        (
            {"PIXEL_STD": [1.0, 1.0, 1.0]},
            r"key 'MODEL.PIXEL_STD' is \[1.0, 1.0, 1.0\]; always \[58.395, 57.12, 57.375\]",
        ),
        ({"VITA": VITA | {"PRE_NORM": True}}, "MODEL.VITA.PRE_NORM"),
        ({"VITA": VITA | {"SIM_USE_CLIP": False}}, "key 'MODEL.VITA.SIM_USE_CLIP' is False; always True here"),
    ):
        cfg = configured(write_model_yaml(tmp_path, "Vita", **changed), "Vita")
        with pytest.raises(UserError, match=message):
            read_config(cfg, "Vita")


def test_frames_of_different_sizes(tmp_path: Path) -> None:
    """They are padded, which IFC's attention would have to know."""
    entry = loaded(two_objects(), [0, 2])
    entry["image"][1] = entry["image"][1][:, :24]
    for architecture in ("Vita", "VideoMaskFormer"):
        losses = build(write_model_yaml(tmp_path, architecture), architecture).train()([entry])
        assert all(math.isfinite(value) for value in losses.values())
    ifc = build(write_model_yaml(tmp_path, "Ifc"), "Ifc").train()
    with pytest.raises(UserError, match="frames of one clip have different sizes"):
        ifc([entry])
