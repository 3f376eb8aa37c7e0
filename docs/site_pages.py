"""What `mkdocs build` adds to the pages of docs/, so that they need not be written twice.

README.md becomes the front page. Files outside docs/ that a page links to become pages too, at `repository/<path>`, and
links follow, so that every link works on a code host and on the site. The notebook becomes a page. Every room of the
packages becomes a page of its modules' docstrings, which are read without importing anything.
"""

from __future__ import annotations

import posixpath
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from griffe import Extension, Object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINKED_BY_NAVIGATION = (
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "baselines/README.md",
    "benchmarks/README.md",
    "results/README.md",
)


class PlainBrackets(Extension):
    """Docstrings write `masks[B][T]` without backquotes; Markdown would read a link."""

    def on_object(self, *, obj: Object, **kwargs: object) -> None:
        """Keep such brackets as they are, once an object of the source was read."""
        if obj.docstring is not None:
            obj.docstring.value = "`".join(
                part if inside % 2 else part.replace("][", "]\\[")
                for inside, part in enumerate(obj.docstring.value.split("`"))
            )


def site_path(path: str) -> str:
    """Where a file of the repository stands on the site, from its path in the repository."""
    if path == "README.md":
        return "index.md"
    inside = path.removeprefix("docs/")
    if inside == path:
        return f"repository/{path}" + ("" if path.endswith(".md") else ".md")
    return inside.removesuffix(".ipynb") + ".md" if inside.endswith(".ipynb") else inside


def linked(text: str, path: str) -> Iterator[str]:
    """The files of the repository that the Markdown of the file `path` links to, as paths in the repository."""
    for match in LINK.finditer(FENCE.sub("", text)):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))


def follow_links(text: str, path: str) -> str:
    """The Markdown of the repository's file `path` with its links as they are on the site."""
    start = posixpath.dirname(site_path(path))

    def moved(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
        return posixpath.relpath(site_path(target), start or ".") + (match[2] or "")

    return LINK.sub(moved, text)


def notebook(path: Path) -> str:
    """A notebook as Markdown, its pictures inside."""
    text, resources = MarkdownExporter().from_filename(str(path))
    for name, content in resources["outputs"].items():
        text = text.replace(f"({name})", f"(data:image/png;base64,{b64encode(content).decode()})")
    return text


def modules(room: Path) -> list[str]:
    """The public modules of a folder, by their dotted names; those at work in no import (`__main__`) are left out."""
    files = sorted(file.relative_to(ROOT) for file in room.rglob("*.py") if not file.name.startswith("__main__"))
    return [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]


def api_page(name: str) -> str:
    """The page of one room: its modules, each with what its docstrings say."""
    found = modules(ROOT / name.replace(".", "/"))
    return f"# {name}\n\n" + "\n\n".join(f"::: {module}" for module in found) + "\n"


def text_of(path: str) -> str:
    """A file of the repository as Markdown."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return text if path.endswith(".md") else f"# {path}\n\n```{Path(path).suffix[1:]}\n{text}```\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, each file outside docs/ once, those too that only an added page links to."""
    for file in files.documentation_pages():
        file.repository_path = f"docs/{file.src_uri}"  # type: ignore[attr-defined]
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(file)
        _add(files, config, f"docs/{file.src_uri}", notebook(ROOT / "docs" / file.src_uri))
    for name in (name for name in _named(config.nav) if name.startswith("api/")):
        files.append(File.generated(config, name, content=api_page(name[4:-3])))
    waiting = ["README.md", *LINKED_BY_NAVIGATION]
    waiting += [path for file in files.documentation_pages() for path in linked(file.content_string, _path(file))]
    while waiting:
        path = waiting.pop()
        outside = not path.startswith("docs/") and (ROOT / path).is_file()
        if outside and files.get_file_from_path(site_path(path)) is None:
            _add(files, config, path, text_of(path))
            waiting += linked(text_of(path), path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links of a page as they are on the site."""
    return follow_links(markdown, _path(page.file))


def _path(file: File) -> str:
    return getattr(file, "repository_path", f"docs/{file.src_uri}")


def _add(files: Files, config: MkDocsConfig, path: str, content: str) -> None:
    page = File.generated(config, site_path(path), content=content)
    page.repository_path = path  # type: ignore[attr-defined]
    files.append(page)


def _named(nav: object) -> Iterator[str]:
    """All pages that the navigation names."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict | list):
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from _named(part)
