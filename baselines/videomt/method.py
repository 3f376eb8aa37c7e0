"""VidEoMT from the transformers library, with our set criterion on its logits.

Legend: B videos, T frames, Q queries, K classes, S edge of the square input, H W pixels, h w positions of a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from transformers import VideomtConfig, VideomtForUniversalSegmentation

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.losses.point_sampling import draws_for
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion
from vita.blocks.losses.targets import clip_targets
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, frames_per_chunk, top_pairs, tracks_of
from vita.core.batch import whole_batch
from vita.core.config_base import Frozen, parse
from vita.core.contract import BatchPart, Clip, FrameSource, Losses, UserError, VideoPrediction

WHERE = "options of method videomt"
UNUSED = ("criterion.",)  # of the library's own objective
MAY_DIFFER = {"mismatched_keys": ("class_predictor.", *UNUSED)}  # in shape, with the number of classes


class VidEoMT(nn.Module):
    """The library's model as a `VideoMethod`: a query is one object in all frames, its class a mean over them."""

    def __init__(self, model: Any, points: int) -> None:
        super().__init__()
        self.model, self.criterion, self.size = model, SetCriterion(points=points), (model.config.image_size,) * 2
        model.criterion = None  # the library's own, which it does not use for videos

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Those of the vision transformer, in which the queries are tokens."""
        return [*self.model.embeddings.parameters(), *self.model.layers.parameters()]

    @property
    def image_detector(self) -> None:
        """There is none: the queries are of videos."""
        return

    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        """The network's part of `predict`; see `vita.core.contract.CountedMethod`."""
        self.see([frames])

    def state_to_keep(self) -> dict[str, Tensor]:
        """All weights."""
        return self.state_dict()

    def see(self, videos: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Videos of T frames, each (T, 3, H, W) -> logits of classes (B, T, Q, K+1) and of masks (B, T, Q, h, w)."""
        square = [F.interpolate(video.float(), self.size, mode="bilinear", antialias=True) for video in videos]
        pixels = normalise_and_pad(square, divisor=1).unflatten(0, (len(videos), -1))
        seen = self.model(pixel_values_videos=pixels)
        logits = seen.class_queries_logits, seen.masks_queries_logits  # frame by frame, (T * B, Q, ...)
        classes, masks = (each.unflatten(0, (-1, len(videos))).transpose(0, 1) for each in logits)
        return classes, masks

    def forward(self, clips: Sequence[Clip], part: BatchPart | None = None) -> Losses:
        """The objective on clips with the same number of frames, as `vita.core.contract.VideoMethod` says."""
        draws, part = draws_for(part, clips[0].frames.device), part or whole_batch(clips)
        classes, masks = self.see([clip.frames for clip in clips])
        seen = [replace(c, masks=F.interpolate(c.masks.float(), self.size, mode="nearest-exact") > 0) for c in clips]
        whole = ObjectCounts([clip.objects for clip in part.whole])
        targets = clip_targets(seen, self.size)
        loss, _ = self.criterion(classes.mean(1)[None], masks.transpose(1, 2)[None], targets, whole, draws)
        return Losses(loss.terms("video"))

    @torch.no_grad()
    def predict(self, frames: FrameSource, variants: Mapping[str, object], top_k: int) -> VideoPrediction:
        """The whole video at once: the k best (query, class) pairs; a score is the probability of the class."""
        video = frames.read(0, len(frames)).to(self.model.query.weight.device)
        (classes,), (masks,) = self.see([video])
        scores, labels, queries = top_pairs(classes.mean(0), top_k)
        geometry = FrameGeometry(self.size, self.size, (frames.out_height, frames.out_width))
        coded = MaskTracks(geometry, len(queries))
        for logits in masks[:, queries].transpose(0, 1).split(frames_per_chunk(geometry), 1):
            coded.add(logits)
        return VideoPrediction(dict.fromkeys(variants, tracks_of(labels, scores, coded, torch.arange(len(queries)))))


class VidEoMTOptions(Frozen):
    """All of VidEoMT; defaults are the released ViT-L in sizes, without weights.

    folder: of a hub, with config.json and model.safetensors, which are read offline; its sizes are the model's.
    sizes: keys of the library's `VideomtConfig`, of a model with random weights.
    """

    folder: str | None = None
    sizes: dict[str, Any] = Field({})
    points: PositiveInt = 12544  # of a mask, in one frame


class VidEoMTInference(Frozen):
    """Options of one inference variant: there are none."""


class VidEoMTDefinition:
    """The entry point `videomt` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """With the weights of a folder, or random ones. Raises UserError naming an unknown or impossible option."""
        read = parse(VidEoMTOptions, dict(options), WHERE)
        if unknown := [key for key in read.sizes if key not in VideomtConfig.__annotations__]:
            known = ", ".join(VideomtConfig.__annotations__)
            raise UserError(f"{WHERE}: unknown key 'sizes.{unknown[0]}'; allowed here: {known}")
        if read.folder and (read.sizes or not Path(read.folder).is_dir()):
            reason = "sizes are those of the folder; leave `sizes` out" if read.sizes else "no such folder"
            raise UserError(f"{WHERE}: folder {read.folder}: {reason}")
        try:
            model, wrong = library_model(read, num_classes)
        except Exception as error:  # what the library raises depends on what is wrong
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{WHERE}: {read.folder or 'sizes'}: no VidEoMT can be built: {reason}") from None
        if wrong:
            raise UserError(f"{WHERE}: {read.folder}: its weights do not fit its config.json, first {wrong[0]}")
        return VidEoMT(model, read.points)

    def read_variant(self, options: Mapping[str, Any]) -> VidEoMTInference:
        """An inference variant. Raises UserError naming any option: there are none."""
        return parse(VidEoMTInference, dict(options), "inference options of method videomt")


def library_model(options: VidEoMTOptions, num_classes: int) -> tuple[Any, list[str]]:
    """The library's, and names of tensors in a folder that do not fit it, heads for other classes left out."""
    if options.folder is None:
        return VideomtForUniversalSegmentation(VideomtConfig(**options.sizes, num_labels=num_classes)), []
    model, report = VideomtForUniversalSegmentation.from_pretrained(
        options.folder,
        num_labels=num_classes,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # they are in the report
        output_loading_info=True,
    )
    found = [(kind, key if isinstance(key, str) else key[0]) for kind, keys in report.items() for key in keys]
    return model, sorted(name for kind, name in found if not name.startswith(MAY_DIFFER.get(kind, UNUSED)))


definition = VidEoMTDefinition()
