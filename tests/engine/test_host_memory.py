"""What is freed is kept: seen in a process of its own, since the setting is the process's."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource
from vita.engine.host_memory import keep_freed_memory
{call}
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
SIZE = 2**24
def touched():
    pieces = [library.malloc(SIZE) for _ in range(4)]
    for piece in pieces:
        ctypes.memset(piece, 1, SIZE)
    for piece in reversed(pieces):
        library.free(piece)
touched()
touched()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
touched()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_asked_for(call: str) -> int:
    """How many pages a process gets anew from the kernel for 64 MB that it has had before."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_memory_is_had_from_the_kernel_once() -> None:
    assert pages_asked_for("keep_freed_memory()") < 100 < pages_asked_for("")
