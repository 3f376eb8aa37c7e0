"""Masks of a video, decoded a few frames at a time, into memory or files; there, a sweep goes on where it was cut off.

Legend: M masks of a frame, t frames at once, C channels, h w stride-4 positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vita.blocks.frame_detector import CHUNK_FRAMES, read_in_chunks
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks
from vita.core.contract import FrameSource, Rle
from vita.core.files import read_json, write_json
from vita.core.progress import SHORT_S, progress
from vita.model.network import VitaNetwork
from vita.model.streaming.disk_list import DiskList
from vita.model.tracks import add_masks

MaskFeatures = Callable[[int], Iterator[Tensor]]  # of the frames from a number on, (t, C, h, w) each


def mask_features(model: VitaNetwork, frames: FrameSource, begin: int = 0) -> Iterator[Tensor]:
    """Of the frames from number `begin` on, (t, C, h, w) each, made anew: the frame decoder is not needed for them."""
    for images, _ in read_in_chunks(frames, model.mask_projection.weight.device, begin):
        yield model.mask_projection(model.detector.pixel_maps(images))


@torch.no_grad()
def sweep_masks(
    features: MaskFeatures, frames: int, geometry: FrameGeometry, kernels: Tensor, folder: Path | None
) -> MaskTracks:
    """Masks of so many frames for kernels (M, C), in files in `folder`; in memory where there is none."""
    if folder is None:
        masks = MaskTracks(geometry, len(kernels))
        add_masks(masks, kernels, features(0))
        return masks
    lists = [DiskList[Rle](folder / f"{row}.jsonl", _as_it_is, _as_it_is) for row in range(len(kernels))]
    masks = MaskTracks(geometry, len(kernels), lists)
    state, name = folder / "state.json", _digest(kernels)
    done = _resume(masks, lists, state, name)
    with progress(frames, "masks", done, SHORT_S) as bar:
        for chunk in features(done):
            add_masks(masks, kernels, [chunk])
            done += len(chunk)
            bar.update(len(chunk))
            if done % CHUNK_FRAMES == 0 or done == frames:
                _save(masks, lists, state, name)
    return masks


def _as_it_is(rle: Rle) -> Rle:
    return rle


def _digest(kernels: Tensor) -> str:
    return hashlib.sha256(kernels.detach().cpu().numpy().tobytes()).hexdigest()


def _save(masks: MaskTracks, lists: list[DiskList[Rle]], state: Path, name: str) -> None:
    foreground = masks.foreground.tolist()  # waits until all that was added is in the lists
    for one in lists:
        one.flush()
    frames = len(lists[0]) if lists else 0
    write_json(state, {"kernels": name, "frames": frames, "foreground": foreground})


def _resume(masks: MaskTracks, lists: list[DiskList[Rle]], state: Path, name: str) -> int:
    """The number of frames whose masks are there, of these kernels."""
    told = read_json(state) if state.exists() else {}
    same = told.get("kernels") == name
    frames = int(told["frames"]) if same else 0
    if same:
        masks.foreground = np.array(told["foreground"])
    for one in lists:
        one.truncate(frames)
    return frames
