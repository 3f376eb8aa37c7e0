"""The picture of figure 6: the frames, the tracks over them, and the frame detector's predictions, a row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from vita.core.contract import Rle, Video
from vita.data.masks import rle
from vita.data.ytvis import read_video_frame
from vita.evaluation.occlusion.gain import ObjectGain
from vita.evaluation.occlusion.non_maximum_suppression import FramePrediction
from vita.evaluation.occlusion.visibility import code_at
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import VideoSize
from vita.report.figures.overlay import (
    CLASS_COLOURS,
    IDENTITY_COLOURS,
    OPACITY,
    Paint,
    show_frame,
    show_mask,
    show_target,
)
from vita.report.figures.style import SMALL_POINTS, TEXT_INCHES, TINY_POINTS, save, styled

_ROWS = 3
_FEWEST_COLUMNS = 3  # so that a single frame does not fill a page
_LEGEND_LINES = 3
_BESIDE_INCHES, _AROUND_INCHES, _LINE_INCHES = 0.25, 0.48, 0.145  # margins of the frames, and a line of a legend


@dataclass(frozen=True)
class Scene:
    """All that is drawn.

    frames: shown, counted from 0.  tracks: seen in these, that of the object first.  found: by shown frame, the
    predictions of this frame alone, the best first.
    """

    video: Video
    size: VideoSize
    categories: Mapping[int, str]
    gain: ObjectGain
    frames: tuple[int, ...]
    tracks: tuple[Detection, ...]
    found: Mapping[int, Sequence[FramePrediction]]
    title: str
    name: str
    least_score: float

    @property
    def shown_categories(self) -> list[int]:
        """Of the predictions of single frames, that of the object first."""
        own = self.gain.annotation.category_id
        others = {one.category_id for found in self.found.values() for one in found} - {own}
        return [own, *sorted(others)]

    def decode(self, code: Rle | None) -> np.ndarray:
        """(H, W) bool."""
        return rle.decode([code], self.size.height, self.size.width)[0]


def draw_scene(scene: Scene, out: Path) -> None:
    """As wide as the text; .pdf and .png."""
    with styled():
        layout = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
        figure = Figure(figsize=(TEXT_INCHES, _height_inches(scene)), layout=layout)
        axes = figure.subplots(_ROWS, len(scene.frames), squeeze=False)
        for column, t in enumerate(scene.frames):
            _draw_column(axes[:, column], scene, t)
        for axis, label in zip(axes[:, 0], ("video", scene.name, "frame detector"), strict=True):
            axis.set_ylabel(label, fontsize=SMALL_POINTS)
        figure.suptitle(scene.title, fontsize=SMALL_POINTS, x=0.01, ha="left")
        _draw_legends(figure, scene)
        save(figure, out)


def _height_inches(scene: Scene) -> float:
    width = (TEXT_INCHES - _BESIDE_INCHES) / max(len(scene.frames), _FEWEST_COLUMNS)
    lines = min(_LEGEND_LINES, max(len(scene.tracks), len(scene.shown_categories)))
    return _ROWS * width * scene.size.height / scene.size.width + _AROUND_INCHES + lines * _LINE_INCHES


def _draw_column(axes: np.ndarray, scene: Scene, t: int) -> None:
    """axes: (3,)."""
    frame = read_video_frame(scene.video, t)
    for row, axis in enumerate(axes):
        show_frame(axis, frame, grey=row > 0)
    occluded = ", occluded" if t in scene.gain.visibility.occluded else ""
    axes[0].set_title(f"frame {t}{occluded}", fontsize=TINY_POINTS, pad=2)
    for number, track in reversed(list(enumerate(scene.tracks))):
        mask = scene.decode(code_at(track.track.masks, t, scene.size))
        show_mask(axes[1], mask, Paint.of(number, IDENTITY_COLOURS))
    for prediction in reversed(scene.found[t]):
        place = scene.shown_categories.index(prediction.category_id)
        show_mask(axes[2], scene.decode(prediction.mask), Paint.of(place, CLASS_COLOURS))
    target = scene.decode(code_at(scene.gain.annotation.track.masks, t, scene.size))
    show_target(axes[0], target)
    _write_iou(axes[1], scene.gain.track_ious[t])
    _write_iou(axes[2], scene.gain.frame_ious[t])


def _write_iou(axes: Axes, iou: float) -> None:
    text = axes.text(
        0.97, 0.05, f"{iou:.2f}", transform=axes.transAxes, fontsize=TINY_POINTS, ha="right", color="white"
    )
    text.set_path_effects([withStroke(linewidth=1.4, foreground="black")])


def _draw_legends(figure: Figure, scene: Scene) -> None:
    titles = (
        f"{scene.name}: a colour a track, scores",
        "frame detector: a colour a class",
        f"all of score {scene.least_score:g} or more",
    )
    places: tuple[Any, ...] = ("outside lower left", "outside lower center", "outside lower right")
    for handles, place, title in zip(_handles(scene), places, titles, strict=True):
        columns = -(-len(handles) // _LEGEND_LINES)
        figure.legend(handles=handles, loc=place, title=title, ncols=columns, alignment="left", handlelength=1.5)


def _handles(scene: Scene) -> tuple[list[Artist], list[Artist], list[Artist]]:
    """Of tracks, of categories, and of the object."""
    tracks: list[Artist] = [
        _patch(Paint.of(number, IDENTITY_COLOURS), f"{scene.categories[one.category_id]} {one.score:.2f}")
        for number, one in enumerate(scene.tracks)
    ]
    categories: list[Artist] = [
        _patch(Paint.of(number, CLASS_COLOURS), scene.categories[category])
        for number, category in enumerate(scene.shown_categories)
    ]
    outline = Line2D([], [], color="white", linewidth=1, path_effects=[withStroke(linewidth=2, foreground="black")])
    outline.set_label("ground truth; numbers: IoU with it, 0 for another class")
    return tracks, categories, [outline]


def _patch(paint: Paint, label: str) -> Patch:
    return Patch(facecolor=to_rgba(paint.colour, OPACITY), edgecolor=paint.colour, linestyle=paint.line, label=label)
