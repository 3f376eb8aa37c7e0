"""Official configuration files become ours: held against what the official code makes of the released files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from released_yaml import NAMES, expected, write_released

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.plugins import find_method, installed_methods
from vita.core.run_config import AugmentationConfig, CropConfig, JitterConfig, RotationConfig, RunConfig
from vita.engine.optimizer import rate_multiplier
from vita.experiments.run_table import RunTable
from vita.model.method import VitaOptions
from vita.official.configs.convert import METHODS, Converted
from vita.official.configs.convert import convert_config as convert_file

LIBRARY = Path(__file__).parents[3] / "workflow" / "config"


def convert_config(path: Path, folder: Path) -> Converted:
    return convert_file(path, folder, LIBRARY / "datasets")


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
    if jitter:
        expected_augmentation = AugmentationConfig(jitter=JitterConfig(size=1024, scale=(0.1, 2.0)))
    else:
        smallest, largest = facts["INPUT.PSEUDO.CROP.SIZE"]
        expected_augmentation = AugmentationConfig(
            crop=CropConfig(smallest=smallest, largest=largest),
            short_edges=facts["INPUT.MIN_SIZE_TRAIN"],
            max_edge=facts["INPUT.MAX_SIZE_TRAIN"],
        )
    assert (train.precision, train.augmentation) == ("fp16", expected_augmentation)
    assert_pseudo_videos(run, facts)
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


def assert_pseudo_videos(run: RunConfig, facts: dict[str, Any]) -> None:
    """Images of COCO, by the share of the configuration, cropped and turned."""
    if len(facts["DATASETS.TRAIN"]) == 1:
        assert run.pseudo_videos is None
        return
    images, videos = facts["DATASETS.DATASET_RATIO"]
    assert run.pseudo_videos is not None and run.pseudo_videos.dataset.name == "coco"
    assert run.pseudo_videos.ratio == images / videos
    smallest, largest = facts["INPUT.PSEUDO.CROP.SIZE"]
    assert run.pseudo_videos.augmentation == AugmentationConfig(
        crop=CropConfig(smallest=smallest, largest=largest),
        short_edges=facts["INPUT.PSEUDO.MIN_SIZE_TRAIN"],
        max_edge=facts["INPUT.PSEUDO.MAX_SIZE_TRAIN"],
        rotation=RotationConfig(),
    )


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


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """All runs that the tier could make, those without a number in the paper too."""
    path = tmp_path_factory.mktemp("whole") / "whole.yaml"
    path.write_text("{extends: paper, published_only: false, experiments: null}")
    return RunTable(path, LIBRARY)


CURVE = {
    "validate_every",
    "validate_at",
    "validate_videos",
    "validate_short_edge",
}  # of Figure 5; the release scores nothing


@pytest.mark.parametrize("name", NAMES)
def test_the_tier_of_the_papers_numbers_trains_and_predicts_as_released(tmp_path, name, paper):
    converted = convert_config(write_released(tmp_path, name), tmp_path)
    released = converted.run
    identity = ("vita", released.dataset.name, released.backbone, released.variant)
    run = next(run for run in paper if (run.method, run.dataset, run.backbone, run.variant) == identity)
    own = {"threads", *CURVE, *(["frame_range"] if run.variant == "pretrain" else [])}  # one frame has no range
    assert run.config.train.model_dump(exclude=own) == released.train.model_dump(exclude=own)
    ours, theirs = run.config.pseudo_videos, released.pseudo_videos
    assert (ours is None) == (theirs is None) == (run.variant == "pretrain")
    if ours is not None and theirs is not None:
        assert (ours.ratio, ours.augmentation) == (pytest.approx(theirs.ratio, abs=1e-6), theirs.augmentation)
    assert parse(VitaOptions, run.config.options, "ours") == parse(VitaOptions, released.options, "released")
    if run.prediction:
        sizes = {"short_edge", "max_edge", "top_k"}
        assert run.prediction.model_dump(include=sizes) == converted.plan.model_dump(include=sizes)


def test_what_has_no_counterpart_is_named_with_the_reason(tmp_path):
    converted = convert_config(write_released(tmp_path, R50), tmp_path)
    lost = {key for key, fate in converted.fates.items() if fate.kind == "not supported"}
    assert lost == {"DATALOADER.ASPECT_RATIO_GROUPING", "DATALOADER.SAMPLER_TRAIN"}
    others = {
        kind: {k for k, f in converted.fates.items() if f.kind == kind} for kind in ("our constant", "not needed")
    }
    assert {"MODEL.MASK_FORMER.CLASS_WEIGHT", "MODEL.BACKBONE.FREEZE_AT", "INPUT.FORMAT"} <= others["our constant"]
    taken = {key for key, fate in converted.fates.items() if fate.kind == "taken"}
    pseudo = {key for key in converted.official if key.startswith("INPUT.PSEUDO.")}
    assert {"DATASETS.DATASET_RATIO", "DATASETS.TRAIN", "INPUT.CROP.ENABLED", *pseudo} <= taken
    assert {"INPUT.CROP.SIZE", "INPUT.LSJ_AUG.ENABLED"} <= others["not needed"]
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


# As released, so far as it decides about images: detectron2's random crop comes first, always and without a resize.
IFC_IMAGES = """
MODEL:
  META_ARCHITECTURE: Ifc
  RESNETS: {STRIDE_IN_1X1: False, OUT_FEATURES: [res2, res3, res4, res5]}
  IFC: {NUM_CLASSES: 80}
