"""The frame detector: transformers' Mask2Former, off the shelf, behind one narrow interface.

Legend: F frames, Q frame queries, C channels, K classes, L predictions (one of the bare queries, one a layer),
H W pixels, h w positions of the stride-4 map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Mask2FormerModel

from vita.blocks.backbone import freeze_batch_norm
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.initialisation import initialise_detector
from vita.blocks.mask_decoding import FrameGeometry
from vita.blocks.masked_attention import adopt_decoder
from vita.blocks.pixel_decoder import adopt_pixel_decoder
from vita.core.contract import FrameSource

PIXEL_MEAN = (123.675, 116.28, 103.53)  # RGB, of ImageNet, in grey levels 0..255
PIXEL_STD = (58.395, 57.12, 57.375)
CHUNK_FRAMES = 18  # of a video that pass through the detector at once, as in the release
# Fewer where they are large: two frames of 360 x 640 on a CPU, which is not slower than more and needs less memory.
CPU_PIXELS, ACCELERATOR_PIXELS = 500_000, 18 * 384 * 640
SIZE_DIVISOR = 32  # padding at the right and the bottom, after normalisation, with zeros


@dataclass(frozen=True)
class FrameOutput:
    """What the detector says of F frames, by prediction: the first is made from the bare queries."""

    queries: Tensor  # (L, F, Q, C) after the decoder's norm
    class_logits: Tensor  # (L, F, Q, K+1), the last class is "no object"
    mask_logits: Tensor  # (L, F, Q, h, w)
    pixel_map: Tensor  # (F, C, h, w) the last map of the pixel decoder, before its 1x1 mask convolution


class FrameDetector(nn.Module):
    """Frames -> frame queries, class and mask logits of every decoder layer, and the pixel decoder's last map."""

    def __init__(self, options: DetectorOptions, num_classes: int) -> None:
        super().__init__()
        self.mask2former = Mask2FormerModel(options.configuration())
        options.backbone.adapt(self.backbone)
        self.class_head = nn.Linear(options.channels, num_classes + 1)
        initialise_detector(self.mask2former, self.class_head)
        if options.norm == "frozen":
            freeze_batch_norm(self.mask2former)
        self._pixel_map: Tensor | None = None
        decoder = self.mask2former.pixel_level_module.decoder
        adopt_pixel_decoder(decoder)
        adopt_decoder(self.mask2former.transformer_module.decoder)
        decoder.mask_projection.register_forward_pre_hook(self._keep_pixel_map)

    @property
    def backbone(self) -> nn.Module:
        """The feature extractor inside."""
        return self.mask2former.pixel_level_module.encoder

    def _keep_pixel_map(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._pixel_map = inputs[0]

    def _take_pixel_map(self) -> Tensor:
        pixel_map, self._pixel_map = self._pixel_map, None  # the hook's reference must not outlive the call
        assert pixel_map is not None
        return pixel_map

    def forward(self, images: Tensor) -> FrameOutput:
        """images: (F, 3, H, W) normalised and padded."""
        # The library's model keeps queries and masks of every layer; the hook keeps the pixel decoder's last map.
        output: Any = self.mask2former(images, output_hidden_states=True)
        queries = torch.stack([q.transpose(0, 1) for q in output.transformer_decoder_intermediate_states])
        # Class logits are made here, from the normed queries.
        masks = torch.stack(output.masks_queries_logits)
        return FrameOutput(queries, self.class_head(queries), masks, self._take_pixel_map())

    def pixel_maps(self, images: Tensor) -> Tensor:
        """The `pixel_map` of `forward` alone, for images (F, 3, H, W): the frame decoder is left out."""
        self.mask2former.pixel_level_module(images)
        return self._take_pixel_map()


def normalise_and_pad(videos: list[Tensor], divisor: int = SIZE_DIVISOR, at_least: tuple[int, int] = (1, 1)) -> Tensor:
    """uint8 frames of several videos, each (T, 3, H, W) -> one batch of images (F, 3, H', W').

    H' and W' are the largest height and width, those of `at_least` included, rounded up to a multiple of `divisor`.
    """
    sizes = [at_least, *((video.shape[2], video.shape[3]) for video in videos)]
    height, width = (-(-max(edges) // divisor) * divisor for edges in zip(*sizes, strict=True))
    mean, std = torch.tensor((PIXEL_MEAN, PIXEL_STD), device=videos[0].device)[..., None, None]
    return torch.cat([F.pad((v - mean) / std, (0, width - v.shape[3], 0, height - v.shape[2])) for v in videos])


def read_in_chunks(frames: FrameSource, device: torch.device, begin: int = 0) -> Iterator[tuple[Tensor, FrameGeometry]]:
    """A video from frame `begin` on as normalised and padded images (F, 3, H', W'), and its sizes with each chunk."""
    pixels = CPU_PIXELS if device.type == "cpu" else ACCELERATOR_PIXELS
    for start in range(begin, len(frames), CHUNK_FRAMES):
        # Read whole chunks, and pass them on in parts that the device can take.
        chunk = frames.read(start, min(start + CHUNK_FRAMES, len(frames)))
        height, width = chunk.shape[2:]
        for part in chunk.split(max(1, pixels // (height * width))):
            images = normalise_and_pad([part.to(device)])
            padded_height, padded_width = images.shape[2:]
            out = frames.out_height, frames.out_width
            yield images, FrameGeometry((padded_height, padded_width), (height, width), out)
