"""The pixel level, off the shelf: a backbone and Mask2Former's pixel decoder, for methods that decode maps themselves.

Legend: F frames, C channels, H W pixels, h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerPixelDecoder,
    Mask2FormerPixelDecoderOutput,
    Mask2FormerPixelLevelModule,
)

from vita.blocks.backbone import freeze_batch_norm
from vita.blocks.deformable_attention import adopt_encoder
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.initialisation import initialise_pixel_level
from vita.blocks.precision import full_precision


@dataclass(frozen=True)
class PixelMaps:
    """Maps of F frames that the pixel level makes."""

    levels: tuple[Tensor, ...]  # (F, C, h, w) at strides 32, 16 and 8
    mask_features: Tensor  # (F, C, h, w) at stride 4


class FullPrecisionPixelDecoder(Mask2FormerPixelDecoder):
    """The library's pixel decoder, kept out of autocast as in the release: it computes as its weights are stored."""

    @full_precision()
    def forward(self, features: Sequence[Tensor], **options: Any) -> Mask2FormerPixelDecoderOutput:
        """As the library's, for the backbone's maps (F, ., h, w) in any precision."""
        return super().forward([maps.to(self.level_embed.dtype) for maps in features], **options)


def adopt_pixel_decoder(decoder: Mask2FormerPixelDecoder) -> None:
    """Turn a pixel decoder that the library built, with its weights, into one kept out of autocast, by our encoder."""
    decoder.__class__ = FullPrecisionPixelDecoder  # which differs in `forward` alone
    adopt_encoder(decoder.encoder)


class PixelLevel(nn.Module):
    """Frames, each on its own -> maps at four strides."""

    def __init__(self, options: DetectorOptions) -> None:
        super().__init__()
        module = Mask2FormerPixelLevelModule(options.configuration())
        options.backbone.adapt(module.encoder)
        initialise_pixel_level(module)
        if options.norm == "frozen":
            freeze_batch_norm(module)
        adopt_pixel_decoder(module.decoder)
        self.backbone, self.decoder = module.encoder, module.decoder

    def forward(self, images: Tensor) -> PixelMaps:
        """images: (F, 3, H, W) normalised and padded."""
        return self.decode(self.backbone_maps(images))

    def backbone_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """images (F, 3, H, W) -> maps (F, ., h, w) of the four stages, at strides 4, 8, 16 and 32."""
        maps: tuple[Tensor, ...] = tuple(self.backbone(images).feature_maps)
        return maps

    def decode(self, maps: tuple[Tensor, ...]) -> PixelMaps:
        """The backbone's maps -> the decoder's."""
        output: Any = self.decoder(maps)
        return PixelMaps(tuple(output.multi_scale_features), output.mask_features)
