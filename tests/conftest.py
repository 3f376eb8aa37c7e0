"""What all tests share: one thread, a small data set, and a tiny VITA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import detectron2_checkout  # noqa: F401  # before anything imports torchvision
import pytest
import torch
from hypothesis import settings
from tiny_run import write_videos
from tiny_vita import TINY

from vita.core.contract import Clip
from vita.model.method import Vita, definition

# How long an example takes says nothing of the code: a busy machine takes its time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of small operations that wait for each other on a busy machine take longer than one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small embedded data set. Read only: tests that spoil a file copy it first."""
    root = tmp_path_factory.mktemp("videos")
    write_videos(root)
    return root


@pytest.fixture
def tiny_vita() -> Callable[..., Vita]:
    """Builds a tiny VITA for 3 classes: `tiny_vita(stage="frozen", norm="frozen")`. Always the same weights."""

    def build(*, norm: str = "trained", **options: Any) -> Vita:
        torch.manual_seed(0)
        model = definition.build({**TINY, **options, "detector": {**TINY["detector"], "norm": norm}}, num_classes=3)
        assert isinstance(model, Vita)
        return model

    return build


@pytest.fixture
def random_clip() -> Callable[..., Clip]:
    """Builds a clip of noise with rectangular objects, all visible in all frames, numbered from 1."""

    def build(seed: int = 0, *, frames: int = 2, height: int = 32, width: int = 64, objects: int = 2) -> Clip:
        random = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=random)
        masks = torch.zeros(objects, frames, height, width, dtype=torch.bool)
        for number in range(objects):
            masks[number, :, 4 : height - 4, 10 * number : 10 * number + 8] = True
        labels = torch.randint(0, 3, (objects,), generator=random)
        ids = torch.arange(1, objects + 1)[:, None].expand(objects, frames).clone()
        return Clip(images, masks, labels, ids, ids > 0, video_id=0, frame_indices=tuple(range(frames)))

    return build
