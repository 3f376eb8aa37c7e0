"""What the checks of IFC's recordings share: its inside by the names of the recording.

Legend: F images, B clips, T frames, M memory tokens, Q queries, C channels, K classes, D decoder layers,
h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vita.official.conformance.check import EXACT, Tolerance, compare_groups
from vita.official.conformance.recording import Tensors
from vita.official.contract import Check
from vita_baselines.ifc.method import Ifc
from vita_baselines.ifc.position import padding_of, sine_position

MASK_LOGITS = Tolerance(5e-3)  # values reach some hundreds
LEVELS = ((2, 4), (3, 8), (4, 16), (5, 32))  # number of a backbone map in the recording, pixels a position of it


def backbone_checks(
    model: Ifc, images: Tensor, sizes: Sequence[tuple[int, int]], tensors: Tensors, group: str
) -> Iterator[Check]:
    """Maps, padding and positions of images (F, 3, H, W) that are padded from `sizes`."""
    maps = {f"backbone.res{level}": map_ for (level, _), map_ in zip(LEVELS, model.backbone(images), strict=True)}
    shapes = {
        level: (maps[f"backbone.res{level}"].shape[2], maps[f"backbone.res{level}"].shape[3]) for level, _ in LEVELS
    }
    padding = {level: padding_of(sizes, shapes[level], stride, images.device) for level, stride in LEVELS}
    place = {f"pos.res{level}": sine_position(p, model.projection.out_channels) for level, p in padding.items()}
    masks = {f"backbone.padding_mask.res{level}": p for level, p in padding.items()}
    yield from compare_groups({"backbone": maps, "positions": place}, tensors, group)
    yield from compare_groups({"padding masks": masks}, tensors, group, EXACT)


@torch.no_grad()
def clip_inside(
    model: Ifc, images: Tensor, clips: int, sizes: list[tuple[int, int]] | None
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Of B clips: their inside by recorded name, class logits (D, B, Q, K+1) and mask logits (D, B, Q, T, h, w)."""
    maps = model.see(images)
    tokens = model.encode(maps, clips, sizes)
    queries = model.decoder(tokens)
    output = model.heads(queries, model.features(tokens, maps))
    inside = {
        "encoder_memory_bus": tokens.values[:, :, -tokens.memory :].flatten(0, 1).transpose(0, 1),  # (M, F, C)
        "encoded_src": tokens.maps(maps.coarse.shape[2], maps.coarse.shape[3]),  # (F, C, h, w)
        "decoder_out": queries.transpose(1, 2),  # (D, Q, B, C)
    }
    return inside, output.class_logits, output.mask_logits
