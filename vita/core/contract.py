"""Types that all parts share; this file imports nothing of the project, and no torch when it runs.

Legend: T frames, N instances, K classes, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

# How attention is computed, see `vita.blocks.attention_kernel`.
AttentionPath = Literal["materialised", "fused", "chunked"]
KEEP_BYTES = 4 * 2**30  # that a method may keep of a video's frames, where nothing else is said


class UserError(ValueError):
    """Input the user can mend. The message says what, where, the allowed values and what to do.

    The command line prints it as one line and exits with code 2; any other exception is a fault of ours.
    """


class Interrupted(BaseException):
    """The process was asked to end and does so in order; the same command goes on. The message says how, and when.

    Not an Exception, so that nothing that passes over errors passes over it. The command line exits with code 75.
    """


class Rle(TypedDict):
    """Compressed run-length code of one mask, as pycocotools writes it."""

    size: list[int]  # [height, width]
    counts: str


@dataclass(frozen=True)
class Video:
    """One video on disk. `height` and `width` are in pixels of the frames, set upright.

    roots: resolved folders; a frame that is a symbolic link must end below one of them. Empty: anywhere.
    """

    id: int
    name: str
    height: int
    width: int
    frame_paths: tuple[Path, ...]
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Clip:
    """A training sample: T frames of one video with its N instances.

    frames: (T, 3, H, W) uint8, RGB.  masks: (N, T, H, W) bool.
    labels: (N,) int64, contiguous class numbers 0..K-1.
    ids: (N, T) int64, the instance's number, -1 in every frame where its mask is empty.
    annotated: (N, T) bool, whether the data set has a mask of the instance in that frame; augmentation may have left
    nothing of it.
    """

    frames: Tensor
    masks: Tensor
    labels: Tensor
    ids: Tensor
    annotated: Tensor
    video_id: int
    frame_indices: tuple[int, ...]

    @property
    def tensors(self) -> dict[str, Any]:
        """All of its tensors, by the names of its fields."""
        return {name: getattr(self, name) for name in ("frames", "masks", "labels", "ids", "annotated")}


@dataclass(frozen=True)
class ClipSummary:
    """What an objective has to know of a clip of its batch that is computed elsewhere."""

    height: int  # pixels of its frames
    width: int
    objects: int  # N
    visible: tuple[int, ...]  # objects with a mask, frame by frame: T numbers
    annotated_at_end: int  # objects that are annotated in the last frame


@dataclass(frozen=True)
class BatchPart:
    """The batch of one optimiser step, seen from a pass through the network that computes some of its clips.

    Processes and passes share a batch out; see `vita.core.batch` for what follows from this.
    """

    whole: tuple[ClipSummary, ...]  # all clips of the batch, in order
    numbers: tuple[int, ...]  # in it, of the clips of this pass
    seed: int  # of the run
    step: int


@dataclass(frozen=True)
class LossTerm:
    """One summand of the objective. It carries its own weight, so none can lose it by a renamed key."""

    name: str
    value: Tensor  # scalar, unweighted
    weight: float


@dataclass(frozen=True)
class Losses:
    """All summands of one step's objective, in a fixed order."""

    terms: list[LossTerm]

    @property
    def total(self) -> Tensor:
        """Scalar: the weighted sum."""
        first, *others = (term.value * term.weight for term in self.terms)
        return sum(others, start=first)


@dataclass(frozen=True)
class Track:
    """One predicted object of a video: a class, a score in [0, 1] and a mask for every frame."""

    label: int
    score: float
    segmentations: Sequence[Rle]


@dataclass(frozen=True)
class FrameDetection:
    """One object that the frame detector alone finds in one frame."""

    frame_index: int
    label: int
    score: float
    segmentation: Rle


@dataclass(frozen=True)
class VideoPrediction:
    """What a method says of one video: its tracks by inference variant, and its frame detector's view."""

    tracks: Mapping[str, list[Track]]
    frame_detections: Sequence[FrameDetection] = field(default_factory=list)
    streamed: bool = False  # see `EncodedVideo`


class FrameSource(Protocol):
    """A video whose frames are read on demand, resized to the network's resolution."""

    @property
    def out_height(self) -> int:
        """Pixels of the stored frames, in which masks are reported."""
        ...

    @property
    def out_width(self) -> int:
        """Pixels of the stored frames."""
        ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Tensor:
        """Frames [start, stop): (T, 3, H, W) uint8, RGB."""
        ...


