"""How a card computes, in one place: deterministic kernels, TF32, cuDNN's trials of kernels, and the layout of maps."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import nn

from vita.core.run_config import CardConfig

Adopt = Callable[[nn.Module, torch.device], None]  # changes a model to the form in which it runs on a device


def as_it_is(model: nn.Module, device: torch.device) -> None:
    """Change nothing."""


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
