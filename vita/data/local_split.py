"""The list of video ids that divides `train` into a part to learn from and a part to be scored on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import model_validator

from vita.core.config_base import Frozen, parse
from vita.core.contract import UserError
from vita.core.files import read_json, sha256
from vita.data.stratification import choose_valid


class LocalSplit(Frozen):
    """The content of the file, small enough to share and to cite."""

    dataset: str
    seed: int
    valid_share: float
    annotations_sha256: str  # of the annotation file whose videos are listed
    categories_in_one_part: tuple[int, ...]  # of one video, or always together with others
    train: tuple[int, ...]
    valid: tuple[int, ...]

    @model_validator(mode="after")
    def _parts_are_disjoint(self) -> LocalSplit:
        both = sorted(set(self.train) & set(self.valid))
        if both:
            raise ValueError(f"video {both[0]} is in both parts")
        return self

    def summary(self) -> str:
        """The sizes of the parts, for people."""
        lonely = ", ".join(map(str, self.categories_in_one_part)) or "none"
        return (
            f"{len(self.train)} videos to learn from, {len(self.valid)} to be scored on; "
            f"categories in one part only: {lonely}"
        )

    def videos(self, part: str) -> frozenset[int]:
        """Ids of the part `train` or `valid`."""
        return frozenset(self.train if part == "train" else self.valid)


def read_local_split(path: Path, annotations: Path) -> LocalSplit:
    """The split of this annotation file.

    Raises UserError when the list is missing, not what `vita data split` writes, or of another annotation file: then
    the same ids may be other videos, and scores would not be of the videos that the list is cited for.
    """
    check_drawn(path)
    split = parse(LocalSplit, read_json(path), str(path))
    if sha256(annotations) != split.annotations_sha256:
        raise UserError(
            f"{path}: made from another annotation file than {annotations} (the SHA-256 differs); get the "
            "file that it was made from, or delete it and make one for yours with `vita data split`"
        )
    return split


def check_drawn(path: Path) -> None:
    """Raises UserError where a local split is not there yet."""
    if not path.exists():
        raise UserError(f"{path}: no such file; draw the local split with `vita data split --dataset ...`")


def make_local_split(dataset: str, annotations: Path, valid_share: float, seed: int) -> LocalSplit:
    """Divide the videos of an annotation file, stratified by category. Raises UserError naming what is wrong in it."""
    categories = _categories_of_videos(read_json(annotations), str(annotations))
    if len(categories) < 2:
        raise UserError(f"{annotations}: {len(categories)} videos cannot be divided; at least two are needed")
    valid = choose_valid(categories, valid_share, seed)
    scored = {name for video in valid for name in categories[video]}
    learned = {name for video in categories.keys() - valid for name in categories[video]}
    return LocalSplit(
        dataset=dataset,
        seed=seed,
        valid_share=valid_share,
        annotations_sha256=sha256(annotations),
        categories_in_one_part=tuple(sorted(learned ^ scored)),
        train=tuple(sorted(categories.keys() - valid)),
        valid=tuple(sorted(valid)),
    )


def _categories_of_videos(document: Any, where: str) -> dict[int, set[int]]:
    """Video id -> ids of the categories of its objects. Masks are not looked at."""
    seen: dict[int, set[int]] = {video["id"]: set() for video in _entries(document, "videos", ("id",), where)}
    for entry in _entries(document, "annotations", ("video_id", "category_id"), where):
        if entry["video_id"] not in seen:
            raise UserError(f"{where}: an annotation is of video {entry['video_id']}, which is not among the videos")
        seen[entry["video_id"]].add(entry["category_id"])
    return seen


def _entries(document: Any, key: str, numbers: tuple[str, ...], where: str) -> list[dict[str, Any]]:
    entries = document.get(key) if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UserError(f"{where}: `{key}` must be a list; only videos with published labels can be divided")
    for place, entry in enumerate(entries):
        bad = [name for name in numbers if not isinstance(entry, dict) or type(entry.get(name)) is not int]
        if bad:
            raise UserError(f"{where}: `{key}` entry {place}: `{bad[0]}` must be a whole number")
    return entries
