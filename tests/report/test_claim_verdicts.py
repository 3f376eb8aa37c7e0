"""Every verdict from results written by hand, and what the ledger says of why."""

import pandas as pd
import pytest
from claim_results import ABOUT_50, claim, line, pruned, results, row, table
from figure_runs import write_run

from vita.core.contract import UserError
from vita.report.claims.ledger import judge

PAPER = {"as_paper": True, "valid_videos": 20}
FEWER = {"kind": "difference", "table": "table6", "row": {"ratio": 0.5}, "against": [{"ratio": 1.0}]}
SCORE = {"kind": "score", "table": "table6", "row": {"ratio": 1.0}}


def scored(aps, as_paper=True, tier="paper", **changes):
    """A table of one row, with one line for each AP."""
    lines = [line(seed, ap, **changes) for seed, ap in enumerate(aps)]
    return results(table([row({"ratio": 1.0}, **(PAPER if as_paper else {}))], lines, tier=tier))


@pytest.mark.parametrize(
    ("aps", "verdict"),
    [
        ([49, 50, 51], "reproduced"),  # 50 ± 2.5
        ([59, 60, 61], "not reproduced"),
        ([47, 50, 53], "inconclusive"),  # 50 ± 7.5
        ([50, 50], "inconclusive"),
    ],
)
def test_a_score_of_the_paper(aps, verdict):
    entry = judge("it", claim(SCORE), scored(aps))
    assert (entry.verdict, entry.shown.seeds) == (verdict, len(aps))
    assert entry.evidence == tuple(f"runs/seed{seed}/metrics/intact.json" for seed in range(len(aps)))


def test_other_models_and_data_are_not_comparable():
    entry = judge("it", claim(SCORE), scored([49, 50, 51], as_paper=False, tier="smoke"))
    assert (entry.verdict, entry.shown) == ("not comparable", None)
    assert "tier smoke" in entry.reason


@pytest.mark.parametrize("changes", [{"ground_truth": "local split of train"}, {"videos": 19}])
def test_other_videos_than_the_official_ones_are_not_comparable(changes):
    entry = judge("it", claim(SCORE), scored([49, 50, 51], **changes))
    assert entry.verdict == "not comparable"
    assert "not on the official videos" in entry.reason


def test_scores_of_a_server_are_comparable():
    local = [line(seed, 10.0, ground_truth="local split") for seed in range(3)]
    server = [line(seed, 49.0 + seed, ground_truth="server", videos=None, directory=f"s{seed}") for seed in range(3)]
    entry = judge("it", claim(SCORE), results(table([row({"ratio": 1.0}, **PAPER)], local + server, tier="paper")))
    assert (entry.verdict, entry.shown.value, entry.evidence) == ("reproduced", 50, ("s0", "s1", "s2"))


def test_differences_of_scores_of_a_server_are_over_trainings():
    """(50, 51, 52) less (40, 41, 42) of other weights: 10 with 4.3027 * sqrt(2 / 3) = 3.51 to either side."""
    lines = [line(seed, 40.0 + seed, ground_truth="server") for seed in range(3)]
    lines += [line(seed, 50.0 + seed, "prune50", ground_truth="server") for seed in range(3)]
    rows = [row({"ratio": 1.0}, **PAPER), row({"ratio": 0.5}, "prune50", **PAPER)]
    entry = judge("it", claim(FEWER, {"kind": "above", "value": 6.4}), results(table(rows, lines, tier="paper")))
    assert (entry.verdict, entry.shown.value) == ("reproduced", 10)
    assert entry.shown.low == pytest.approx(6.487, abs=1e-3)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (results(), ["table6 is not among the tables", "results/table6.csv"]),
        (results(table([row({"ratio": 0.5})], [])), ["no row of ours (ratio 1.0)"]),
        (results(table([row({"ratio": 1.0}, not_run="not run in this tier")], [])), ["not run in this tier"]),
        (
            results(table([row({"ratio": 1.0})], [line(0, None, status="failed", error="out of memory")])),
            ["out of memory"],
        ),
        (results(table([row({"ratio": 1.0})], [line(0, None, status="not evaluated")])), ["no scores of vita"]),
        (results(table([row({"ratio": 1.0})], [])), ["no run for the row"]),
    ],
)
def test_not_run_names_what_is_missing(result, words):
    entry = judge("it", claim(SCORE, scope="trend"), result)
    assert entry.verdict == "not run"
    assert all(word in entry.reason for word in words)


def test_a_failed_training_beside_finished_ones_is_told():
    lines = [*(line(seed, 50.0) for seed in range(3)), line(3, None, status="failed", error="out of memory")]
    entry = judge("it", claim(SCORE), results(table([row({"ratio": 1.0}, **PAPER)], lines, tier="paper")))
    assert (entry.verdict, entry.shown.seeds) == ("reproduced", 3)
    assert "failed trainings: 1" in entry.reason


def test_a_trend_says_on_which_data_it_is_one(tmp_path):
    """10 of 20 objects: precision 1 up to recall 0.5, so 51 of 101 levels: 50.495, which is 49.505 less than 100."""
    entry = judge("it", claim(FEWER, {"kind": "below", "value": 0}, "trend"), results(pruned(tmp_path, 10)))
    assert entry.verdict == "reproduced"
    assert entry.shown.value == pytest.approx(-49.505, abs=1e-3)
    assert entry.shown.low < entry.shown.value < entry.shown.high < 0
    assert "the trend on shapes in tier smoke, not the paper's number" in entry.reason
    assert entry.evidence == tuple(str(tmp_path / f"seed0/metrics/{name}.json") for name in ("prune50", "intact"))


