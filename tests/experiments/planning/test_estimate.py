"""Which of the measured costs tells that of another run, by hand-made costs."""

from dataclasses import replace

import pytest
from planned import BASE, IMAGES

from vita.experiments.planning.costs import UNKNOWN
from vita.experiments.planning.estimate import Estimate, Estimator

LARGE = replace(BASE, backbone="small")  # never measured
SPEED = replace(BASE, tier="any", method="any", device="gpu", source="assumed", gflop_per_iteration=400.0)


def seconds(costs, kind=BASE, unit="iteration", gflop=UNKNOWN):
    return Estimator(costs).estimate(kind, unit, lambda: gflop)


def test_the_nearest_measurement_counts():
    here = [replace(BASE, seconds_per_iteration=value, source="measured here") for value in (1.0, 2.0)]
    frozen = replace(BASE, variant="frozen", seconds_per_iteration=0.3)
    assert seconds([frozen, BASE, *here]) == Estimate(1.5, "measured here")
    assert seconds([frozen, BASE]) == Estimate(0.5, "measured before")
    assert seconds([frozen]) == Estimate(0.3, "a similar run")
    assert seconds([IMAGES]) == Estimate(None, "not known")  # other batches; no work known


@pytest.mark.parametrize("change", [{"clip_frames": 2}, {"train_pixels": 9}, {"backbone": "small"}, {"device": "gpu"}])
def test_another_size_or_device_is_no_similar_run(change):
    assert seconds([replace(BASE, **change)], gflop=UNKNOWN).basis == "not known"


def test_the_number_of_variants_matters_for_prediction_alone():
    one = replace(BASE, inference_variants=1)
    assert seconds([one], unit="frame").basis == "a similar run"
    assert seconds([one]).basis == seconds([one], unit="scored_frame").basis == "measured before"


def test_work_over_the_speed_of_the_same_method_or_of_all():
    # VITA computes 6 GFLOP/s and 14 GFLOP/s, the other method 20: medians 10, or 14 of all three
    other = replace(BASE, method="ifc", gflop_per_iteration=10.0)
    costs = [BASE, IMAGES, other]
    assert seconds(costs, LARGE, gflop=5.0) == Estimate(pytest.approx(5.0 / 10), "scaled by work")
    assert seconds(costs, replace(LARGE, method="ours"), gflop=5.0).seconds == pytest.approx(5.0 / 14)
    # In predictions only two are known: 0.1 GFLOP in 0.02 s each.
    assert seconds(costs, LARGE, "frame", 1.0).seconds == pytest.approx(1.0 / 5)


def test_an_assumed_speed_is_the_last_resort():
    gpu = replace(LARGE, device="gpu")
    assert seconds([BASE, SPEED], gpu, gflop=4000.0) == Estimate(pytest.approx(5.0), "assumed speed")  # 800 a second
    measured = replace(BASE, device="gpu", gflop_per_iteration=1000.0)  # 2000 a second
    assert seconds([measured, SPEED], gpu, gflop=4000.0) == Estimate(pytest.approx(2.0), "scaled by work")
    # It has less than a tenth of the work: its speed says nothing of the large model's.
    assert seconds([measured, SPEED], gpu, gflop=11000.0).basis == "assumed speed"
    assert seconds([measured], gpu, gflop=11000.0).basis == "scaled by work"


def test_work_of_this_folder_is_counted_when_nothing_similar_was_measured():
    here = replace(BASE, gflop_per_iteration=UNKNOWN, source="measured here")
    asked = []

    def counted():
        asked.append(True)
        return [replace(here, gflop_per_iteration=3.0)]

    estimator = Estimator([here], counted)
    assert estimator.estimate(BASE, "iteration", lambda: 3.0).basis == "measured here"
    assert not asked
    assert estimator.estimate(LARGE, "iteration", lambda: 6.0) == Estimate(pytest.approx(1.0), "scaled by work")
    estimator.estimate(LARGE, "frame", lambda: 6.0)
    assert asked == [True]


def test_scoring_takes_the_median_of_all_methods():
    costs = [replace(BASE, method=name, seconds_per_scored_frame=0.001 * k) for k, name in enumerate("abc", 1)]
    assert seconds(costs, LARGE, "scored_frame") == Estimate(pytest.approx(0.002), "scaled by work")
    assert seconds([IMAGES], LARGE, "scored_frame") == Estimate(None, "not known")


def test_sizes_are_of_the_same_training_variant():
    estimator = Estimator([BASE, replace(BASE, variant="frozen", weights_bytes=7.0)])
    assert estimator.size(replace(BASE, variant="frozen"), "weights_bytes") == 7.0
    assert estimator.size(IMAGES, "weights_bytes") is None
