"""Results that were damaged since they were written: read, or one line that names the file; never another error."""

import json
import random

import pytest
from figure_runs import DATASET, TRAIN
from table_scenes import ALL, HALF, Scenes, row, spec
from written_records import metrics_record, prediction_record, training_record

from vita.core.config_base import dump
from vita.core.contract import UserError
from vita.core.run_config import PredictConfig, RunConfig
from vita.report.figures.curves import read_history
from vita.report.pages.environment_section import environment_section
from vita.report.pages.run_folder import read_run_folder
from vita.report.pages.runs_section import runs_section
from vita.report.runs.tidy_rows import collect_runs
from vita.report.tables.inputs import read_runs

WRONG = (None, True, -1, 0, 1.5, "x", "", [], {}, [1], {"a": 1}, 10**400, float("nan"), float("inf"), "2022-13-45")
CUTS = 24


@pytest.fixture
def folder(tmp_path):
    """A finished run with all that it leaves."""
    names = {"tier": "smoke", "method": "vita", "backbone": "tiny", "variant": "base", "seed": 0}
    config = RunConfig.model_validate({**names, "dataset": DATASET, "options": {}, "train": TRAIN})
    plan = PredictConfig(variants={"intact": {}})
    run = tmp_path / "smoke/shapes/vita/tiny/base/seed0"
    (run / "metrics").mkdir(parents=True)
    (run / "logs").mkdir()
    (run / "config.yaml").write_text(dump(config))
    (run / "inference.yaml").write_text(dump(plan))
    (run / "record.json").write_text(json.dumps(training_record(config.model_dump(mode="json"))))
    (run / "predict_record.json").write_text(json.dumps(prediction_record(plan.model_dump(mode="json"))))
    (run / "metrics/intact.json").write_text(json.dumps(metrics_record({"ap": 0.5})))
    (run / "history.csv").write_text(
        "step,seconds,learning_rate,total,validation_AP\n2,0.1,0.1,3.5,\n4,0.2,0.1,2.5,10\n"
    )
    (run / "logs/train.tsv").write_text("s\tcpu_time\n2.0\t1\n")
    return run


def read_all(run):
    """Whether everything that reads these files takes them. Raises anything but UserError."""
    out = run.parent
    readers = (
        lambda: collect_runs([run], out / "runs.csv"),
        lambda: read_runs(out / "runs.csv") if (out / "runs.csv").exists() else None,
        lambda: runs_section([read_run_folder(run)]),
        lambda: environment_section([read_run_folder(run)]),
        lambda: read_history(run / "history.csv"),
    )
    told = []
    for read in readers:
        try:
            read()
        except UserError as error:
            told.append(str(error))
    return told


def places(content, at=()):
    """Of every value in a tree."""
    yield at
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield from places(content[key], (*at, key))


def put(content, place, value):
    """A copy with another value at one place."""
    if not place:
        return value
    copy = content.copy()
    copy[place[0]] = put(content[place[0]], place[1:], value)
    return copy


FILES = ("record.json", "predict_record.json", "metrics/intact.json")


@pytest.mark.parametrize("name", FILES)
def test_a_value_of_another_type_anywhere_in_a_record(folder, name):
    assert read_all(folder) == []
    content = json.loads((folder / name).read_text())
    draw = random.Random(name)
    found = list(places(content))
    for place in draw.sample(found, min(CUTS, len(found))):
        (folder / name).write_text(json.dumps(put(content, place, draw.choice(WRONG))))
        for told in read_all(folder):
            assert str(folder) in told, (place, told)


