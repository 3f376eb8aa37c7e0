"""The demo from its command: what it writes, and that it goes on where it was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from own_videos import picture, write_pictures
from PIL import Image

from vita.blocks.mask_decoding import encode
from vita.core.contract import Track, UserError
from vita.core.run_config import RunConfig
from vita.data.masks.rle import decode
from vita.demo.overlay import COLOURS, Painter
from vita.demo.run import DemoSettings, run_demo
from vita.demo.video_file import open_video

SETTINGS = DemoSettings(top_k=3, min_score=0.0, short_edge=32)


@pytest.fixture(scope="module")
def finished(film: Path, config: RunConfig, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    run_demo(film, config, weights, SETTINGS, out)
    return out


def test_what_is_written(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir()) == [
        "contact_sheet.png",
        "overlay.mp4",
        "record.json",
        "results.json",
    ]
    tracks = json.loads((finished / "results.json").read_text())
    assert len(tracks) == 3 and all(track["video_id"] == 1 for track in tracks)
    assert all(decode(track["segmentations"], 64, 96).shape == (40, 64, 96) for track in tracks)
    record = json.loads((finished / "record.json").read_text())
    assert (record["frames"], record["size"], record["streamed"], record["tracks"]) == (40, [64, 96], True, 3)
    with Image.open(finished / "contact_sheet.png") as sheet:
        assert sheet.size == (4 * 96 + 3 * 6, 3 * 64 + 2 * 6)  # twelve pictures in three rows


def test_the_overlay_has_all_frames_at_the_same_rate(finished: Path) -> None:
    with av.open(str(finished / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (96, 64, 25)
        assert sum(1 for _ in container.decode(video=0)) == 40


def test_a_mask_is_painted_in_the_colour_of_its_track(tmp_path: Path) -> None:
    import torch

    video = open_video(write_pictures(tmp_path / "pictures", 4, 96, 144), None, 1333)
    mask = torch.zeros(1, 4, 96, 144, dtype=torch.bool)
    mask[0, 2, 40:60, 5:25] = True  # its label stands above, in letters of a legible size
    painter = Painter([Track(0, 0.9, encode(mask)[0])], ["circle"])
    for number, frame in enumerate(painter.painted(video, range(4))):
        plain = picture(number, 96, 144)
        if number != 2:
            np.testing.assert_array_equal(frame, plain)
            continue
        expected = 0.45 * plain[55, 15].astype(float) + 0.55 * np.array(COLOURS[0])
        assert np.abs(frame[55, 15] - expected).max() <= 1
        np.testing.assert_array_equal(frame[90, 120], plain[90, 120])
    (alone,) = painter.painted(video, [2])
    assert (alone != picture(2, 96, 144)).any()


class CutOffError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("where", ["vita.demo.run.write_video", "vita.model.streaming.mask_pass.add_masks"])
def test_goes_on_where_it_was_cut_off(
    where: str,
    finished: Path,
    film: Path,
    config: RunConfig,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(*given: object) -> None:
        raise CutOffError

    with monkeypatch.context() as patch, pytest.raises(CutOffError):
        patch.setattr(where, cut)
        run_demo(film, config, weights, SETTINGS, tmp_path)
    assert (tmp_path / "work").is_dir()
    seen: list[object] = []
    monkeypatch.setattr("vita.blocks.frame_detector.FrameDetector.forward", lambda *given: seen.append(given))
    run_demo(film, config, weights, SETTINGS, tmp_path)
    assert not seen, "all frames had been seen"
    assert (tmp_path / "results.json").read_bytes() == (finished / "results.json").read_bytes()
    assert not (tmp_path / "work").exists()


def test_another_demo_in_the_same_place(film: Path, config: RunConfig, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "asked.json").write_text('{"video": "another"}')
    with pytest.raises(UserError, match="a demo of another video, model or setting was begun here; delete it"):
        run_demo(film, config, weights, SETTINGS, tmp_path)


def test_weights_that_cannot_follow_anything(film: Path, config: RunConfig, weights: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from vita.engine.checkpoint import save_weights

    detector = {name: tensor for name, tensor in load_file(weights).items() if name.startswith("detector.")}
    save_weights(detector, tmp_path / "detector.safetensors")
    with pytest.raises(UserError, match=r"detector\.safetensors: not weights of VITA after training on videos"):
        run_demo(film, config, tmp_path / "detector.safetensors", SETTINGS, tmp_path / "out")
    other = config.model_copy(update={"method": "ifc"})
    with pytest.raises(UserError, match="not weights of VITA"):
        run_demo(film, other, weights, SETTINGS, tmp_path / "another")


def test_spooling_states_its_space_first(
    finished: Path,
    film: Path,
    config: RunConfig,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    spooled = SETTINGS.model_copy(update={"spool": True})
    run_demo(film, config, weights, spooled, tmp_path / "out")
    assert "mask features take 0.0 GiB in" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.json").read_text() == (finished / "results.json").read_text()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(UserError, match=r"--spool: mask features take .* leave it out"):
        run_demo(film, config, weights, spooled, tmp_path / "full")
