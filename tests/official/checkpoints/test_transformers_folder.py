"""Folders that transformers saved: the same outputs after the way through official names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, ResNetConfig, SwinConfig
from transformers.utils import logging

from vita.blocks.frame_detector import FrameDetector
from vita.core.contract import UserError
from vita.model.method import definition
from vita.official.checkpoints.conversion import to_ours
from vita.official.checkpoints.transformers_folder import read_transformers

STAGES = ["stage1", "stage2", "stage3", "stage4"]
BACKBONES: dict[str, Any] = {
    "swin": SwinConfig(embed_dim=8, depths=[1, 2, 1, 1], num_heads=[1, 2, 2, 4], window_size=3, out_features=STAGES),
    "resnet": ResNetConfig(embedding_size=8, hidden_sizes=[16, 32, 64, 128], depths=[1, 1, 1, 1], out_features=STAGES),
}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()


@pytest.fixture(scope="module", params=list(BACKBONES))
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A random model of five classes with statistics that differ from a fresh batch norm's, and its folder."""
    torch.manual_seed(0)
    config = Mask2FormerConfig(
        backbone_config=BACKBONES[request.param],
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        num_attention_heads=4,
        dim_feedforward=48,
        encoder_feedforward_dim=40,
        num_queries=7,
        encoder_layers=2,
        decoder_layers=4,
        num_labels=5,
    )
    model = Mask2FormerForUniversalSegmentation(config).eval()
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    return model, folder


def test_our_detector_says_the_same(saved: tuple[Any, Path]) -> None:
    model, folder = saved
    converted = to_ours(read_transformers(folder)[0], "vita", None, str(folder))
    assert (converted.num_classes, converted.fresh) == (5, [])
    assert {name.partition(".")[0] for name in converted.state} == {"detector"}
    ours = definition.build(converted.options, 5).detector
    assert isinstance(ours, FrameDetector)
    ours.load_state_dict({name.removeprefix("detector."): tensor for name, tensor in converted.state.items()})
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        said, theirs = ours.eval()(images), model(images)
    assert theirs.class_queries_logits.std() > 0.1
    # A frozen batch norm multiplies and adds in another order.
    torch.testing.assert_close(said.class_logits[-1], theirs.class_queries_logits, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(said.mask_logits[-1], theirs.masks_queries_logits, rtol=1e-5, atol=1e-4)


def test_every_tensor_but_what_is_unused_is_taken(saved: tuple[Any, Path]) -> None:
    model, folder = saved
    unused = ("swin.layernorm", "num_batches_tracked", "criterion")
    kept = [tensor for name, tensor in model.state_dict().items() if not any(part in name for part in unused)]
    taken, left_out = read_transformers(folder)
    assert left_out == [name for name in model.state_dict() if any(part in name for part in unused)]
    assert sum(tensor.numel() for tensor in taken.values()) == sum(tensor.numel() for tensor in kept)
    assert sum(tensor.double().sum() for tensor in taken.values()) == pytest.approx(
        float(sum(tensor.double().sum() for tensor in kept))
    )


def test_a_folder_of_an_older_version(saved: tuple[Any, Path], tmp_path: Path) -> None:
    """Such as those that are published: with index tables of a Swin, and without the norm that nothing uses."""
    model, folder = saved
    old, tables = load_file(folder / "model.safetensors"), "relative_position_bias_table"
    for name in [name for name in old if "swin.layernorm" in name or name.endswith(tables)]:
        if name.endswith(tables):
            old[name.replace(tables, "relative_position_index")] = torch.zeros(9, 9, dtype=torch.int64)
        else:
            del old[name]
    save_file(old, changed(folder, tmp_path) / "model.safetensors", {"format": "pt"})
    taken, left_out = read_transformers(tmp_path)
    assert taken.keys() == read_transformers(folder)[0].keys()
    assert all(torch.equal(tensor, read_transformers(folder)[0][key]) for key, tensor in list(taken.items())[:5])
    indices = [name for name in left_out if name.endswith("relative_position_index")]
    assert len(indices) == sum(name.endswith(tables) for name in model.state_dict())
    assert not [name for name in left_out if "swin.layernorm" in name]


# Wrong folders


def changed(folder: Path, to: Path, **keys: Any) -> Path:
    """A copy of config.json with other values; weights are not copied."""
    config = json.loads((folder / "config.json").read_text())
    for key, value in keys.items():
        inside = key.startswith("backbone_") and key != "backbone_config"
        place = config["backbone_config"] if inside else config
        place[key.removeprefix("backbone_") if inside else key] = value
    (to / "config.json").write_text(json.dumps(config))
    return to


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"pre_norm": True}, "pre_norm is True; supported is False"),
        ({"model_type": "maskformer"}, "model_type is 'maskformer'; supported is 'mask2former'"),
        ({"backbone_hidden_act": "silu"}, "backbone_config.hidden_act is 'silu'"),
        ({"backbone_model_type": "dinat"}, "backbone_config.model_type is 'dinat'; supported are swin, resnet"),
        ({"backbone_out_features": ["stage4"]}, "backbone_config.out_features is"),
        ({"backbone_config": None}, "not the configuration of a Mask2Former"),
        ({"backbone": "resnet50"}, "backbone is 'resnet50'; supported is None"),
    ],
)
def test_a_model_that_is_not_the_official_one(
    saved: tuple[Any, Path], keys: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said) as error:
        read_transformers(changed(saved[1], tmp_path, **keys))
    assert str(tmp_path / "config.json") in str(error.value)


def test_weights_of_another_size(saved: tuple[Any, Path], tmp_path: Path) -> None:
    folder = changed(saved[1], tmp_path, num_queries=9)
    (folder / "model.safetensors").write_bytes((saved[1] / "model.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"do not fit config.json: 2 mismatched keys, first .*quer.*7.*9"):
        read_transformers(folder)


@pytest.mark.parametrize("damage", ["missing", "truncated", "pickle"])
def test_damaged_weights_are_one_clear_error(saved: tuple[Any, Path], damage: str, tmp_path: Path) -> None:
    folder = changed(saved[1], tmp_path)
    if damage == "truncated":
        content = (saved[1] / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    if damage == "pickle":  # never read: only safetensors are
        torch.save(saved[0].state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="not a readable Mask2Former of transformers") as error:
        read_transformers(folder)
    assert "\n" not in str(error.value)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config.json: no such file"):
        read_transformers(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UserError, match="not the configuration of a Mask2Former"):
        read_transformers(tmp_path)
