"""What loaders of VIS projects on detectron2 give a model, as clips to train on and videos to predict.

Legend: T frames, N objects, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from vita.blocks.frame_detector import PIXEL_MEAN
from vita.core.contract import Clip, UserError


def clip_of(video: Mapping[str, Any], device: torch.device) -> Clip:
    """A loader's entry in training as a clip on a device.

    video: `image`, T of (3, H, W), and `instances`, T of N objects each, in the same order, with `gt_masks`, `gt_ids`
    (-1 where the object is not there) and `gt_classes` (-1 where it is not annotated). Objects that no frame shows are
    left out; an object's class is that of the first frame where it is annotated.
    """
    frames = framed(video["image"], device)
    size = frames.shape[2], frames.shape[3]
    instances = [one.to(device) for one in video["instances"]]
    classes = torch.stack([one.gt_classes for one in instances], 1).long()  # (N, T)
    present = torch.stack([one.gt_ids for one in instances], 1) != -1
    masks = torch.stack([_padded(_bits(one.gt_masks), size) for one in instances], 1)  # (N, T, H, W)
    visible = masks.flatten(2).any(2) & present
    kept = visible.any(1)
    annotated = classes != -1
    first = annotated.int().argmax(1, keepdim=True) if len(classes) else classes[:, :1]
    numbers = torch.arange(len(classes), device=device)[:, None]
    return Clip(
        frames=frames,
        masks=(masks & visible[..., None, None])[kept],
        labels=classes.gather(1, first)[:, 0][kept],
        ids=numbers.where(visible, -1)[kept],
        annotated=annotated[kept],
        video_id=int(video.get("video_id", video.get("image_id", 0))),
        frame_indices=tuple(int(number) for number in video.get("frame_idx", range(len(instances)))),
    )


def framed(images: Sequence[Tensor], device: torch.device) -> Tensor:
    """Images (3, H, W) as frames of one tensor (T, 3, H, W).

    Smaller ones are padded at the right and the bottom with the mean that normalisation subtracts, so that zeros follow
    them, as in the releases; then the frames are in floating point.
    """
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    if all(image.shape[1:] == (height, width) for image in images):
        return torch.stack(list(images)).to(device)
    frames = torch.tensor(PIXEL_MEAN, device=device)[:, None, None].repeat(len(images), 1, height, width)
    for frame, image in zip(frames, images, strict=True):
        frame[:, : image.shape[1], : image.shape[2]] = image.to(device)
    return frames


def _bits(masks: Any) -> Tensor:
    """(N, H, W) bool: a tensor, or detectron2's BitMasks."""
    tensor: Tensor = getattr(masks, "tensor", masks)
    return tensor.bool()


def _padded(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return pad(masks, (0, size[1] - masks.shape[2], 0, size[0] - masks.shape[1]))


class InputFrames:
    """The frames of a loader's entry in evaluation, as methods read them (`vita.core.contract.FrameSource`)."""

    def __init__(self, video: Mapping[str, Any]) -> None:
        """video: `image`, T of (3, H, W) of one size; `height` and `width` of the stored frames, else of these.

        Raises UserError where sizes differ.
        """
        self._images: Sequence[Tensor] = video["image"]
        sizes = {tuple(image.shape[1:]) for image in self._images}
        if len(sizes) != 1:
            raise UserError(f"video {video.get('video_id')}: frames of different sizes: {sorted(sizes)}")
        ((height, width),) = sizes
        self.out_height, self.out_width = int(video.get("height", height)), int(video.get("width", width))

    def __len__(self) -> int:
        return len(self._images)

    def read(self, start: int, stop: int) -> Tensor:
        """Frames [start, stop): (T, 3, H, W)."""
        return torch.stack(list(self._images[start:stop]))
