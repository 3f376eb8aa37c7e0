"""Official configuration files become ours: held against what the official code makes of the released files."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from released_yaml import NAMES, expected, write_released
from tiny_run import files_in, vita

from vita.config import PredictConfig, RunConfig, dump, load, parse
from vita.contract import UserError
from vita.convert_config import METHODS, Converted, convert_config
from vita.engine.methods import find_method, installed_methods
from vita.engine.optimizer import rate_multiplier
from vita.experiments.run_table import RunTable
from vita.method import VitaOptions

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
R50 = "youtubevis_2019/vita_R50_bs8"
REAL = os.environ.get("VITA_OFFICIAL_CONFIGS", "")
OURS = {  # our key of the section `train` -> official key of the same value
    "iterations": "SOLVER.MAX_ITER",
    "clips_per_batch": "SOLVER.IMS_PER_BATCH",
    "clip_frames": "INPUT.SAMPLING_FRAME_NUM",
    "frame_range": "INPUT.SAMPLING_FRAME_RANGE",
    "learning_rate": "SOLVER.BASE_LR",
    "backbone_multiplier": "SOLVER.BACKBONE_MULTIPLIER",
    "weight_decay": "SOLVER.WEIGHT_DECAY",
    "gradient_clip_norm": "SOLVER.CLIP_GRADIENTS.CLIP_VALUE",
}
OPTIONS = {  # option of VITA -> official key
    "heads": "NHEADS",
    "feedforward": "DIM_FEEDFORWARD",
    "encoder_layers": "ENC_LAYERS",
    "decoder_layers": "DEC_LAYERS",
    "window": "ENC_WINDOW_SIZE",
    "video_queries": "NUM_OBJECT_QUERIES",
    "fed_layers": "LAST_LAYER_NUM",
    "similarity_weight": "SIM_WEIGHT",
}


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file that inherits the hand-written R50 of YouTube-VIS 2019."""

    def write(text: str, base: str = R50) -> Path:
        write_released(tmp_path, base)
        path = tmp_path / "own.yaml"
        path.write_text(f"_BASE_: {base}.yaml\n{text}\n")
        return path

    return write


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def assert_as_official(converted: Converted, name: str) -> None:
    """Every recorded value came out of the reader, and those that ours has stand in our configuration."""
    facts = expected(name)
    multipliers = facts.pop("multiplier_at_iter")
    assert {key: plain(converted.official.peek(key)) for key in facts} == facts
    train, plan, run = converted.run.train, converted.plan, converted.run
    assert {key: getattr(train, key) for key in OURS} == {key: facts[official] for key, official in OURS.items()}
    found = {iteration: rate_multiplier(int(iteration), train) for iteration in multipliers}
    assert found == pytest.approx(multipliers, rel=1e-12)
    jitter = facts["INPUT.LSJ_AUG.ENABLED"]
    edges = [1024] if jitter else facts["INPUT.MIN_SIZE_TRAIN"]
    assert list(train.augmentation.short_edges) == edges
    assert train.augmentation.max_edge == (1024 if jitter else facts["INPUT.MAX_SIZE_TRAIN"])
    assert (train.precision, train.augmentation.flip_probability) == ("fp16", 0.5)
    assert (plan.short_edge, plan.max_edge) == (facts["INPUT.MIN_SIZE_TEST"], facts["INPUT.MAX_SIZE_TEST"])
    assert plan.top_k == facts["TEST.DETECTIONS_PER_IMAGE"]
    assert {option: run.options[option] for option in OPTIONS} == {
        option: facts[f"MODEL.VITA.{key}"] for option, key in OPTIONS.items()
    }
    detector = run.options["detector"]
    assert detector["queries"] == facts["MODEL.MASK_FORMER.NUM_OBJECT_QUERIES"]
    assert detector["decoder_layers"] == facts["MODEL.MASK_FORMER.DEC_LAYERS"] - 1
    assert run.options["frame_points"] == run.options["video_points"] == facts["MODEL.MASK_FORMER.TRAIN_NUM_POINTS"]
    assert run.dataset.name == name.partition("/")[0].replace("youtubevis", "ytvis")
    parse(VitaOptions, run.options, name)


