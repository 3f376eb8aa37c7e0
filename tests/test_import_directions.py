"""Who may import whom: read from the source, and seen in fresh interpreters."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from import_graph import (
    PICTURE,
    ROOT,
    circles,
    draw,
    floors,
    import_graph,
    imported_names,
    longest_chain,
    room_graph,
    room_of,
    source_files,
    without_shortcuts,
)

FILES = source_files()
GRAPH = import_graph()

# All that a room may import. A new arrow is a decision, which is made here.
BASELINE = {"vita.blocks", "vita.engine", "vita.evaluation", "vita.data", "vita.core"}
ALLOWED: dict[str, set[str]] = {
    "vita.core": set(),
    "vita.data": {"vita.core"},
    "vita.evaluation": {"vita.data", "vita.core"},
    "vita.blocks": {"vita.data", "vita.core"},
    "vita.model": {"vita.blocks", "vita.data", "vita.core"},
    "vita.engine": {"vita.evaluation", "vita.data", "vita.core"},
    "vita.official": {"vita.model", *BASELINE},
    "vita.experiments": {"vita.engine", "vita.data", "vita.core"},
    "vita.report": {"vita.experiments", "vita.evaluation", "vita.data", "vita.core"},
    "vita.demo": {"vita.report", *BASELINE},
    "vita.cli": {"vita.demo", "vita.report", "vita.experiments", "vita.official", *BASELINE},
    "vita.__main__": {"vita.cli"},
    "vita_baselines.clip_association": BASELINE,
    "vita_baselines.ifc": BASELINE,
    "vita_baselines.mask2former_vis": BASELINE,
    "vita_baselines.minvis": BASELINE,
    "vita_baselines.videomt": BASELINE,
    "vita_baselines.vistr": BASELINE,
    "vita_detectron2": {"vita.official", "vita.blocks", "vita.data", "vita.core"},
}
# In a method's folder: its names in its release, and its recorded outputs. They alone may import `vita.official`.
OF_A_RELEASE = r"vita_baselines\.\w+\.official\b"
WITHOUT_METHODS = ("vita.data", "vita.evaluation", "vita.engine")
FRAMEWORKS = {"torch", "transformers", "accelerate"}


def inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text())


def modules_in(*packages: str) -> list[str]:
    return [module for module in FILES if inside(module, packages)]


def may_import(module: str) -> set[str]:
    """Rooms, its own included, and the package itself, which has the version and imports nothing."""
    of_a_release = {"vita.official"} if re.match(OF_A_RELEASE, module) else set()
    return {"vita", room_of(module), *ALLOWED[room_of(module)], *of_a_release}


def imported_when_it_runs(module: str) -> set[str]:
    """Packages named by imports at the top of a module; those for type checking are not."""
    found: set[str] = set()
    for node in tree(module).body:
        found.update(name.partition(".")[0] for name in imported_names(node, set()))
    return found


def test_the_reader_sees_imports() -> None:
    assert {"vita.data.dataset", "vita.core.contract"} <= GRAPH["vita.engine.train"]
    assert "vita.engine.predict_run" in GRAPH["vita.cli.predict"]  # inside a function
    assert "vita.engine.memory.case" in GRAPH["vita.cli.probe"]  # for type checking alone
    assert "torch" not in imported_when_it_runs("vita.core.contract")
    from_package = "from vita.data.masks import rle\n"
    assert imported_names(ast.parse(from_package).body[0], FILES.keys()) == ["vita.data.masks.rle"]
    of_module = ast.parse("from vita.data.masks.rle import area").body[0]
    assert imported_names(of_module, FILES.keys()) == ["vita.data.masks.rle"]
    with pytest.raises(ValueError, match="line 1: a relative import"):
        imported_names(ast.parse("from . import rle").body[0], FILES.keys())


@pytest.mark.parametrize("module", sorted(name for name in FILES if "." in name))
def test_every_import_goes_down(module: str) -> None:
    assert [target for target in sorted(GRAPH[module]) if room_of(target) not in may_import(module)] == []


def test_every_room_is_in_the_table() -> None:
    assert room_graph(GRAPH).keys() == ALLOWED.keys()


def test_no_module_imports_itself_through_others() -> None:
    assert circles(GRAPH) == []


def test_circles_chains_and_shortcuts_are_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert longest_chain(graph) == ["a", "b", "c"]
    assert floors(graph) == {"a": 2, "b": 1, "c": 0}
    assert without_shortcuts(graph) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_the_picture_is_of_these_imports() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "out of date; run: python docs/import_graph.py"


@pytest.mark.parametrize("module", modules_in("vita.core"))
def test_the_ground_needs_no_framework(module: str) -> None:
    assert not imported_when_it_runs(module) & FRAMEWORKS


def test_the_contract_stands_alone() -> None:
    assert GRAPH["vita.core.contract"] == set()
    assert imported_when_it_runs("vita.core.contract") <= sys.stdlib_module_names
    names = {name for node in ast.walk(tree("vita.core.contract")) for name in imported_names(node, set())}
    assert "torch" in names


@pytest.mark.parametrize("module", modules_in("vita"))
def test_vita_imports_neither_baselines_nor_snakemake_nor_tests(module: str) -> None:
    names = {name for node in ast.walk(tree(module)) for name in imported_names(node, set())}
    assert not [name for name in names if inside(name, ("vita_baselines", "snakemake", "tests"))]


# Names of methods


@cache
def method_names() -> set[str]:
    """All methods that are declared or described, but `vita`, which is also the project's name."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["vita.methods"]
    described = {path.stem for path in (ROOT / "workflow/config/methods").glob("*.yaml")}
    places = [path for path in (ROOT / "baselines").iterdir() if path.is_dir() or path.suffix == ".py"]
    written = {path.stem for path in places} - {"__init__", "__pycache__"}
    return (set(declared) | described | written | {"mask2former", "mask2former_vis", "ifc", "vistr"}) - {"vita"}


