"""Cards that jobs claim for themselves, on a machine that has none: their names are made up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vita.core.contract import UserError
from vita.core.scheduler import JOB_VARIABLES
from vita.engine.cards import VISIBLE, own_cards, visible_cards

CARDS = ["GPU-aa11", "GPU-ab22", "GPU-cc33"]


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*JOB_VARIABLES, VISIBLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, CARDS),
        ("2,0", ["GPU-cc33", "GPU-aa11"]),
        ("GPU-cc33, 1", ["GPU-cc33", "GPU-ab22"]),
        ("GPU-c", ["GPU-cc33"]),  # as it begins
        ("GPU-a", []),  # two begin so
        ("0,0", ["GPU-aa11"]),
        ("1,7,0", ["GPU-ab22"]),  # as for CUDA, what follows an unknown one is not seen
        ("-1", []),
        ("", []),
        ("MIG-dd44,0", ["MIG-dd44", "GPU-aa11"]),
    ],
)
def test_visible_cards(chosen: str | None, expected: list[str]) -> None:
    assert visible_cards(CARDS, chosen) == expected


def test_two_jobs_have_cards_of_their_own(tmp_path: Path) -> None:
    with own_cards(2, CARDS, tmp_path) as first:
        assert first == CARDS[:2]
        assert os.environ[VISIBLE] == "GPU-aa11,GPU-ab22"
        with own_cards(1, CARDS, tmp_path) as second:
            assert second == [CARDS[2]]
            assert os.environ[VISIBLE] == "GPU-cc33"
            with pytest.raises(UserError, match=r"--gpus 1: 0 of 3 cards are free; the others are taken by other jobs"):
                own_cards(1, CARDS, tmp_path, patience_s=0).__enter__()
        assert os.environ[VISIBLE] == "GPU-aa11,GPU-ab22"
    assert VISIBLE not in os.environ
    with own_cards(3, CARDS, tmp_path) as all_of_them:
        assert all_of_them == CARDS


def test_who_gets_too_few_keeps_none(tmp_path: Path) -> None:
    with own_cards(1, CARDS, tmp_path):
        with pytest.raises(UserError, match="2 of 3 cards are free"):
            own_cards(3, CARDS, tmp_path, patience_s=0).__enter__()
        with own_cards(2, CARDS, tmp_path) as others:
            assert others == CARDS[1:]


def test_a_killed_job_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from vita.engine.cards import own_cards\n"
        "with own_cards(3, sys.argv[2:], Path(sys.argv[1])) as cards: print(*cards, flush=True); time.sleep(600)"
    )
    job = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *CARDS], stdout=subprocess.PIPE, text=True)
    try:
        assert job.stdout is not None and job.stdout.readline().split() == CARDS
        with pytest.raises(UserError, match="0 of 3 cards are free"):
            own_cards(1, CARDS, tmp_path, patience_s=0).__enter__()
    finally:
        job.send_signal(signal.SIGKILL)
        job.wait()
    with own_cards(3, CARDS, tmp_path) as cards:
        assert cards == CARDS


def test_more_cards_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--gpus 4: this machine shows 3; ask for fewer, or see CUDA_VISIBLE_DEVICES"):
        own_cards(4, CARDS, tmp_path).__enter__()


def test_none_at_all_are_hidden(tmp_path: Path) -> None:
    with own_cards(0, CARDS, tmp_path) as cards:
        assert cards == [] and os.environ[VISIBLE] == ""


@pytest.mark.parametrize("count", [None, 2])
def test_where_nothing_is_claimed(count: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is asked, where there is no card, and where a scheduler has shared them out."""
    with own_cards(None if count is None else count, CARDS if count is None else [], tmp_path) as cards:
        assert cards == [] and VISIBLE not in os.environ
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with own_cards(count, CARDS, tmp_path) as cards:
        assert cards == [] and VISIBLE not in os.environ
    assert list(tmp_path.iterdir()) == []
