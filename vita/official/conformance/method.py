"""A method held against its recordings: what is the same for every method, whatever is recorded of it.

A method says how its parts are compared (`RecordedMethod`); models are built, fed and accounted for here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from vita.core.contract import Losses, MethodDefinition
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.state_dict import from_official, layout, shapes_of
from vita.official.conformance.recording import Facts, Recording, Tensors, configuration
from vita.official.conformance.released_sizes import FullSize, full_size_recordings, released_keys
from vita.official.conformance.training_step import SINGLE, Limits, gradient_checks
from vita.official.conformance.trajectory import STEPS, first_weights, in_64_bits, trajectory_checks
from vita.official.contract import CPU, Check, ReferenceAdapter

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class RecordedMethod(Generic[Model]):
    """How one method is compared; see `vita.official.contract.RecordedOutputs`.

    kind: of the built model; project: whose released configuration files its full-size recordings name; head: the
    official key of a class head, whose last row is "no object".
    small: outputs of a model with recorded weights; batch: the objective on a recorded batch; full_size: outputs of a
    model in its released size; gradients: what a batch's gradients are compared by.
    """

    kind: type[Model]
    definition: MethodDefinition
    official: ReferenceAdapter
    project: str
    head: str
    small: Callable[[Model, Recording], Iterator[Check]]
    batch: Callable[[Model, Tensors, Facts, str, Limits], tuple[Losses, list[Check]]]
    full_size: Callable[[Model, FullSize, Mapping[str, Any]], Iterator[Check]]
    gradients: Callable[..., Iterator[Check]] = gradient_checks

    def checks(self, folder: Path, device: torch.device = CPU) -> Iterator[Check]:
        """Everything that `folder` holds of a small model, which runs on `device`.

        Raises UserError when the folder is malformed.
        """
        recording = Recording(folder, device)
        if recording.stems(STEPS):
            yield from self._trajectory(recording)
        else:
            model = self._recorded(recording, recording.tensors("state_dict"))
            yield from self.small(model, recording)
            for stem in recording.stems("losses"):
                if not stem.endswith("_grads"):
                    yield from self._losses(model, recording, stem)
        yield from recording.unread()

    @torch.no_grad()
    def full_size_checks(self, folder: Path, device: torch.device = CPU) -> Iterator[Check]:
        """The released sizes with portable weights, for every recording of this method in `folder`."""
        for one in full_size_recordings(folder, self.project, device):
            config = {**released_keys(one.config), **configuration(one.meta)}
            classes = next(one.tensors[key].shape[-1] - 1 for key in one.tensors if "pred_logits" in key)
            model = self._build(self.official.options(config, {}), classes).eval()
            state = portable_weights(layout(model, self.official)) | dict(self.official.constants(model))
            model.load_state_dict(from_official(state, model, self.official, one.group))
            model.to(device)
            yield from self.full_size(model, one, config)
            yield from one.recording.unread()

    def _trajectory(self, recording: Recording) -> list[Check]:
        with in_64_bits():
            model = self._recorded(recording, first_weights(recording))
            return trajectory_checks(recording, model, self.official, partial(self.batch, model))

    def _recorded(self, recording: Recording, state: Tensors) -> Model:
        """A model of the recorded sizes with these weights."""
        options = self.official.options(configuration(recording.facts("meta")), shapes_of(state))
        model = self._build(options, len(state[self.head]) - 1)
        model.load_state_dict(from_official(state, model, self.official, str(state.path)))
        return model.to(recording.device)

    def _build(self, options: Mapping[str, Any], num_classes: int) -> Model:
        model = self.definition.build(options, num_classes)
        assert isinstance(model, self.kind)
        return model

    def _losses(self, model: Model, recording: Recording, stem: str) -> Iterator[Check]:
        """One recorded batch with its losses; gradients where they were recorded."""
        group = f"{recording.folder.name}/{stem}"
        model.train().zero_grad(set_to_none=True)
        losses, checks = self.batch(model, recording.tensors(stem), recording.facts(stem), group, SINGLE)
        yield from checks
        if (recording.folder / f"{stem}_grad_norms.json").is_file():
            losses.total.backward()
            whole = recording.tensors(f"{stem}_grads") if recording.has(f"{stem}_grads") else {}
            yield from self.gradients(model, self.official, recording.facts(f"{stem}_grad_norms"), whole, group)
