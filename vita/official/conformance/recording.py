"""A folder of recorded outputs: safetensors and JSON files, with an account of what was looked at.

Legend: T frames, N instances, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vita.core.contract import Clip, UserError
from vita.core.files import read_json
from vita.official.contract import CPU, Check, not_compared


class Tensors(Mapping[str, Tensor]):
    """The tensors of one file, on one device. Whatever is read counts as looked at."""

    def __init__(self, path: Path, device: torch.device = CPU) -> None:
        try:
            self._tensors = {name: tensor.to(device) for name, tensor in load_file(path).items()}
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: not a readable safetensors file ({error})") from None
        self.path, self.device, self.read = path, device, set[str]()

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._tensors:
            raise UserError(f"{self.path}: no tensor '{key}'; it holds {', '.join(sorted(self._tensors)[:8])}, ...")
        self.read.add(key)
        return self._tensors[key]

    def __contains__(self, key: object) -> bool:
        return key in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def numbered(self, stem: str) -> list[Tensor]:
        """`stem.0`, `stem.1`, ... or `stem.000`, `stem.001`, ... in order."""
        keys = [key for key in self if key.rpartition(".")[0] == stem and key.rpartition(".")[2].isdigit()]
        return [self[key] for key in sorted(keys, key=lambda key: int(key.rpartition(".")[2]))]

    def listed(self, name: str) -> dict[int, Tensor]:
        """`name` itself, or `name.0`, `name.1`, ... by number; backbone maps are `backbone.res2` to `backbone.res5`."""
        if name in self:
            return {0: self[name]}
        if name == "backbone":
            return {stage - 2: self[key] for stage in range(2, 6) if (key := f"backbone.res{stage}") in self}
        numbers = [key.removeprefix(f"{name}.") for key in self if key.startswith(f"{name}.")]
        return {int(number): self[f"{name}.{number}"] for number in sorted(numbers) if number.isdigit()}

    def pairs(self, ours: Mapping[str, Tensor | Sequence[Tensor]], prefix: str = "") -> list[tuple[Tensor, Tensor]]:
        """Ours and the recorded tensor, for all names (behind `prefix`) that were recorded; of a list, see `listed`."""
        pairs: list[tuple[Tensor, Tensor]] = []
        for name, value in ours.items():
            if not isinstance(value, Tensor):
                pairs += numbered_pairs(value, self.listed(prefix + name))
            elif prefix + name in self:
                pairs.append((value, self[prefix + name]))
        return pairs


def numbered_pairs(ours: Sequence[Tensor], recorded: Mapping[int, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Ours and the recorded tensor of each recorded number; an empty tensor where we have none."""
    return [(ours[number] if number < len(ours) else torch.zeros(0), one) for number, one in recorded.items()]


class Facts(dict[str, Any]):
    """A mapping read from a JSON file; an entry that is wanted and not there makes the recording malformed."""

    path = Path()

    @classmethod
    def of(cls, value: Any, path: Path) -> Any:
        """`value` with every mapping inside it turned into facts of this file."""
        if isinstance(value, list):
            return [cls.of(entry, path) for entry in value]
        if not isinstance(value, dict):
            return value
        facts = cls({key: cls.of(entry, path) for key, entry in value.items()})
        facts.path = path
        return facts

    def __missing__(self, key: str) -> Any:
        raise UserError(f"{self.path}: no entry '{key}' where it is wanted; the recording is incomplete, make it again")


@dataclass
class Recording:
    """One folder. Files are opened once; `unread` tells which tensors nobody compared or used.

    device: where its tensors are put, and models that are compared with them run.
    """

    folder: Path
    device: torch.device = CPU
    _files: dict[str, Tensors] = field(default_factory=dict)

    def has(self, stem: str) -> bool:
        """Whether `stem.safetensors` was recorded."""
        return (self.folder / f"{stem}.safetensors").is_file()

    def tensors(self, stem: str) -> Tensors:
        """The tensors of `stem.safetensors`. Raises UserError when it is missing or damaged."""
        if stem not in self._files:
            self._files[stem] = Tensors(self.folder / f"{stem}.safetensors", self.device)
        return self._files[stem]

    def facts(self, stem: str) -> Facts:
        """The content of `stem.json`. Raises UserError when it is missing, not JSON, or later lacks a wanted entry."""
        path = self.folder / f"{stem}.json"
        facts = Facts.of(read_json(path), path)
        if not isinstance(facts, Facts):
            raise UserError(f"{path}: expected a mapping, found {type(facts).__name__}")
        return facts

    def stems(self, prefix: str) -> list[str]:
        """Names of the safetensors files that begin with `prefix`, sorted."""
        return sorted(path.stem for path in self.folder.glob(f"{prefix}*.safetensors"))

    def unread(self) -> Iterator[Check]:
        """A line for every opened file with tensors that nobody looked at, neither passed nor failed."""
        for stem, tensors in self._files.items():
            left = sorted(set(tensors) - tensors.read)
            if left:
                shown = ", ".join(left[:3]) + (", ..." if len(left) > 3 else "")
                yield not_compared(f"{self.folder.name}/{stem}: {len(left)} not compared: {shown}")


def configuration(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration keys that a meta.json overrides, flat; it lists them as pairs, or one after the other."""
    overrides = meta.get("overrides", [])
    if overrides and not isinstance(overrides[0], list):
        overrides = list(zip(overrides[::2], overrides[1::2], strict=True))
    return {str(key): value for key, value in overrides}


def recorded_value(facts: Any, key: str, path: Path) -> Any:
    """`facts[key]`. Raises UserError naming the file when there is no such entry."""
    if not isinstance(facts, Mapping) or key not in facts:
        raise UserError(f"{path}: no entry '{key}' where it is wanted; the recording is incomplete, make it again")
    return facts[key]


@dataclass
class StoredFrames:
    """A `FrameSource` of frames that are in memory: frames (T, 3, H, W) uint8."""

    frames: Tensor
    out_height: int
    out_width: int

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, start: int, stop: int) -> Tensor:
        """See `FrameSource`."""
        return self.frames[start:stop]


def recorded_clips(tensors: Tensors, absent_class: int) -> list[Clip]:
    """The recorded training batch as clips; an instance that no frame shows is dropped.

    absent_class: what the recorded data loader writes as the class of an instance that a frame does not show.
    """
    clips: list[Clip] = []
    while f"input.clip{len(clips)}.frames_uint8" in tensors:
        number = len(clips)
        frames, masks, ids, classes = (
            tensors[f"input.clip{number}.{key}"] for key in ("frames_uint8", "gt_masks", "gt_ids", "gt_classes")
        )
        visible = (ids != -1) & masks.bool().flatten(2).any(2)
        seen = visible.any(1)
        known = classes.masked_fill(classes == absent_class, -1)[seen]
        labels = known.amax(1) if len(known) else known.new_zeros(0)
        identities = ids.masked_fill(~visible, -1)[seen]
        places = tuple(range(len(frames)))
        clips.append(Clip(frames, masks[seen].bool(), labels, identities, known != -1, number, places))
    return clips
