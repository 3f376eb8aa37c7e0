"""Tracks of a results file in the place of a data set's labels, for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vita.core.contract import Rle, UserError, Video
from vita.core.dataset_config import DatasetConfig
from vita.core.grouping import grouped
from vita.data.dataset import Part, find_files, read_part
from vita.data.ytvis import Instance, Split
from vita.evaluation.occlusion.non_maximum_suppression import distinct_tracks
from vita.evaluation.readers.detections import Detection, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth


@dataclass(frozen=True)
class LabelledPart:
    """The videos of a data set's part, with the labels that predictions are read against."""

    split: Split
    labels: GroundTruth

    @classmethod
    def read(cls, dataset: DatasetConfig, part: Part) -> LabelledPart:
        """Raises UserError where a file is missing or not sound."""
        return cls(read_part(dataset, part), load_ground_truth(find_files(dataset, part).annotations))

    def fullest_video(self) -> LabelledPart:
        """The video with the most objects alone, of equal ones the first. Raises UserError when there is none."""
        if not self.split.videos:
            raise UserError("the data set has no video to show")
        place = max(range(len(self.split.videos)), key=lambda number: len(self.split.instances[number]))
        video, objects = self.split.videos[place], self.split.instances[place]
        return replace(self, split=replace(self.split, videos=(video,), instances=(objects,)))

    def with_tracks(self, predictions: Path, least_score: float) -> Split:
        """The videos with the tracks of this score or more in the place of labels, each object once, the best first.

        Of tracks that hold the same masks the one with the highest score is shown. Raises UserError as reading does.
        """
        split = self.split
        truth = self.labels.select([video.id for video in split.videos])
        tracks = distinct_tracks(read_detections_file(predictions, self.labels, truth.videos), truth, least_score)
        found = grouped(tracks, lambda track: track.video_id)
        instances = [_instances(video, found.get(video.id, []), split.category_ids) for video in split.videos]
        return replace(split, instances=instances)


def _instances(video: Video, tracks: Sequence[Detection], category_ids: Sequence[int]) -> tuple[Instance, ...]:
    return tuple(
        Instance(number, category_ids.index(track.category_id), _masks(video, track), is_crowd=False)
        for number, track in enumerate(tracks)
    )


def _masks(video: Video, track: Detection) -> tuple[Rle | None, ...]:
    codes = [*track.track.masks, *[""] * len(video.frame_paths)][: len(video.frame_paths)]
    return tuple(Rle(size=[video.height, video.width], counts=code) if code else None for code in codes)
