# Which files stand for a data set, in training and in scoring.

from pathlib import Path

from vita.core.contract import UserError
from vita.core.further_scores import LENGTHS, kinds_of
from vita.data.dataset import find_files


def annotations(dataset, part):
    """The annotation file of a part; it stands for all of it, since of embedded data it is written last."""
    if dataset.shapes:  # a rule writes it
        local = dataset.validate_on == "local_split"
        split = dataset.train if part == "train" or local else dataset.valid
        return f"{dataset.root}/{split.annotations}"
    described = TABLE.datasets.get(
        dataset.name, dataset
    )  # a run's configuration leaves out where to get it
    try:
        return as_input(find_files(described, part).annotations)
    except UserError as error:
        refuse(f"{error}{also_missing(dataset.root)}")


def local_split(dataset):
    """The list of ids that divides `train`, for a data set that is scored on a part of it; a rule can write it."""
    if dataset.validate_on != "local_split":
        return []
    path = Path(dataset.local_split.file)
    if (
        path != Path(f"results/data/{dataset.name}/local_split.json")
        and not path.is_file()
    ):
        refuse(
            f"data set '{dataset.name}': local_split.file is {path}, which is not there; write it with "
            f"`vita data split`, or name results/data/{dataset.name}/local_split.json, which the workflow writes"
        )
    return [as_input(path)]


def training_data(config):
    """What a run reads: its data set, and the images that are mixed in."""
    parts = ("train", "valid") if config.train.validates else ("train",)
    sets = [
        config.dataset,
        *([config.pseudo_videos.dataset] if config.pseudo_videos else []),
    ]
    files = {annotations(config.dataset, part) for part in parts}
    files |= {annotations(each, "train") for each in sets}
    return sorted(files.union(*map(local_split, sets)))


def scored_data(evaluations):
    """The labels of all videos that are scored."""
    return sorted({annotations(run.config.dataset, "valid") for run, _ in evaluations})


def long_videos(run, inference):
    """The file that says which videos are long, where a table asks for scores of them."""
    asked = kinds_of(TABLE.further_scores(run, inference))
    dataset = TABLE.datasets[run.config.dataset.name]
    return [dataset.long_videos] if LENGTHS in asked else []


def further_options(run, inference):
    """Words for `vita evaluate`, which ask for the scores beyond the main ones that tables have columns of."""
    asked = kinds_of(TABLE.further_scores(run, inference))
    alone = [kind.option for kind in asked if kind is not LENGTHS]
    return [
        *alone,
        *(word for file in long_videos(run, inference) for word in ("--long", file)),
    ]


def scored_videos(dataset):
    """Options of `vita evaluate` that choose the videos."""
    limit = [dataset.limit_videos] if dataset.limit_videos else []
    return [
        *each_as_option("--limit-videos", limit),
        *each_as_option("--videos", local_split(dataset)),
    ]
