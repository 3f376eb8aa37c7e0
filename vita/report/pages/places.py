"""Where things stand on the page of results: a run, a training with all its seeds, and the runs behind a number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from vita.report.pages.html import anchor

DEPTH = 6  # tier, data set, method, backbone, variant, seed: the words of a run's folder


def run_words(path: str | PurePath) -> tuple[str, ...]:
    """The words of the run that a file or folder belongs to; none where it belongs to no run."""
    parts = PurePath(path).parts
    for end in range(len(parts), DEPTH - 1, -1):
        if re.fullmatch(r"seed\d+", parts[end - 1]):
            return parts[end - DEPTH : end]
    return ()


def run_place(words: tuple[str, ...]) -> str:
    """The anchor of a run."""
    return f"run-{anchor('-'.join(words))}"


def training_place(words: tuple[str, ...]) -> str:
    """The anchor of all seeds of a run's training."""
    return f"training-{anchor('-'.join(words[:-1]))}"


def runs_behind(evidence: str, shown: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The runs of those shown that the files of a line of evidence belong to, each once. evidence: paths, spaced."""
    known = set(shown)
    return [words for words in dict.fromkeys(map(run_words, evidence.split())) if words in known]
