"""What is fuzzed: a reader, files that it reads, and what is held of any other file."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml
from av import FFmpegError

from vita.core.contract import UserError
from vita.core.plain_text import one_line


class DifferenceError(AssertionError):
    """Two readings of one file are not the same."""


@dataclass(frozen=True)
class Seed:
    """A sound file. name: in its folder; a reader may go by it."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Target:
    """A reader.

    seeds: sound files; it may write others beside them into the folder, which then are there for `use`.
    use: reads a file by it and by a plain reader. Raises UserError where the file is refused, DifferenceError where
    the two do not agree.  words: of the format.  parse: a file's content as a document whose values are exchanged.
    drawn: another sound file each time, of which some are read as they are.
    """

    name: str
    seeds: Callable[[Path], Sequence[Seed]]
    use: Callable[[Path], None]
    words: Sequence[bytes]
    parse: Callable[[bytes], Any] | None = None
    drawn: Callable[[random.Random], Seed] | None = None


def used(target: Target, path: Path) -> bool:
    """Whether the file is read; False when it is refused as it should be."""
    try:
        target.use(path)
    except UserError as error:
        if hidden := _memory_error(error):
            raise hidden from None
        if not one_line(str(error)):
            differ("refused without a word")
        return False
    return True


def _memory_error(error: BaseException | None) -> MemoryError | None:
    """Memory that was asked for and not there, behind a refusal; what FFmpeg does not even ask for is none."""
    while error is not None and (not isinstance(error, MemoryError) or isinstance(error, FFmpegError)):
        error = error.__context__
    return error


def agree(ours: Callable[[], Any], plain: Callable[[], Any], refusals: tuple[type[Exception], ...]) -> Any:
    """What both make of a file. Raises UserError where both refuse it (the plain one by `refusals`)."""
    refusal, found = outcome(ours, (UserError,))
    plainly, expected = outcome(plain, refusals)
    if (refusal is None) != (plainly is None):
        differ(f"ours: {refusal or 'read'}; plain: {plainly or 'read'}")
    if refusal is not None:
        raise refusal
    if repr(found) != repr(expected):
        differ(f"ours: {found!r:.500}; plain: {expected!r:.500}")
    return found


def outcome(read: Callable[[], Any], refusals: tuple[type[Exception], ...]) -> tuple[Exception | None, Any]:
    """The refusal, or what was read."""
    try:
        return None, read()
    except refusals as error:
        return error, None


def differ(text: str) -> NoReturn:
    """Raises DifferenceError."""
    raise DifferenceError(text)


def plain_json(path: Path) -> Any:
    """By Python's own reader. Raises ValueError or RecursionError."""
    return json.loads(path.read_bytes().decode("utf-8-sig"))


def plain_yaml(path: Path) -> Any:
    """By PyYAML's own safe reader. Raises an error of any kind."""
    return yaml.safe_load(path.read_bytes().decode("utf-8-sig"))


JSON_WORDS = tuple(
    b'9 - e9 null true [ ] { } " , : 1e999 0 -1 NaN Infinity [] {} "" \\ \\u0000 \\ud800 \\" 1e-400 0.5 '
    b"99999999999999999999 4294967296 2147483648 \xef\xbb\xbf \xff \x00 \n".split(b" ")
)
YAML_WORDS = tuple(
    b"9|-|- |: |, |[|]|{|}|'|\"|#|null|~|yes|1e999|.nan|.inf|0x10|0o7|1_000|2022-13-45|2022-01-01|&a |*a|<<: *a|<<: |"
    b"!!int |!!float |!!bool |!!binary |!!python/object:os.system |!!set |!!omap |!!timestamp |? |--- |...|%YAML 9\n|"
    b"\n|\n  |\t|\\u0000|\x00|\xff|$(id)|;|../|${HOME}|\xef\xbb\xbf|\xe2\x80\xa8|>|\\|@|`".split(b"|")
)
