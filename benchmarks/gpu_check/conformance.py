"""Recordings of the official implementations, and losses and gradients of the CPU, against the device."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from gpu_check.report import Bench, Item, Report
from gpu_check.scenes import METHODS, build, clips, objective
from vita.core.contract import Clip
from vita.engine.seeding import seed_everything
from vita.official.conformance import run as recordings
from vita.official.conformance.device import tf32

LOSS, GRADIENT = 1e-4, 1e-2  # relative: of each loss, and of the gradient as one vector
Numbers = tuple[dict[str, float], dict[str, torch.Tensor]]  # losses, and gradients on the CPU, by name


def items(bench: Bench) -> Iterator[Item]:
    """The recordings first."""
    yield "recordings", recorded
    for method in METHODS:
        yield f"{method} losses", partial(losses_and_gradients, method)


def recorded(report: Report) -> None:
    """All groups of the compact recordings; those that fail are named."""
    found = recordings.Report()
    with tf32(allowed=False):
        recordings.run(report.bench.recordings, False, found, lambda line: None, report.bench.device)
    failed = [check.group for check in found.checks if check.passed is False]
    passed = sum(check.passed is True for check in found.checks)
    names = f": {', '.join(failed)}" if failed else ""
    report.held("recordings", f"{len(failed)} of {passed + len(failed)} groups failed{names}", "0 failed", not failed)


def losses_and_gradients(method: str, report: Report) -> None:
    """One batch on the CPU and on the device, without TF32 and with it."""
    bench = report.bench
    seed_everything(0, bench.threads)
    model, batch = build(bench, method).eval(), clips(2, 3, *((128, 192) if bench.is_card else (64, 96)))
    reference = numbers(model, batch, torch.device("cpu"))
    model.to(bench.device)
    for allowed in (False, True):
        with tf32(allowed):
            ours = numbers(model, batch, bench.device)
        loss, gradient = differences(ours, reference)
        name = f"{method} {{}} on the CPU and here, TF32 {'on' if allowed else 'off'}"
        if allowed:
            report.note(name.format("losses"), f"{loss:.1e}")
            report.note(name.format("gradients"), f"{gradient:.1e}")
        else:
            report.held_on_card(name.format("losses"), f"{loss:.1e}", f"< {LOSS:g}", loss < LOSS)
            report.held_on_card(name.format("gradients"), f"{gradient:.1e}", f"< {GRADIENT:g}", gradient < GRADIENT)


def numbers(model: nn.Module, batch: list[Clip], device: torch.device) -> Numbers:
    """Every loss, and the gradient of their sum."""
    model.zero_grad(set_to_none=True)
    losses = objective(model, batch, device)
    losses.total.backward()
    gradients = {name: p.grad.detach().cpu() for name, p in model.named_parameters() if p.grad is not None}
    return {term.name: term.value.item() for term in losses.terms}, gradients


def differences(ours: Numbers, reference: Numbers) -> tuple[float, float]:
    """The largest of any loss, relative to it, and the length of the gradients' difference, relative to theirs."""
    if ours[0].keys() != reference[0].keys() or ours[1].keys() != reference[1].keys():
        raise ValueError("other losses or other trained parameters than on the CPU")
    losses = max(abs(ours[0][name] - value) / max(abs(value), 1e-6) for name, value in reference[0].items())
    missed = sum(float((ours[1][name] - value).double().square().sum()) for name, value in reference[1].items())
    whole = sum(float(value.double().square().sum()) for value in reference[1].values())
    return losses, (missed / whole) ** 0.5
