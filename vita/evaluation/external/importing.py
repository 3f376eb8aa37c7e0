"""An external result: from the files of other code to a folder with their tracks and their record."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vita import __version__
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.files import sha256
from vita.core.json_list import json_list
from vita.core.progress import SHORT_S, progress
from vita.core.records import EXTERNAL_RESULTS, IMPORT_FILE, ImportedFile, ImportRecord, ResultsOrigin, write_record
from vita.data.dataset import described_split, find_files
from vita.evaluation.external.categories import CategoryIds, explain_unknown, ids_by_name, own_ids
from vita.evaluation.external.videos import Head, check_videos, read_heads
from vita.evaluation.readers.ground_truth import GroundTruth, VideoSize, load_ground_truth
from vita.evaluation.readers.results_file import read_tracks
from vita.evaluation.readers.whole_track import whole_track


@dataclass(frozen=True)
class ImportRequest:
    """What is imported, and how its ids are to be understood.

    files: one a training, with its seed.  class_list, first_category: as of `ids_by_name`; None: the data set's ids.
    drop_other: leave out tracks of categories that the data set does not have.  allow_empty: videos without any track
    are ones in which nothing was found.
    """

    origin: ResultsOrigin
    dataset: DatasetConfig
    files: Mapping[int, Path]
    class_list: Path | None = None
    first_category: int = 1
    drop_other: bool = False
    video_id_shift: int = 0
    allow_empty: bool = False


@dataclass(frozen=True)
class Scored:
    """The labels that a data set is scored on. videos: ids of those that count, of all in `whole`."""

    whole: GroundTruth
    videos: tuple[int, ...]


def import_results(request: ImportRequest, root: Path = Path(EXTERNAL_RESULTS), replace: bool = False) -> ImportRecord:
    """Check every track of the files, and write `root`/<data set>/<name>/ with predictions/seed<k>.json and the record.

    The folder appears whole or not at all. Raises UserError naming the first thing that is wrong, and when there is
    such an import already, unless it is to be replaced.
    """
    folder = root / request.dataset.name / request.origin.name
    if folder.exists() and not replace:
        raise UserError(f"{folder}: there is such an import already; choose another --name, or say --replace")
    scored = read_scored(request.dataset)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        record = _written(request, scored, Path(temporary) / "new")
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        (Path(temporary) / "new").rename(folder)
    return record


def read_scored(dataset: DatasetConfig) -> Scored:
    """The labels of the videos that score a model. Raises UserError when they are not there, or not of videos."""
    if dataset.format != "ytvis":
        raise UserError(f"data set '{dataset.name}': format {dataset.format}; results are of videos (format ytvis)")
    files = find_files(dataset, "valid")
    whole = load_ground_truth(files.annotations)
    ids = described_split(dataset, files.ids, files.annotations).videos("valid") if files.ids else None
    return Scored(whole, tuple(whole.part(ids, dataset.limit_videos).videos))


def _written(request: ImportRequest, scored: Scored, folder: Path) -> ImportRecord:
    names = scored.whole.categories
    categories = (
        ids_by_name(request.class_list, request.first_category, names) if request.class_list else own_ids(names)
    )
    files, covered = [], set(scored.whole.videos)
    for seed, path in sorted(request.files.items()):
        with _as_json(path) as (source, member):
            heads = read_heads(read_tracks(source), str(path))
            left_out = _check_heads(request, heads, scored, categories, str(path))
            empty = _empty_videos(request, heads, scored, str(path))
            stored = folder / "predictions" / f"seed{seed}.json"
            _store(source, request, scored.whole.videos, categories, stored, len(heads), str(path))
        covered &= {head.video_id + request.video_id_shift for head in heads}
        files.append(
            ImportedFile(
                seed=seed,
                file=path.name,
                member=member,
                sha256=sha256(path),
                tracks=len(heads) - sum(left_out.values()),
                empty_videos=empty,
                left_out=left_out,
                stored_sha256=sha256(stored),
            )
        )
    sizes = {key: scored.whole.videos[key] for key in sorted(covered.union(scored.videos))}
    record = ImportRecord(
        origin=request.origin,
        dataset=request.dataset.name,
        validate_on=request.dataset.validate_on,
        ground_truth=request.dataset.ground_truth,
        videos={key: (size.height, size.width, size.length) for key, size in sizes.items()},
        categories=names,
        categories_by=categories.by,
        video_id_shift=request.video_id_shift,
        files=files,
        imported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    write_record(folder / IMPORT_FILE, record)
    return record


@contextmanager
def _as_json(path: Path) -> Iterator[tuple[Path, str | None]]:
    """The results file; of an archive for a server, its one JSON file, unpacked for the time being, and its name."""
    if path.suffix != ".zip":
        yield path, None
        return
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "results.json"
        yield unpacked, _unpack(path, unpacked)


def _unpack(path: Path, out: Path) -> str:
    """Unpack the one JSON file of an archive; give its name there. Raises UserError when there is not just one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".json") and not name.startswith("__")]
            if len(members) != 1:
                raise UserError(f"{path}: {len(members)} JSON files in the archive; it must hold one, results.json")
            with archive.open(members[0]) as packed, out.open("wb") as handle:
                shutil.copyfileobj(packed, handle)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError) as error:
        # The last two: a compression that is not known, and a password.
        raise UserError(f"{path}: not a readable archive: {error}") from None
    return members[0]


