"""What is taken for a lack of memory, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from vita.engine.memory.trial import outcome_of
from vita.engine.out_of_memory import failed_allocations, is_no_engine, is_out_of_memory

NO_ENGINES = [
    RuntimeError("GET was unable to find an engine to execute this computation"),
    RuntimeError("FIND was unable to find an engine to execute this computation"),
]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            True,
        ),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (RuntimeError("CUDNN_STATUS_NOT_SUPPORTED"), False),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_is_taken_for_a_lack_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
    assert not is_no_engine(error)
    assert outcome_of(error, is_warm=False) == ("out of memory" if expected else "error")


def a_real_error() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    return caught.value


def test_what_pytorch_says_here() -> None:
    assert is_out_of_memory(a_real_error())


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A card in use whose allocator has failed so many times."""

    def failed(times: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "memory_stats", lambda: {"num_ooms": times})

    return failed


@pytest.mark.parametrize("error", NO_ENGINES)
def test_cudnns_words_mean_memory_after_an_allocation_that_failed(
    error: Exception, allocator: Callable[[int], None]
) -> None:
    assert is_no_engine(error) and not is_out_of_memory(error)  # no card is in use
    allocator(0)
    assert not is_out_of_memory(error)
    allocator(1)
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", NO_ENGINES)
def test_in_a_trial_they_are_settled_by_what_was_computed(error: Exception) -> None:
    """The warm-up computed as many frames without a limit, or else another trial must tell."""
    assert outcome_of(error, is_warm=True) == "out of memory"
    assert outcome_of(error, is_warm=False) == "no engine"


def test_failures_of_other_kinds_are_none() -> None:
    assert failed_allocations() == 0
    assert not is_no_engine(ValueError(str(NO_ENGINES[0])))
