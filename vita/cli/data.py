"""`vita data ...`. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from vita.cli.command import Commands
from vita.cli.json_output import AsJson, print_json
from vita.core.contract import UserError

data = Commands(help="Make, check and divide data sets.", no_args_is_help=True)

DatasetFile = Annotated[Path, typer.Option("--dataset", help="A data-set YAML.")]


@data.command("synth")
def data_synth(dataset: DatasetFile) -> None:
    """Write the embedded videos below the data set's root, in YouTube-VIS format."""
    from vita.core.config_base import load
    from vita.core.dataset_config import DatasetConfig
    from vita.data.synthetic.write import synthesise

    config = load(DatasetConfig, dataset)
    if config.shapes is None:
        raise UserError(f"{dataset}: no section 'shapes': only embedded data can be made; other data is downloaded")
    synthesise(config.shapes, Path(config.root))


@data.command("split")
def data_split(
    dataset: DatasetFile,
    out: Annotated[Path | None, typer.Option(help="File to write; default: the YAML's local_split.file.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the YAML's.")] = None,
    valid_share: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Of the training videos; default: the YAML's.")
    ] = None,
) -> None:
    """Divide `train` into videos to learn from and videos to be scored on, every category in its share."""
    from vita.core.config_base import load, parse
    from vita.core.dataset_config import DatasetConfig, LocalSplitConfig
    from vita.core.files import write_json
    from vita.data.dataset import find_files
    from vita.data.local_split import make_local_split

    config = load(DatasetConfig, dataset)
    described = config.local_split.model_dump() if config.local_split else {}
    given = {"file": out and str(out), "seed": seed, "valid_share": valid_share}
    changed = {key: value for key, value in given.items() if value is not None}
    wanted = parse(LocalSplitConfig, described | changed, f"{dataset}: local_split (or option --out)")
    split = make_local_split(config.name, find_files(config, "train").annotations, wanted.valid_share, wanted.seed)
    write_json(Path(wanted.file), split.model_dump(mode="json"))
    typer.echo(split.summary())


