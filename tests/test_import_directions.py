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

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("vita", "baselines")
    for path in sorted((ROOT / package).rglob("*.py"))
}

# What every part may import, and what stands beside each other above it. All else in `vita` is above them again.
GROUND = ("vita.contract", "vita.files", "vita.progress", "vita.config_file", "vita.dataset_config", "vita.config")
MIDDLE = ("vita.data", "vita.losses", "vita.evaluation", "vita.memory", "vita.engine")
WITHOUT_METHODS = ("vita.data", "vita.evaluation", "vita.engine")
FRAMEWORKS = {"torch", "transformers", "accelerate"}


def inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text())


@cache
def imports(module: str, typing: bool = True) -> frozenset[str]:
    """Full names of the modules imported anywhere in `module`; without `typing`, only those of a running program."""
    return frozenset(name for node in reached(tree(module), typing) for name in imported(node, module))


def reached(node: ast.AST, typing: bool) -> Iterator[ast.AST]:
    yield node
    type_checking = isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    left_out = node.body if type_checking and not typing else []
    for child in ast.iter_child_nodes(node):
        if child not in left_out:
            yield from reached(child, typing)


def imported(node: ast.AST, module: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, f"{module}: imports are absolute"
    # `from vita.data import rle` imports a module, `from vita.data.rle import area` does not import another.
    members = [f"{node.module}.{alias.name}" for alias in node.names]
    modules = [name for name in members if name in FILES]
    return modules if len(modules) == len(members) else [*modules, str(node.module)]


def project(names: frozenset[str]) -> set[str]:
    return {name for name in names if inside(name, ("vita", "baselines"))}


def closure(module: str) -> set[str]:
    """All modules of the project that importing `module` runs, itself not."""
    found: set[str] = set()
    waiting = {module}
    while waiting:
        new = project(imports(waiting.pop(), typing=False)) - found
        found |= new
        waiting |= new & FILES.keys()
    return found


def modules_in(*packages: str) -> list[str]:
    return [module for module in FILES if inside(module, packages)]


def test_the_reader_sees_imports() -> None:
    assert "vita.data.dataset" in imports("vita.engine.train")
    assert "vita.model" in imports("vita.inference")
    assert "torch" not in imports("vita.contract", typing=False)
    assert "vita.contract" in closure("vita.engine.train")
    assert all(project(imports(module)) <= FILES.keys() for module in FILES)


def test_the_contract_stands_alone() -> None:
    assert project(imports("vita.contract")) == set()
    running = {name.partition(".")[0] for name in imports("vita.contract", typing=False)}
    assert running <= sys.stdlib_module_names
    assert "torch" in imports("vita.contract")


@pytest.mark.parametrize("module", [name for name in GROUND if name in FILES])
def test_the_ground_imports_only_what_is_below(module: str) -> None:
    assert project(imports(module)) <= {*GROUND[: GROUND.index(module)], "vita.contract", "vita.files"}
    assert not {name.partition(".")[0] for name in imports(module, typing=False)} & FRAMEWORKS


@pytest.mark.parametrize("module", modules_in(*MIDDLE))
def test_parts_import_the_ground_and_each_other(module: str) -> None:
    above = {name for name in project(imports(module)) | closure(module) if not inside(name, (*GROUND, *MIDDLE))}
    assert above <= {"vita"}


@pytest.mark.parametrize("module", modules_in("vita.losses"))
def test_losses_know_nothing_of_data_or_engine(module: str) -> None:
    assert not [name for name in closure(module) if inside(name, MIDDLE) and not inside(name, ("vita.losses",))]


@pytest.mark.parametrize("module", modules_in("vita.evaluation", "vita.data"))
def test_data_and_evaluation_know_nothing_of_training(module: str) -> None:
    assert not [name for name in closure(module) if inside(name, ("vita.engine", "vita.losses"))]


@pytest.mark.parametrize("module", modules_in("vita"))
def test_vita_imports_neither_baselines_nor_snakemake_nor_tests(module: str) -> None:
    assert not [name for name in imports(module) if inside(name, ("baselines", "snakemake", "tests"))]


@pytest.mark.parametrize("module", modules_in("baselines"))
def test_baselines_do_not_build_on_vita_itself(module: str) -> None:
    own = ("vita.model", "vita.method", "vita.object_encoder", "vita.object_decoder", "vita.cli")
    assert not [name for name in closure(module) if inside(name, own)]


@pytest.mark.parametrize("module", [m for m in modules_in("vita") if m not in ("vita.cli", "vita.__main__")])
def test_nothing_imports_the_command_line(module: str) -> None:
    assert "vita.cli" not in imports(module)


# Names of methods


@cache
def method_names() -> set[str]:
    """All methods that are declared or described, but `vita`, which is also the project's name."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["vita.methods"]
    described = {path.stem for path in (ROOT / "workflow/config/methods").glob("*.yaml")}
    written = {path.stem for path in (ROOT / "baselines").iterdir()} - {"__init__", "__pycache__", "README"}
    return (set(declared) | described | written | {"mask2former", "mask2former_vis", "ifc", "vistr"}) - {"vita"}


def names_a_method(text: str, is_name: bool) -> bool:
    words = set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()))
    if any(set(name.lower().split("_")) <= words for name in method_names()):
        return True
    if is_name:  # the class Vita, a VitaVariant, a vita_model
        return "vita" in words
    hidden = {f"vita.{name}" for name in re.findall(r"\bvita\.(\w+)", text)}
    return text == "vita" or any(m in FILES and not inside(m, (*GROUND, *MIDDLE)) for m in hidden)


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


def test_report_needs_no_torch(tmp_path: Path) -> None:
    code = IMPORT_ALL + "print(sorted({'torch', 'transformers', 'accelerate'} & set(sys.modules)))"
    assert fresh(code, *modules_in("vita.report"), folder=tmp_path) == "[]\n"


def test_the_command_line_starts_without_torch(tmp_path: Path) -> None:
    code = IMPORT_ALL + "print(sorted({'torch', 'transformers', 'accelerate'} & set(sys.modules)))"
    assert fresh(code, "vita.cli", folder=tmp_path) == "[]\n"


def test_importing_does_nothing_else(tmp_path: Path) -> None:
    """No output, no file, no change of generators, threads, precision, environment or signal handlers."""
    code = f"""
import logging, os, random, signal, warnings
import cv2, numpy, pandas, matplotlib, torch, transformers, accelerate  # these may do as they please

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
    modules = [module for module in FILES if not module.endswith("__main__")]
    assert fresh(code, *modules, folder=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
