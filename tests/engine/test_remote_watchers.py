"""What the packages of services are told, by packages that stand for them and keep it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_run import configuration, ending_before, history_of, train_here

from vita.core.contract import UserError
from vita.core.run_config import RunConfig
from vita.demo.beside import draw_validation
from vita.engine.watching.watching import Watch

VIDEO = "video_00000"


@dataclass
class Service:
    """Runs by what the service knows them by: all rows (step, values) that they were told, and how they ended."""

    rows: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    ends: list[Any] = field(default_factory=list)
    begun: list[dict[str, Any]] = field(default_factory=list)

    def begin(self, key: str, given: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
        self.begun.append(given)
        return self.rows.setdefault(given[key], [])

    @property
    def told(self) -> dict[tuple[str, int], Any]:
        """By column and step, of the one run that it knows; fails where something was told twice."""
        (rows,) = self.rows.values()
        values = [((name, step), value) for step, row in rows for name, value in row.items()]
        assert len(dict(values)) == len(values)
        return dict(values)


def fake_wandb(service: Service) -> Any:
    def init(**given: Any) -> Any:
        rows = service.begin("id", given)
        return SimpleNamespace(
            log=lambda row: rows.append((row["step"], {k: v for k, v in row.items() if k != "step"})),
            define_metric=lambda *_, **__: None,
            finish=lambda *, exit_code: service.ends.append(exit_code),
        )

    return SimpleNamespace(init=init, Settings=SimpleNamespace, Image=np.asarray)


def fake_trackio(service: Service) -> Any:
    def init(**given: Any) -> Any:
        rows = service.begin("name", given)
        return SimpleNamespace(
            log=lambda row, step: rows.append((step, row)), finish=lambda: service.ends.append("finished")
        )

    return SimpleNamespace(init=init, Image=np.asarray)


@pytest.fixture(params=[("wandb", fake_wandb), ("trackio", fake_trackio)], ids=lambda pair: pair[0])
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Watch, Service]:
    name, fake = request.param
    service = Service()
    monkeypatch.setitem(sys.modules, name, fake(service))
    return Watch((name,), draw_validation), service


@pytest.fixture
def config(videos: Path) -> RunConfig:
    """Rows after 2, 4, 6 and 8 steps, validations after 3, 6 and 8, checkpoints after 3 and 6."""
    return configuration(videos, validate_every=3)


def shown_in(folder: Path) -> dict[tuple[str, int], float]:
    """What history.csv has by column and step, but for the clock."""
    rows = history_of(folder)
    return {(k, int(row["step"])): float(v) for row in rows for k, v in row.items() if v and k != "step"}


def test_a_service_is_told_what_history_has(config: RunConfig, tmp_path: Path, watched: tuple[Watch, Service]) -> None:
    watch, service = watched
    train_here(config, tmp_path, watch=watch)
    told = service.told
    pictures = {step: told.pop((VIDEO, step)) for step in (3, 6, 8)}
    assert {picture.shape for picture in pictures.values()} == {(526, 1458, 3)}
    assert {key: value for key, value in told.items() if key[0] != "seconds"} == shown_in(tmp_path)
    (begun,) = service.begun
    assert begun["project"] == "vita-bench" and begun["config"]["train"]["iterations"] == 8
    assert begun["name"].startswith("shapes vita tiny base seed 0")
    assert service.ends in ([0], ["finished"])


def test_a_service_is_told_nothing_twice_of_an_interrupted_training(
    config: RunConfig, tmp_path: Path, watched: tuple[Watch, Service]
) -> None:
    watch, service = watched
    for step in (5, 7):
        with ending_before(step):
            train_here(config, tmp_path, watch=watch)
    train_here(config, tmp_path, watch=watch)
    told = service.told  # of one run, nothing twice
    assert sorted(step for name, step in told if name == VIDEO) == [3, 6, 8]
    numbers = {key: value for key, value in told.items() if key[0] not in ("seconds", VIDEO)}
    assert numbers == shown_in(tmp_path)
    assert len(service.begun) == 3
    assert service.ends in ([1, 1, 0], ["finished"] * 3)


def test_a_training_that_begins_anew_is_another_run(
    config: RunConfig, tmp_path: Path, watched: tuple[Watch, Service]
) -> None:
    watch, service = watched
    for seed in (0, 1):
        train_here(config.model_copy(update={"seed": seed}), tmp_path, watch=watch)
    first, second = service.rows.values()
    assert [step for step, _ in first] == [step for step, _ in second]


def test_the_services_own_variable_names_the_project(
    config: RunConfig, tmp_path: Path, watched: tuple[Watch, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, service = watched
    monkeypatch.setenv(f"{watch.names[0].upper()}_PROJECT", "ours")
    train_here(config, tmp_path, watch=watch)
    assert service.begun[0]["project"] == "ours"


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_package_that_is_not_there_is_named(
    name: str, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"needs the package {name}, .*: pip install 'vita-bench\[{name}\]'"):
        train_here(config, tmp_path, watch=Watch((name,)))
    assert json.loads((tmp_path / "work" / "record.json").read_text())["status"] == "failed"
