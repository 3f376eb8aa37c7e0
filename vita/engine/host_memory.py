"""Memory of the host that PyTorch computes in on a CPU."""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
MOST = 2**31 - 1, 2**25  # bytes, of each


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what is asked for next, where it is glibc.

    Left to itself it gives large pieces back to the kernel, and gets them again, page by page, in every training step:
    a twentieth of a small model's time.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for parameter, most in zip((TRIM_THRESHOLD, MMAP_THRESHOLD), MOST, strict=True):
            library.mallopt(parameter, most)
