"""Weights of an official implementation, or a Mask2Former that transformers saved -> ours; and ours -> official."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from vita.core.config_base import load, read_yaml
from vita.core.contract import UserError
from vita.core.grouping import grouped
from vita.core.plugins import find_method
from vita.core.run_config import RunConfig
from vita.engine.checkpoint import check_finite, save_weights
from vita.official.checkpoints.conversion import Converted, to_theirs
from vita.official.checkpoints.files import read_official, write_official
from vita.official.checkpoints.published import WORDS, PublishedWeights, Request, read_published

Direction = Literal["ours", "official"]
SUFFIX = {"ours": ".safetensors", "official": ".pth"}
# Words before a method's options, by what tells them.
TOLD = {
    "given": "options",
    "model": "options from the shapes, all others as released",
    "backbone": "options of the backbone from the shapes, all others by default",
}


def read_method(method: str | None, options: Path | None, config: Path | None) -> tuple[str, Mapping[str, Any] | None]:
    """A method's name and its options; None for those that the weights' shapes tell.

    options: a YAML file of options alone; config: a run's configuration, which names the method too.
    Raises UserError when neither or both say, or when they contradict each other.
    """
    if options is not None and config is not None:
        raise UserError("--options and --config both name options; give one of them")
    if config is None and method is None:
        raise UserError("--method is missing: give it, or --config with a run's configuration")
    if config is not None:
        run = load(RunConfig, config)
        if method not in (None, run.method):
            raise UserError(f"--method is {method}, but {config} is of method {run.method}")
        return run.method, run.options
    given = None if options is None else read_yaml(options)
    if options is not None and not isinstance(given, dict):
        raise UserError(f"{options}: expected a mapping of options, found {type(given).__name__}")
    return str(method), given


def convert_weights(source: Path, out: Path, direction: Direction, request: Request) -> str:
    """Write `source` as `out` and say what was converted.

    Raises UserError when the source is damaged or of another model; then nothing is written.
    """
    if out.suffix != SUFFIX[direction]:
        raise UserError(f"--out is {out}; it must end with {SUFFIX[direction]}")
    find_method(request.method)  # its name may be wrong, and reading takes long
    if direction == "official":
        return _to_official(source, out, request)
    read = read_published(source, request)
    save_weights(read.state, out)
    told = "given" if request.options is not None else "backbone" if read.holds == "backbone" else "model"
    lines = _summary(source, read.tensors, out, request.method, read, TOLD[told])
    return "\n".join([*lines, *_named(read), f"read as {WORDS[read.holds]}: {read.layout}"])


def _named(read: PublishedWeights) -> list[str]:
    """Lines of what the file does not give, and of what in it is of no use."""
    started = [name for name in read.fresh if name in read.state]
    parts = [name for name in read.fresh if name not in read.state]
    lists = {
        "started anew": alike(started),
        "parts that the file does not hold": parts,
        "left out": alike(read.left_out),
    }
    return [f"{words}: {', '.join(names)}" for words, names in lists.items() if names]


def alike(names: Sequence[str]) -> list[str]:
    """Names, where those that differ in numbers alone stand together: "layers.*.blocks.*.attn_mask (24)"."""
    groups = grouped(names, lambda name: re.sub(r"\d+", "*", name))
    return [same[0] if len(same) == 1 else f"{pattern} ({len(same)})" for pattern, same in groups.items()]


def _to_official(source: Path, out: Path, request: Request) -> str:
    state, options = read_official(source, request.pick), request.options
    converted = to_theirs(state, request.method, options, str(source))
    check_finite(converted.state, str(source))
    write_official(converted.state, out)
    lines = _summary(source, len(state), out, request.method, converted, TOLD["model" if options is None else "given"])
    parts = f"parts that the file does not hold: {', '.join(converted.absent)}"
    return "\n".join([*lines, parts] if converted.absent else lines)


def _summary(
    source: Path, tensors: int, out: Path, method: str, made: Converted | PublishedWeights, options: str
) -> list[str]:
    told = yaml.safe_dump(_plain(made.options), default_flow_style=True, width=10**6).strip()
    classes = [] if made.num_classes is None else [f"classes: {made.num_classes}"]
    return [
        f"{source}: {tensors} tensors -> {out}: {len(made.state)} tensors",
        f"method: {method}",
        *classes,
        f"numbers in all tensors: {sum(tensor.numel() for tensor in made.state.values()):,}",
        f"{options}: {told}",
    ]


def _plain(value: Any) -> Any:
    """Mappings and lists that YAML can write."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple | list) else value