DATASETS: {TRAIN: '("coco_2017_train",)', TEST: '("coco_2017_val",)'}
SOLVER: {IMS_PER_BATCH: 32, MAX_ITER: 1108800, STEPS: "(739200,)"}
INPUT:
  FORMAT: RGB
  SAMPLING_FRAME_NUM: 1
  MIN_SIZE_TRAIN: (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)
  CROP: {ENABLED: True, TYPE: absolute_range, SIZE: "(384, 600)"}
"""


def converted_from(text: str, tmp_path: Path) -> Converted:
    (path := tmp_path / "own.yaml").write_text(text)
    return convert_config(path, tmp_path)


def test_ifcs_images_are_cropped_as_released_and_as_in_the_tier_of_the_papers_numbers(tmp_path, paper):
    converted = converted_from(IFC_IMAGES, tmp_path)
    crop = CropConfig(probability=1.0, short_edges=(), smallest=384, largest=600, moves=False)
    images = AugmentationConfig(crop=crop, short_edges=range(480, 801, 32), max_edge=1333)
    assert converted.run.train.augmentation == images
    ours = next(run for run in paper if (run.method, run.backbone, run.variant) == ("ifc", "r50", "pretrain"))
    assert ours.config.train.augmentation == images
    assert {converted.fates[f"INPUT.CROP.{key}"].kind for key in ("ENABLED", "TYPE", "SIZE")} == {"taken"}


@pytest.mark.parametrize("architecture", ["Ifc", "VideoMaskFormer"])
def test_a_crop_that_differs_from_frame_to_frame_is_reported(tmp_path, architecture):
    """Both loaders draw detectron2's crop for every frame anew; a clip of ours has one window."""
    text = BASELINES[architecture].replace(
        "INPUT: {", "INPUT: {CROP: {ENABLED: True, TYPE: absolute_range, SIZE: '(300, 400)'}, "
    )
    converted = converted_from(text, tmp_path)
    crop = converted.run.train.augmentation.crop
    assert (crop.probability, crop.short_edges, crop.smallest, crop.largest, crop.moves) == (1.0, (), 300, 400, False)
    fate = converted.fates["INPUT.CROP.ENABLED"]
    assert (fate.kind, fate.why) == (
        "not supported",
        "one window for all frames of a clip here, another for each frame there",
    )


@pytest.mark.parametrize("architecture", ["Ifc", "VideoMaskFormer"])
def test_a_crop_by_shares_of_the_frame_is_reported(tmp_path, architecture):
    """detectron2's default kind."""
    text = BASELINES[architecture].replace("INPUT: {", "INPUT: {CROP: {ENABLED: True}, ")
    converted = converted_from(text, tmp_path)
    assert converted.run.train.augmentation.crop is None
    fate = converted.fates["INPUT.CROP.TYPE"]
    assert (fate.kind, fate.why) == ("not supported", "only absolute_range: without it there is no crop here")


MSRA = """
MODEL:
  META_ARCHITECTURE: Ifc
  WEIGHTS: detectron2://ImageNetPretrained/MSRA/R-101.pkl
  PIXEL_MEAN: [103.530, 116.280, 123.675]
  PIXEL_STD: [1.0, 1.0, 1.0]
  RESNETS: {DEPTH: 101, STRIDE_IN_1X1: True, OUT_FEATURES: [res2, res3, res4, res5]}
  IFC: {NUM_CLASSES: 40}
DATASETS: {TRAIN: '("ytvis_2019_train",)', TEST: '("ytvis_2019_val",)'}
INPUT: {FORMAT: BGR, MIN_SIZE_TRAIN_SAMPLING: choice_by_clip}
"""


@pytest.mark.parametrize("written", ["as released", "left to detectron2's defaults"])
def test_the_other_resnet_101_is_refused_by_its_name(tmp_path, written):
    """IFC's: BGR, no division by the standard deviation, stride in the first 1x1. The shapes are torchvision's."""
    text = MSRA
    if written != "as released":
        text = re.sub(r"  PIXEL_.*\n|FORMAT: BGR, |STRIDE_IN_1X1: True, ", "", text)
    with pytest.raises(UserError, match=r"own\.yaml: MSRA's ResNet-101 \(told by INPUT\.FORMAT BGR, .*torchvision's"):
        converted_from(text, tmp_path)


@pytest.fixture(params=METHODS)
def converted(request: pytest.FixtureRequest, tmp_path: Path) -> Converted:
    """A file of each architecture."""
    architecture = request.param
    if METHODS[architecture] not in installed_methods():
        pytest.skip(f"the method {METHODS[architecture]} is not installed")
    if architecture == "Vita":
        return convert_config(write_released(tmp_path, R50), tmp_path)
    return converted_from(BASELINES[architecture], tmp_path)


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
