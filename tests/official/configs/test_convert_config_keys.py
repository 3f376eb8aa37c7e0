"""Official configuration files by one changed key each: what is taken, what is lost; and the command."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from released_yaml import write_released
from tiny_run import files_in, vita

from vita.core.config_base import dump, load
from vita.core.contract import UserError
from vita.core.run_config import PredictConfig, RunConfig
from vita.official.configs.convert import Converted
from vita.official.configs.convert import convert_config as convert_file

R50 = "youtubevis_2019/vita_R50_bs8"
DATASETS = Path(__file__).parents[3] / "workflow" / "config" / "datasets"


def convert_config(path: Path, folder: Path) -> Converted:
    return convert_file(path, folder, DATASETS)


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file that inherits the hand-written R50 of YouTube-VIS 2019."""

    def write(text: str, base: str = R50) -> Path:
        write_released(tmp_path, base)
        path = tmp_path / "own.yaml"
        path.write_text(f"_BASE_: {base}.yaml\n{text}\n")
        return path

    return write


def test_a_frozen_detector_is_the_variant_of_that_name(own):
    run = convert_config(own("MODEL: {VITA: {FREEZE_DETECTOR: True}}"), Path()).run
    assert (run.variant, run.options["stage"]) == ("frozen", "frozen")


def test_another_value_of_our_constant_is_not_supported(own):
    fates = convert_config(own("MODEL: {MASK_FORMER: {CLASS_WEIGHT: 1.0}}\nINPUT: {FORMAT: BGR}"), Path()).fates
    assert fates["MODEL.MASK_FORMER.CLASS_WEIGHT"].kind == fates["INPUT.FORMAT"].kind == "not supported"
    assert fates["MODEL.MASK_FORMER.CLASS_WEIGHT"].why == "always 2.0 here"
    assert fates["MODEL.MASK_FORMER.DICE_WEIGHT"].kind == "our constant"


def test_without_crop(own):
    converted = convert_config(own("INPUT: {CROP: {ENABLED: False}, PSEUDO: {CROP: {ENABLED: False}}}"), Path())
    assert converted.run.train.augmentation.crop is None
    assert converted.run.pseudo_videos.augmentation.crop is None
    kinds = [converted.fates[f"INPUT.CROP.{key}"].kind for key in ("ENABLED", "TYPE", "SIZE")]
    assert kinds == ["taken", "not needed", "not needed"]


def test_the_window_is_that_of_the_pseudo_videos_as_in_the_official_code(own):
    converted = convert_config(own("INPUT: {CROP: {SIZE: '(100, 200)'}, PSEUDO: {CROP: {SIZE: '(300, 400)'}}}"), Path())
    crops = converted.run.train.augmentation.crop, converted.run.pseudo_videos.augmentation.crop
    assert [(crop.smallest, crop.largest) for crop in crops] == [(300, 400)] * 2
    assert converted.fates["INPUT.CROP.SIZE"].why == "the official code reads INPUT.PSEUDO.CROP in its place"


def test_another_kind_of_crop_is_lost(own):
    converted = convert_config(own("INPUT: {PSEUDO: {CROP: {TYPE: relative}}}"), Path())
    assert converted.run.train.augmentation.crop is None
    assert converted.fates["INPUT.PSEUDO.CROP.TYPE"].kind == "not supported"


def test_what_pseudo_videos_get_besides_rotation_is_lost(own):
    converted = convert_config(own("INPUT: {PSEUDO: {AUGMENTATIONS: [brightness]}}"), Path())
    assert converted.run.pseudo_videos.augmentation.rotation is None
    fate = converted.fates["INPUT.PSEUDO.AUGMENTATIONS"]
    assert (fate.kind, fate.why) == ("not supported", "brightness: only rotation is done here")


def test_jitter_takes_the_place_of_crop_and_resize(own):
    text = "INPUT: {LSJ_AUG: {ENABLED: True, IMAGE_SIZE: 640, MIN_SCALE: 0.5, MAX_SCALE: 1.5}}"
    converted = convert_config(own(text), Path())
    both = converted.run.train.augmentation, converted.run.pseudo_videos.augmentation
    assert all(
        (one.jitter.size, one.jitter.scale, one.crop, one.short_edges) == (640, (0.5, 1.5), None, ()) for one in both
    )
    assert both[1].rotation is not None and both[0].rotation is None
    for key in ("INPUT.MIN_SIZE_TRAIN", "INPUT.CROP.ENABLED", "INPUT.PSEUDO.CROP.SIZE"):
        assert converted.fates[key].why == "large-scale jitter takes its place"
    assert converted.fates["INPUT.LSJ_AUG.MIN_SCALE"].kind == "taken"
    fate = converted.fates["INPUT.LSJ_AUG.ENABLED"]
    assert (fate.kind, fate.why) == ("not supported", "of videos, drawn once for a clip here, not for each frame")


def test_images_that_ours_cannot_mix_in_are_lost(own):
    converted = convert_config(own('DATASETS: {TRAIN: \'("coco2ovis_train", "ytvis_2019_train")\'}'), Path())
    assert converted.run.pseudo_videos is None
    assert converted.fates["DATASETS.TRAIN"].why.startswith("only coco2ytvis2019_train can be mixed in")


def test_all_of_train_is_learnt_from_even_where_our_tables_keep_a_part_of_it_back(own):
    dataset = convert_config(own(""), Path()).run.dataset
    assert (dataset.validate_on, dataset.local_split) == ("valid", None)


def test_a_folder_without_data_sets(own, tmp_path):
    with pytest.raises(UserError, match=r"ytvis_2019\.yaml: no such file; name the folder .* --datasets"):
        convert_file(own(""), tmp_path, tmp_path)


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
    ("weights", "ours", "backbone"),
    [
        ("some/vita_r50_coco.pth", "runs/a/vita_r50_coco.safetensors", None),
        ("''", None, None),
        ("detectron2://ImageNetPretrained/torchvision/R-50.pkl", "runs/a/start.safetensors", "R-50.pkl"),
        ("my/swin_base_patch4_window12.pkl", "runs/a/start.safetensors", "my/swin_base_patch4_window12.pkl"),
        (
            "swin_large_patch4_window12_384_22k.pkl",
            "runs/a/start.safetensors",
            "swin_large_patch4_window12_384_22k.pkl",
        ),
    ],
)
def test_first_weights_are_expected_where_they_are_to_be_converted_to(own, weights, ours, backbone):
    run = convert_config(own(f"MODEL: {{WEIGHTS: {weights}}}"), Path("runs/a")).run
    assert run.start_from == ours
    assert (run.weights and run.weights.file) == backbone
    assert backbone is None or run.weights.holds == "backbone"


DATA = {
    "own data": (
        "TRAIN: '(\"mine_train\",)'",
        r"'DATASETS.TRAIN': data set 'mine_train' is not known; known are ytvis_2019",
    ),
    "no data": ("TRAIN: ()", r"key 'DATASETS.TRAIN' names no data set"),
    "no shares": ("DATASET_RATIO: []", r"'DATASETS.DATASET_RATIO' is \[\]; it must hold two shares above 0"),
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
    assert (config.dataset.root, config.dataset.valid.annotations[0]) == ("/data/ovis", "annotations_valid.json")
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