@pytest.mark.parametrize("name", NAMES)
def test_hand_written_files_come_out_as_the_official_code_reads_them(tmp_path, name):
    assert_as_official(convert_config(write_released(tmp_path, name), tmp_path), name)


@pytest.mark.skipif(not REAL, reason="VITA_OFFICIAL_CONFIGS does not name the folder of the released YAML files")
@pytest.mark.parametrize("name", NAMES)
def test_released_files_come_out_as_the_official_code_reads_them(tmp_path, name):
    found = [path for path in Path(REAL).rglob("*.yaml") if path.with_suffix("").as_posix().endswith(f"/{name}")]
    assert found, f"no {name}.yaml below {REAL}"
    assert_as_official(convert_config(found[0], tmp_path), name)


def test_the_backbones_are_named_and_sized(tmp_path):
    names = {"R50": "r50", "R101": "r101", "SWIN": "swin_l"}
    for official, ours in names.items():
        run = convert_config(write_released(tmp_path, f"youtubevis_2021/vita_{official}_bs8"), tmp_path).run
        assert run.backbone == ours
        whole = parse(VitaOptions, run.options, "options").detector
        assert list(whole.backbone.depths) == {"r50": [3, 4, 6, 3], "r101": [3, 4, 23, 3]}.get(ours, [2, 2, 18, 2])
        assert whole.queries == (200 if ours == "swin_l" else 100)


def test_the_tier_of_the_papers_numbers_trains_as_released(tmp_path):
    runs = {run.variant: run.config for run in RunTable(LIBRARY / "paper.yaml", LIBRARY) if run.method == "vita"}
    for variant, name in (("base", R50), ("pretrain", "coco/vita_R50_bs16_50ep")):
        released = convert_config(write_released(tmp_path, name), tmp_path).run
        assert released.variant == variant
        own = {"threads", "frame_range"} if variant == "pretrain" else {"threads"}  # a clip of one frame has no range
        assert runs[variant].train.model_dump(exclude=own) == released.train.model_dump(exclude=own)
        assert parse(VitaOptions, runs[variant].options, "ours") == parse(VitaOptions, released.options, "released")


def test_what_has_no_counterpart_is_named_with_the_reason(tmp_path):
    converted = convert_config(write_released(tmp_path, R50), tmp_path)
    lost = {key: fate.why for key, fate in converted.fates.items() if fate.kind == "not supported"}
    assert "coco2ytvis2019_train" in lost["DATASETS.TRAIN"]
    assert {"DATASETS.DATASET_RATIO", "INPUT.CROP.ENABLED", "INPUT.CROP.SIZE", "INPUT.PSEUDO.CROP.SIZE"} <= lost.keys()
    assert {key.rpartition(".")[0] for key in lost} == {
        "DATASETS",
        "DATALOADER",
        "INPUT.CROP",
        "INPUT.PSEUDO",
        "INPUT.PSEUDO.CROP",
    }
    others = {
        kind: {k for k, f in converted.fates.items() if f.kind == kind} for kind in ("our constant", "not needed")
    }
    assert {"MODEL.MASK_FORMER.CLASS_WEIGHT", "MODEL.BACKBONE.FREEZE_AT", "INPUT.FORMAT"} <= others["our constant"]
    assert {"MODEL.VITA.MULTI_CLS_ON", "MODEL.SWIN.EMBED_DIM", "MODEL.RESNETS.STEM_TYPE"} <= others["not needed"]


