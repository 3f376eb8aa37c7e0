"""The meta-architectures, under their official names.

Legend: T frames, N tracks, H W pixels of the stored frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

import torch
from detectron2.config import CfgNode
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.utils import comm
from torch import Tensor, nn

from vita.core.batch import summary_of
from vita.core.contract import BatchPart, Clip, Losses, Track, UserError
from vita.core.plugins import find_method
from vita.data.masks import rle
from vita.official.plugins import find_official
from vita_detectron2.architectures.clips import InputFrames, clip_of
from vita_detectron2.architectures.config import read_config
from vita_detectron2.architectures.official_state import METHOD, OfficiallyNamed


class VideoArchitecture(OfficiallyNamed):
    """One of our methods as detectron2 builds, trains and evaluates a model.

    Parameters of its backbone have names that begin with `backbone.`, by which trainers give them a rate of their own.
    """

    architecture: ClassVar[str]  # official name

    def __init__(self, cfg: CfgNode) -> None:
        """Raises UserError naming the key for what our model cannot be."""
        asked = read_config(cfg, self.architecture)
        definition = find_method(asked.method)
        method = definition.build(asked.options, asked.num_classes)
        super().__init__(method, find_official(asked.method))
        self.variant, self.top_k = definition.read_variant(asked.variant), asked.top_k
        self.backbone_name = METHOD + _name_of_backbone(method)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.method.parameters()).device

    def named_modules(self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True) -> Any:
        """As torch names them, but for the backbone, which has its official name."""
        inside = f"{prefix}.{self.backbone_name}" if prefix else self.backbone_name
        official = f"{prefix}.backbone" if prefix else "backbone"
        for name, module in super().named_modules(memo, prefix, remove_duplicate):
            in_backbone = name == inside or name.startswith(f"{inside}.")
            yield (official + name.removeprefix(inside) if in_backbone else name), module

    def forward(self, batched_inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Weighted losses by name in training; in evaluation, what was found in the first video of the batch.

        batched_inputs: the loader's entries; see `vita_detectron2.architectures.clips`.
        """
        if self.training:
            losses = self.losses([clip_of(video, self.device) for video in batched_inputs])
            return {f"loss_{term.name}": term.value * term.weight for term in losses.terms}
        return self.inference(batched_inputs[0])

    def losses(self, clips: Sequence[Clip]) -> Losses:
        """The objective on this process's clips, so that the mean over processes is that of all of them together."""
        processes = comm.get_world_size()
        if processes == 1:
            losses: Losses = self.method(clips)
            return losses
        shares = comm.all_gather([summary_of(clip) for clip in clips])
        first = sum(len(share) for share in shares[: comm.get_rank()])
        seed = int(torch.randint(2**31, ()))
        part = BatchPart(tuple(chain.from_iterable(shares)), tuple(range(first, first + len(clips))), seed, step=0)
        terms = self.method(clips, part).terms
        return Losses([replace(term, weight=term.weight * processes) for term in terms])

    @torch.no_grad()
    def inference(self, video: Mapping[str, Any]) -> dict[str, Any]:
        """Tracks of one video: `image_size`, N `pred_scores` and `pred_labels`, `pred_masks` (N, T, H, W) bool."""
        frames = InputFrames(video)
        tracks = self.method.predict(frames, {"intact": self.variant}, self.top_k).tracks["intact"]
        size = frames.out_height, frames.out_width
        return {
            "image_size": size,
            "pred_scores": [track.score for track in tracks],
            "pred_labels": [track.label for track in tracks],
            "pred_masks": _masks(tracks, len(frames), size),
        }


def _masks(tracks: Sequence[Track], frames: int, size: tuple[int, int]) -> Tensor:
    masks = torch.zeros(len(tracks), frames, *size, dtype=torch.bool)
    for number, track in enumerate(tracks):
        masks[number] = torch.from_numpy(rle.decode(track.segmentations, *size)).bool()
    return masks


def _name_of_backbone(method: Any) -> str:
    """The outermost module with the backbone's parameters and no others."""
    wanted = {id(parameter) for parameter in method.backbone_parameters()}
    named: Iterator[tuple[str, nn.Module]] = method.named_modules()
    return next(name for name, module in named if {id(one) for one in module.parameters()} == wanted)


class Vita(VideoArchitecture):
    """VITA."""

    architecture = "Vita"


class VideoMaskFormer(VideoArchitecture):
    """Mask2Former-VIS."""

    architecture = "VideoMaskFormer"


class Ifc(VideoArchitecture):
    """IFC."""

    architecture = "Ifc"

    def losses(self, clips: Sequence[Clip]) -> Losses:
        """As above. Raises UserError on padded frames: attention leaves out padding, which clips do not tell of."""
        if any(clip.frames.is_floating_point() for clip in clips):
            raise UserError(
                "frames of one clip have different sizes, which IFC here cannot tell from padding; use augmentations "
                "that are drawn by clip (INPUT.MIN_SIZE_TRAIN_SAMPLING, INPUT.CROP.ENABLED)"
            )
        return super().losses(clips)


def register_architectures() -> None:
    """Let `MODEL.META_ARCHITECTURE` of released YAML files, Vita, VideoMaskFormer and Ifc, name our models.

    Raises RuntimeError where another model of that name is registered.
    """
    for kind in (Vita, VideoMaskFormer, Ifc):
        if META_ARCH_REGISTRY._obj_map.get(kind.__name__, kind) is not kind:
            raise RuntimeError(f"another model is registered as {kind.__name__}; ours cannot be built beside it")
        if kind.__name__ not in META_ARCH_REGISTRY:
            META_ARCH_REGISTRY.register(kind)
