"""Real trials, under a real limit, of methods that run out of memory honestly, hide it, die or hang."""

from __future__ import annotations

import sys

import pytest

from vita.engine.memory.case import Case
from vita.engine.memory.trial import TrialRequest, run_trial

MIB = 2**20
FRAMES = 10  # of 16 MiB each: more than the budget of 64 MiB; the warm-up is one frame

PLANTED = """
import os, signal, sys, time
from pathlib import Path
import torch
from torch import nn
from vita.engine.memory import trial

class Planted(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def encode_frames(self, images):
        return images.new_zeros(1)

    def hold(self, frames):
        return torch.zeros(frames, 2**22)  # 16 MiB each

    def decode_video(self, kept, variant, attention):
        frames = len(kept)
        {body}

trial.build = lambda case: (Planted(), None)
trial.main(Path(sys.argv[1]), Path(sys.argv[2]))
"""

RETRIES = """try:
            self.hold(frames)
        except RuntimeError:
            self.hold(1)"""

METHODS = {
    "honest": ("self.hold(frames)", "out of memory", "can't allocate memory"),
    "frugal": ("self.hold(1)", "fits", ""),
    "retries with less": (RETRIES, "fallback", "memory ran out 1 times inside the method, which went on all the same"),
    "dies": ("frames > 1 and os.kill(os.getpid(), signal.SIGKILL)", "killed", "killed from outside"),
    "hangs": ("frames > 1 and time.sleep(60)", "hung", "did not end in 15 s"),
    "wrong": ("torch.zeros(frames) + torch.zeros(2) if frames > 1 else None", "error", "RuntimeError: The size of"),
}


@pytest.mark.parametrize("name", METHODS)
def test_each_is_told_for_what_it_is(name: str) -> None:
    body, outcome, message = METHODS[name]
    case = Case(method="planted", height=32, width=32)
    request = TrialRequest(case=case, budget_kind="cpu", budget_bytes=64 * MIB, frames=FRAMES)
    code = PLANTED.replace("{body}", body)
    trial = run_trial(request, 15 if name == "hangs" else 120, (sys.executable, "-c", code))
    assert (trial.outcome, message in trial.message) == (outcome, True), trial
    if name == "honest":
        assert trial.peak_bytes is not None and trial.peak_bytes < 64 * MIB
