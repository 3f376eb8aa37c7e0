"""Measured costs: a table that came with the package, and what the records of finished runs add to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from vita.config import RunConfig
from vita.config_file import parse
from vita.contract import UserError
from vita.files import read_json, write_text

TABLE = Path(__file__).parent / "costs.csv"

Source = Literal["measured here", "measured before", "assumed"]


@dataclass(frozen=True)
class Cost:
    """What one run took. Work is of the network alone, as `vita.planning.work` counts it; NaN what is not known."""

    tier: str
    method: str
    backbone: str
    variant: str
    device: str  # cpu or gpu
    clips_per_batch: int
    clip_frames: int
    seconds_per_iteration: float
    seconds_per_frame: float  # of prediction under all its inference variants
    gflop_per_iteration: float
    gflop_per_frame: float
    bytes_per_frame: float  # of a predicted video, all variants and the frame detector's
    source: Source


COLUMNS = [field.name for field in fields(Cost)]


def read_costs(path: Path = TABLE) -> list[Cost]:
    """The table's rows. Raises UserError naming a missing column."""
    frame = pd.read_csv(path)
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise UserError(f"{path}: no column '{missing[0]}'; `vita plan --write-costs` writes it")
    return [Cost(**{str(name): value for name, value in row.items()}) for row in frame[COLUMNS].to_dict("records")]


def write_costs(costs: Iterable[Cost], path: Path) -> None:
    """As CSV."""
    rows = [asdict(cost) | {"source": _remembered(cost.source)} for cost in costs]
    write_text(path, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, float_format="%.6g"))


def _remembered(source: Source) -> Source:
    return "measured before" if source == "measured here" else source


def measured_costs(folders: Sequence[Path]) -> list[tuple[RunConfig, Cost]]:
    """Of the finished runs among `folders`, work left out. Raises UserError naming an unreadable record."""
    found = [_measured(folder) for folder in folders if (folder / "record.json").exists()]
    return [pair for pair in found if pair is not None]


def _measured(folder: Path) -> tuple[RunConfig, Cost] | None:
    record = _record(folder / "record.json")
    if record.get("status") != "finished":
        return None
    config = parse(RunConfig, record["config"], f"{folder / 'record.json'}: config")
    frames, seconds, size = _prediction(folder)
    cost = Cost(
        config.tier,
        config.method,
        config.backbone,
        config.variant,
        "cpu" if record["device"] == "cpu" else "gpu",
        config.train.clips_per_batch,
        config.train.clip_frames,
        record["train_time_s"] / record["iterations"],
        seconds / frames if frames else float("nan"),
        float("nan"),
        float("nan"),
        size / frames if frames else float("nan"),
        "measured here",
    )
    return config, cost


def _prediction(folder: Path) -> tuple[int, float, int]:
    """Frames, seconds and bytes of a run's predictions; zeros where there are none."""
    path = folder / "predict_record.json"
    if not path.exists():
        return 0, 0.0, 0
    record = _record(path)
    files = [folder / "frame_detector.json", *(folder / "predictions").glob("*.json")]
    return record["frames"], record["predict_time_s"], sum(file.stat().st_size for file in files if file.exists())


def _record(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or "config" not in content:
        raise UserError(f"{path}: no key 'config'; delete the file and run the command again")
    return content


@dataclass(frozen=True)
class Estimate:
    """Seconds of one iteration or one frame, and what that number stands on; None where nothing is known."""

    seconds: float | None
    basis: str


NOTHING_KNOWN = Estimate(None, "not known")


def like(costs: Sequence[Cost], config: RunConfig, device: str) -> list[Cost]:
    """Costs of the same training, or else of the same model on batches of the same size."""
    same = [
        cost
        for cost in costs
        if (cost.tier, cost.method, cost.backbone, cost.device) == (config.tier, config.method, config.backbone, device)
        and (cost.clips_per_batch, cost.clip_frames) == (config.train.clips_per_batch, config.train.clip_frames)
    ]
    exactly = [cost for cost in same if cost.variant == config.variant]
    return exactly or same


def throughput(costs: Sequence[Cost], device: str, unit: Literal["iteration", "frame"]) -> tuple[float, str] | None:
    """Giga floating-point operations a second, the median of what was measured on such a device, and what it is of."""
    rows = [
        (getattr(cost, f"gflop_per_{unit}") / getattr(cost, f"seconds_per_{unit}"), cost.source)
        for cost in costs
        if cost.device == device
    ]
    known = [(rate, source) for rate, source in rows if not math.isnan(rate)]
    measured = [rate for rate, source in known if source != "assumed"]
    if measured:
        return float(pd.Series(measured).median()), "scaled by work"
    return (known[0][0], "assumed speed") if known else None