@data.command("import")
def data_import(
    source: Annotated[Path, typer.Argument(help="A file, or a folder of label files.")],
    frames: Annotated[Path, typer.Option(help="The folder of the frames, one folder a video in it; it is linked.")],
    out: Annotated[Path, typer.Option(help="Folder of the data set to write.")],
    format: Annotated[
        str | None, typer.Option(help="coco, cvat, labelme, mots or palette.  [default: found out]")
    ] = None,
    part: Annotated[str, typer.Option(help="train or valid")] = "train",
    categories: Annotated[
        Path | None, typer.Option(help="Label pictures: a YAML that names their values, see docs/data_import.md.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="The data set's YAML to write.  [default: named as OUT, in it]")
    ] = None,
) -> None:
    """Write labels of other tools as YouTube-VIS files, with a data set's YAML and a picture."""
    from vita.core.config_base import load
    from vita.data.conversion.label_pictures import CategoryNames
    from vita.data.conversion.source_formats import choose_format, read_labelled_videos
    from vita.data.conversion.write import (
        FRAMES,
        ImportedPart,
        check_dataset_yaml,
        write_dataset_yaml,
        write_labelled_videos,
    )
    from vita.data.ytvis import read_split
    from vita.report.figures.contact_sheet import draw_contact_sheet

    if part not in get_args(ImportedPart):
        raise UserError(f"--part is '{part}'; allowed are {', '.join(get_args(ImportedPart))}")
    yaml = dataset or out / f"{out.absolute().name}.yaml"
    check_dataset_yaml(yaml, out)
    names = load(CategoryNames, categories) if categories else None
    content = read_labelled_videos(source, frames, choose_format(source, format), names)
    annotations = write_labelled_videos(content, frames, out, cast(ImportedPart, part))
    typer.echo(f"{annotations}: {content.summary()}")
    sheet = annotations.with_name("sheet.png")
    draw_contact_sheet(read_split(annotations, annotations.with_name(FRAMES)), 4, 9, sheet)
    typer.echo(f"{sheet}: stored frames above, their masks below")
    written = write_dataset_yaml(yaml, out, len(content.videos))
    kept = "" if written else " (it was there already, with other content, and is kept)"
    typer.echo(f"{yaml}{kept}: next, `vita data check --dataset {yaml} --part {part}`")


@data.command("check")
def data_check(
    dataset: Annotated[Path | None, typer.Option("--dataset", help="A data-set YAML.")] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="train, valid or released_valid; may be repeated.  [default: train, valid]")
    ] = None,
    annotations: Annotated[Path | None, typer.Option(help="Instead of a YAML: any YouTube-VIS or COCO file.")] = None,
    frames: Annotated[Path | None, typer.Option(help="With --annotations: the folder of its frames.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Decode only a sample of the frames.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads that decode.  [default: one a core]")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for all findings.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look for faults before the data is used; exit code 0 without errors, 1 with, 2 when it is not readable."""
    from vita.data.check.expectations import choose_targets
    from vita.data.check.report import check_data

    name, targets = choose_targets(dataset, part or [], annotations, frames)
    options = {"quick": quick, "strict": strict, "as_json": as_json}
    raise typer.Exit(check_data(name, targets, **options, workers=workers, out=out))


@data.command("export")
def data_export(
    dataset: DatasetFile,
    part: Annotated[str, typer.Option(help="train, valid, released_train or released_valid")],
    out: Annotated[Path, typer.Option(help="Folder; the file in it is named after data set, part and content.")],
    mapped_to: Annotated[
        Path | None,
        typer.Option(
            help="YAML of another data set: only objects whose category has a counterpart there (category_map)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one part, local splits included, as an annotation file of its own for other code bases."""
    from vita.core.config_base import load
    from vita.core.dataset_config import DatasetConfig
    from vita.data.export import ExportPart, export_part

    if part not in get_args(ExportPart):
        raise UserError(f"--part is '{part}'; allowed are {', '.join(get_args(ExportPart))}")
    target = None if mapped_to is None else load(DatasetConfig, mapped_to)
    exported = export_part(load(DatasetConfig, dataset), cast(ExportPart, part), out, target)
    if as_json:
        print_json(exported.model_dump(mode="json"))
    else:
        typer.echo(f"{exported.annotations}: {exported.videos} videos; their frames lie in {exported.frames}")


@data.command("sheet")
def data_sheet(
    dataset: DatasetFile,
    out: Annotated[Path, typer.Option(help="Picture to write, .png or .pdf.")],
    split: Annotated[str, typer.Option(help="train, valid or released_valid")] = "valid",
    limit_videos: Annotated[int, typer.Option(min=1, help="Only the first n videos by id.")] = 4,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each video.")] = 9,
    pred: Annotated[Path | None, typer.Option(help="Results file: its tracks in the place of the labels.")] = None,
    min_score: Annotated[float, typer.Option(help="Of the tracks of --pred.")] = 0.3,
) -> None:
    """Draw a contact sheet: frames of a few videos, and the same frames with their masks."""
    from vita.core.config_base import load
    from vita.core.dataset_config import DatasetConfig
    from vita.data.dataset import Part, read_part
    from vita.report.figures.contact_sheet import draw_contact_sheet
    from vita.report.figures.predicted_tracks import LabelledPart

    config = load(DatasetConfig, dataset)
    if split not in get_args(Part):
        raise UserError(f"--split is '{split}'; allowed are {', '.join(get_args(Part))}")
    part = cast(Part, split)
    shown = read_part(config, part) if pred is None else LabelledPart.read(config, part).with_tracks(pred, min_score)
    draw_contact_sheet(shown, limit_videos, frames, out)
    typer.echo(f"{out}: {split}, stored frames above, {'their masks' if pred is None else f'tracks of {pred}'} below")