def _check_heads(
    request: ImportRequest, heads: Sequence[Head], scored: Scored, categories: CategoryIds, source: str
) -> dict[str, int]:
    """Tracks that are left out, by category. Raises UserError on a video, a length or a category that does not fit."""
    check_videos(heads, scored.whole.videos, request.video_id_shift, source)
    tracks = Counter(head.category_id for head in heads)
    unknown = {key: count for key, count in tracks.items() if key not in categories.ids}
    if unknown and not (request.drop_other and request.class_list is None):
        raise UserError(f"{source}: {explain_unknown(unknown, tracks, categories)}")
    others = unknown | {key: count for key, count in tracks.items() if categories.ids.get(key, key) is None}
    left_out = {categories.names.get(key, f"id {key}"): count for key, count in sorted(others.items())}
    if left_out and not request.drop_other:
        told = ", ".join(list(left_out)[:5])
        raise UserError(
            f"{source}: {sum(left_out.values())} tracks of categories that the data set does not have ({told}); "
            "correct the names in the class list, or leave these tracks out with --drop-other-categories"
        )
    if len(heads) == sum(left_out.values()):
        raise UserError(f"{source}: no track of a category of the data set; is it of another data set?")
    return left_out


def _empty_videos(request: ImportRequest, heads: Sequence[Head], scored: Scored, source: str) -> list[int]:
    """Scored videos without a track. Raises UserError where there are some and nobody said that this is so."""
    seen = {head.video_id + request.video_id_shift for head in heads}
    empty = [key for key in scored.videos if key not in seen]
    if len(empty) == len(scored.videos):
        raise UserError(
            f"{source}: no track in any of the {len(empty)} videos that are scored ({request.dataset.ground_truth}); "
            "predict those"
        )
    if empty and not request.allow_empty:
        raise UserError(
            f"{source}: no track in {len(empty)} of the {len(scored.videos)} videos that are scored (first: "
            f"{', '.join(map(str, empty[:5]))}); predict them too, or, where the method was run on them and found "
            "nothing, say --allow-empty"
        )
    return empty


def _store(
    source: Path,
    request: ImportRequest,
    videos: Mapping[int, VideoSize],
    categories: CategoryIds,
    out: Path,
    tracks: int,
    name: str,
) -> None:
    """Write the tracks in the data set's ids, every mask checked, in the order of the file."""
    with json_list(out) as extend, progress(tracks, "check", delay_s=SHORT_S) as bar:
        for number, entry in enumerate(read_tracks(source)):
            kept = categories.ids.get(entry["category_id"])
            if kept is not None:
                extend([_entry(entry, kept, request.video_id_shift, videos, f"{name}: prediction {number}")])
            bar.update()


def _entry(
    entry: dict[str, Any], category: int, shift: int, videos: Mapping[int, VideoSize], where: str
) -> dict[str, Any]:
    video = entry["video_id"] + shift
    masks = whole_track(entry["segmentations"], videos[video], f"{where}, of video {video}")
    return {"video_id": video, "category_id": category, "score": entry["score"], "segmentations": masks}
