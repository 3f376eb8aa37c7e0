"""Figure 6: one object through frames of its video, tracks over the frame detector's independent predictions.

The object follows from the scores of all (`vita.evaluation.occlusion_gain`), the frames from when it is occluded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vita.config_file import load
from vita.contract import UserError, Video
from vita.data.dataset import find_files, read_part
from vita.data.rle import areas
from vita.evaluation.detections import Detection, read_detections_file
from vita.evaluation.distinct import FramePrediction, distinct_predictions, distinct_tracks
from vita.evaluation.frame_detections import read_frame_detections
from vita.evaluation.ground_truth import GroundTruth, VideoSize, load_ground_truth
from vita.evaluation.occluded_frames import code_at
from vita.evaluation.occlusion_gain import FEWEST_FRAMES, Choice, ObjectGain, choose, object_gains
from vita.experiments.sections import TableSpec
from vita.files import write_text
from vita.report.inputs import read_runs
from vita.report.qualitative_drawing import Scene, draw_scene
from vita.report.run_folders import SeedRun, runs_of_row

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
    draw_scene(_scene(predictions, choice, frames, name), out)
    write_text(out.with_suffix(".csv"), gains_frame(predictions, gains, choice, frames).to_csv(index=False))
    return "\n".join(in_words(predictions, gains, choice, name))


def read_predictions(spec: TableSpec, runs_csv: Path) -> Predictions:
    """Of the lowest seed that has any. Raises UserError saying why there is none."""
    row = spec.rows[0]
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


def _scene(predictions: Predictions, choice: Choice, frames: Sequence[int], name: str) -> Scene:
    video_id = choice.chosen.annotation.video_id
    size = predictions.truth.videos[video_id]
    tracks = [one for one in predictions.tracks if one.video_id == video_id and _seen(one, frames, size)]
    return Scene(
        video=predictions.videos[video_id],
        size=size,
        categories=predictions.truth.categories,
        gain=choice.chosen,
        frames=tuple(frames),
        tracks=tuple(sorted(tracks, key=lambda one: (one is not choice.chosen.track, -one.score))),
        found={t: predictions.found.get((video_id, t), []) for t in frames},
        title=_title(predictions, choice, name),
        name=name,
        least_score=LEAST_SCORE,
    )


def _seen(track: Detection, frames: Sequence[int], size: VideoSize) -> bool:
    codes = [code_at(track.track.masks, t, size) for t in frames]
    return bool(areas([code for code in codes if code]).any())


def _title(predictions: Predictions, choice: Choice, name: str) -> str:
    one = choice.chosen.annotation
    of_track, of_frames = choice.chosen.means(choice.occluded)
    kind = "occluded" if choice.occluded else "visible"
    return (
        f"{predictions.videos[one.video_id].name}, object {one.id} ({predictions.truth.categories[one.category_id]}): "
        f"mean IoU over its {len(choice.chosen.frames(choice.occluded))} {kind} frames: {name} {of_track:.2f}, "
        f"frame detector {of_frames:.2f}"
    )


def in_words(predictions: Predictions, gains: Sequence[ObjectGain], choice: Choice, name: str) -> list[str]:
    """What was chosen of what, and what the others gain."""
    lines = [_title(predictions, choice, name)]
    if not choice.occluded:
        lines.append(f"No object is occluded in {FEWEST_FRAMES} frames or more: all frames that show an object count.")
    gain, count = choice.chosen.gain(choice.occluded), len(choice.candidates)
    lines.append(f"Candidates: {count}; the largest gain is {gain:+.2f}." + (" None gains." if gain <= 0 else ""))
    mean = np.mean([one.gain(choice.occluded) for one in choice.candidates])
    everywhere = np.mean([one.gain(occluded=False) for one in gains])
    if choice.occluded:
        lines.append(f"Mean gain of the candidates over their occluded frames: {mean:+.2f}.")
    lines.append(f"Mean gain of all {len(gains)} objects over all frames that show them: {everywhere:+.2f}.")
    return lines


def gains_frame(
    predictions: Predictions, gains: Sequence[ObjectGain], choice: Choice, frames: Sequence[int]
) -> pd.DataFrame:
    """Every object, by video and id; IoUs and gain are empty for one that is no candidate."""
    lines = []
    for gain in gains:
        one, occluded = gain.annotation, choice.occluded
        of_track, of_frames = gain.means(occluded)
        chosen = gain is choice.chosen
        lines.append(
            {
                "video_id": one.video_id,
                "video": predictions.videos[one.video_id].name,
                "object_id": one.id,
                "category": predictions.truth.categories[one.category_id],
                "visible_frames": len(gain.visibility.visible),
                "occluded_frames": " ".join(map(str, gain.visibility.occluded)),
                "occlusion_from": "labels" if gain.visibility.labelled else "masks",
                "track_score": gain.track.score if gain.track else None,
                "track_iou": of_track,
                "frame_iou": of_frames,
                "gain": gain.gain(occluded),
                "gain_all_frames": gain.gain(occluded=False),
                "shown": "yes" if chosen else "",
                "shown_frames": " ".join(map(str, frames)) if chosen else "",
                "seed": predictions.run.seed,
                "run": predictions.run.folder.as_posix(),
            }
        )
    return pd.DataFrame(lines).round(4)
