"""What a results file says of one video, over its frames, with the labels beside it where there are some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vita.core.contract import Track, UserError, Video
from vita.core.dataset_config import DatasetConfig
from vita.core.files import atomic_write
from vita.core.progress import SHORT_S, progress
from vita.data.dataset import Part, find_files
from vita.data.ytvis import Split, read_split
from vita.demo.beside import FOUND, TRUTH, Beside, truth_of, whole_code
from vita.demo.overlay import Painter, write_contact_sheet, write_video
from vita.demo.video_file import StoredVideo
from vita.evaluation.external.categories import explain_unknown, own_ids
from vita.evaluation.external.videos import check_videos, read_heads
from vita.evaluation.occlusion.non_maximum_suppression import distinct_tracks
from vita.evaluation.occlusion.visibility import code_at
from vita.evaluation.readers.detections import Detection, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, VideoSize
from vita.evaluation.readers.results_file import read_tracks

VIDEO, SHEET, FOLDER = ".mp4", ".png", ""  # endings of what is written
NAMED = 5  # videos that an error names
LEAST_EDGE = 240  # pixels; frames with a shorter edge are shown larger, so that labels are legible


@dataclass(frozen=True)
class ShownVideo:
    """One video, what was found in it, the best first, and its labels; empty where there are none."""

    video: Video
    found: list[Track]
    truth: list[Track]
    names: tuple[str, ...]

    @property
    def frames(self) -> StoredVideo:
        """As they are shown."""
        edge = min(self.video.height, self.video.width)
        return StoredVideo(self.video, shown_edge=LEAST_EDGE if edge < LEAST_EDGE else None)

    @property
    def painting(self) -> Beside:
        """The tracks, and beside them the labels."""
        found = {FOUND: Painter(self.found, self.names)}
        return Beside(found | ({TRUTH: Painter(self.truth, self.names, with_scores=False)} if self.truth else {}))


def read_videos(dataset: DatasetConfig, part: Part) -> Split:
    """All videos that the annotation file of a part has, whatever is held out. Raises UserError as reading does."""
    if dataset.format != "ytvis":
        raise UserError(f"data set '{dataset.name}': format {dataset.format}; results are of videos (format ytvis)")
    files = find_files(dataset, part)
    return read_split(files.annotations, files.frames, root=Path(dataset.root))


def read_shown(predictions: Path, split: Split, name: str | None, least_score: float) -> ShownVideo:
    """What a results file says of one video of a split, each object once.

    name: the video's, or its id; None: the first in which something has at least that score. Raises UserError where
    the file is not of these videos and categories, and where there is no such video.
    """
    sizes = {video.id: VideoSize(video.height, video.width, len(video.frame_paths)) for video in split.videos}
    names = dict(zip(split.category_ids, split.category_names, strict=True))
    _check_ids(predictions, sizes, names)
    truth = GroundTruth(sizes, names, [])
    chosen = None if name is None else _named(split, name)
    found = read_detections_file(predictions, truth, None if chosen is None else {chosen.id})
    if chosen is None:
        seen = {one.video_id for one in found if one.score >= least_score}
        chosen = next((video for video in split.videos if video.id in seen), split.videos[0])
    own = [one for one in found if one.video_id == chosen.id]
    tracks = [_track(one, chosen, split.category_ids) for one in distinct_tracks(own, truth, least_score)]
    instances = split.instances[split.videos.index(chosen)]
    return ShownVideo(chosen, tracks, truth_of(chosen, instances), split.category_names)


def _check_ids(predictions: Path, sizes: dict[int, VideoSize], names: dict[int, str]) -> None:
    """As `vita import` does. Raises UserError, which tells of its options."""
    heads = read_heads(read_tracks(predictions), str(predictions))
    tracks = Counter(head.category_id for head in heads)
    unknown = {key: count for key, count in tracks.items() if key not in names}
    try:
        check_videos(heads, sizes, 0, str(predictions))
        if unknown:
            raise UserError(f"{predictions}: {explain_unknown(unknown, tracks, own_ids(names))}")
    except UserError as error:
        hint = "such options are those of `vita import`, whose predictions/seed<k>.json can be shown"
        raise UserError(f"{error} ({hint})" if "--" in str(error) else str(error)) from None


def _named(split: Split, name: str) -> Video:
    found = [video for video in split.videos if name in (video.name, str(video.id))]
    if found:
        return found[0]
    known = ", ".join(video.name for video in split.videos[:NAMED])
    more = f", and {len(split.videos) - NAMED} more" if len(split.videos) > NAMED else ""
    raise UserError(f"--video {name}: no such video; there are {known}{more} (or their ids)")


def _track(one: Detection, video: Video, category_ids: Sequence[int]) -> Track:
    size = VideoSize(video.height, video.width, len(video.frame_paths))
    masks = [whole_code(code_at(one.track.masks, t, size), (size.height, size.width)) for t in range(size.length)]
    return Track(category_ids.index(one.category_id), one.score, masks)


def write_shown(shown: ShownVideo, pictures: int, out: Path) -> None:
    """Write what is shown: a video (.mp4), a sheet of so many frames (.png), or a folder of one picture a frame.

    Raises UserError on another ending, and on a frame that cannot be read.
    """
    if out.suffix not in (VIDEO, SHEET, FOLDER):
        raise UserError(f"--out {out}: allowed are an .mp4 file, a .png file, and a folder, without an ending")
    if out.suffix == VIDEO:
        write_video(shown.painting, shown.frames, out)
    elif out.suffix == SHEET:
        write_contact_sheet(shown.painting, shown.frames, pictures, out)
    else:
        _write_pictures(shown, out)


def _write_pictures(shown: ShownVideo, out: Path) -> None:
    frames = shown.frames
    with progress(len(frames), "pictures", delay_s=SHORT_S) as bar:
        for number, picture in enumerate(shown.painting.painted(frames, range(len(frames)))):
            with atomic_write(out / f"{number:05d}.png") as temporary:
                Image.fromarray(np.ascontiguousarray(picture)).save(temporary, format="PNG")
            bar.update()
