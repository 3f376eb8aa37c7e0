"""Faults of training that several methods are tried with."""

from __future__ import annotations

import pytest

from vita.blocks.losses.set_criterion import SetLoss


def drop_auxiliary_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every layer but the last."""
    terms = SetLoss.terms

    def last_layer_only(loss: SetLoss, level: str) -> list:
        last = [x[-1:] for x in (loss.classification, loss.mask, loss.dice)]
        return terms(SetLoss(*last, loss.weights), level)

    monkeypatch.setattr(SetLoss, "terms", last_layer_only)
