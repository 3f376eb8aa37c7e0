"""detectron2 for tests: as it is installed, or from its repository without a build, where DETECTRON2_CHECKOUT names it.

Its Python parts run without its compiled ones. torchvision, installed without what it depends on, needs its operators
declared before it is imported. None of the tests calls any of these.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
import torch

CHECKOUT = "DETECTRON2_CHECKOUT"
DECLARED: list[torch.library.Library] = []


def prepare_detectron2() -> str:
    """Make detectron2 importable from the checkout that the environment names. Why it cannot be imported, else ""."""
    checkout = os.environ.get(CHECKOUT)
    if checkout is not None:
        sys.path.append(checkout)
        declare_torchvision_operators()
    found = importlib.util.find_spec("detectron2")
    return "" if found else f"no detectron2 is installed, and {CHECKOUT} names none (docs/detectron2.md)"


def declare_torchvision_operators() -> None:
    """Names of the compiled operators that torchvision describes to torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    text = (Path(spec.origin).parent / "_meta_registrations.py").read_text()
    names = {*re.findall(r'@register_meta\("(\w+)"', text), *re.findall(r'register_fake\("torchvision::(\w+)"', text)}
    DECLARED.append(torch.library.Library("torchvision", "FRAGMENT"))  # which takes them along when it goes
    for name in sorted(names):
        DECLARED[0].define(f"{name}(Tensor a) -> Tensor")


ABSENT = prepare_detectron2()  # before anything imports torchvision, as transformers does where it is installed
needs_detectron2 = [pytest.mark.detectron2, pytest.mark.skipif(bool(ABSENT), reason=ABSENT)]
