"""The ledger of differences says what the code does: its configuration parses, its keys exist, its figures hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from vita.blocks.detector_options import DetectorOptions
from vita.core.config_base import parse
from vita.core.dataset_config import DatasetConfig
from vita.core.run_config import AugmentationConfig, CropConfig, PredictConfig, RunConfig, TrainConfig
from vita.core.settings import overlay
from vita.experiments.config import DatasetSubstitute, TierConfig
from vita.experiments.run_table import RunTable
from vita.model.method import VitaOptions, definition
from vita_baselines.ifc.method import IfcOptions
from vita_baselines.mask2former_vis.method import Mask2FormerVisOptions

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "workflow" / "config"
TEXT = (ROOT / "docs" / "paper_vs_release.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)]
PAPER = yaml.safe_load((LIBRARY / "paper.yaml").read_text())


def rows(section: str) -> list[list[str]]:
    """The cells of all table rows below a heading."""
    body = TEXT.partition(f"\n## {section}")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in body.splitlines() if line.startswith("| ")
    ]


def test_the_lines_for_the_text_make_a_tier_that_differs_in_nothing_else(tmp_path):
    whole, tables = {"experiments": [*PAPER["experiments"], "layers"]}, []
    for name, difference in (("text", BLOCKS[0]), ("released", {})):
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(overlay(PAPER, difference) | whole))
        tables.append(of_vita(RunTable(path, LIBRARY)))
    text, released = tables
    # Variants for the one's or the other's layers: of each tier, its own are those of its preset.
    assert text.keys() - released.keys() == {"release_layers", "pretrain_release_layers"}
    assert released.keys() - text.keys() == {"paper_layers", "pretrain_paper_layers"}
    for variant in text.keys() & released.keys():
        run, layers = text[variant], {"encoder_layers": 3, "decoder_layers": 6}
        assert run.options == {**released[variant].options, **layers}
        iterations = {"iterations": 130000} if variant != "pretrain" else {}
        assert run.train.model_dump() == {**released[variant].train.model_dump(), **iterations}
    assert released["base"].options["encoder_layers"] == 6 and released["base"].train.iterations == 140000
    assert text["pretrain_release_layers"].options == released["pretrain"].options


def of_vita(table: RunTable) -> dict[str, RunConfig]:
    """Configurations of seed 0 on YouTube-VIS 2019 with ResNet-50, and what they start from, by variant."""
    runs = [run for run in table if (run.method, run.backbone, run.seed) == ("vita", "r50", 0)]
    return {run.variant: run.config for run in runs if run.dataset in ("ytvis_2019", "coco")}


@pytest.mark.parametrize(
    ("dataset", "iterations", "decay", "frames"), [("ytvis_2021", 160000, (100000,), 6), ("ovis", 110000, (50000,), 6)]
)
def test_the_lines_for_the_other_data_sets_fit_a_tier(dataset, iterations, decay, frames):
    tier = parse(TierConfig, overlay(PAPER, BLOCKS[1]), "ledger")
    substitute = tier.datasets[dataset]
    train = parse(TrainConfig, overlay(tier.schedules["clips"], substitute.train), "ledger")
    assert (train.iterations, train.decay_at, train.clip_frames) == (iterations, decay, frames)
    parse(PredictConfig, overlay(tier.predict, substitute.predict) | {"variants": {"intact": {}}}, "ledger")


def test_every_key_of_the_last_column_exists():
    sections = (VitaOptions, TrainConfig)
    known = {key for section in sections for key in section.model_fields} | {"shift", "stage", "seeds", "precision"}
    known |= {f"detector.{key}" for key in DetectorOptions.model_fields}
    known |= {f"predict.{key}" for key in PredictConfig.model_fields}
    known |= {f"augmentation.{key}" for key in AugmentationConfig.model_fields}
    known |= {f"schedules.clips.{key}" for key in TrainConfig.model_fields} | {"schedules.pretrain"}
    known |= {"datasets.ytvis_2021.train", "datasets.ovis.train", "methods.vita.variants.pretrain.window"}
    known |= {"pseudo_videos"} & DatasetSubstitute.model_fields.keys() | {
        "category_map"
    } & DatasetConfig.model_fields.keys()
    known |= {"paper", "datasets"}  # names of a preset and of a tier
    tables = [row for section in ("1.", "2.", "3.", "4.") for row in rows(section) if len(row) == 6]
    named = {key.partition(":")[0] for row in tables for key in re.findall(r"`([\w.: ]+)`", row[5])}
    assert len(tables) > 35 and named <= known, named - known


@pytest.mark.parametrize("section", ["1.", "2.", "3.", "4."])
def test_tables_are_complete(section):
    assert {len(row) for row in rows(section)} == {6}
    assert all(all(row) for row in rows(section))


def test_quirks_that_are_reproduced_by_default():
    """Their keys exist, and their defaults are the quirk."""
    told = {(row[0], row[2]) for row in rows("6.") if len(row) == 3}
    assert ("Mask2Former-VIS", "`labels: last_frame`; `labels: instance`") in told
    assert Mask2FormerVisOptions().labels == "last_frame"
    assert parse(Mask2FormerVisOptions, {"labels": "instance"}, "ledger")
    assert not {release for release, key in told if "labels" in key} - {"Mask2Former-VIS"}  # IFC has no such option
    assert "labels" not in IfcOptions.model_fields
    images = PAPER["methods"]["ifc"]["schedules"]["pretrain"]
    assert images["decay_everything"] and parse(CropConfig, images["augmentation"]["crop"], "ledger") == CropConfig(
        probability=1.0, short_edges=(), moves=False
    )


def test_defaults_are_those_of_the_release():
    options = VitaOptions()
    assert (options.encoder_layers, options.decoder_layers, options.window) == (6, 3, 6)
    assert (options.video_queries, options.fed_layers, options.similarity_weight) == (100, 3, 0.5)
    assert PAPER["methods"]["vita"]["preset"] == "release"
    assert PAPER["methods"]["vita"]["variants"]["pretrain"]["window"] == 0


def test_figures_that_follow_by_arithmetic():
    assert [round(100 * (new / old - 1), 1) for old, new in ((130, 140), (160, 187.5), (110, 150))] == [7.7, 17.2, 36.4]
    assert [round(100 / (1 + ratio)) for ratio in (0.75, 0.8, 0.25)] == [57, 56, 80]
    mebibytes = 256 * (384 // 4) * (640 // 4) * 4 / 2**20
    assert (mebibytes, round(mebibytes * 1392 / 1024, 1)) == (15.0, 20.4)
    share = PAPER["datasets"]["ytvis_2019"]["pseudo_videos"]["ratio"]  # of images for one of videos
    clips = 140000 * 8
    of_videos = clips / (1 + share)
    assert (clips, round(of_videos, -2)) == (1_120_000, 480_000)
    draws = [count / 2238 for count in (of_videos, clips)]
    assert [(round(mean), round(mean**0.5)) for mean in draws] == [(214, 15), (500, 22)]
    kept_of_crop = [sum((384, min(600, edge))) / 2 / edge for edge in (480, 640)]
    assert round(100 * kept_of_crop[0] * kept_of_crop[1]) == 69
    kept_back = yaml.safe_load((LIBRARY / "datasets/ytvis_2019.yaml").read_text())["local_split"]["valid_share"]
    assert (round(100 * (1 - kept_back)), round(2238 * (1 - kept_back))) == (85, 1902)


@pytest.mark.parametrize(
    ("encoder", "decoder", "queries", "millions"),
    [(6, 3, 100, 13.18), (3, 6, 100, 13.97), (6, 3, 200, 13.20), (3, 6, 200, 13.99)],
)
def test_parameters_beyond_the_detector(encoder, decoder, queries, millions):
    """They depend on the detector only through its width and its number of queries."""
    small = {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4}
    detector = {"backbone": small, "queries": queries, "pixel_layers": 1, "decoder_layers": 3, "feedforward": 8}
    options = {"detector": detector, "encoder_layers": encoder, "decoder_layers": decoder}
    model = definition.build(options, num_classes=40)
    own = [parameter.numel() for name, parameter in model.named_parameters() if not name.startswith("detector.")]
    assert round(sum(own) / 1e6, 2) == millions
