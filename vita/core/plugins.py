"""What installed packages add: methods, ways of inference, watchers and released implementations, as entry points.

Installing a package adds what it declares in these groups; nothing is registered by importing it.
"""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from vita.core.contract import InferenceWrapper, MethodDefinition, UserError
from vita.core.watcher import WatcherDefinition

METHODS = "vita.methods"
INFERENCE_WRAPPERS = "vita.inference_wrappers"
WATCHERS = "vita.watchers"


def installed(group: str) -> list[str]:
    """Names of all entry points of a group, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


def find(group: str, name: str, what: str = "entry point", where: str = "") -> Any:
    """What the entry point `name` of `group` names; what: kind of thing, in words.

    Raises UserError naming those installed; `where`, if given, opens its message.
    """
    check_installed(group, name, what, where)
    return {point.name: point for point in entry_points(group=group)}[name].load()


def check_installed(group: str, name: str, what: str, where: str = "") -> None:
    """As `find`, without importing anything of it."""
    if name not in (known := installed(group)):
        place = f"{where}: " if where else ""
        raise UserError(f"{place}unknown {what} '{name}'; installed are: {', '.join(known)}")


def installed_methods() -> list[str]:
    """Names of all methods, sorted."""
    return installed(METHODS)


def find_method(name: str) -> MethodDefinition:
    """The definition of a method. Raises UserError naming those installed."""
    definition: MethodDefinition = find(METHODS, name, "method")
    return definition


def find_inference_wrapper(name: str) -> InferenceWrapper:
    """A way of inference around any method. Raises UserError naming those installed."""
    wrapper: InferenceWrapper = find(INFERENCE_WRAPPERS, name, "inference wrapper", "inference option 'through'")
    return wrapper


def find_watcher(name: str) -> WatcherDefinition:
    """What shows a training. Raises UserError naming those installed."""
    definition: WatcherDefinition = find(WATCHERS, name, "watcher")
    return definition


def method_package(name: str) -> Path:
    """The folder of the package that a method's definition lies in; the file itself where it is a module alone."""
    kind = type(find_method(name))
    file = Path(inspect.getfile(kind))
    alone = "." not in kind.__module__ and file.name != "__init__.py"
    return file if alone else file.parent
