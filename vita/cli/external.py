"""`vita import`. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vita.core.contract import UserError

if TYPE_CHECKING:
    from vita.core.records import ImportRecord


def import_results(
    files: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="results.json, or the .zip for a server; one a training.")
    ],
    dataset: Annotated[Path, typer.Option(help="The data-set YAML, as the tier has it.")],
    name: Annotated[str, typer.Option(help="What to call it; a row of an experiment selects it by `external: NAME`.")],
    title: Annotated[str, typer.Option(help="The method's name in tables.")],
    backbone: Annotated[str, typer.Option(help="As a table's cell: ResNet-50, Swin-L, ...")],
    citation: Annotated[str, typer.Option(help="Of the method.")] = "",
    source: Annotated[str, typer.Option(help="Where the code is published.")] = "",
    commit: Annotated[str, typer.Option(help="Of that code.")] = "",
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="Of each file, in order; may be repeated. Left out: 0, 1, ...")
    ] = None,
    categories: Annotated[
        Path | None,
        typer.Option(help="The code base's class list, where the category ids are its own: text, JSON, YAML."),
    ] = None,
    first_category: Annotated[
        int, typer.Option(min=0, help="Id of the first name of a list: 1 for label + 1, 0 for labels.")
    ] = 1,
    drop_other_categories: Annotated[
        bool, typer.Option("--drop-other-categories", help="Leave out tracks of categories that the data set lacks.")
    ] = False,
    video_id_shift: Annotated[int, typer.Option(help="Added to every video id.")] = 0,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Videos without a track are ones where nothing was found.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="An import of this name that is there already.")] = False,
    root: Annotated[Path | None, typer.Option(help="Folder of all imports. Left out: results/external.")] = None,
) -> None:
    """Take results of other code for a data set into our tables, with where they come from."""
    from vita.core.config_base import load, parse
    from vita.core.dataset_config import DatasetConfig
    from vita.core.records import EXTERNAL_RESULTS, ResultsOrigin
    from vita.evaluation.external.importing import ImportRequest
    from vita.evaluation.external.importing import import_results as import_files

    seeds = seed or list(range(len(files)))
    if len(seeds) != len(files) or len(set(seeds)) < len(seeds):
        raise UserError(f"--seed: {len(seeds)} seeds for {len(files)} files; give each file a seed of its own, or none")
    words = {"name": name, "title": title, "backbone": backbone}
    origin = parse(ResultsOrigin, words | {"citation": citation, "source": source, "commit": commit}, "vita import")
    request = ImportRequest(
        origin=origin,
        dataset=load(DatasetConfig, dataset),
        files=dict(zip(seeds, files, strict=True)),
        class_list=categories,
        first_category=first_category,
        drop_other=drop_other_categories,
        video_id_shift=video_id_shift,
        allow_empty=allow_empty,
    )
    place = root or Path(EXTERNAL_RESULTS)
    typer.echo(_summary(import_files(request, place, replace), place))


def _summary(record: ImportRecord, root: Path) -> str:
    lines = [f"{root / record.dataset / record.origin.name}: {record.origin.title}, {record.origin.backbone}, external"]
    for one in record.files:
        told = [f"{one.tracks} tracks", f"{len(one.empty_videos)} videos without a track"]
        told += [f"{sum(one.left_out.values())} tracks of other categories left out"] if one.left_out else []
        lines.append(f"seed {one.seed}: {one.file}, {', '.join(told)}; SHA-256 {one.sha256}")
    by = f"categories by {record.categories_by}; scored on {record.ground_truth}"
    return "\n".join([*lines, f"{by}; it stands in the tables of the next call of snakemake"])
