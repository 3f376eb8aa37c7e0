"""Who imports whom, read from the source, and the picture of it: `python docs/import_graph.py` draws architecture.svg.

A room is a folder of `vita/` or `baselines/` (imported as `vita_baselines`), or a module beside them;
`vita_detectron2/` is one. All imports count: those inside functions, and those for type checking alone. An arrow that
follows from others is not drawn.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
PACKAGES = ("vita", "vita_baselines", "vita_detectron2")

Graph = Mapping[str, Set[str]]
Box = tuple[float, float, float]  # left edge, top, width

# Of the picture, in pixels.
WIDTH, ROW, BOX_HEIGHT, MARGIN, GAP = 1420, 122, 80, 20, 20
FILL = {"vita": "#e8f0fb", "vita_baselines": "#fdf0dc", "vita_detectron2": "#e9f5e4"}
EDGE = {"vita": "#3465a4", "vita_baselines": "#b36b00", "vita_detectron2": "#4e8a2e"}


@cache
def source_files(root: Path = ROOT) -> dict[str, Path]:
    """Every module of all packages by its full name."""
    found = {}
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported_names(node: ast.AST, modules: Set[str]) -> list[str]:
    """Full names of what one statement imports: `from vita.data import coco` names a module, not its package."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.level:
        raise ValueError(f"line {node.lineno}: a relative import; imports are absolute here")
    members = {f"{node.module}.{alias.name}" for alias in node.names}
    inside = members & modules
    return [*inside, *([] if inside == members else [str(node.module)])]


@cache
def import_graph(root: Path = ROOT) -> dict[str, frozenset[str]]:
    """Of every module, the modules of all packages that it imports anywhere."""
    files = source_files(root)
    graph = {}
    for module, path in files.items():
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        names = (name for node in nodes for name in imported_names(node, files.keys()))
        graph[module] = frozenset(name for name in names if name in files)
    return graph


def room_of(module: str) -> str:
    """The room that a module lies in; a package's own `__init__` is the package."""
    return ".".join(module.split(".")[: 1 if module.startswith("vita_detectron2") else 2])