BASELINES = {
    "VideoMaskFormer": """
MODEL:
  META_ARCHITECTURE: VideoMaskFormer
  WEIGHTS: model_final_3c8ec9.pkl
  BACKBONE: {FREEZE_AT: 0}
  RESNETS: {STRIDE_IN_1X1: False}
  SEM_SEG_HEAD: {NUM_CLASSES: 40, CONVS_DIM: 256, TRANSFORMER_ENC_LAYERS: 6,
    PIXEL_DECODER_NAME: MSDeformAttnPixelDecoder}
  MASK_FORMER:
    TRANSFORMER_DECODER_NAME: VideoMultiScaleMaskedTransformerDecoder
    CLASS_WEIGHT: 2.0
    MASK_WEIGHT: 5.0
    DICE_WEIGHT: 5.0
    DROPOUT: 0.0
    DEC_LAYERS: 10
DATASETS: {TRAIN: '("ytvis_2021_train",)', TEST: '("ytvis_2021_val",)'}
INPUT: {FORMAT: RGB, MIN_SIZE_TRAIN: "(360, 480)", MIN_SIZE_TRAIN_SAMPLING: choice_by_clip, MIN_SIZE_TEST: 360}
SOLVER: {MAX_ITER: 8000, STEPS: "(5500,)"}
""",
    "Ifc": """
MODEL:
  META_ARCHITECTURE: Ifc
  RESNETS: {STRIDE_IN_1X1: False, OUT_FEATURES: [res2, res3, res4, res5]}
  IFC: {NUM_CLASSES: 40}
DATASETS: {TRAIN: '("ytvis_2019_train",)', TEST: '("ytvis_2019_val",)'}
INPUT: {FORMAT: RGB, MIN_SIZE_TRAIN_SAMPLING: choice_by_clip}
""",
}


@pytest.fixture(params=METHODS)
def converted(request: pytest.FixtureRequest, tmp_path: Path) -> Converted:
    """A file of each architecture."""
    architecture = request.param
    if METHODS[architecture] not in installed_methods():
        pytest.skip(f"the method {METHODS[architecture]} is not installed")
    if architecture == "Vita":
        return convert_config(write_released(tmp_path, R50), tmp_path)
    path = tmp_path / "own.yaml"
    path.write_text(BASELINES[architecture])
    return convert_config(path, tmp_path)


def test_every_key_has_a_fate_and_what_is_lost_a_reason(converted):
    assert converted.fates.keys() == set(converted.official)
    lost = {key: fate.why for key, fate in converted.fates.items() if fate.kind in ("not needed", "not supported")}
    assert {key for key, why in lost.items() if not why or "nothing here stands for it" in why} == set()


def test_the_method_reads_what_is_written_for_it(converted):
    definition = find_method(converted.run.method)
    for options in converted.plan.variants.values():
        definition.read_variant(options)
    assert converted.run.start_from is None or converted.run.start_from.endswith(".safetensors")
    expected_frames = {"vita": (5, {}), "mask2former_vis": (2, {})}
    ifc = {"clip_frames": 5, "stride": 1, "multi_class": True, "class_threshold": 0.01}
    frames, options = expected_frames.get(converted.run.method, (5, ifc))
    assert (converted.run.train.clip_frames, converted.plan.variants["intact"]) == (frames, options)


# What is taken, what is lost, by one changed key each


def test_a_frozen_detector_is_the_variant_of_that_name(own):
    run = convert_config(own("MODEL: {VITA: {FREEZE_DETECTOR: True}}"), Path()).run
    assert (run.variant, run.options["stage"]) == ("frozen", "frozen")


def test_another_value_of_our_constant_is_not_supported(own):
    fates = convert_config(own("MODEL: {MASK_FORMER: {CLASS_WEIGHT: 1.0}}\nINPUT: {FORMAT: BGR}"), Path()).fates
    assert fates["MODEL.MASK_FORMER.CLASS_WEIGHT"].kind == fates["INPUT.FORMAT"].kind == "not supported"
    assert fates["MODEL.MASK_FORMER.CLASS_WEIGHT"].why == "always 2.0 here"
    assert fates["MODEL.MASK_FORMER.DICE_WEIGHT"].kind == "our constant"