def names_a_method(text: str, is_name: bool) -> bool:
    words = set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()))
    if any(set(name.lower().split("_")) <= words for name in method_names()):
        return True
    if is_name:  # the class Vita, a VitaVariant, a vita_model
        return "vita" in words
    hidden = {f"vita.{name}" for name in re.findall(r"\bvita\.(\w+)", text)}
    return text == "vita" or any(m in FILES and not inside(m, ("vita.core", *WITHOUT_METHODS)) for m in hidden)


def names_and_strings(module: str) -> Iterator[tuple[str, bool]]:
    """Every identifier that is not part of an import, and every string that is not a docstring."""
    docstrings = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from [(node.name, True)] if not isinstance(node, ast.Module) else []
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(first.value)
        elif isinstance(node, ast.Name | ast.Attribute | ast.arg | ast.keyword):
            text = next(getattr(node, key) for key in ("id", "attr", "arg") if hasattr(node, key))
            yield text or "", True
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value, False


@pytest.mark.parametrize("module", modules_in(*WITHOUT_METHODS))
def test_engine_data_and_evaluation_name_no_method(module: str) -> None:
    assert [text for text, is_name in names_and_strings(module) if names_a_method(text, is_name)] == []


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("Vita", True),
        ("VitaVariant", True),
        ("vita_options", True),
        ("Mask2Former", True),
        ("vita", False),
        ("vita.model", False),
        ("mask2former", False),
        ("use mask2former_vis here", False),
    ],
)
def test_a_methods_name_would_be_found(text: str, is_name: bool) -> None:
    assert names_a_method(text, is_name)


@pytest.mark.parametrize("text", ["vita.methods", "vita train --config", "vita.engine.train", "specific"])
def test_the_projects_own_name_is_not_a_methods(text: str) -> None:
    assert not names_a_method(text, is_name=False)


# Fresh interpreters

IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def fresh(code: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_reports_and_scores_need_no_torch(tmp_path: Path) -> None:
    code = IMPORT_ALL + "print(sorted({'torch', 'transformers', 'accelerate'} & set(sys.modules)))"
    assert fresh(code, *modules_in("vita.report", "vita.evaluation", "vita.core"), folder=tmp_path) == "[]\n"


def test_the_command_line_starts_without_torch(tmp_path: Path) -> None:
    code = IMPORT_ALL + "print(sorted({'torch', 'transformers', 'accelerate'} & set(sys.modules)))"
    assert fresh(code, "vita.cli.main", folder=tmp_path) == "[]\n"


def test_importing_does_nothing_else(tmp_path: Path) -> None:
    """No output, no file, no change of generators, threads, precision, environment or signal handlers."""
    code = f"""
import logging, os, random, signal, warnings
import cv2, numpy, pandas, matplotlib, torch, transformers, accelerate, tensorboardX  # these may do as they please

def state():
    return repr((
        random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist(),
        torch.get_num_threads(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(), torch.is_grad_enabled(), numpy.geterr(), os.getcwd(),
        sorted(os.environ.items()), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT),
        logging.getLogger().handlers, logging.getLogger().level, matplotlib.get_backend(auto_select=False),
    ))
before = state()
{IMPORT_ALL}
assert state() == before
"""
    modules = [m for m in FILES if not m.endswith("__main__") and not inside(m, ("vita_detectron2",))]
    assert fresh(code, *modules, folder=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