def room_graph(graph: Graph) -> dict[str, set[str]]:
    """As `import_graph`, between rooms."""
    rooms: dict[str, set[str]] = {room_of(module): set() for module in graph if "." in module}
    for module, targets in graph.items():
        for target in targets:
            if "." in module and "." in target and room_of(module) != room_of(target):
                rooms[room_of(module)].add(room_of(target))
    return rooms


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others (Tarjan's components of two and more)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in order:
                visit(target)
            if target in stack:
                lowest[node] = min(lowest[node], lowest[target])
        if lowest[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            found.extend([sorted(group)] if len(group) > 1 else [])

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def floors(graph: Graph) -> dict[str, int]:
    """Of every node without circles, the length of the longest chain of imports below it."""
    known: dict[str, int] = {}

    def floor(node: str) -> int:
        if node not in known:
            known[node] = max((floor(target) + 1 for target in graph[node]), default=0)
        return known[node]

    return {node: floor(node) for node in graph}


def without_shortcuts(graph: Graph) -> dict[str, set[str]]:
    """The graph without the arrows that follow from others (its transitive reduction)."""

    @cache
    def below(node: str) -> frozenset[str]:
        return frozenset(graph[node]).union(*map(below, graph[node]))

    return {node: set(targets).difference(*map(below, targets)) for node, targets in graph.items()}


def description(room: str, files: Mapping[str, Path]) -> str:
    """A room's docstring, up to its first full stop, semicolon or bracket."""
    text = ast.get_docstring(ast.parse(files[room].read_text(encoding="utf-8"))) or ""
    return re.split(r"[.;(]", " ".join(text.split()))[0].strip()


def wrapped(text: str, width: int) -> list[str]:
    """Two lines of at most `width` characters. Raises ValueError on a text that is longer."""
    lines = [""]
    for word in text.split():
        fits = len(lines[-1]) + len(word) + 1 <= width
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if fits else [*lines, word]
    if len(lines) > 2:
        raise ValueError(f"too long for its box of the picture, shorten it: {text}")
    return lines


def places(rows: Mapping[str, int], graph: Graph) -> dict[str, Box]:
    """Of every room, the left edge, the top and the width of its box; rooms stand above what they import."""
    found: dict[str, Box] = {}
    for row in range(max(rows.values()) + 1):
        names = [name for name in rows if rows[name] == row]
        centre = {n: [found[t][0] + found[t][2] / 2 for t in graph[n] if t in found] or [WIDTH / 2] for n in names}
        names.sort(key=lambda name: (sum(centre[name]) / len(centre[name]), name))
        width = min(270.0, (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names))
        left = (WIDTH - width * len(names) - GAP * (len(names) - 1)) / 2
        top = MARGIN + ROW * (max(rows.values()) - row)
        for number, name in enumerate(names):
            found[name] = (left + number * (width + GAP), top, width)
    return found


def draw(root: Path = ROOT) -> str:
    """The picture, as SVG: the same text for the same imports."""
    files, rooms = source_files(root), room_graph(import_graph(root))
    del rooms["vita.__main__"]  # which calls the command line, and nothing else
    arrows, rows = without_shortcuts(rooms), floors(rooms)
    boxes = places(rows, arrows)
    height = 2 * MARGIN + ROW * max(rows.values()) + BOX_HEIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
    tip = '<marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto"><path d="M0,0 L7,3 L0,6" '
    lines = [head, f'<defs>{tip}fill="#888"/></marker></defs>', '<rect width="100%" height="100%" fill="white"/>']
    for above, below in sorted((room, target) for room in arrows for target in arrows[room]):
        between = [boxes[room] for room in boxes if rows[below] < rows[room] < rows[above]]
        lines.append(_arrow(boxes[above], boxes[below], between))
    for name, box in sorted(boxes.items()):
        lines += _box(name, box, description(name, files), sum(room_of(module) == name for module in files))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(above: Box, below: Box, between: Sequence[Box]) -> str:
    """Straight on to the next row; past other rows, in a lane beside all their boxes."""
    x, y, to_x, to_y = above[0] + above[2] / 2, above[1] + BOX_HEIGHT, below[0] + below[2] / 2, below[1] - 2
    half = (ROW - BOX_HEIGHT) / 2
    if between:
        lane = min(box[0] for box in between) - GAP / 2
        stop = to_y - 2 * half
        curve = (
            f"M{x:.0f},{y:.0f} C{x:.0f},{y + half:.0f} {lane:.0f},{y + half:.0f} {lane:.0f},{y + 2 * half:.0f} "
            f"V{stop:.0f} C{lane:.0f},{stop + half:.0f} {to_x:.0f},{to_y - half:.0f} {to_x:.0f},{to_y:.0f}"
        )
    else:
        curve = f"M{x:.0f},{y:.0f} C{x:.0f},{y + half:.0f} {to_x:.0f},{to_y - half:.0f} {to_x:.0f},{to_y:.0f}"
    return f'<path d="{curve}" fill="none" stroke="#888" stroke-width="1.3" marker-end="url(#tip)"/>'


def _box(name: str, box: Box, text: str, modules: int) -> Iterator[str]:
    left, top, width = box
    package = name.partition(".")[0]
    yield (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="{FILL[package]}" stroke="{EDGE[package]}"/>'
    )
    count = f"{modules} file{'s' if modules > 1 else ''}"
    told = [(20, 14, "bold", name.replace(".", "/")), (72, 10, "normal", count)]
    told += [(37 + 15 * number, 11, "normal", line) for number, line in enumerate(wrapped(text, int(width / 6.3)))]
    for down, size, weight, line in told:
        yield (
            f'<text x="{left + width / 2:.0f}" y="{top + down:.0f}" font-size="{size}" font-weight="{weight}" '
            f'text-anchor="middle">{escape(line)}</text>'
        )


def longest_chain(graph: Graph) -> list[str]:
    """The modules of one longest chain of imports, from the one that imports to the one that is imported."""
    heights = floors(graph)
    chain = [max(sorted(graph), key=lambda node: heights[node])]
    while graph[chain[-1]]:
        chain.append(max(sorted(graph[chain[-1]]), key=lambda node: heights[node]))
    return chain


def main() -> None:
    """Draw the picture and print what can be counted."""
    graph = import_graph()
    rooms = room_graph(graph)
    PICTURE.write_text(draw(), encoding="utf-8")
    arrows = sum(map(len, rooms.values()))
    chain = longest_chain(rooms)
    print(f"{len(rooms)} rooms, {arrows} arrows between them, {len(circles(graph))} circles of modules")
    print(f"longest chain of rooms, {len(chain)}: {' -> '.join(chain)}")
    print(f"longest chain of modules, {len(longest_chain(graph))}: {' -> '.join(longest_chain(graph))}")


if __name__ == "__main__":
    main()
