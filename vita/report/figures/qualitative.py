"""Figure 6: one object through frames of its video, tracks over the frame detector's independent predictions.

The object follows from the scores of all (`vita.evaluation.occlusion.gain`), the frames from when it is occluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vita.core.config_base import load
from vita.core.contract import UserError, Video
from vita.core.csv_table import csv_text
from vita.core.files import write_text
from vita.data.dataset import find_files, read_part
from vita.data.masks.rle import areas
from vita.evaluation.bootstrap import Difference
from vita.evaluation.frames.frame_detections import read_frame_detections
from vita.evaluation.occlusion.gain import FEWEST_FRAMES, Choice, ObjectGain, choose, mean_gain, object_gains
from vita.evaluation.occlusion.non_maximum_suppression import FramePrediction, distinct_predictions, distinct_tracks
from vita.evaluation.occlusion.visibility import code_at
from vita.evaluation.readers.detections import Detection, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, VideoSize, load_ground_truth
from vita.experiments.config import TableSpec
from vita.report.figures.qualitative_drawing import Scene, draw_scene
from vita.report.runs.run_folders import SeedRun, runs_of_row
from vita.report.tables.inputs import read_runs

LEAST_SCORE = 0.3  # of tracks and of predictions of single frames
COLUMNS = 6
_OCCLUDED_COLUMNS = 4  # of these, at most

FRAME_DETECTOR = "frame_detector.json"


@dataclass(frozen=True)
class Predictions:
    """What one run found in the videos that it is scored on, each thing once. found: by video and frame."""

    run: SeedRun
    videos: dict[int, Video]
    truth: GroundTruth
    tracks: list[Detection]
    found: dict[tuple[int, int], list[FramePrediction]]


@dataclass(frozen=True)
class GainReport:
    """What was chosen of what.

    gains: of all objects, by video and id.  name: of what makes the tracks.  frames: those shown.
    """

    name: str
    predictions: Predictions
    gains: Sequence[ObjectGain]
    choice: Choice
    frames: Sequence[int]

    def title(self) -> str:
        """The object and its scores, a line."""
        chosen, occluded = self.choice.chosen, self.choice.occluded
        one, count = chosen.annotation, len(chosen.frames(occluded))
        video, category = self._names(chosen)
        of_track, of_frames = chosen.means(occluded)
        return (
            f"{video}, object {one.id} ({category}): "
            f"mean IoU over its {count} {'occluded' if occluded else 'visible'} frames: {self.name} {of_track:.2f}, "
            f"frame detector {of_frames:.2f}"
        )

    def words(self) -> str:
        """What was chosen of what, and what the others gain."""
        choice = self.choice
        gain, lines = choice.chosen.gain(choice.occluded), [self.title()]
        if not choice.occluded:
            few = f"No object is occluded in {FEWEST_FRAMES} frames or more"
            lines.append(f"{few}: all frames that show an object count.")
        none = " None gains." if gain <= 0 else ""
        lines.append(f"Candidates: {len(choice.candidates)}; the largest gain is {gain:+.2f}.{none}")
        if choice.occluded:
            mean = _signed(mean_gain(choice.candidates, occluded=True))
            lines.append(f"Mean gain of the candidates over their occluded frames: {mean}.")
        everywhere = _signed(mean_gain(self.gains, occluded=False))
        lines.append(f"Mean gain of all {len(self.gains)} objects over all frames that show them: {everywhere}.")
        lines.append("Intervals: 95 %, by bootstrap over the videos.")
        return "\n".join(lines)

    def table(self) -> pd.DataFrame:
        """Every object; IoUs and gain are empty for one that is no candidate."""
        return pd.DataFrame([self._line(gain) for gain in self.gains]).round(4)

    def _names(self, gain: ObjectGain) -> tuple[str, str]:
        """Of the object's video and category."""
        found, one = self.predictions, gain.annotation
        return found.videos[one.video_id].name, found.truth.categories[one.category_id]

    def _line(self, gain: ObjectGain) -> dict[str, object]:
        one, occluded, shown = gain.annotation, self.choice.occluded, gain is self.choice.chosen
        video, category = self._names(gain)
        of_track, of_frames = gain.means(occluded)
        return {
            "video_id": one.video_id,
            "video": video,
            "object_id": one.id,
            "category": category,
            "visible_frames": len(gain.visibility.visible),
            "occluded_frames": " ".join(map(str, gain.visibility.occluded)),
            "occlusion_from": "labels" if gain.visibility.labelled else "masks",
            "track_score": gain.track.score if gain.track else None,
            "track_iou": of_track,
            "frame_iou": of_frames,
            "gain": gain.gain(occluded),
            "gain_all_frames": gain.gain(occluded=False),
            "shown": "yes" if shown else "",
            "shown_frames": " ".join(map(str, self.frames)) if shown else "",
            "seed": self.predictions.run.seed,
            "run": self.predictions.run.folder.as_posix(),
        }


