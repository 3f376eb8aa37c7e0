"""The pages of the project, and the commands that they show."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
DOCUMENTS = sorted({page.resolve() for page in _PAGES})  # vita_baselines is a link
SHELL = ("sh", "console")


@dataclass(frozen=True)
class Command:
    """One command of a page, its variables filled in where the page sets them. environment: what stood before it."""

    page: str
    words: tuple[str, ...]
    environment: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language; of those without one, where it is empty."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, name, block in found if name == language]


def shell_blocks(page: Path) -> list[str]:
    """What a reader is to type."""
    return [block for language in SHELL for block in blocks(page.read_text(encoding="utf-8"), language)]


def commands(page: Path) -> list[Command]:
    """The commands of all shell blocks of a page, `.venv/bin/` taken away."""
    return [command for block in shell_blocks(page) for command in _commands(str(page.relative_to(ROOT)), block)]


def _commands(page: str, block: str) -> list[Command]:
    found, set_here = [], dict[str, str]()
    for line in block.replace("\\\n", " ").splitlines():
        for name, value in set_here.items():
            line = line.replace(f"${name}", value)  # noqa: PLW2901
        words = [word.removeprefix(".venv/bin/") for word in shlex.split(line.removeprefix("$ "), comments=True)]
        environment = []
        while words and re.fullmatch(r"\w+=.*", words[0]):
            environment.append(words.pop(0))
        if words:
            found.append(Command(page, tuple(words), tuple(environment)))
        else:
            set_here |= dict(entry.split("=", 1) for entry in environment)
    return found


ALL = [command for page in DOCUMENTS for command in commands(page)]