class VideoMethod(Protocol):
    """A trainable video instance segmentation method: a torch module with these calls."""

    def __call__(self, clips: Sequence[Clip], part: BatchPart | None = None) -> Losses:
        """The objective on clips that are a part of a batch; None: a whole batch (training mode).

        Losses of all parts add up to the batch's: they are sums over clips, divided by numbers of the whole batch.
        """
        ...

    def backbone_parameters(self) -> list[nn.Parameter]:
        """The parameters that learn at the backbone's own rate."""
        ...

    def state_to_keep(self) -> Mapping[str, Tensor]:
        """What the weights file of this training stage holds: the whole state, or whole parts of it."""
        ...

    def predict(self, frames: FrameSource, variants: Mapping[str, Any], top_k: int) -> VideoPrediction:
        """Tracks of one video under each inference variant, from one pass of the detector (eval mode)."""
        ...


class EncodedVideo(Protocol):
    """One video of which a method has seen all frames: it predicts any part of it, as often as it is asked."""

    @property
    def streamed(self) -> bool:
        """Whether what was kept lies on disk, so that memory does not grow with the number of frames."""
        ...

    def predict(self, start: int, stop: int, variants: Mapping[str, Any]) -> VideoPrediction:
        """The frames [start, stop) as a video of their own, under each inference variant."""
        ...


@runtime_checkable
class EncodingMethod(Protocol):
    """What a `VideoMethod` may add that takes its frames one by one: all parts of a video share one pass over them."""

    def encode_video(self, frames: FrameSource, top_k: int, keep_bytes: int = KEEP_BYTES) -> EncodedVideo:
        """See all frames, once (eval mode). Of more than `keep_bytes` of features, a method that can keeps less."""
        ...


@runtime_checkable
class StreamingMethod(Protocol):
    """What an `EncodingMethod` may add that follows videos of any length with what it keeps in files."""

    def feature_bytes(self, frames: FrameSource) -> int:
        """What the features of all frames would take on disk."""
        ...

    def stream(self, frames: FrameSource, top_k: int, folder: Path, spool: bool) -> EncodedVideo:
        """See all frames, once (eval mode), and keep what is needed of them in `folder`, where a pass goes on.

        spool: keep features there too, which are otherwise made a second time.
        """
        ...


@runtime_checkable
class CountedMethod(Protocol):
    """What a `VideoMethod` may add, so that its size and its work can be told, and what of them is its own."""

    @property
    def image_detector(self) -> nn.Module | None:
        """The part that alone finds objects in images: the method itself when it adds nothing, None without one."""
        ...

    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        """What inference asks of the network for one video, (T, 3, H, W) uint8, with the masks of `top_k` queries.

        No step depends on a value, so that all tensors may be without memory (torch's device "meta").
        """
        ...


@runtime_checkable
class ProbedMethod(Protocol):
    """What a `VideoMethod` may add for probes of memory. No step depends on a value: tensors may be without memory."""

    def encode_frames(self, images: Tensor) -> Any:
        """What frames (F, 3, H, W), normalised and padded, leave on the device until the video-level module runs.

        Tensors in nested tuples, lists or mappings; the first dimension of each counts frames.
        """
        ...

    def decode_video(self, kept: Sequence[Any], variant: Any, attention: AttentionPath) -> None:
        """The video-level module on what all chunks of a video left, once."""
        ...


class MethodDefinition(Protocol):
    """What an entry point of the group `vita.methods` names: how to read options and build the method."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """A freshly initialised `VideoMethod`. Raises UserError naming an unknown or impossible option."""
        ...

    def read_variant(self, options: Mapping[str, Any]) -> Any:
        """An inference variant of this method. Raises UserError naming an unknown or impossible option."""
        ...


class InferenceWrapper(Protocol):
    """What an entry point of the group `vita.inference_wrappers` names: a way of inference around any method."""

    def read_variant(self, options: Mapping[str, Any], definition: MethodDefinition) -> Any:
        """An inference variant of this wrapper. Raises UserError naming an unknown or impossible option."""
        ...

    def predict(
        self, video: EncodedVideo, frames: FrameSource, variants: Mapping[str, Any], top_k: int
    ) -> Mapping[str, list[Track]]:
        """The `top_k` best tracks of one video under each variant, from what a method says of its parts.

        frames: of the same video, for their number and size.
        """
        ...
