"""IFC's merging of clips held against recorded outputs of its official code.

Legend: T frames, N instances of a video, n of one clip, K classes, k predictions, H W pixels, h w positions of a mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.mask_decoding import decode
from vita.official.conformance.check import EXACT, VALUES, Tolerance, compare, compare_groups, compare_masks
from vita.official.conformance.recording import StoredFrames, Tensors, numbered_pairs
from vita.official.contract import Check
from vita_baselines.ifc.clip_merging import Association, ClipInstances, best_pairs
from vita_baselines.ifc.inference import IfcVariant, MapsInView, VideoTracker, chosen_pairs, clip_starts
from vita_baselines.ifc.method import Ifc
from vita_baselines.ifc.official.conformance_parts import MASK_LOGITS


def clip_stride(config: Mapping[str, Any]) -> int:
    """Configured frames from one clip to the next; 1 as released."""
    return int(config.get("MODEL.IFC.CLIP_STRIDE", 1))


def variant_of(stem: str, tensors: Tensors, config: Mapping[str, Any], frames: int) -> IfcVariant:
    """The configured way of inference; a file's name may tell of another stride, or of one class an instance."""
    released = IfcVariant()
    named = re.search(r"_stride(\d+)", stem)
    variant = IfcVariant(
        clip_frames=config.get("INPUT.SAMPLING_FRAME_NUM", released.clip_frames),
        stride=int(named[1]) if named else clip_stride(config),
        multi_class=config.get("MODEL.IFC.MULTI_CLS_ON", True) and "single_class" not in stem,
        class_threshold=config.get("MODEL.IFC.APPLY_CLS_THRES", released.class_threshold),
    )
    recorded = len(_numbers(tensors, r"clip(\d+)\.kept_labels"))
    strides = [variant.stride, *range(1, variant.clip_frames + 1)]
    fitting = [s for s in strides if len(clip_starts(frames, variant.clip_frames, s)) == recorded]
    return variant.model_copy(update={"stride": fitting[0]}) if fitting else variant


def _numbers(tensors: Tensors, pattern: str) -> list[int]:
    return sorted(int(match[1]) for key in tensors if (match := re.fullmatch(pattern, key)))


class ListeningTracker(VideoTracker):
    """Keeps every clip, how it was joined, and the final mask logits of every frame."""

    def __init__(self, model: Ifc, variant: IfcVariant, frames: StoredFrames) -> None:
        super().__init__(model, variant, frames)
        self.clips: list[ClipInstances] = []
        self.associations: list[Association] = []
        self.final: dict[int, tuple[Tensor, Tensor]] = {}

    def join(self, clip: ClipInstances, similarity: Tensor) -> Association:
        """See `VideoTracker`."""
        self.clips.append(clip)
        self.associations.append(super().join(clip, similarity))
        return self.associations[-1]

    def finish(self, number: int, instances: Tensor, logits: Tensor) -> None:
        """See `VideoTracker`."""
        self.final[number] = instances, logits
        super().finish(number, instances, logits)

    def valid(self, frames: int) -> Tensor:
        """Which clip holds which instance in which frame, (clips, N, T)."""
        held = torch.zeros(len(self.clips), len(self.probabilities), frames, dtype=torch.bool)
        held = held.to(self.probabilities.device)
        for row, clip, association in zip(held, self.clips, self.associations, strict=True):
            row[association.instances, clip.start : clip.stop] = True
        return held

    def mask_logits(self, frames: StoredFrames) -> Tensor:
        """(N, T, H, W) at the size of the stored frames; NaN where no clip holds the instance."""
        size = frames.out_height, frames.out_width
        logits = torch.full((len(self.probabilities), len(frames), *size), torch.nan, device=self.probabilities.device)
        for number, (instances, maps) in self.final.items():
            if len(instances):
                whole = F.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)
                logits[instances, number] = whole[0]
        return logits


@torch.no_grad()
def inference_checks(
    model: Ifc, frames: StoredFrames, variant: IfcVariant, tensors: Tensors, group: str
) -> Iterator[Check]:
    """Clip by clip, then the video's instances, then its predictions, then the whole of inference."""
    tracker, view = ListeningTracker(model, variant, frames), MapsInView()
    view.extend(model.see(normalise_and_pad([frames.frames], divisor=1)))
    tracker.follow(view)
    yield from _clip_checks(tracker, tensors, group)
    yield from _instance_checks(tracker, frames, tensors, group)
    scores, labels, instances = chosen_pairs(tracker.probabilities, variant)
    yield from compare_groups({"predicted scores": {"pred_scores": scores}}, tensors, group)
    named = {"predicted labels": {"pred_labels": labels}, "predicted instances": {"pred_instance_index": instances}}
    yield from compare_groups(named, tensors, group, EXACT)
    yield from _track_checks(model, frames, variant, scores, tensors, group)