@pytest.mark.parametrize("name", [*FILES, "history.csv", "config.yaml", "inference.yaml", "logs/train.tsv"])
def test_bytes_that_were_lost_or_changed(folder, name):
    whole, draw = (folder / name).read_bytes(), random.Random(name)
    for _ in range(CUTS // 2):
        start, length = draw.randrange(len(whole)), draw.choice((1, 1, 5, len(whole)))
        (folder / name).write_bytes(whole[:start] + draw.randbytes(draw.choice((0, 1, 3))) + whole[start + length :])
        for told in read_all(folder):
            assert str(folder) in told, told


def table_of(tmp_path):
    scenes = Scenes(tmp_path)
    lines = [scenes.run("intact", seed, found) for seed, found in ((0, ALL), (1, HALF))]
    lines += [scenes.run("zero", seed, HALF) for seed in (0, 1)]
    wanted = spec(
        row({"control": "intact"}), row({"control": "zero"}, "zero"), reference={"control": "intact"}, published=None
    )
    return scenes, wanted, lines


@pytest.mark.parametrize("column", ["seed", "AP", "AR10", "videos", "iterations", "train_time_s"])
@pytest.mark.parametrize("cell", ["x", "1,5", "inf", "1e999", "0x10", "[1]", "9" * 400])
def test_a_cell_that_is_no_number(tmp_path, column, cell):
    scenes, wanted, lines = table_of(tmp_path)
    lines[1][column] = cell
    with pytest.raises(UserError, match=rf"runs\.csv: not a readable list of runs \(line 3: {column} is .*delete it"):
        scenes.build(wanted, lines)


@pytest.mark.parametrize("cells", [("True", "True"), ("True", ""), ("9" * 400, "9" * 400), ("9" * 400, "")])
def test_a_whole_column_that_pandas_takes_for_numbers(tmp_path, cells):
    path = tmp_path / "history.csv"
    path.write_text("step,total\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells)))
    with pytest.raises(UserError, match=r"history\.csv: not a readable history \(line 2: total is .*not a number"):
        read_history(path)


@pytest.mark.parametrize("end", ["\r", "\n\r", "\r\n\r", "\r\r"])
def test_a_carriage_return_takes_no_comma_with_it(tmp_path, end):
    path = tmp_path / "history.csv"
    path.write_bytes(f"step,total{end},5\n".encode())
    with pytest.raises(UserError, match=r"history\.csv: not a readable history \(line 2: step is 'nan'"):
        read_history(path)
    path.write_bytes(f"total,step{end},5\r6,7\r".encode())
    assert read_history(path)["step"].tolist() == [5, 7]


@pytest.mark.parametrize("steps", [(2, 4), (0, 1), (5, 4), (7,), (1, 1)])
def test_a_cell_too_many_shifts_no_others(tmp_path, steps):
    """Also where the first cells are even steps, as pandas numbers rows itself."""
    path = tmp_path / "history.csv"
    path.write_text("step,total\n" + "".join(f"{step},3,5\n" for step in steps))
    with pytest.raises(UserError, match=r"history\.csv: not a readable history \(rows have more cells"):
        read_history(path)


def test_rows_with_more_cells_than_columns(tmp_path):
    scenes, wanted, lines = table_of(tmp_path)
    scenes.build(wanted, lines)
    runs = tmp_path / "runs.csv"
    head, *rest = runs.read_text().splitlines()
    for cells in (1, 2):
        short = head.rsplit(",", cells)[0]
        (tmp_path / "short.csv").write_text("\n".join([short, *rest, ""]))
        with pytest.raises(UserError, match=r"short\.csv: (not a readable list of runs|no column)"):
            read_runs(tmp_path / "short.csv")


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("step,total,step", "two columns are called 'step'"),
        ("step,total" + ",again" * 20_000, "20002 columns, of at most 1000"),  # pandas takes minutes to tell them apart
        ("step,total" + "".join(f",c{number}" for number in range(999)), "1001 columns, of at most 1000"),
        ("step,total," + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_columns_that_no_table_has(tmp_path, head, told):
    path = tmp_path / "history.csv"
    path.write_text(f"{head}\n1,2\n")
    with pytest.raises(UserError, match=rf"history\.csv: not a readable history \({told}"):
        read_history(path)


def test_the_table_from_damaged_rows_and_counts(tmp_path):
    scenes, wanted, lines = table_of(tmp_path)
    draw = random.Random(0)
    for _ in range(CUTS):
        changed = [dict(line) for line in lines]
        changed[draw.randrange(4)][draw.choice([*lines[0]])] = draw.choice(("", "x", "-1", "nan", "0", "2.5", "é\n"))
        try:
            scenes.build(wanted, changed)
        except UserError:
            continue
    path = tmp_path / "smoke/shapes/vita/tiny/base/seed0/metrics/zero.json"
    content = json.loads(path.read_text())
    found = [place for place in places(content) if "counts" in place]
    for place in draw.sample(found, CUTS // 3):
        path.write_text(json.dumps(put(content, place, draw.choice(WRONG))))
        try:
            scenes.build(wanted, lines)
        except UserError as error:
            assert str(path) in str(error), (place, error)