def test_without_crop_nothing_of_it_is_lost(own):
    fates = convert_config(own("INPUT: {CROP: {ENABLED: False}}"), Path()).fates
    assert [fates[f"INPUT.CROP.{key}"].kind for key in ("ENABLED", "TYPE", "SIZE")] == ["our constant"] + 2 * [
        "not needed"
    ]


@pytest.mark.parametrize(
    ("text", "norm", "lost"),
    [
        ("{CLIP_VALUE: 0.5}", 0.5, False),
        ("{ENABLED: False}", math.inf, False),
        ("{CLIP_VALUE: 0.0}", math.inf, False),
        ("{CLIP_TYPE: value}", math.inf, True),
    ],
)
def test_gradients_are_clipped_as_a_whole_or_not_at_all(own, tmp_path, text, norm, lost):
    converted = convert_config(own(f"SOLVER: {{CLIP_GRADIENTS: {text}}}"), Path())
    assert converted.run.train.gradient_clip_norm == norm
    assert (converted.fates["SOLVER.CLIP_GRADIENTS.CLIP_TYPE"].kind == "not supported") == lost
    path = tmp_path / "config.yaml"
    path.write_text(dump(converted.run))
    assert load(RunConfig, path).train == converted.run.train  # infinity survives the file


@pytest.mark.parametrize(
    ("text", "iterations", "lost"),
    [("{WARMUP_FACTOR: 0.001, WARMUP_ITERS: 100}", 100, True), ("{WARMUP_FACTOR: 0.5, WARMUP_ITERS: 0}", 0, False)],
)
def test_warm_up(own, text, iterations, lost):
    converted = convert_config(own(f"SOLVER: {text}"), Path())
    assert converted.run.train.warmup_iterations == iterations
    assert (converted.fates["SOLVER.WARMUP_FACTOR"].kind == "not supported") == lost


def test_milestones_at_the_end_or_later_change_nothing_and_are_left_out(own):
    train = convert_config(own("SOLVER: {MAX_ITER: 100, STEPS: '(50, 100, 200)'}"), Path()).run.train
    assert train.decay_at == (50,)


@pytest.mark.parametrize(
    ("text", "edges", "lost"),
    [
        ("MIN_SIZE_TRAIN: (320, 323), MIN_SIZE_TRAIN_SAMPLING: range_by_clip", (320, 321, 322, 323), False),
        ("MIN_SIZE_TRAIN: [320, 323], MIN_SIZE_TRAIN_SAMPLING: choice_by_clip", (320, 323), False),
        ("MIN_SIZE_TRAIN: [320, 323], MIN_SIZE_TRAIN_SAMPLING: choice", (320, 323), True),
        ("MIN_SIZE_TRAIN: [320, 323], MIN_SIZE_TRAIN_SAMPLING: choice, SAMPLING_FRAME_NUM: 1", (320, 323), False),
    ],
)
def test_short_edges(own, text, edges, lost):
    body = "\n".join(f"  {part}" for part in re.split(r", (?=[A-Z_]{4})", text))
    converted = convert_config(own(f"INPUT:\n{body}"), Path())
    assert converted.run.train.augmentation.short_edges == edges
    assert (converted.fates["INPUT.MIN_SIZE_TRAIN_SAMPLING"].kind == "not supported") == lost


@pytest.mark.parametrize(
    ("flip", "probability", "lost"),
    [("none", 0.0, False), ("flip_by_clip", 0.5, False), ("horizontal", 0.5, True), ("vertical", 0.0, True)],
)
def test_flips(own, flip, probability, lost):
    converted = convert_config(own(f"INPUT: {{RANDOM_FLIP: {flip}}}"), Path())
    assert converted.run.train.augmentation.flip_probability == probability
    assert (converted.fates["INPUT.RANDOM_FLIP"].kind == "not supported") == lost


def test_seed_precision_and_stored_size(own):
    converted = convert_config(own("SEED: 7\nSOLVER: {AMP: {ENABLED: False}}\nINPUT: {MIN_SIZE_TEST: 0}"), Path())
    assert (converted.run.seed, converted.run.train.precision, converted.plan.short_edge) == (7, "no", None)
    assert convert_config(own(""), Path()).run.seed == 0  # -1 there: drawn anew


