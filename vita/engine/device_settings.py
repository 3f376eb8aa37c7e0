"""How a card computes, in one place: deterministic kernels, TF32, cuDNN's trials of kernels, and the layout of maps."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState
from torch import nn

from vita.core.contract import UserError
from vita.core.run_config import CardConfig

CPU, CARD = "cpu", "cuda"  # names of devices; the second may be followed by a number, as in cuda:1
Adopt = Callable[[nn.Module, torch.device], None]  # changes a model to the form in which it runs on a device


def as_it_is(model: nn.Module, device: torch.device) -> None:
    """Change nothing."""


def find_device(name: str | None) -> torch.device:
    """The device called "cpu", "cuda" or "cuda:N", which is then the one in use; None: a card where there is one.

    Raises UserError on another name, and where PyTorch finds no such card.
    """
    if name is None:
        return torch.device(CARD if torch.cuda.is_available() else CPU)
    kind, _, number = name.partition(":")
    if kind not in (CPU, CARD) or (":" in name and not (kind == CARD and number.isdecimal())):
        raise UserError(f"--device {name}: no device; allowed are cpu, cuda and cuda:N, N from 0")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == CARD and int(number or 0) >= count:
        raise UserError(
            f"--device {name}: PyTorch finds {count or 'no'} card{'s' * (count > 1)} here; use --device cpu"
        )
    device = torch.device(kind, int(number)) if number else torch.device(kind)
    if number:
        torch.cuda.set_device(device)  # what is allocated on "the" card comes to lie there
    return device


def apply_settings(card: CardConfig, device: torch.device) -> dict[str, bool]:
    """Set PyTorch for runs on a device, and return what is in force there, by the keys of `CardConfig`.

    On a CPU nothing of it is asked for: kernels are deterministic, and the rest means nothing there.
    """
    on_card = device.type != "cpu"
    deterministic = card.deterministic or not on_card
    # As use_deterministic_algorithms, which also loads the compiler: seconds.
    torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # finds bugs of libraries, at a tenth of the time
    if not on_card:
        return CardConfig(deterministic=True).model_dump()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS sums in no fixed order
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = card.tf32
    torch.backends.cudnn.benchmark = card.cudnn_benchmark
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tf32": torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "channels_last": card.channels_last,
    }


def place(model: nn.Module, card: CardConfig, device: torch.device, adopt: Adopt = as_it_is) -> nn.Module:
    """The model on the device, on a card in the layout that is asked for; its weights are the same in every layout.

    adopt: gives it the form in which it runs there.
    """
    if device.type != "cpu" and card.channels_last:
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = model.to(device)
    adopt(model, device)
    return model


def accelerator_of(precision: str) -> Accelerator:
    """What trains in this precision. Raises UserError where this machine does not have it."""
    if precision == "fp16" and PartialState().device.type == "cpu":  # which the library would pass over in silence
        raise UserError(
            "train.precision is fp16 and there is no GPU here; on a CPU training would take 32 bits all the same. "
            "Train on a GPU, or choose bf16 or no"
        )
    # A step whose losses leave out some parameters (no object was matched, say) must not stop several processes.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(mixed_precision=precision, kwargs_handlers=[unused])
