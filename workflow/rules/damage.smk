# Files that were damaged since they were written. Snakemake would take them for new ones, and delete what was made of them
# before the command that makes it anew finds out.

import sys
from functools import partial
from pathlib import Path

from safetensors import SafetensorError, safe_open
from vita.core.config_base import dump, load
from vita.core.config_base import parse as parse_section
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.files import read_json, write_text
from vita.core.grouping import grouped
from vita.core.run_config import PredictConfig, RunConfig
from vita.data.local_split import LocalSplit
from vita.engine.memory.case import dump_cases, read_cases
from vita.experiments.config import TableSpec
from vita.experiments.external import EXTERNAL_FILE, ExternalConfig


def mend_damage():
    """Before any job starts: write damaged configurations again, as they were; refuse damaged labels.

    A configuration is damaged when it is none, or is the beginning of what it should be: what a changed tier asks for
    instead, or what a person put there, is for Snakemake to see. The same bytes as before make nothing anew. A call that
    only looks tells what the other would do.
    """
    if not workflow.is_main_process:
        return
    try:
        for path, read, write in configurations():
            if path.exists() and is_damaged(path, read, write()):
                mend(path, write())
    except UserError as error:  # a folder in its place, or no right to write
        refuse(error)
    check_weights()
    for path, dataset in labels_with_results().items():
        try:
            check_labels(path, dataset)
        except UserError as error:
            embedded = f"write it again with `vita data synth --dataset results/data/{dataset.name}/dataset.yaml`"
            refuse(
                f"{error}. What was made of it is still there: {embedded if dataset.shapes else 'fetch it again'}, and "
                "nothing is done anew"
            )


def check_labels(path, dataset):
    """Raises UserError on what is no list of labels, or no local split."""
    content = read_json(path)
    if dataset.local_split and path == Path(dataset.local_split.file):
        parse_section(LocalSplit, content, str(path))
        return
    wanted = ["images" if dataset.format == "coco" else "videos", "categories"]
    if not isinstance(content, dict) or not all(map(content.get, wanted)):
        raise UserError(f"{path}: it lists no {' or no '.join(wanted)}")


def check_weights():
    """Refuse weights that were cut off since something was made of them."""
    starting = grouped(TABLE, lambda run: run.config.start_from)
    for run in TABLE:
        path = Path(run.directory, "model.safetensors")
        made = [path.with_name("predict_record.json")]
        made += [Path(one.directory, path.name) for one in starting.get(str(path), ())]
        if path.is_file() and is_newer(path, made):
            try:
                safe_open(path, "numpy")
            except (SafetensorError, OSError) as error:
                refuse(
                    f"{path}: not a readable safetensors file ({error}). What was made of it is still there, and "
                    "nothing is done anew: put it back, or delete it, and tables stand without it"
                )


def configurations():
    """All that the workflow itself writes: file, how it is read, and what gives the text that stands there."""
    for run in TABLE:
        folder = Path(run.directory)
        yield folder / "config.yaml", *of_section(RunConfig, run.config)
        if run.prediction:
            yield folder / "inference.yaml", *of_section(PredictConfig, run.prediction)
    for run in TABLE.externals():
        yield Path(run.directory, EXTERNAL_FILE), *of_section(
            ExternalConfig, run.config
        )
    for name, dataset in TABLE.datasets.items():
        path = Path(f"results/data/{name}/dataset.yaml")
        yield path, *of_section(DatasetConfig, dataset.without_description())
    for name, spec in TABLE.specs.items():
        path = Path(f"results/tables/{TABLE.tier.tier}/{name}/spec.yaml")
        yield path, *of_section(TableSpec, spec)
    for name, probes in probe_rows().items():
        path = Path(PROBE.format(tier=TABLE.tier.tier, probe=name) + ".yaml")
        yield path, read_cases, partial(dump_cases, [probe.case for probe in probes])


def of_section(section, wanted):
    return partial(load, section), partial(dump, wanted)


def mend(path, wanted):
    told = "is damaged; the call that is no dry run mends it"
    if not looks_only():
        write_text(path, wanted)
        told = "was damaged; it is mended"
    print(f"{path} {told}, and what was made with it stays", file=sys.stderr)


def is_damaged(path, read, wanted):
    try:
        read(path)
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
        if not any(path.exists() for path in outputs):
            continue
        sets = [run.config.dataset]
        if run.config.pseudo_videos:
            sets.append(run.config.pseudo_videos.dataset)
        for dataset in sets:
            for path in labels_of(dataset):
                if is_newer(path, outputs):
                    found[path] = dataset
    return found


def is_newer(path, outputs):
    """Whether a file was written since any of these, of which some may not be there."""
    made = [output.stat().st_mtime for output in outputs if output.exists()]
    return bool(made) and path.stat().st_mtime > min(made)


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
    paths = [Path(dataset.root, name) for name in names]
    if dataset.local_split:
        paths.append(Path(dataset.local_split.file))
    return [path for path in paths if path.is_file()]
