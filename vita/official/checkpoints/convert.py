"""Weights of an official implementation, or a Mask2Former that transformers saved -> ours; and ours -> official."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

from vita.core.config_base import load, read_yaml
from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.run_config import RunConfig
from vita.engine.checkpoint import save_weights
from vita.official.checkpoints.conversion import Converted, to_ours, to_theirs
from vita.official.checkpoints.files import read_official, write_official
from vita.official.checkpoints.transformers_folder import read_transformers

Direction = Literal["ours", "official"]
SUFFIX = {"ours": ".safetensors", "official": ".pth"}


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


def convert_weights(
    source: Path,
    out: Path,
    direction: Direction,
    method: str,
    options: Mapping[str, Any] | None,
    num_classes: int | None = None,
    new_heads: int | None = None,
) -> str:
    """Write `source` as `out` and say what was converted; arguments as in `vita.official.checkpoints.conversion`.

    Raises UserError when the source is damaged or of another model; then nothing is written.
    """
    if out.suffix != SUFFIX[direction]:
        raise UserError(f"--out is {out}; it must end with {SUFFIX[direction]}")
    find_method(method)  # its name may be wrong, and reading takes long
    state = read_transformers(source) if source.is_dir() else read_official(source)
    if direction == "ours":
        converted = to_ours(state, method, options, str(source), num_classes, new_heads)
        save_weights(converted.state, out)
    else:
        converted = to_theirs(state, method, options, str(source))
        write_official(converted.state, out)
    lines = [f"{source}: {len(state)} tensors -> {out}: {len(converted.state)} tensors", f"method: {method}"]
    return "\n".join(lines + _summary(converted, derived=options is None))


def _summary(converted: Converted, derived: bool) -> list[str]:
    told = yaml.safe_dump(_plain(converted.options), default_flow_style=True, width=10**6).strip()
    lines = [
        f"classes: {converted.num_classes}",
        f"numbers in all tensors: {converted.numbers:,}",
        f"options{' from the shapes, all others as released' if derived else ''}: {told}",
    ]
    if converted.fresh:
        lines.append(f"started anew: {', '.join(converted.fresh)}")
    if converted.absent:
        lines.append(f"parts that the file does not hold: {', '.join(converted.absent)}")
    return lines


def _plain(value: Any) -> Any:
    """Mappings and lists that YAML can write."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple | list) else value