@pytest.mark.parametrize(("right", "verdict"), [(19, "inconclusive"), (20, "inconclusive")])
def test_no_trend_that_the_interval_does_not_carry(tmp_path, right, verdict):
    """One video of twenty is left out of a draw in 36 % of them, and then there is no difference."""
    entry = judge("it", claim(FEWER, {"kind": "below", "value": 0}, "trend"), results(pruned(tmp_path, right)))
    assert entry.verdict == verdict


def test_steps_that_must_all_hold(tmp_path):
    one = pruned(tmp_path, 10)
    rows = [row({"ratio": 1.0}), row({"ratio": 0.5}, "prune50"), row({"ratio": 0.25}, "prune50")]
    steps = {"kind": "steps", "table": "table6", "rows": [{"ratio": 1.0}, {"ratio": 0.5}, {"ratio": 0.25}]}
    entry = judge(
        "it", claim(steps, {"kind": "below", "value": 0}, "trend"), results(table(rows, one.runs.to_dict("records")))
    )
    assert entry.verdict == "inconclusive"  # the last step changes nothing
    assert entry.reason.startswith("1 of 2 hold; shown: (ratio 0.25) less (ratio 0.5)")
    assert entry.shown.value == 0


def test_lead_over_what_others_published():
    """The best of the others with a ResNet-50 is SeqFormer's 47.4: 50, 51, 52 lead by 3.6 with 2.48 to either side."""
    lead = {"kind": "lead", "table": "table6", "row": {"ratio": 1.0}}
    lead |= {"over": {"file": "table1.csv", "where": {"backbone": "ResNet-50"}}}
    entry = judge("it", claim(lead, {"kind": "above", "value": 0}), scored([50, 51, 52]))
    assert (entry.verdict, entry.shown.value) == ("reproduced", pytest.approx(3.6))
    assert "47.4 of SeqFormer, ResNet-50" in entry.reason
    assert "table1.csv" in entry.evidence


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"file": "table9.csv"}, "published file 'table9.csv' is not known; allowed: .*table1.csv"),
        ({"file": "table1.csv", "where": {"colour": "blue"}}, "no column 'colour'; it has setting"),
        ({"file": "table1.csv", "where": {"backbone": "VGG"}}, "no AP of another method"),
    ],
)
def test_wrong_published_rows_are_named(over, message):
    lead = {"kind": "lead", "table": "table6", "row": {"ratio": 1.0}, "over": over}
    with pytest.raises(UserError, match=f"claim 'it': .*{message}"):
        judge("it", claim(lead), scored([50, 51, 52]))


def test_a_column_that_the_table_has_not_is_named():
    wrong = {**SCORE, "row": {"share": 1.0}}
    with pytest.raises(UserError, match="claim 'it': table6 has no column 'share'; it has ratio"):
        judge("it", claim(wrong), scored([50, 51, 52]))


def test_parameters_are_counted_in_every_tier():
    added = {"kind": "parameters", "method": "vita", "backbone": "swin_l", "column": "added_percent"}
    entry = judge("it", claim(added, {**ABOUT_50, "value": 6, "tolerance": 0.5}), results())
    assert (entry.verdict, entry.shown.value, entry.evidence) == ("reproduced", 6.13, ("models.csv",))
    other = judge("it", claim({**added, "method": "ifc"}), results())
    assert (other.verdict, other.reason) == ("not run", "models.csv has no added_percent of ifc on swin_l")


@pytest.fixture
def curves(tmp_path):
    """A function that writes three trainings of A, 0 to 20 points over 200 steps, and of B, 0 to 10."""

    def write(**changes_of_b):
        lines = []
        for variant, last in (("a", 20.0), ("b", 10.0)):
            for seed in range(3):
                changes = {"validate_videos": 8} | (changes_of_b if variant == "b" else {})
                folder = write_run(tmp_path, tmp_path, variant, seed, **changes)
                ap = [seed / 10, last / 2 + seed / 10, last + seed / 10]
                history = pd.DataFrame({"step": [100, 200, 300], "total": 1.0, "validation_AP": ap})
                history.to_csv(folder / "history.csv", index=False)
                lines.append(line(seed, 50.0, variant=variant, directory=folder.as_posix()))
        rows = [row({"curve": name.upper()}, variant=name, seeds=(0, 1, 2)) for name in ("a", "b")]
        return results(table(rows, lines, "figure5"))

    return write


FASTER = {"kind": "convergence", "table": "figure5", "row": {"curve": "A"}, "against": {"curve": "B"}}


def test_convergence_from_histories(curves):
    """10 and 5 points on average; seeds 0.1 apart, so the interval is 4.3027 * 0.1 * sqrt(2 / 3) to either side."""
    entry = judge("it", claim(FASTER, {"kind": "above", "value": 4.6}, "trend"), curves())
    assert (entry.verdict, entry.shown.value) == ("reproduced", pytest.approx(5))
    assert entry.shown.low == pytest.approx(5 - 0.3513, abs=1e-3)
    assert "steps 100 to 300" in entry.reason
    assert len(entry.evidence) == 6


def test_curves_of_different_videos_are_not_compared(curves):
    entry = judge("it", claim(FASTER, {"kind": "above", "value": 0}, "trend"), curves(validate_videos=5))
    assert (entry.verdict, entry.reason) == ("inconclusive", "figure5: validated on 8 and 5 videos")


def test_a_training_without_a_curve_is_told(curves, tmp_path):
    there = curves()
    (tmp_path / "b" / "seed2" / "history.csv").unlink()
    entry = judge("it", claim(FASTER, {"kind": "above", "value": 0}, "trend"), there)
    assert (entry.verdict, entry.shown.seeds) == ("inconclusive", 2)
    assert "seed 2: no history.csv" in entry.reason
