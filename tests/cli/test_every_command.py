"""What all commands of the app have: help by -h, -v and --quiet, and a first word before their work begins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import typer
from tiny_run import Ended, vita
from typer.testing import CliRunner

from vita.cli.command import Commands
from vita.cli.main import app
from vita.core import progress
from vita.core.contract import UserError


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands(typer.main.get_command(app)))
EVERY = pytest.mark.parametrize("path", ALL, ids=" ".join)


def required_words(command: Any) -> list[str]:
    """What must be given, with the value "1", which is a text, a path and a number."""
    asked = [one for one in command.params if one.required]
    return [word for one in asked for word in ([one.opts[0], "1"] if one.opts[0].startswith("-") else ["1"])]


class BeginError(Exception):
    """A command has come to the point where its work begins."""


def test_all_are_found() -> None:
    assert {("plan",), ("train",), ("data", "check"), ("convert", "weights")} <= ALL.keys()
    assert required_words(ALL["train",]) == ["--config", "1"]
    assert required_words(ALL["data", "import"]) == ["1", "--frames", "1", "--out", "1"]


@EVERY
def test_help_is_asked_for_by_either_name(path: tuple[str, ...]) -> None:
    short, long = vita(*path, "-h"), vita(*path, "--help")
    assert short == long and short.code == 0
    assert all(option in short.out for option in ("--verbose", "-v", "--quiet"))


@EVERY
def test_the_first_word_is_prepared_before_the_work(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    @contextmanager
    def stop(line: str) -> Iterator[None]:
        said.append(line)
        raise BeginError
        yield

    monkeypatch.setattr("vita.cli.command.first_word", stop)
    with pytest.raises(BeginError):
        vita(*path, *required_words(ALL[path]))
    assert said[0].startswith(f"vita {' '.join(path)}: ") and said[0].endswith(" ...")


class Clock:
    """In the place of a timer: its moment comes when the test says."""

    def __init__(self, seconds: float, say: Callable[[str], None], words: list[str]) -> None:
        assert seconds <= 2
        self.say, self.words, self.is_waiting = say, words, False
        self.daemon = False

    def start(self) -> None:
        self.is_waiting = True

    def cancel(self) -> None:
        self.is_waiting = False

    def strike(self) -> None:
        if self.is_waiting:
            self.say(*self.words)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> list[Clock]:
    made: list[Clock] = []

    def timer(*given: Any) -> Clock:
        made.append(Clock(*given))
        return made[-1]

    monkeypatch.setattr(progress, "Timer", timer)
    return made


def run(work: Callable[[], None], *options: str) -> Ended:
    """A command with this work, in a group of two."""
    group = Commands()

    @group.command("other")
    def other() -> None:
        """Do nothing."""

    @group.command("work")
    def command() -> None:
        """Do the work. At length."""
        work()

    ended = CliRunner().invoke(group, ["work", *options])
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


def test_a_command_that_takes_long_says_what_it_does(clocks: list[Clock]) -> None:
    def work() -> None:
        clocks[0].strike()
        sys.stderr.write("result\n")

    assert run(work).errors == "root work: Do the work ...\nresult\n"


def test_one_that_ends_soon_or_has_told_something_says_no_more(clocks: list[Clock]) -> None:
    assert run(lambda: None).errors == ""
    clocks[0].strike()

    def work() -> None:
        progress.say("the first step")
        clocks[1].strike()

    assert run(work).errors == "the first step\n"

    def bar() -> None:
        with progress.progress(2, "steps") as shown:
            clocks[2].strike()
            shown.update(2)

    assert run(bar).errors.startswith("steps: 0 of 2 [")


def test_a_bar_that_waits_leaves_the_first_word_to_the_command(clocks: list[Clock]) -> None:
    def work() -> None:
        with progress.progress(2, "steps", delay_s=progress.SHORT_S) as shown:
            clocks[0].strike()
            shown.update(2)

    assert run(work).errors == "root work: Do the work ...\n"


def test_quiet_and_verbose(clocks: list[Clock], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(progress.VERBOSITY, raising=False)

    def work() -> None:
        clocks[-1].strike()
        progress.say("a step")
        with progress.progress(1, "steps") as bar:
            bar.update()

    assert run(work, "--quiet").errors == ""
    told = run(work, "-v").errors.splitlines()
    assert [line.partition(" ")[2] for line in told[:2]] == ["root work: Do the work ...", "a step"]
    assert run(work).errors.startswith("root work")  # as before: neither option stays in force
    with pytest.raises(UserError, match="--quiet and --verbose: give one of them"):
        run(work, "--quiet", "-v")


def test_verbose_tells_where_an_error_arose() -> None:
    ended = vita("data", "check", "-v")
    assert ended.code == 2 and "Traceback" in ended.errors and ended.errors.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in vita("data", "check").errors
