# Files that were damaged since they were written. Snakemake would take them for new ones, and delete what was made of them
# before the command that makes it anew finds out.

import sys
from pathlib import Path

from vita.core.config_base import dump, load
from vita.core.contract import UserError
from vita.core.files import read_json, write_text
from vita.core.run_config import PredictConfig, RunConfig


def mend_damage():
    """Before any job starts: write damaged configurations of runs again, as they were; refuse damaged labels.

    A configuration is damaged when it is none, or is the beginning of what it should be: what a changed tier asks for
    instead, or what a person put there, is for Snakemake to see. The same bytes as before make nothing anew.
    """
    if looks_only() or not workflow.is_main_process:
        return
    for run in TABLE:
        folder = Path(run.directory)
        mend(folder / "config.yaml", RunConfig, run.config)
        if run.prediction:
            mend(folder / "inference.yaml", PredictConfig, run.prediction)
    for path, dataset in labels_with_results().items():
        try:
            read_json(path)
        except UserError as error:
            embedded = f"write it again with `vita data synth --dataset results/data/{dataset.name}/dataset.yaml`"
            refuse(
                f"{error}. What was made of it is still there: {embedded if dataset.shapes else 'fetch it again'}, and "
                "nothing is done anew"
            )


def mend(path, section, wanted):
    """Write a file of the workflow's own again where it cannot have been written so."""
    if not path.exists() or not is_damaged(path, section, dump(wanted)):
        return
    write_text(path, dump(wanted))
    print(
        f"{path} was damaged; it is mended, and what was made with it stays",
        file=sys.stderr,
    )


def is_damaged(path, section, wanted):
    try:
        load(section, path)
    except UserError:
        return True
    found = path.read_text(encoding="utf-8")
    return found != wanted and wanted.startswith(found)


def labels_with_results():
    """Files of labels that are newer than something that was made of them, with their data sets."""
    found = {}
    for run in TABLE:
        outputs = [
            Path(run.directory, name)
            for name in ("model.safetensors", "predict_record.json")
        ]
        made = [path.stat().st_mtime for path in outputs if path.exists()]
        sets = [run.config.dataset]
        if run.config.pseudo_videos:
            sets.append(run.config.pseudo_videos.dataset)
        for dataset in sets if made else []:
            for path in labels_of(dataset):
                if path.stat().st_mtime > min(made):
                    found[path] = dataset
    return found


def labels_of(dataset):
    """The files of labels that are there."""
    places = [
        names
        for split in (dataset.train, dataset.valid)
        for names in (split.annotations, split.ground_truth or ())
    ]
    names = [
        name for each in places for name in ((each,) if isinstance(each, str) else each)
    ]
    paths = (Path(dataset.root, name) for name in names)
    return [path for path in paths if path.is_file()]