def build_qualitative(spec_file: Path, runs_csv: Path, out: Path) -> str:
    """Write `out` as .pdf, .png and .csv, which lists every object; give what was chosen, in words.

    Of several seeds the lowest that has predictions is shown. Raises UserError naming what is missing.
    """
    spec = load(TableSpec, spec_file)
    if len(spec.rows) != 1:
        raise UserError(f"{spec_file}: a qualitative figure shows one row, not {len(spec.rows)}")
    name = ", ".join(str(cell) for cell in spec.rows[0].key.values())
    predictions = read_predictions(spec, runs_csv)
    gains = object_gains(predictions.truth, predictions.tracks, predictions.found)
    choice = choose(gains)
    if choice is None:
        raise UserError(f"{predictions.run.folder}: no object is visible in the videos that the run is scored on")
    frames = shown_frames(choice.chosen, choice.occluded)
    report = GainReport(name, predictions, gains, choice, frames)
    draw_scene(_scene(report), out)
    write_text(out.with_suffix(".csv"), csv_text(report.table()))
    return report.words()


def read_predictions(spec: TableSpec, runs_csv: Path) -> Predictions:
    """Of the lowest seed that has any. Raises UserError saying why there is none."""
    row = spec.rows[0]
    if row.external is not None:
        raise UserError(
            f"{spec.name}: the row of {row.method}: an external result has no predictions of single frames to stand "
            "beside its tracks; `vita data sheet --pred` draws them alone"
        )
    runs = runs_of_row(row, spec.tier, read_runs(runs_csv))
    files = [(run, run.folder / "predictions" / f"{row.inference}.json") for run in runs]
    ready = [(run, file) for run, file in files if file.exists() and (run.folder / FRAME_DETECTOR).exists()]
    if not ready:
        reasons = [run.why_missing(f"predictions/{row.inference}.json") for run, _ in files]
        raise UserError(f"{runs_csv}: nothing to draw: {'; '.join(reasons) or row.not_run or 'no run is listed'}")
    run, file = ready[0]
    dataset = run.config().dataset
    videos = {video.id: video for video in read_part(dataset, "valid").videos}
    whole = load_ground_truth(find_files(dataset, "valid").annotations)
    truth = whole.select(list(videos))
    found = read_frame_detections(run.folder / FRAME_DETECTOR, whole, frozenset(videos))
    if not any(len(one.scores) for one in found.values()):
        raise UserError(f"{run.folder / FRAME_DETECTOR}: no prediction of a single frame; this method gives none")
    tracks = distinct_tracks(read_detections_file(file, whole, truth.videos), truth, LEAST_SCORE)
    return Predictions(run, videos, truth, tracks, distinct_predictions(found, truth, LEAST_SCORE))


def shown_frames(gain: ObjectGain, occluded: bool) -> list[int]:
    """At most six: four of occlusion, evenly spaced, and others that show the object, far from them and each other.

    Those are frames that show it clearly, where there are any. Without occlusion: of all that show it, evenly spaced.
    """
    counted, visibility = gain.frames(occluded), gain.visibility
    most = _OCCLUDED_COLUMNS if occluded else COLUMNS
    places = np.linspace(0, len(counted) - 1, min(most, len(counted))).round().astype(int)
    shown = [counted[place] for place in places]
    rest = [t for t in visibility.clear or visibility.visible if t not in shown]
    while rest and len(shown) < COLUMNS:
        farthest = max(rest, key=lambda t: min(abs(t - other) for other in shown))
        shown.append(farthest)
        rest.remove(farthest)
    return sorted(shown)


def _scene(report: GainReport) -> Scene:
    predictions, chosen, frames = report.predictions, report.choice.chosen, report.frames
    video_id = chosen.annotation.video_id
    size = predictions.truth.videos[video_id]
    tracks = [one for one in predictions.tracks if one.video_id == video_id and _seen(one, frames, size)]
    return Scene(
        video=predictions.videos[video_id],
        size=size,
        categories=predictions.truth.categories,
        gain=chosen,
        frames=tuple(frames),
        tracks=tuple(sorted(tracks, key=lambda one: (one is not chosen.track, -one.score))),
        found={t: predictions.found.get((video_id, t), []) for t in frames},
        title=report.title(),
        name=report.name,
        least_score=LEAST_SCORE,
    )


def _seen(track: Detection, frames: Sequence[int], size: VideoSize) -> bool:
    codes = [code_at(track.track.masks, t, size) for t in frames]
    return bool(areas([code for code in codes if code]).any())


def _signed(mean: Difference) -> str:
    return f"{mean.score:+.2f} ({mean.low:+.2f} to {mean.high:+.2f})"
