"""How a trial ended, told by the process that watches it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vita.engine.memory.case import Case
from vita.engine.memory.trial import Trial, TrialRequest, run_trial

REQUEST = TrialRequest(case=Case(method="vita"), budget_kind="cpu", budget_bytes=2**20, frames=7)

ENDINGS = {
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed", "killed from outside"),
    "crashed": ("import os; os.abort()", "crashed", "ended by SIGABRT"),
    "no memory in compiled code": (
        "import os, sys; sys.stderr.write(\"terminate called after throwing an instance of 'std::bad_alloc'\"); "
        "sys.stderr.flush(); os.abort()",
        "out of memory",
        "std::bad_alloc",
    ),
    "hanging": ("import time; time.sleep(60)", "hung", "did not end in 0.5 s"),
    "failing": ("raise ValueError('the sizes do not fit')", "error", "ValueError: the sizes do not fit"),
    "silent": ("pass", "error", "exit code 0: without a word"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_end_without_an_answer_is_told_for_what_it_is(name: str) -> None:
    code, outcome, message = ENDINGS[name]
    trial = run_trial(REQUEST, 0.5 if name == "hanging" else 30, (sys.executable, "-c", code))
    assert trial.outcome == outcome
    assert message in trial.message
    assert trial.frames == 7 and trial.seconds > 0


def test_an_answer(tmp_path: Path) -> None:
    code = (
        "import json, sys; asked = json.load(open(sys.argv[1])); "
        "json.dump({'outcome': 'fits', 'peak_bytes': asked['frames'] * 10}, open(sys.argv[2], 'w'))"
    )
    trial = run_trial(REQUEST, 30, (sys.executable, "-c", code))
    assert trial == Trial(frames=7, outcome="fits", peak_bytes=70, seconds=trial.seconds)
