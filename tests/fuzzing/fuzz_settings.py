"""YAML files that people write: tiers, experiments, data sets, and those of the official code."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fuzz_target import YAML_WORDS, Seed, Target, differ, outcome, plain_yaml
from pydantic import ValidationError

from vita.core.config_base import load, read_yaml
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.run_config import RunConfig
from vita.experiments.config import ExperimentConfig, TierConfig
from vita.experiments.method_config import MethodConfig
from vita.experiments.reading import load_file, load_tier
from vita.experiments.run_table import RunTable
from vita.official.configs.convert import convert_config

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
PLANNED = 40  # of so many files, one is also resolved into all runs
# What the reader of trees refuses beyond YAML itself.
STRICTER = ("more than", "stands inside itself", "is no text", "type of its tag", "not valid YAML")
TIERS = ("smoke", "mini", "paper_lite", "released")
EXPERIMENTS = ("table1", "table4", "table6", "figure6")
NO_MODEL = (ValidationError, ValueError, TypeError, RecursionError)


def settings_seeds(folder: Path) -> list[Seed]:
    """Files of the library, each under a name that says what it is."""
    (folder / "experiments").mkdir(exist_ok=True)
    (folder / "tier.yaml").write_text("extends: smoke\nexperiments: [mine]\nanchor: null\n")
    found = [Seed("changed.yaml", (LIBRARY / f"{name}.yaml").read_bytes()) for name in TIERS]
    found += [_seed("experiments/mine.yaml", f"experiments/{name}.yaml") for name in EXPERIMENTS]
    found += [_seed("dataset.yaml", f"datasets/{name}.yaml") for name in ("shapes", "ytvis_2019")]
    return [*found, _seed("method.yaml", "methods/vita.yaml")]


def _seed(name: str, source: str) -> Seed:
    return Seed(name, (LIBRARY / source).read_bytes())


def use_settings(path: Path) -> None:
    """The tree is PyYAML's, the section that of pydantic alone; of some files all runs follow."""
    raw = _tree(path)
    planned = zlib.crc32(path.read_bytes()) % PLANNED == 0
    match path.name:
        case "changed.yaml":
            tier = load_tier(path, LIBRARY)
            if "extends" not in raw:
                _same(TierConfig, raw, tier)
            if planned:
                RunTable(path, LIBRARY)
        case "mine.yaml":
            _same(ExperimentConfig, raw, load_file(ExperimentConfig, path))
            if planned:
                RunTable(path.parents[1] / "tier.yaml", LIBRARY)
        case "dataset.yaml":
            _same(DatasetConfig, raw, load(DatasetConfig, path))
        case _:
            _same(MethodConfig, raw, load_file(MethodConfig, path))


def _tree(path: Path) -> Any:
    refusal, raw = outcome(lambda: read_yaml(path), (UserError,))
    if isinstance(refusal, UserError):
        if any(words in str(refusal) for words in STRICTER):
            raise refusal
        differ(f"refused as a tree: {refusal}")
    if repr(raw) != repr(plain_yaml(path)):
        differ("another tree than PyYAML's")
    return raw


def _same(section: Any, raw: Any, found: Any) -> None:
    refusal, plain = outcome(lambda: section.model_validate(raw), NO_MODEL)
    if refusal or repr(plain) != repr(found):
        differ(f"read, but not by pydantic alone: {refusal}")


