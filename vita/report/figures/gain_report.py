"""What figure 6 was chosen from: every object with its gain, as a table and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from vita.core.contract import Video
from vita.evaluation.bootstrap import Difference
from vita.evaluation.occlusion.gain import FEWEST_FRAMES, Choice, ObjectGain, mean_gain
from vita.report.runs.run_folders import SeedRun


@dataclass(frozen=True)
class GainReport:
    """gains: of all objects, by video and id.  name: of what makes the tracks.  frames: those shown."""

    name: str
    run: SeedRun
    videos: Mapping[int, Video]
    categories: Mapping[int, str]
    gains: Sequence[ObjectGain]
    choice: Choice
    frames: Sequence[int]

    def title(self) -> str:
        """The object and its scores, a line."""
        chosen, occluded = self.choice.chosen, self.choice.occluded
        one, count = chosen.annotation, len(chosen.frames(occluded))
        of_track, of_frames = chosen.means(occluded)
        return (
            f"{self.videos[one.video_id].name}, object {one.id} ({self.categories[one.category_id]}): "
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

    def _line(self, gain: ObjectGain) -> dict[str, object]:
        one, occluded, shown = gain.annotation, self.choice.occluded, gain is self.choice.chosen
        of_track, of_frames = gain.means(occluded)
        return {
            "video_id": one.video_id,
            "video": self.videos[one.video_id].name,
            "object_id": one.id,
            "category": self.categories[one.category_id],
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
            "seed": self.run.seed,
            "run": self.run.folder.as_posix(),
        }


def _signed(mean: Difference) -> str:
    return f"{mean.score:+.2f} ({mean.low:+.2f} to {mean.high:+.2f})"
