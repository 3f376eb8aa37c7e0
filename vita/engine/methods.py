"""Methods are found through the entry-point group `vita.methods`: installing a package adds its methods."""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points
from pathlib import Path

from vita.contract import MethodDefinition, UserError

GROUP = "vita.methods"


def installed_methods() -> list[str]:
    """Names of all methods, sorted."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def method_package(name: str) -> Path:
    """The folder of the package that a method's definition lies in; the file itself where it is a module alone."""
    kind = type(find_method(name))
    file = Path(inspect.getfile(kind))
    alone = "." not in kind.__module__ and file.name != "__init__.py"
    return file if alone else file.parent


def find_method(name: str) -> MethodDefinition:
    """The definition of a method. Raises UserError naming those installed."""
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        raise UserError(f"unknown method '{name}'; installed are: {', '.join(sorted(known))}")
    definition: MethodDefinition = known[name].load()
    return definition
