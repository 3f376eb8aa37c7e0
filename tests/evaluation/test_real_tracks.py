"""Tracks that two published methods found in real videos: AP, AR and HOTA are what TrackEval says of them."""

from pathlib import Path

import pytest

from vita.evaluation.average_precision import mean_of_valid
from vita.evaluation.hota.scores import evaluate_hota, named
from vita.evaluation.readers.detections import read_detections_file
from vita.evaluation.readers.ground_truth import load_ground_truth
from vita.evaluation.scoring import evaluate_files

REAL = Path(__file__).parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(
    not (REAL / "instances.json").is_file(), reason="the real data of ../shared/real are not here"
)

# From ../shared/real/README.md, numbers of TrackEval 1.3.0: AP and AR100.
PRECISION_AND_RECALL = {
    "osvos": {
        "animal": (0.346535, 0.366667),
        "car": (0.454455, 0.450000),
        "person": (0.350495, 0.400000),
        "mean": (0.383828, 0.405556),
    },
    "rvos": {
        "animal": (0.614851, 0.633333),
        "car": (0.825248, 0.850000),
        "person": (0.067327, 0.200000),
        "mean": (0.502475, 0.561111),
    },
}
# HOTA, DetA, DetRe, DetPr, AssA, AssRe, AssPr, LocA.
HOTA = {
    "osvos": {
        "animal": (0.703720, 0.674683, 0.777589, 0.777589, 0.736105, 0.814352, 0.814352, 0.858186),
        "car": (0.686260, 0.638686, 0.769737, 0.769737, 0.742188, 0.826570, 0.826570, 0.905688),
        "person": (0.625196, 0.602358, 0.668129, 0.668129, 0.652553, 0.708775, 0.708775, 0.752056),
        "mean": (0.671725, 0.638576, 0.738485, 0.738485, 0.710282, 0.783232, 0.783232, 0.838643),
        "over detections": (0.675812, 0.625529, 0.728599, 0.728599, 0.743286, 0.816920, 0.816920, 0.821383),
    },
    "rvos": {
        "animal": (0.211589, 0.054503, 0.814941, 0.054920, 0.821913, 0.860658, 0.860658, 0.862045),
        "car": (0.210628, 0.052985, 0.858553, 0.053244, 0.837421, 0.874969, 0.874969, 0.876537),
        "person": (0.143906, 0.031418, 0.586257, 0.031690, 0.678749, 0.712262, 0.712262, 0.726251),
        "mean": (0.188708, 0.046302, 0.753250, 0.046618, 0.779361, 0.815963, 0.815963, 0.821611),
        "over detections": (0.185793, 0.043006, 0.724160, 0.043429, 0.811942, 0.854303, 0.854303, 0.807388),
    },
}


@pytest.mark.parametrize("name", PRECISION_AND_RECALL)
def test_precision_and_recall(name: str) -> None:
    found = evaluate_files(REAL / "instances.json", REAL / f"{name}.json")
    recall = found.recall()[:, :, 0, -1]  # (T, K) of all sizes, at most 100 a video and category
    scores = {
        category: (found.per_category_ap[key], mean_of_valid(recall[:, place]))
        for place, (key, category) in enumerate(found.category_names.items())
    }
    scores["mean"] = found.scores.ap, found.scores.ar100
    for which, expected in PRECISION_AND_RECALL[name].items():
        assert scores[which] == pytest.approx(expected, abs=1e-6), which


@pytest.mark.parametrize("name", HOTA)
def test_hota(name: str) -> None:
    truth = load_ground_truth(REAL / "instances.json")
    found = evaluate_hota(truth, read_detections_file(REAL / f"{name}.json", truth))
    assert found.mean is not None
    scores = {truth.categories[key]: of_category for key, of_category in found.by_category.items()}
    scores |= {"mean": found.mean, "over detections": found.over_detections}
    for which, expected in HOTA[name].items():
        assert tuple(named(scores[which]).values()) == pytest.approx(expected, abs=1e-6), which
