"""A run's weights from a file of others: found, checked, converted, and recorded with their origin."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vita.core.contract import UserError
from vita.core.dataset_config import why_unset
from vita.core.files import sha256
from vita.core.plugins import method_package
from vita.core.records import START_FILE, TRAINING_FILE, FileOrigin, write_record
from vita.core.run_config import RunConfig, WeightsFile
from vita.engine.checkpoint import save_weights
from vita.engine.record import digest_of_sources, new_training_record, source_digest, write_ended
from vita.official.checkpoints.published import PublishedWeights, Request, read_published


def convert_run(config: RunConfig, folder: Path) -> str:
    """Write what the configuration's `weights` stand for, and say what it was.

    A backbone becomes the file that the training starts from, with `start_record.json` beside it; a model of images or
    of videos becomes the run's model.safetensors and record.json. Raises UserError, and writes nothing, when the file
    is missing, of another SHA-256 than given, or not what it is said to hold.
    """
    given = config.weights
    if given is None:
        raise UserError(f"{folder}: this run's weights are trained, not converted; its configuration has no `weights`")
    found_sha256 = _checked_sha256(given)
    request = Request(config.method, config.options, given.holds, pick=given.pick)
    read = read_published(Path(given.file), request)
    origin = FileOrigin(
        file=given.file,
        sha256=found_sha256,
        holds=read.holds,
        layout=read.layout,
        left_out=list(read.left_out),
        fresh=list(read.fresh),
        converter_digest=digest_of_sources(Path(__file__).parent),
    )
    _write(config, folder, read, origin)
    lines = [f"{given.file}: {read.layout}", f"SHA-256 {found_sha256}"]
    lines += [f"left out: {', '.join(read.left_out)}"] if read.left_out else []
    lines += [f"starts anew: {', '.join(read.fresh)}"] if read.fresh else []
    return "\n".join(lines)


def _write(config: RunConfig, folder: Path, read: PublishedWeights, origin: FileOrigin) -> None:
    if read.holds == "backbone":
        if config.start_from is None:
            raise UserError(
                f"{folder}: the configuration does not say where the converted backbone goes (`start_from`)"
            )
        save_weights(read.state, folder / Path(config.start_from).name)
        write_record(folder / START_FILE, origin)
        return
    weights, record = folder / "model.safetensors", new_training_record(config)
    save_weights(read.state, weights)
    record.weights_from, record.origin = "file", origin
    record.source_digest = source_digest(method_package(config.method))
    record.weights_sha256, record.status = sha256(weights), "finished"
    write_ended(record, folder / TRAINING_FILE)


def _checked_sha256(given: WeightsFile) -> str:
    """Of the file; of a folder, over its files in the order of their names."""
    path = Path(given.file)
    if unset := why_unset(given.file):
        raise UserError(f"weights {given.file}: {unset}")
    if not path.exists():
        raise UserError(f"weights {given.file}: no such file")
    found = _of_folder(path) if path.is_dir() else sha256(path)
    if given.sha256 not in (None, found):
        raise UserError(
            f"weights {given.file}: its SHA-256 is {found}, but {given.sha256} was asked for; it is another file, or a "
            "damaged copy"
        )
    return found


def _of_folder(folder: Path) -> str:
    combined = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        combined.update(f"{path.name} {sha256(path)}\n".encode())
    return combined.hexdigest()
