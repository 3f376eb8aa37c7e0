"""`vita data ...`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from vita.contract import UserError

data = typer.Typer(help="Make, check and divide data sets.", no_args_is_help=True)

DatasetFile = Annotated[Path, typer.Option("--dataset", help="A data-set YAML.")]


@data.command("synth")
def data_synth(dataset: DatasetFile) -> None:
    """Write the embedded videos below the data set's root, in YouTube-VIS format."""
    from vita.config_file import load
    from vita.data.shapes_dataset import synthesise
    from vita.dataset_config import DatasetConfig

    config = load(DatasetConfig, dataset)
    if config.shapes is None:
        raise UserError(f"{dataset}: no section 'shapes': only embedded data can be made; other data is downloaded")
    synthesise(config.shapes, Path(config.root))


@data.command("sheet")
def data_sheet(
    dataset: DatasetFile,
    out: Annotated[Path, typer.Option(help="Picture to write, .png or .pdf.")],
    split: Annotated[str, typer.Option(help="train, valid or released_valid")] = "valid",
    videos: Annotated[int, typer.Option(min=1)] = 4,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each video.")] = 9,
) -> None:
    """Draw a contact sheet: frames of a few videos, and the same frames with their masks."""
    from vita.config_file import load
    from vita.data.contact_sheet import draw_contact_sheet
    from vita.data.dataset import Part, read_part
    from vita.dataset_config import DatasetConfig

    config = load(DatasetConfig, dataset)
    if split not in get_args(Part):
        raise UserError(f"--split is '{split}'; allowed are {', '.join(get_args(Part))}")
    draw_contact_sheet(read_part(config, cast(Part, split)), videos, frames, out)