@pytest.mark.parametrize(
    ("weights", "ours"),
    [
        ("some/vita_r50_coco.pth", "runs/a/vita_r50_coco.safetensors"),
        ("''", None),
        ("detectron2://ImageNetPretrained/torchvision/R-50.pkl", None),
        ("swin_large_patch4_window12_384_22k.pkl", None),
    ],
)
def test_first_weights_are_expected_where_they_are_to_be_converted_to(own, weights, ours):
    converted = convert_config(own(f"MODEL: {{WEIGHTS: {weights}}}"), Path("runs/a"))
    assert converted.run.start_from == ours
    assert (converted.fates["MODEL.WEIGHTS"].kind == "not supported") == ("pkl" in weights)


DATA = {
    "own data": (
        "TRAIN: '(\"mine_train\",)'",
        r"'DATASETS.TRAIN': data set 'mine_train' is not known; known are ytvis_2019",
    ),
    "no data": ("TRAIN: ()", r"key 'DATASETS.TRAIN' names no data set"),
    "two data sets": ("TEST: '(\"ovis_val\",)'", r"trained on 'ytvis_2019_train' but tested on 'ovis_val'; name one"),
    "other classes": (
        "TRAIN: '(\"ovis_train\",)'\n  TEST: ()",
        r"key 'MODEL.SEM_SEG_HEAD.NUM_CLASSES' is 40, but ovis has 25 classes",
    ),
}


@pytest.mark.parametrize(("text", "message"), DATA.values(), ids=DATA.keys())
def test_impossible_data_sets(own, text, message):
    with pytest.raises(UserError, match=rf"own\.yaml: .*{message}" if "key" in message else message):
        convert_config(own(f"DATASETS:\n  {text}"), Path())


def test_a_model_that_ours_cannot_be_is_an_error_with_the_files_name(own):
    with pytest.raises(UserError, match=r"own\.yaml: MODEL\.VITA\.PRE_NORM is True"):
        convert_config(own("MODEL: {VITA: {PRE_NORM: True}}"), Path())


# The command


def test_the_command_writes_what_train_and_predict_read(tmp_path, monkeypatch):
    path, run = write_released(tmp_path, "ovis/vita_R50_bs8"), tmp_path / "run"
    ended = vita("convert", "config", path, "--out", run)
    assert ended.code == 0
    assert files_in(run) == ["config.yaml", "inference.yaml", "official_keys.csv"]
    monkeypatch.setenv("OVIS_ROOT", "/data/ovis")
    config, plan = load(RunConfig, run / "config.yaml"), load(PredictConfig, run / "inference.yaml")
    assert (config.dataset.root, config.dataset.valid.annotations) == ("/data/ovis", "annotations_valid.json")
    assert (plan.top_k, plan.short_edge) == (20, 360)
    table = pd.read_csv(run / "official_keys.csv", index_col="key", keep_default_na=False)
    assert list(table) == ["value", "named_by", "fate", "why"] and table.index.is_unique
    assert table.loc["SOLVER.MAX_ITER"].tolist() == ["150000", "file", "taken", ""]
    assert table.loc["MODEL.VITA.ENC_LAYERS"].tolist() == ["6", "code", "taken", ""]
    shown = {line.split(" = ")[0].strip() for line in ended.out.splitlines() if " = " in line}
    named = table[(table["named_by"] == "file") & (table["fate"] != "taken")]
    lost = table[table["fate"] == "not supported"]
    assert shown == {*named.index, *lost.index, "MODEL.WEIGHTS"}


def test_the_command_tells_a_fault_in_one_line_and_writes_nothing(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("MODEL: {META_ARCHITECTURE: Vita, VITA: {ENC_LAYER: 3}}\n")
    ended = vita("convert", "config", path, "--out", tmp_path / "run")
    assert "unknown key 'MODEL.VITA.ENC_LAYER'" in ended.message
    assert not (tmp_path / "run").exists()