def _clip_checks(tracker: ListeningTracker, tensors: Tensors, group: str) -> Iterator[Check]:
    """What was kept of each clip, how alike it is to the saved instances, and the assignment for that likeness."""
    best = [clip.probabilities.max(1) for clip in tracker.clips]
    yield from _numbered("kept scores", r"clip(\d+)\.kept_scores", [b.values for b in best], tensors, group, VALUES)
    yield from _numbered("kept labels", r"clip(\d+)\.kept_labels", [b.indices for b in best], tensors, group, EXACT)
    threshold, numbers = tracker.variant.match_threshold, _numbers(tensors, r"track\.siou\.(\d+)")
    ours = [association.similarity for association in tracker.associations]
    recorded = [tensors[f"track.siou.{number}"] for number in numbers]
    if numbers:
        pairs = numbered_pairs(ours, dict(zip(numbers, recorded, strict=True)))
        alike = [(counted(one, threshold), counted(other, threshold)) for one, other in pairs]
        yield compare(f"{group} soft IoU", alike, VALUES)
    # Equal sums leave more than one best assignment open: so it is asked for the recorded likeness.
    assigned = [
        [part.to(similarity.device) for part in best_pairs(similarity.cpu(), threshold)] for similarity in recorded
    ]
    yield from _numbered("assigned rows", r"track\.row\.(\d+)", [r for r, _ in assigned], tensors, group, EXACT)
    yield from _numbered("assigned columns", r"track\.col\.(\d+)", [c for _, c in assigned], tensors, group, EXACT)


def counted(similarity: Tensor, threshold: float) -> Tensor:
    """What the matching looks at, and what was recorded: entries at or below the threshold count as nothing."""
    return similarity.where(similarity > threshold, 0.0)


def _numbered(
    label: str, pattern: str, ours: Sequence[Tensor], tensors: Tensors, group: str, tolerance: Tolerance
) -> Iterator[Check]:
    names = {int(match[1]): key for key in tensors if (match := re.fullmatch(pattern, key))}
    if pairs := numbered_pairs(ours, {number: tensors[key] for number, key in sorted(names.items())}):
        yield compare(f"{group} {label}", pairs, tolerance)


def _instance_checks(tracker: ListeningTracker, frames: StoredFrames, tensors: Tensors, group: str) -> Iterator[Check]:
    """Where each instance of the video is held, its class probabilities and its masks."""
    yield from compare_groups({"held": {"video_valid": tracker.valid(len(frames))}}, tensors, group, EXACT)
    yield from compare_groups({"class probabilities": {"video_class_probs": tracker.probabilities}}, tensors, group)
    logits = "video_mask_logits_before_threshold"
    if logits in tensors:
        yield compare(f"{group} mask logits", [(tracker.mask_logits(frames), tensors[logits])], MASK_LOGITS)
    if "instance_masks" in tensors:
        masks = decode(tracker.segmentations)
        yield compare_masks(f"{group} instance masks", masks, tensors["instance_masks"].cpu().numpy())


def _track_checks(
    model: Ifc, frames: StoredFrames, variant: IfcVariant, scores: Tensor, tensors: Tensors, group: str
) -> Iterator[Check]:
    """The tracks that the harness gets, best first, against the recorded predictions in the order of our scores."""
    tracks = model.predict(frames, {"only": variant}, top_k=1).tracks["only"]
    order = scores.argsort(descending=True, stable=True)
    if len(order) != len(tensors["pred_scores"]):
        return  # has failed already
    named = torch.tensor([track.score for track in tracks]), torch.tensor([track.label for track in tracks])
    yield compare(f"{group} track scores", [(named[0], tensors["pred_scores"][order])], VALUES)
    yield compare(f"{group} track labels", [(named[1], tensors["pred_labels"][order])], EXACT)
    if "instance_masks" in tensors and "pred_instance_index" in tensors:
        wanted = tensors["instance_masks"][tensors["pred_instance_index"][order]].cpu().numpy()
        yield compare_masks(f"{group} track masks", decode([track.segmentations for track in tracks]), wanted)
