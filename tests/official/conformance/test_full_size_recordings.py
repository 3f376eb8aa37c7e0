"""Recordings of released sizes, whose weights follow from their names: read, compared and accounted for.

The sizes are made small by the keys that a recording overrides; the outputs are our own.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import UserError
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.state_dict import from_official, layout
from vita.official.conformance.detector import run
from vita.official.conformance.recording import StoredFrames
from vita.official.vita.conformance import full_size_checks
from vita.official.vita.names import official

CLASSES, KEPT = 3, 6
WIDTHS = {"MODEL.MASK_FORMER.HIDDEN_DIM": 32, "MODEL.SEM_SEG_HEAD.CONVS_DIM": 32, "MODEL.SEM_SEG_HEAD.MASK_DIM": 32}
DEPTHS = {"MODEL.MASK_FORMER.DEC_LAYERS": 3, "MODEL.SEM_SEG_HEAD.TRANSFORMER_ENC_LAYERS": 1, "MODEL.RESNETS.DEPTH": 18}
SIZES = WIDTHS | DEPTHS | {"MODEL.RESNETS.RES2_OUT_CHANNELS": 16, "MODEL.VITA.HIDDEN_DIM": 32}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    meta = {"config": "VITA/configs/vita_R50.yaml", "params": {"out": [64, 64]}}
    (tmp_path / "small_meta.json").write_text(json.dumps(meta | {"overrides": [*map(list, SIZES.items())]}))
    (tmp_path / "other_meta.json").write_text(json.dumps({"config": "IFC/configs/other.yaml"}))
    torch.manual_seed(0)
    save_file(recorded(), tmp_path / "small_portable.safetensors")
    return tmp_path


@torch.no_grad()
def recorded() -> dict[str, Tensor]:
    model = definition.build(official.options(SIZES, {}), CLASSES).eval()
    assert isinstance(model, Vita)
    state = portable_weights(layout(model, official)) | dict(official.constants(model))
    model.load_state_dict(from_official(state, model, official, "own"))
    frames = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    output, inside = run(model.detector, normalise_and_pad([frames]))
    video = model.associate(output.queries[-1], output.queries.new_zeros(output.queries.shape[1:3]), VitaVariant())
    tracks = model.predict(StoredFrames(frames, 64, 64), {"only": VitaVariant()}, KEPT).tracks["only"]
    maps = inside["pixel_decoder.multi_scale"]
    tensors = {
        "frames_uint8": frames,
        "pixel_decoder.mask_features_every8th_channel": inside["pixel_decoder.mask_features"][0][:, ::8],
        **{f"pixel_decoder.multi_scale.{i}.every8th_channel": one[:, ::8] for i, one in enumerate(maps)},
        **{f"decoder.pred_logits.{i}": one for i, one in enumerate(output.class_logits)},
        **{f"decoder.pred_masks.{i}.every10th_query": one[:, ::10] for i, one in enumerate(output.mask_logits)},
        "frame_queries": output.queries[-1:],
        "vita.pred_logits": video.class_logits[-1:],
        "vita.pred_mask_embed": video.mask_embeddings[-1:],
        "pred_scores": torch.tensor([track.score for track in tracks]),
        "pred_labels": torch.tensor([track.label for track in tracks]),
    }
    return {name: tensor.clone().contiguous() for name, tensor in tensors.items()}


def test_own_outputs_pass_and_a_changed_one_does_not(folder: Path) -> None:
    checks = list(full_size_checks(folder))
    assert [check.group for check in checks if not check.passed] == []
    parts = {check.group.removeprefix(f"{folder.name}/small ") for check in checks}
    detector = {"mask features", "multi-scale maps", "frame class logits", "frame mask logits", "frame queries"}
    assert parts == detector | {"video queries", "labels", "scores"}

    tensors = load_file(folder / "small_portable.safetensors")
    tensors["vita.pred_mask_embed"][0, 0, 0, 0] += 1.0
    save_file(tensors | {"temperature": torch.zeros(1)}, folder / "small_portable.safetensors")
    failed = {check.group for check in full_size_checks(folder) if check.passed is False}
    assert failed == {f"{folder.name}/small video queries"}
    (unread,) = [check.group for check in full_size_checks(folder) if check.passed is None]
    assert unread == f"{folder.name}/small_portable: 1 not compared: temperature"


def test_a_missing_output_is_an_error(folder: Path) -> None:
    tensors = load_file(folder / "small_portable.safetensors")
    del tensors["pixel_decoder.mask_features_every8th_channel"]
    save_file(tensors, folder / "small_portable.safetensors")
    with pytest.raises(UserError, match=r"no tensor 'pixel_decoder.mask_features_every8th_channel'"):
        list(full_size_checks(folder))
