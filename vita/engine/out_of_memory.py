"""Which exceptions say that there was no memory left; everybody who asks, asks here."""

from __future__ import annotations

import torch

# What PyTorch's allocators, C++ and NVIDIA's libraries say when there is no memory. Nothing else is taken for it.
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "std::bad_alloc", "_ALLOC_FAILED", "_ALLOCATION_FAILED")
# What PyTorch says when none of cuDNN's ways to compute a convolution worked: there is none, or each wanted a workspace
# that could not be allocated. The failed allocations themselves are caught on the way, so that the words are the same.
NO_ENGINE = "unable to find an engine to execute this computation"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that there was no memory left, on the CPU or on a card.

    cuDNN's lack of an engine is taken for it where an allocation of this process has failed before; see `is_no_engine`.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if is_no_engine(error):
        return failed_allocations() > 0
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)


def is_no_engine(error: BaseException) -> bool:
    """Whether an exception is cuDNN's lack of an engine, which has two causes: no memory for any, or none that fits.

    Only the same computation with more room, or a smaller one, tells them apart for certain.
    """
    return isinstance(error, RuntimeError) and NO_ENGINE in str(error)


def failed_allocations() -> int:
    """How often the allocator of the current card had nothing to give to this process; 0 where no card is in use."""
    return int(torch.cuda.memory_stats().get("num_ooms", 0)) if torch.cuda.is_initialized() else 0
