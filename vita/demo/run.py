"""One video of one's own, from its frames to an overlay; a run that was cut off goes on where it was."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import torch

from vita.blocks.prediction_form import adopt_prediction_form
from vita.core.config_base import Frozen, digest
from vita.core.contract import StreamingMethod, Track, UserError, Video
from vita.core.files import read_json, sha256, write_json
from vita.core.json_list import json_list
from vita.core.plugins import find_method, method_package
from vita.core.progress import say
from vita.core.run_config import RunConfig
from vita.data.dataset import find_files
from vita.demo.duplicates import without_duplicates
from vita.demo.overlay import Painter, write_contact_sheet, write_video
from vita.demo.video_file import OwnVideo, open_video
from vita.engine.checkpoint import CLASS_HEAD, count_classes, load_whole
from vita.engine.predict import results_of
from vita.engine.record import device_name, peak_host_memory, source_digest

PICTURES = 12  # of the contact sheet


class DemoSettings(Frozen):
    """How a video is seen and shown. short_edge: of the frames that the network gets, in pixels; None: as stored.

    spool: keep mask features on disk, in the place of a second pass of the detector.
    """

    top_k: int = 10
    min_score: float = 0.3  # of the tracks that are shown; results.json has all
    short_edge: int | None = 360
    max_edge: int = 1333
    threads: int = 1
    spool: bool = False
    suppress_duplicates: float | None = None  # largest IoU of tracks of one class; the lower score goes. None: all stay


def run_demo(path: Path, config: RunConfig, weights: Path, settings: DemoSettings, out: Path) -> None:
    """Write `out`/results.json, overlay.mp4, contact_sheet.png and record.json. Raises UserError on bad input."""
    torch.set_num_threads(settings.threads)
    video = open_video(path, settings.short_edge, settings.max_edge)
    if video.missing:
        say(f"{path}: {video.missing}")
    work = _work_folder(out, path, video, weights, settings, digest(config))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, classes = _load(config, weights, device)
    began = time.perf_counter()
    if settings.spool:
        _check_space(model.feature_bytes(video), work)
    encoded = model.stream(video, settings.top_k, work, settings.spool)
    prediction = encoded.predict(0, len(video), {"all": find_method(config.method).read_variant({})})
    tracks = prediction.tracks["all"]
    if settings.suppress_duplicates is not None:
        found = len(tracks)
        tracks = without_duplicates(tracks, video.out_height, video.out_width, settings.suppress_duplicates)
        say(f"{found - len(tracks)} of {found} tracks left out: duplicates of others")
    _write_results(video, tracks, classes, out / "results.json")
    shown = Painter([track for track in tracks if track.score >= settings.min_score], list(classes.values()))
    write_contact_sheet(shown, video, PICTURES, out / "contact_sheet.png")
    write_video(shown, video, out / "overlay.mp4")
    record = {
        "frames": len(video),
        "missing": video.missing,
        "size": [video.out_height, video.out_width],
        "streamed": encoded.streamed,
        "tracks": len(tracks),
        "shown_tracks": len(shown.tracks),
        "device": device_name(device),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_host_memory_bytes": peak_host_memory(),
        "weights_sha256": sha256(weights),
        "source_digest": source_digest(method_package(config.method)),
        "settings": settings.model_dump(mode="json"),
    }
    write_json(out / "record.json", record, indent=1)
    shutil.rmtree(work)


def _check_space(needed: int, work: Path) -> None:
    """Tell what mask features take before they are written. Raises UserError where there is no room for them."""
    there = work / "mask_features"
    free = shutil.disk_usage(work).free + (there.stat().st_size if there.exists() else 0)
    told = f"mask features take {needed / 2**30:.1f} GiB in {work}, where {free / 2**30:.1f} GiB are free"
    if needed > free:
        raise UserError(f"--spool: {told}; leave it out, so that they are made twice instead of kept")
    say(told)


def _work_folder(
    out: Path, path: Path, video: OwnVideo, weights: Path, settings: DemoSettings, config_digest: str
) -> Path:
    """Where the run goes on. Raises UserError when another run was begun there."""
    about = path.stat()
    asked = {
        "video": [str(path.resolve()), about.st_size, about.st_mtime_ns, len(video)],
        "weights": sha256(weights),
        "config": config_digest,
        "settings": digest(settings),
    }
    file = out / "work" / "asked.json"
    if file.exists() and read_json(file) != asked:
        raise UserError(f"{out}: a demo of another video, model or setting was begun here; delete it or choose another")
    if not file.exists():
        write_json(file, asked)
    return file.parent


def _load(config: RunConfig, weights: Path, device: torch.device) -> tuple[StreamingMethod, dict[int, str]]:
    classes = count_classes(weights, CLASS_HEAD) if config.method == "vita" else None
    if classes is None:
        raise UserError(f"{weights}: not weights of VITA after training on videos; the demo needs them")
    model = find_method(config.method).build(config.options, classes)
    assert isinstance(model, StreamingMethod)
    load_whole(model, weights)
    model.to(device).eval()
    adopt_prediction_form(model, device)
    return model, _classes(config, classes)


def _classes(config: RunConfig, number: int) -> dict[int, str]:
    """As the data set that the weights were trained on names them, where it is there."""
    try:
        categories = read_json(find_files(config.dataset, "train").annotations)["categories"]
    except UserError:  # a demo needs no data
        categories = [{"id": label + 1, "name": f"class {label + 1}"} for label in range(number)]
    ordered = sorted(categories, key=lambda category: int(category["id"]))
    return {int(category["id"]): str(category["name"]) for category in ordered}


def _write_results(video: OwnVideo, tracks: list[Track], classes: dict[int, str], out: Path) -> None:
    """In the format of YouTube-VIS, the video's number being 1."""
    with json_list(out) as write:
        write(results_of(Video(1, "", video.out_height, video.out_width, ()), tracks, tuple(classes)))
