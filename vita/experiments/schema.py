"""JSON schemas of the configuration files, for editors: `python -m vita.experiments.schema workflow/schemas`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vita.config_file import Frozen
from vita.dataset_config import DatasetConfig
from vita.experiments.sections import ExperimentConfig, MethodConfig, TierConfig
from vita.files import write_text

SECTIONS: dict[str, type[Frozen]] = {
    "tier": TierConfig,
    "dataset": DatasetConfig,
    "method": MethodConfig,
    "experiment": ExperimentConfig,
}


def schemas() -> dict[str, str]:
    """JSON text by file name. They come from the typed classes, so that the two cannot say different things."""
    return {
        f"{name}.schema.json": json.dumps(section.model_json_schema(), indent=2, sort_keys=True) + "\n"
        for name, section in SECTIONS.items()
    }


def main(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name, text in schemas().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
