"""Our draws follow the distributions of those that the official code made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from drawn_clips import Drawn, amounts, choices, of_ours, p_values, recorded

from vita.core.run_config import AugmentationConfig, CropConfig, RotationConfig
from vita.data.augment.settings import draw_transform

REJECTED = 1e-4  # of some 40 tests, on fixed draws: one in 250 sets of right draws would fail
EDGES = (288, 320, 352, 384, 416, 448, 480, 512)
RELEASED = AugmentationConfig(crop=CropConfig(), short_edges=EDGES, max_edge=768)
TURNED = RELEASED.model_copy(update={"rotation": RotationConfig()})
KINDS = {"real_video": RELEASED, "pseudo_video": TURNED}


def ours(config: AugmentationConfig, kind: str, times: int = 25) -> list[Drawn]:
    """Clips of the recorded sizes, `times` as many."""
    rng = np.random.default_rng(0)
    return [of_ours(draw_transform(config, clip.old, 5, rng)) for clip in recorded(kind) for _ in range(times)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_distribution_is_the_recorded_one(kind: str) -> None:
    found = p_values(recorded(kind), ours(KINDS[kind], kind))
    assert len(found) == (13 + 8 if kind == "pseudo_video" else 13)
    assert min(found.values()) > REJECTED, found


def test_the_tests_hold_for_our_own_draws() -> None:
    """Values are spread over 0..1, not crowded at 1, where a test that sees nothing would put them."""
    many = ours(TURNED, "pseudo_video")
    rng = np.random.default_rng(1)
    again = [of_ours(draw_transform(TURNED, clip.old, 5, rng)) for clip in recorded("pseudo_video") for _ in range(4)]
    found = [p_values(again[start::4], many) for start in range(4)]
    straight = ("window goes straight", "rotation goes straight")
    values = [p for one in found for name, p in one.items() if name not in straight]
    assert min(values) > REJECTED and 0.35 < np.mean(values) < 0.65


def never_reversed(clip: Drawn) -> Drawn:
    return replace(clip, windows=tuple(sorted(clip.windows)), angles=tuple(sorted(clip.angles)))


def unsorted(clip: Drawn) -> Drawn:
    order = [2, 0, 3, 1, 4]
    windows, angles = ([row[place] for place in order] if row else [] for row in (clip.windows, clip.angles))
    return replace(clip, windows=tuple(windows), angles=tuple(angles))


def still(clip: Drawn) -> Drawn:
    return replace(clip, windows=clip.windows[:1] * len(clip.windows))


@pytest.mark.parametrize(
    ("wrong", "rejected"),
    [
        (never_reversed, ["window direction", "rotation direction"]),
        (unsorted, ["window goes straight", "rotation goes straight"]),
        (still, ["way of the window, width"]),
    ],
)
def test_wrong_orders_are_rejected(wrong: Callable[[Drawn], Drawn], rejected: list[str]) -> None:
    found = p_values(recorded("pseudo_video"), [wrong(clip) for clip in ours(TURNED, "pseudo_video")])
    assert all(found[name] < REJECTED for name in rejected), found


@pytest.mark.parametrize(
    ("update", "rejected"),
    [
        ({"short_edges": (480, 512, 544, 576)}, "second short edge"),
        ({"crop": CropConfig(short_edges=(400, 500))}, "first short edge"),
        ({"crop": CropConfig(probability=1.0)}, "cropped"),
        ({"crop": CropConfig(smallest=550)}, "window width"),
        ({"flip_probability": 0.0}, "flip"),
        ({"rotation": RotationConfig(degrees=45.0)}, "range"),
        ({"rotation": RotationConfig(centre=(0.0, 1.0))}, "centre x"),
        ({"rotation": RotationConfig(centre=(0.5, 0.5))}, "centre y"),
    ],
)
def test_wrong_settings_are_rejected(update: dict[str, object], rejected: str) -> None:
    found = p_values(recorded("pseudo_video"), ours(TURNED.model_copy(update=update), "pseudo_video"))
    assert found[rejected] < REJECTED


def test_by_hand() -> None:
    """A frame of 720 x 1280 shrunk to 600 x 1067, then windows of 400 x 500 that move 100 of 567 columns."""
    windows = tuple((50, left, 400, 500) for left in (300, 290, 250, 210, 200))
    clip = Drawn((720, 1280), (600, 1067), (288, 360), windows, False, (), None)
    few, many = choices([clip]), amounts([clip])
    assert few["first short edge"] == [600] and few["second short edge"] == [288]
    assert few["window direction"] == [False] and few["window goes straight"] == [True]
    assert many["way of the window, width"] == [100 / 567] and many["way of the window, height"] == [0]
    assert many["window height"] == [16 / 216] and many["place of the middle frame"] == [0.5]
