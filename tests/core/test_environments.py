"""Machines as people have them: other locales and umasks, no place for compiled code, environments without pip."""

from __future__ import annotations

import ast
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vita.core.files import read_json, read_text, write_json, write_text

ROOT = Path(__file__).parents[2]
TEXT_CALLS = {"read_text", "write_text", "open"}
# Of other things than text files, or with an encoding of their own.
OTHERS = {"av", "os", "Image", "archive", "zipfile", "tarfile"}


@pytest.mark.parametrize(("mask", "mode"), [(0o002, 0o664), (0o027, 0o640), (0o077, 0o600)])
def test_files_have_the_permissions_of_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "new" / "a.txt", "a")
        write_text(tmp_path / "new" / "a.txt", "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "a.txt").stat().st_mode) == mode
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_files_are_utf_8_in_any_locale(tmp_path: Path, locale: str) -> None:
    command = (
        "import sys; from pathlib import Path; from vita.core.files import *\n"
        "assert sys.flags.utf8_mode == 0\n"
        "folder = Path(sys.argv[1]); text = '\\u00fcber \\u4e2d \\u00b1'\n"
        "write_text(folder / 'a', text); assert read_text(folder / 'a') == text\n"
    )
    environment = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", command, str(tmp_path)], env=environment, check=True)
    assert (tmp_path / "a").read_bytes().decode("utf-8") == "über 中 ±" == read_text(tmp_path / "a")
    write_json(tmp_path / "b.json", ["ü"])


def text_without_encoding(path: Path) -> list[str]:
    """Calls that open a text file in the encoding of the machine."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, given = node.func.value, {keyword.arg for keyword in node.keywords}
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        binary = any("b" in mode for mode in modes) and node.func.attr == "open"
        other = isinstance(owner, ast.Name) and owner.id in OTHERS
        if node.func.attr in TEXT_CALLS and not binary and not other and "encoding" not in given:
            found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def test_every_text_file_names_its_encoding() -> None:
    assert not [line for room in ("vita", "baselines") for path in (ROOT / room).rglob("*.py")
                for line in text_without_encoding(path)]  # fmt: skip


def test_without_a_place_for_compiled_code(tmp_path: Path) -> None:
    """As in a package that cannot be written, used by an account without a home."""
    package = tmp_path / "site" / "loops"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from vita.core.compiled import compiled\n@compiled(nogil=True)\ndef add(a, b):\n    return a + b\n"
    )
    command = (
        "from unittest.mock import patch; from numba.core.caching import CacheImpl\n"
        "with patch.object(CacheImpl, '_locator_classes', []): import loops\n"
        "assert loops.add(1, 2) == 3\n"
    )
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    subprocess.run([sys.executable, "-c", command], env=environment, check=True)


def test_an_environment_without_pip_gets_one(tmp_path: Path) -> None:
    """As uv makes them; the package itself is not installed here."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    probe = "include Makefile\nthere:\n\t@$(INSTALLER_THERE)\n"
    (tmp_path / "probe.mk").write_text(probe)
    for _ in range(2):
        subprocess.run(["make", "-f", "probe.mk", "there"], cwd=tmp_path, check=True, capture_output=True)
        subprocess.run([tmp_path / ".venv/bin/python", "-m", "pip", "--version"], check=True, capture_output=True)


def test_a_mark_at_the_begin_of_a_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json") == [1]
