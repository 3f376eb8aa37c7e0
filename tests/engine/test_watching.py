"""A training is shown as history.csv has it, whatever happened to it, and showing it changes and costs nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tiny_run import (
    configuration,
    ending_before,
    files_in,
    history_of,
    train_here,
    vita,
    weights_of,
    write_configuration,
)

from vita.core.contract import UserError
from vita.core.run_config import RunConfig
from vita.core.watcher import WatchedRun
from vita.demo.beside import draw_validation
from vita.engine.train import Trainer
from vita.engine.watching.watching import Watch

TENSORBOARD = Watch(("tensorboard",), draw_validation)
NUMBERS = "events/events.out.tfevents.000000000{}"
IMAGES = "events/images/events.out.tfevents.000000000{}"


@pytest.fixture
def config(videos: Path) -> RunConfig:
    """Rows after 2, 4, 6 and 8 steps, validations after 3, 6 and 8, checkpoints after 3 and 6."""
    return configuration(videos, validate_every=3)


def told(folder: Path) -> dict[str, dict[int, float]]:
    """Scalars by tag and step, as TensorBoard reads them."""
    events = EventAccumulator(str(folder / "events"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: {one.step: one.value for one in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def columns(folder: Path) -> dict[str, dict[int, Any]]:
    """The same of history.csv; numbers of 32 bits, as event files have them."""
    with (folder / "history.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = [name for name in rows[0] if name != "step"]
    return {name: {int(row["step"]): np.float32(row[name]) for row in rows if row[name]} for name in names}


def test_tensorboard_shows_what_history_has(config: RunConfig, tmp_path: Path) -> None:
    train_here(config, tmp_path, watch=TENSORBOARD)
    assert told(tmp_path) == columns(tmp_path)
    assert sorted(told(tmp_path)["validation_AP"]) == [3, 6, 8]
    assert sorted(told(tmp_path)["total"]) == [2, 4, 6, 8]


def test_an_interrupted_training_shows_every_point_once(config: RunConfig, tmp_path: Path) -> None:
    for step in (5, 5, 7):  # the first goes on from 3, where rows up to 4 were shown; the third from 6
        with ending_before(step):
            train_here(config, tmp_path, watch=TENSORBOARD)
        (numbers,) = (tmp_path / "events").glob("events*")
        numbers.write_bytes(numbers.read_bytes()[:-9])  # and what was written last is cut off
        (tmp_path / "events" / "images" / ".events.out.tfevents.0000000006.abc.part").write_bytes(b"half")
    train_here(config, tmp_path, watch=TENSORBOARD)
    assert told(tmp_path) == columns(tmp_path)
    (numbers,) = (tmp_path / "events").glob("events*")
    points = Counter(
        (value.tag, event.step) for event in LegacyEventFileLoader(str(numbers)).Load() for value in event.summary.value
    )
    assert set(points.values()) == {1}
    assert files_in(tmp_path / "events") == [NUMBERS[7:].format(3), *(IMAGES[7:].format(step) for step in (3, 6, 8))]


def test_predictions_are_pictures_of_the_first_video(config: RunConfig, tmp_path: Path) -> None:
    train_here(config, tmp_path, watch=TENSORBOARD)
    events = EventAccumulator(str(tmp_path / "events" / "images"))
    events.Reload()
    assert events.Tags()["images"] == ["video_00000"]
    shown = events.Images("video_00000")
    # Four of its frames of 32 x 48 pixels, 240 high, with white lines of 6 between; two rows, each under a line of 20.
    assert [(one.step, one.width, one.height) for one in shown] == [(step, 4 * 360 + 18, 526) for step in (3, 6, 8)]
    assert all(one.encoded_image_string.startswith(b"\xff\xd8") for one in shown)  # JPEG


def test_watching_leaves_training_as_it_is(config: RunConfig, tmp_path: Path) -> None:
    watched, alone = train_here(config, tmp_path / "a", watch=TENSORBOARD), train_here(config, tmp_path / "b")
    assert weights_of(watched) == weights_of(alone)
    assert history_of(watched) == history_of(alone)
    assert not (alone / "events").exists()


def test_another_training_in_the_folder_shows_nothing_of_the_one_before(videos: Path, tmp_path: Path) -> None:
    train_here(configuration(videos, validate_every=2), tmp_path, watch=TENSORBOARD)
    train_here(configuration(videos, validate_every=4), tmp_path, watch=TENSORBOARD)
    assert told(tmp_path) == columns(tmp_path)
    assert files_in(tmp_path / "events") == [NUMBERS[7:].format(1), *(IMAGES[7:].format(step) for step in (4, 8))]


class Shaky:
    """A watcher whose network is lost after so many calls."""

    def __init__(self, calls: int) -> None:
        self.left, self.steps = calls, list[int]()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.steps.append(step)
        self.left -= 1
        if self.left == 0:
            raise ConnectionError("no route\nto host")

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        self.scalars(step, {})

    def close(self, finished: bool) -> None:
        self.scalars(-1, {})


def watch_by(monkeypatch: pytest.MonkeyPatch, definition: Any) -> Watch:
    monkeypatch.setattr("vita.engine.watching.watching.find_watcher", lambda name: definition)
    return Watch(("mine",), draw_validation)


def test_a_watcher_that_fails_is_told_once_and_the_training_goes_on(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shaky = Shaky(calls=2)
    train_here(config, tmp_path, watch=watch_by(monkeypatch, lambda run: shaky))
    assert shaky.steps == [2, 3]  # of seven rows, three pictures and an end
    lines = [line for line in capsys.readouterr().err.splitlines() if "watching" in line]
    assert lines == ["step 3: watching by mine has ended: ConnectionError: no route to host; training goes on"]
    assert [row["step"] for row in history_of(tmp_path)] == ["2", "3", "4", "6", "8"]


def test_a_picture_that_cannot_be_drawn_is_told_once(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw(*_: Any) -> np.ndarray:
        raise ValueError("no colours left")

    shown = Shaky(calls=100)
    watch = watch_by(monkeypatch, lambda run: shown)
    train_here(config, tmp_path, watch=Watch(watch.names, draw))
    assert shown.steps == [2, 3, 4, 6, 6, 8, 8, -1]
    lines = [line for line in capsys.readouterr().err.splitlines() if "drawn" in line]
    assert lines == ["step 3: predictions are no longer drawn: ValueError: no colours left; training goes on"]


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (OSError("401: bad key"), "watching by mine cannot begin: OSError: 401: bad key; nothing is trained"),
        (UserError("mine: say where"), "mine: say where"),
        (ModuleNotFoundError("", name="theirs"), "needs the package theirs, which is not installed: pip install"),
    ],
)
def test_a_watcher_that_cannot_begin_is_told_before_anything_is_trained(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, message: str
) -> None:
    def begin(run: WatchedRun) -> Any:
        raise raised

    monkeypatch.setattr(Trainer, "_step", lambda *_: pytest.fail("a step was taken"))
    with pytest.raises(UserError, match=message):
        train_here(config, tmp_path, watch=watch_by(monkeypatch, begin))


def test_the_command_names_the_watchers(config: RunConfig, tmp_path: Path) -> None:
    file = write_configuration(tmp_path, config)
    message = vita("train", "--config", file, "--watch", "tensorbord").message
    assert message == "unknown watcher 'tensorbord'; installed are: tensorboard, trackio, wandb"
    assert files_in(tmp_path) == ["config.yaml"]


def test_the_command_shows_a_training_unless_told_otherwise(config: RunConfig, tmp_path: Path) -> None:
    for name, options in {"shown": [], "alone": ["--watch", "none"]}.items():
        file = write_configuration(tmp_path / name, config)
        assert vita("train", "--config", file, *options).code == 0
    assert told(tmp_path / "shown") == columns(tmp_path / "shown")
    assert not (tmp_path / "alone" / "events").exists()
