"""JSON schemas of the configuration files, for editors: `python -m vita.experiments.schema workflow/schemas`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vita.core.config_base import Frozen
from vita.core.dataset_config import DatasetConfig
from vita.core.files import write_text
from vita.experiments.config import ExperimentConfig, TierConfig
from vita.experiments.method_config import MethodConfig

SECTIONS: dict[str, type[Frozen]] = {
    "tier": TierConfig,
    "dataset": DatasetConfig,
    "method": MethodConfig,
    "experiment": ExperimentConfig,
}


def schemas() -> dict[str, str]:
    """JSON text by file name. They come from the typed classes, so that the two cannot say different things."""
    found = {name: section.model_json_schema() for name, section in SECTIONS.items()} | {"tier": _of_tiers()}
    return {
        f"{name}.schema.json": json.dumps(schema, indent=2, sort_keys=True) + "\n" for name, schema in found.items()
    }


def _of_tiers() -> dict[str, Any]:
    """A tier that extends another may leave out anything, at every depth; any other tier is complete."""
    whole = TierConfig.model_json_schema()
    part = _without_required(TierConfig.model_json_schema(ref_template="#/$defs/PartOf{model}"))
    definitions = whole.pop("$defs") | {f"PartOf{name}": schema for name, schema in part.pop("$defs").items()}
    return {"if": {"required": ["extends"]}, "then": part, "else": whole, "$defs": definitions}


def _without_required(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_required(value) for key, value in schema.items() if key != "required"}


def main(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name, text in schemas().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