BASE = """
MODEL:
  META_ARCHITECTURE: Vita
  WEIGHTS: vita_r50_coco.pth
  PIXEL_MEAN: [123.675, 116.280, 103.530]
  PIXEL_STD: [58.395, 57.120, 57.375]
  BACKBONE: {NAME: build_resnet_backbone, FREEZE_AT: 0}
  RESNETS: {DEPTH: 50, STEM_TYPE: basic, STRIDE_IN_1X1: False, OUT_FEATURES: [res2, res3, res4, res5]}
  SEM_SEG_HEAD: {NAME: MaskFormerHead, NUM_CLASSES: 40, TRANSFORMER_ENC_LAYERS: 6, CONVS_DIM: 256, MASK_DIM: 256,
    PIXEL_DECODER_NAME: MSDeformAttnPixelDecoder, IN_FEATURES: [res2, res3, res4, res5]}
  MASK_FORMER: {TRANSFORMER_DECODER_NAME: VitaMultiScaleMaskedTransformerDecoder, DEC_LAYERS: 10, DROPOUT: 0.0,
    TRANSFORMER_IN_FEATURE: multi_scale_pixel_decoder, CLASS_WEIGHT: 2.0, MASK_WEIGHT: 5.0, DICE_WEIGHT: 5.0,
    TEST: {SEMANTIC_ON: False, INSTANCE_ON: True, OBJECT_MASK_THRESHOLD: 0.8, OVERLAP_THRESHOLD: 0.8}}
SOLVER: {WARMUP_FACTOR: 1.0, WARMUP_ITERS: 10, WEIGHT_DECAY: 0.05, AMP: {ENABLED: True},
  CLIP_GRADIENTS: {ENABLED: True, CLIP_TYPE: full_model, CLIP_VALUE: 0.01}}
"""
LEAF = """_BASE_: base.yaml
MODEL: {VITA: {ENC_WINDOW_SIZE: 6}}
DATASETS:
  DATASET_RATIO: [1.0, 0.75]
  TRAIN: ("coco2ytvis2019_train", "ytvis_2019_train")
  TEST: ("ytvis_2019_val",)
SOLVER: {IMS_PER_BATCH: 8, BASE_LR: 5e-5, MAX_ITER: 140000, STEPS: "(75000,)"}
INPUT:
  MIN_SIZE_TRAIN: (288, 320, 352, 384, 416, 448, 480, 512)
  MAX_SIZE_TRAIN: 768
  MIN_SIZE_TRAIN_SAMPLING: choice_by_clip
  MIN_SIZE_TEST: 360
  RANDOM_FLIP: flip_by_clip
  SAMPLING_FRAME_NUM: 5
  SAMPLING_FRAME_RANGE: 20
  FORMAT: RGB
  CROP: {ENABLED: True, TYPE: absolute_range, SIZE: "(384, 600)"}
  PSEUDO: {MIN_SIZE_TRAIN: "(288, 320, 352)", CROP: {ENABLED: True}}
TEST: {DETECTIONS_PER_IMAGE: 10}
"""
OFFICIAL_WORDS = (*YAML_WORDS, b"_BASE_: ", b"(", b")", b"(1,)", b"'(1,)'", b"leaf.yaml", b"MODEL: ", b"1e-4", b"~x")


def official_seeds(folder: Path) -> list[Seed]:
    """A file that inherits, the one it inherits from, and both as one."""
    (folder / "base.yaml").write_text(BASE)
    whole = BASE.replace("SOLVER: {", "SOLVER: {IMS_PER_BATCH: 8, BASE_LR: 5e-5, MAX_ITER: 9, STEPS: '(5,)', ")
    whole += LEAF[LEAF.index("DATASETS") : LEAF.index("SOLVER")] + LEAF[LEAF.index("INPUT") :]
    return [Seed("leaf.yaml", text.encode()) for text in (LEAF, whole)]


def use_official(path: Path) -> None:
    """What is converted is written as a run's configuration that our own reader takes."""
    _tree(path)
    out = path.with_name("converted")
    convert_config(path, out, LIBRARY / "datasets").write(out, "leaf.yaml")
    load(RunConfig, out / "config.yaml")


@cache
def _loaded(text: bytes) -> Any:
    return yaml.safe_load(text)


SETTINGS = Target("tier and experiment YAML", settings_seeds, use_settings, YAML_WORDS, _loaded)
OFFICIAL = Target("official YAML", official_seeds, use_official, OFFICIAL_WORDS, _loaded)
