"""A released configuration file of an official implementation -> ours: a run, its inference plan, and what was lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.config_base import dump, parse
from vita.core.contract import UserError
from vita.core.csv_table import csv_text
from vita.core.files import write_text
from vita.core.records import START_WEIGHTS
from vita.core.run_config import PredictConfig, RunConfig
from vita.official.checkpoints.backbone_kinds import KINDS
from vita.official.configs.config import OfficialConfig, read_official_config
from vita.official.configs.data import read_data
from vita.official.configs.keys import KeyStatus, status_of
from vita.official.configs.training import predict_section, train_section
from vita.official.plugins import find_official

METHODS = {"Vita": "vita", "VideoMaskFormer": "mask2former_vis", "Ifc": "ifc"}
CONFIGURED = [kind.configured for kind in KINDS if kind.configured]
BACKBONE_ALONE = re.compile(r"ImageNetPretrained|(^|/)swin_\w+_patch4_window\d+")  # weights of no whole model
# Together they mean MSRA's weights; the same names of files are published with torchvision's.
MSRA = {"INPUT.FORMAT": "BGR", "MODEL.PIXEL_STD": [1.0, 1.0, 1.0], "MODEL.RESNETS.STRIDE_IN_1X1": True}
LOST_FIRST = ("not supported", "our constant", "not needed", "taken")


@dataclass(frozen=True)
class Converted:
    """Our configuration, and what became of every official key."""

    run: RunConfig
    plan: PredictConfig
    official: OfficialConfig
    fates: dict[str, KeyStatus]

    def table(self) -> pd.DataFrame:
        """One row a key, what is lost first: key, value, named_by (file, or code for a default), fate, why."""
        rows = [
            (key, str(self.official.peek(key)), "file" if key in self.official.named else "code", fate.kind, fate.why)
            for key, fate in sorted(self.fates.items(), key=lambda item: (LOST_FIRST.index(item[1].kind), item[0]))
        ]
        return pd.DataFrame(rows, columns=["key", "value", "named_by", "fate", "why"])

    def summary(self) -> str:
        """The keys without a counterpart: those that the file names, and those that the code assumes and ours lacks."""
        table = self.table()
        table = table[(table["named_by"] == "file") | (table["fate"] == "not supported")]
        parts = []
        for kind in LOST_FIRST:
            rows = table[table["fate"] == kind]
            parts.append(f"{kind}: {len(rows)} keys")
            told = rows if kind != "taken" else rows[rows["why"] != ""]
            parts += [_line(*row) for row in told[["key", "value", "named_by", "why"]].itertuples(index=False)]
        return "\n".join(parts)

    def write(self, folder: Path, source: str) -> None:
        """config.yaml, inference.yaml and official_keys.csv, each whole or not at all."""
        head = f"# From {source}, by `vita convert config`; official_keys.csv says what became of each of its keys.\n"
        write_text(folder / "config.yaml", head + dump(self.run))
        write_text(folder / "inference.yaml", head + dump(self.plan))
        write_text(folder / "official_keys.csv", csv_text(self.table()))


def convert_config(path: Path, folder: Path, datasets: Path) -> Converted:
    """Read an official YAML file. `folder` is where the converted weights that the run starts from are expected.

    `datasets` holds the data sets' YAML files.

    Raises UserError naming the file and the key for what cannot be read, is unknown, or asks for what ours cannot be.
    """
    config, where = read_official_config(path), str(path)
    notes: dict[str, KeyStatus] = {}
    options = options_of(config, where)
    data = read_data(config, notes, datasets, where)
    raw = {
        "tier": "official",
        "dataset": data.dataset,
        "method": METHODS[config["MODEL.META_ARCHITECTURE"]],
        "backbone": _backbone(config),
        "variant": "frozen" if options.get("stage") == "frozen" else "pretrain" if data.of_images else "base",
        "seed": _seed(config, notes),
        "options": options,
        "train": train_section(config, notes),
        "pseudo_videos": data.pseudo_videos,
        **_start(config, folder, notes),
    }
    run = parse(RunConfig, raw, where)
    plan = parse(PredictConfig, predict_section(config, config.architecture), where)
    return Converted(run, plan, config, _fates(config, notes))


def _refuse_other_resnet(config: OfficialConfig, where: str) -> None:
    """Raises UserError on MSRA's ResNet, of Caffe2: another function of the picture than torchvision's, same shapes."""
    named = {key: list(value) if isinstance(value := config.peek(key), tuple) else value for key in MSRA}
    if config.peek("MODEL.BACKBONE.NAME") == "build_resnet_backbone" and named == MSRA:
        told = ", ".join(f"{key} {value}" for key, value in named.items())
        raise UserError(
            f"{where}: MSRA's ResNet-{config.peek('MODEL.RESNETS.DEPTH')} (told by {told}); ours is torchvision's, of "
            "the same shapes and another function: name INPUT.FORMAT RGB, PIXEL_MEAN [123.675, 116.28, 103.53], "
            "PIXEL_STD [58.395, 57.12, 57.375], STRIDE_IN_1X1 False and torchvision's weights instead"
        )


def options_of(config: OfficialConfig, where: str) -> dict[str, Any]:
    """Options of our method. Raises UserError, which `where` opens, for what ours cannot be."""
    _refuse_other_resnet(config, where)
    try:
        return find_official(METHODS[config.architecture]).options(config, {})
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _backbone(config: OfficialConfig) -> str:
    """A name for folders and tables; the sizes are among the options."""
    asked = config["MODEL.BACKBONE.NAME"]
    return next(kind.run_name(config) for kind in CONFIGURED if kind.name == asked)


def _seed(config: OfficialConfig, notes: dict[str, KeyStatus]) -> int:
    seed: int = config["SEED"]
    if seed < 0:
        notes["SEED"] = KeyStatus("not needed", "every run draws its own there; here it is fixed, 0 to begin with")
    return max(seed, 0)


def _start(config: OfficialConfig, folder: Path, notes: dict[str, KeyStatus]) -> dict[str, Any]:
    """The keys that say which weights the run starts from; none for random ones."""
    weights = config["MODEL.WEIGHTS"]
    if not weights:
        return {}
    if BACKBONE_ALONE.search(weights):
        file = Path(weights).name if "://" in weights else weights
        why = f"put it at {file}, as `weights.file` says; `vita convert run --config {folder / 'config.yaml'}` reads it"
        notes["MODEL.WEIGHTS"] = KeyStatus("taken", why)
        return {"start_from": str(folder / START_WEIGHTS), "weights": {"file": file, "holds": "backbone"}}
    ours = str(folder / Path(weights).with_suffix(".safetensors").name)
    command = f"vita convert weights {weights} --config {folder / 'config.yaml'} --out {ours}"
    notes["MODEL.WEIGHTS"] = KeyStatus("taken", f"start_from is what `{command}` writes")
    return {"start_from": ours}


def _fates(config: OfficialConfig, notes: dict[str, KeyStatus]) -> dict[str, KeyStatus]:
    other = tuple(kind.section for kind in CONFIGURED if kind.name != config.peek("MODEL.BACKBONE.NAME"))
    fates = {key: _fate(config, key) for key in config}
    fates |= _settings_of_lost_features(fates)
    fates |= {key: KeyStatus("not needed", "of the other kind of backbone") for key in config if key.startswith(other)}
    fates |= {key: KeyStatus("not needed", "of detectron2's other models") for key in config.foreign}
    return fates | notes


def _fate(config: OfficialConfig, key: str) -> KeyStatus:
    said = status_of(key, config.peek(key), config.architecture)
    if said is not None:
        return said
    return KeyStatus("taken", "") if key in config.taken else KeyStatus("not supported", "nothing here stands for it")


def _settings_of_lost_features(fates: dict[str, KeyStatus]) -> dict[str, KeyStatus]:
    """Where a feature is lost, so are the settings that point to its switch."""
    switches = {f"see {key}": fate for key, fate in fates.items() if fate.kind == "not supported"}
    return {key: switches[fate.why] for key, fate in fates.items() if fate.why in switches}


def _line(key: str, value: str, named_by: str, why: str) -> str:
    assumed = "" if named_by == "file" else " (assumed by the official code)"
    return f"  {key} = {value}{assumed}{': ' if why else ''}{why}"
