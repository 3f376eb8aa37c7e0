"""VidEoMT off the shelf: the library's logits, tracks from them, training with our objective, and folders of a hub."""

from __future__ import annotations

import ast
import io
import socket
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from noise_video import Noise
from safetensors.torch import load_file, save_file
from tiny_run import content, train_here
from torch import nn
from transformers import VideomtConfig, VideomtForUniversalSegmentation
from transformers.image_utils import PILImageResampling
from transformers.models.videomt.video_processing_videomt import VideomtVideoProcessor

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.mask_decoding import decode
from vita.core.config_base import parse
from vita.core.contract import Clip, UserError
from vita.core.run_config import PredictConfig, RunConfig
from vita.engine.predict_run import predict_run
from vita.evaluation.scoring import evaluate_files
from vita_baselines.videomt import method as module
from vita_baselines.videomt.method import VidEoMT, definition

SIZES: dict[str, Any] = {
    **{"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "mlp_ratio": 2, "num_blocks": 2},
    **{"image_size": 64, "num_queries": 10, "num_register_tokens": 0},
}
MakeClip = Callable[..., Clip]


def build(num_classes: int = 3, **options: Any) -> VidEoMT:
    torch.manual_seed(0)
    model = definition.build({"sizes": SIZES, "points": 16} | options, num_classes)
    assert isinstance(model, VidEoMT)
    return model


def library(num_classes: int = 3) -> Any:
    """The library's own, with the same weights."""
    torch.manual_seed(0)
    return VideomtForUniversalSegmentation(VideomtConfig(**SIZES, num_labels=num_classes)).eval()


# Conformance: the wrapper says what the library says


@torch.no_grad()
def test_logits_are_the_librarys(random_clip: MakeClip) -> None:
    """To the last bit, on the pixels of a square video, which nothing resizes."""
    frames = random_clip(0, frames=4, height=64, width=64).frames
    (classes,), (masks,) = build().eval().see([frames])
    theirs = library()(pixel_values_videos=normalise_and_pad([frames], divisor=1)[None])
    assert torch.equal(classes, theirs.class_queries_logits)
    assert torch.equal(masks, theirs.masks_queries_logits)


@torch.no_grad()
def test_the_input_is_what_the_librarys_processor_makes(random_clip: MakeClip) -> None:
    """Squares, resized bilinearly; grey levels of 0 to 1 less their mean, by their deviation."""
    its = VideomtVideoProcessor
    assert (its.size["height"], its.resample, its.rescale_factor) == (640, PILImageResampling.BILINEAR, 1 / 255)
    assert its.do_resize and its.do_rescale and its.do_normalize and not its.do_center_crop
    frames, seen = random_clip(1, frames=2, height=64, width=64).frames, []
    model = build().eval()
    model.model.register_forward_pre_hook(
        lambda _, args, given: seen.append(given["pixel_values_videos"]), with_kwargs=True
    )
    model.see([frames])
    mean, std = (torch.tensor(values)[:, None, None] for values in (its.image_mean, its.image_std))
    torch.testing.assert_close(seen[0][0], (frames / 255 - mean) / std, rtol=0, atol=1e-5)
    stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(64).expand(1, 3, 64, 128)  # grey at half the width
    model.see([stripes])
    torch.testing.assert_close(seen[1][0, 0, :, 5:-5, 5:-5], ((0.5 - mean) / std).expand(3, 54, 54), rtol=0, atol=1e-5)


@torch.no_grad()
def test_videos_of_a_batch_do_not_mix(random_clip: MakeClip) -> None:
    model = build().eval()
    videos = [random_clip(seed, frames=3, width=64 + 16 * seed).frames for seed in range(3)]
    classes, masks = model.see(videos)
    assert (classes.shape, masks.shape) == ((3, 3, 10, 4), (3, 3, 10, 16, 16))
    for number, video in enumerate(videos):
        alone = model.see([video])
        torch.testing.assert_close((classes[number], masks[number]), (alone[0][0], alone[1][0]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_tracks_are_the_best_queries_of_the_mean_over_frames() -> None:
    frames, model = Noise(4), build().eval()
    (classes,), (masks,) = model.see([frames.frames])
    best = classes.mean(0).softmax(1)[:, :-1].flatten().topk(5)
    tracks = model.predict(frames, {"intact": None}, 5).tracks["intact"]
    assert [track.score for track in tracks] == pytest.approx(best.values.tolist(), rel=1e-6)
    assert [track.label for track in tracks] == (best.indices % 3).tolist()
    square = F.interpolate(masks[:, best.indices // 3], (64, 64), mode="bilinear")
    out = F.interpolate(square, (60, 75), mode="bilinear").transpose(0, 1) > 0
    wrong = (torch.from_numpy(decode([track.segmentations for track in tracks])).bool() != out).float().mean()
    assert wrong < 1e-3 and 0.01 < out.float().mean() < 0.99


# Training


def test_training_reaches_all_that_the_library_uses(random_clip: MakeClip) -> None:
    model = build().train()
    losses = model([random_clip(0), random_clip(1, objects=3, height=48)])
    weights = [("video_classification", 2.0), ("video_mask", 5.0), ("video_dice", 5.0)]
    assert [(term.name, term.weight) for term in losses.terms] == weights
    losses.total.backward()
    still = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert still <= {"model.embeddings.mask_token", "model.embeddings.register_tokens"}
    of_backbone = {id(parameter) for parameter in model.backbone_parameters()}
    others = {name.split(".")[1] for name, p in model.named_parameters() if id(p) not in of_backbone}
    assert others == {"query", "layernorm", "upscale_block", "mask_head", "class_predictor", "query_updater"}


def test_a_clip_is_learned(random_clip: MakeClip) -> None:
    """The mask of each of two objects, far above chance."""
    clip, model = random_clip(0, frames=2, objects=2), build().train()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    torch.manual_seed(0)
    for _ in range(60):
        optimizer.zero_grad()
        losses = model([clip])
        losses.total.backward()
        optimizer.step()
    with torch.no_grad():
        (classes,), (masks,) = model.eval().see([clip.frames])
    found = classes.mean(0).argmax(1) != 3  # whatever is not "no object"
    logits = F.interpolate(masks.transpose(0, 1)[found], clip.masks.shape[2:], mode="bilinear") > 0
    both = (logits[:, None] & clip.masks).flatten(2).sum(2) / (logits[:, None] | clip.masks).flatten(2).sum(2)
    assert both.max(0).values.min() > 0.5


# A folder of a hub


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """config.json and model.safetensors of another model, on a machine without a network."""
    torch.manual_seed(5)
    VideomtForUniversalSegmentation(VideomtConfig(**SIZES, num_labels=3)).save_pretrained(tmp_path / "hub")

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path / "hub"


def from_folder(folder: Path, num_classes: int = 3) -> nn.Module:
    return definition.build({"folder": str(folder)}, num_classes)


def test_weights_of_a_folder_are_read_offline(folder: Path) -> None:
    saved, model = load_file(folder / "model.safetensors"), from_folder(folder)
    assert {f"model.{name}" for name in saved} - set(model.state_dict()) == {"model.criterion.empty_weight"}
    assert all(torch.equal(value, saved[name.removeprefix("model.")]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("start", ["nothing", "folder"])
def test_a_run_from_training_to_scores(start: str, folder: Path, videos: Path, tmp_path: Path) -> None:
    options = {"sizes": SIZES} if start == "nothing" else {"folder": str(folder)}
    changed = {"method": "videomt", "options": options | {"points": 16}}
    config = parse(RunConfig, content(videos, iterations=4, decay_at=[], learning_rate=1e-6) | changed, "test")
    train_here(config, tmp_path)
    trained, given = load_file(tmp_path / "model.safetensors"), load_file(folder / "model.safetensors")
    moved = torch.cat([(value - given[name.removeprefix("model.")]).flatten() for name, value in trained.items()])
    assert bool(moved.abs().max() < 1e-4) == (start == "folder")  # four small steps from what the folder holds
    plan = parse(PredictConfig, {"variants": {"intact": {}}, "top_k": 4}, "test")
    predict_run(config, plan, [], tmp_path / "model.safetensors", tmp_path / "predictions", tmp_path)
    found = evaluate_files(videos / "valid" / "instances.json", tmp_path / "predictions" / "intact.json")
    assert 0 <= found.scores.ap <= 1


def test_heads_of_other_classes_are_fresh(folder: Path) -> None:
    saved, model = load_file(folder / "model.safetensors"), from_folder(folder, 7)
    assert model.state_dict()["model.class_predictor.weight"].shape == (8, 32)
    same = {name: value for name, value in model.state_dict().items() if "class_predictor" not in name}
    assert all(torch.equal(value, saved[name.removeprefix("model.")]) for name, value in same.items())


def without(name: str) -> Callable[[Path], None]:
    """Spoils a folder: its weights lack a tensor."""

    def spoil(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        del state[name]
        save_file(state, folder / "model.safetensors", {"format": "pt"})

    return spoil


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "another folder": (lambda folder: folder.rename(folder.parent / "moved"), "no such folder"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no VidEoMT can be built: "),
    "damaged": (lambda folder: (folder / "model.safetensors").write_bytes(b"damaged"), "no VidEoMT can be built: "),
    "a tensor less": (without("query.weight"), "its weights do not fit its config.json, first query.weight"),
    "no head": (without("class_predictor.bias"), "its weights do not fit its config.json, first class_predictor.bias"),
    "another size": (
        lambda folder: (folder / "config.json").write_text(
            (folder / "config.json").read_text().replace('"num_queries": 10', '"num_queries": 9')
        ),
        "its weights do not fit its config.json, first query.weight",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), SPOILED.values(), ids=SPOILED.keys())
def test_folders_that_are_refused(folder: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(folder)
    with pytest.raises(UserError, match=f"^options of method videomt: .*{folder}: {message}") as error:
        from_folder(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": {"hiden_size": 3}}, "unknown key 'sizes.hiden_size'; allowed here: hidden_size, "),
        ({"sizes": SIZES | {"hidden_size": 33}}, "sizes: no VidEoMT can be built: embed_dim must be divisible"),
        ({"folder": ".", "sizes": SIZES}, r"folder \.: sizes are those of the folder; leave `sizes` out"),
        ({"window": 6}, "unknown key 'window'; allowed here: folder, points, sizes"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^options of method videomt: {message}"):
        definition.build(options, 3)


def test_it_stays_an_example_of_less_than_a_hundred_lines() -> None:
    """Lines with code, of the whole folder: neither empty, nor a comment, nor in a docstring."""
    counted = 0
    for file in Path(module.__file__).parent.glob("*.py"):
        text = file.read_text()
        in_docstrings = {
            line
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        told = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        with_code = {
            line for token in tokens if token.type not in told for line in range(token.start[0], token.end[0] + 1)
        }
        counted += len(with_code - in_docstrings)
    assert 50 < counted < 100
