"""Whether an external result is still of the videos that are scored."""

from __future__ import annotations

from pathlib import Path

from vita.core.contract import UserError
from vita.core.files import sha256
from vita.core.records import ImportRecord
from vita.evaluation.readers.ground_truth import GroundTruth


def check_covered(record: ImportRecord, predictions: Path, truth: GroundTruth) -> None:
    """Raises UserError when the tracks are not those that were imported, or of other videos than are scored.

    truth: the labels of the videos that are scored. A tier may score more videos, or others, than were checked.
    """
    again = f"import '{record.origin.name}' again for the data set as it is now"
    if sha256(predictions) not in {file.stored_sha256 for file in record.files}:
        raise UserError(f"{predictions}: not the tracks that were imported (its SHA-256 differs); {again}")
    missing = [key for key in truth.videos if key not in record.videos]
    if missing:
        raise UserError(
            f"{predictions}: covers {len(truth.videos) - len(missing)} of the {len(truth.videos)} videos that are "
            f"scored here; video {missing[0]} is not among them; import results that cover all of them"
        )
    for key, size in truth.videos.items():
        if record.videos[key] != (size.height, size.width, size.length):
            raise UserError(f"{predictions}: video {key} had another size or length when this was imported; {again}")
    if record.categories != truth.categories:
        raise UserError(f"{predictions}: the data set had other categories when this was imported; {again}")
