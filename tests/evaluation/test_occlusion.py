from typing import Any

import pytest
from evaluation_scenes import annotation, code, ground_truth

from vita.evaluation.readers.ground_truth import levels_by_frame, occlusion_level, parse_ground_truth

NO, SLIGHT, SEVERE = "no_occlusion", "slight_occlusion", "severe_occlusion"


@pytest.mark.parametrize(
    ("labels", "level"),
    [
        ([NO, NO, SEVERE], "no"),
        ([SEVERE, None, None, None], "severe"),
        ([NO, SLIGHT, SEVERE, SLIGHT, None], "slight"),
        ([NO, SEVERE], "severe"),  # the heavier of two equal ones
        ([SLIGHT, NO], "slight"),
        ([None], None),
        ([], None),
        (None, None),
        # Other data sets mean other things by this key.
        ([0.3, [], {}, "half"], None),
        ("partial", None),
        (3, None),
    ],
)
def test_level_of_most_frames(labels: Any, level: str | None) -> None:
    assert occlusion_level(labels) == level


def test_read_with_the_ground_truth() -> None:
    mask = code([[1, 1, 0, 0], [1, 0, 0, 0]])
    data = ground_truth([annotation(1, [mask, mask], occlusion=[SLIGHT, None]), annotation(2, [mask, None])])
    assert [found.occlusion for found in parse_ground_truth(data, "gt").annotations] == ["slight", None]


def test_levels_by_frame() -> None:
    assert levels_by_frame([NO, None, SEVERE, "half"]) == ("no", None, "severe", None)
    assert levels_by_frame([None, 0.3]) == levels_by_frame("partial") == levels_by_frame(None) == ()
