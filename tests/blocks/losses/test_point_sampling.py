"""Point sampling by hand."""

import torch
from loss_scenes import CENTRES, ChosenPoints
from torch.testing import assert_close

from vita.blocks.losses.point_sampling import ClipDraws, UniformDraws, sample, uncertain_points
from vita.core.contract import BatchPart, ClipSummary

MAP = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])


def test_pixel_centres_give_pixels_and_x_comes_first() -> None:
    points = torch.tensor([CENTRES])
    assert sample(MAP[None], points).tolist() == [[[1, 2, 3, 4]]]


def test_between_centres_the_value_is_bilinear() -> None:
    points = torch.tensor([[(0.5, 0.5), (0.5, 0.25), (0.375, 0.25)]])
    assert_close(sample(MAP[None], points), torch.tensor([[[2.5, 1.5, 1.25]]]))


def test_beyond_the_outer_centres_zeros_are_mixed_in() -> None:
    assert_close(sample(MAP[None], torch.tensor([[(0.0, 0.25)]])), torch.tensor([[[0.5]]]))


def test_the_most_uncertain_candidates_are_kept() -> None:
    logits = torch.tensor([[[5.0, -1.0], [0.5, -3.0]], [[-0.1, 9.0], [9.0, 0.2]]])
    draws = ChosenPoints(CENTRES, rest=[(0.9, 0.1)])
    # Three points: oversample 4/3 gives 4 candidates, importance 0.67 keeps int(2.01) = 2 of them.
    points = uncertain_points(logits, 3, 4 / 3, 0.67, draws)
    assert points.shape == (2, 3, 2)
    assert points[0, :2].tolist() == [[0.25, 0.75], [0.75, 0.25]]  # |0.5|, then |-1|
    assert points[1, :2].tolist() == [[0.25, 0.25], [0.75, 0.75]]  # |-0.1|, then |0.2|
    assert_close(points[:, 2], torch.tensor([(0.9, 0.1)] * 2))


def test_counts_are_truncated() -> None:
    asked = []

    def draws(purpose: str, *shape: int) -> torch.Tensor:
        asked.append((purpose, shape))
        return torch.rand(shape)

    # int(2.9 * 3) = 8 candidates, int(0.7 * 3) = 2 kept, one fresh.
    assert uncertain_points(torch.randn(4, 5, 6), 3, 2.9, 0.7, draws).shape == (4, 3, 2)
    assert asked == [("candidates", (4, 8, 2)), ("rest", (4, 1, 2))]


def test_uniform_draws_follow_the_global_generator() -> None:
    draws = UniformDraws(torch.device("cpu"))
    torch.manual_seed(3)
    first = draws("matching", 2, 5, 2, owners=[(0, 2)])
    torch.manual_seed(3)
    assert torch.equal(draws("rest", 2, 5, 2, owners=[(0, 2)]), first)
    assert first.min() >= 0
    assert first.max() < 1


def draws_of(*numbers: int, step: int = 0) -> ClipDraws:
    """Of a pass that sees these clips of a batch of three."""
    summary = ClipSummary(8, 8, 1, (1,), 1)
    return ClipDraws(BatchPart((summary,) * 3, numbers, 7, step), torch.device("cpu"))


def test_every_clip_has_its_own_draws_wherever_it_is() -> None:
    """Two layers, clip by clip: the second clip has two targets, which need three sets of points and one."""
    together = draws_of(0, 1, 2)
    owners = [(0, 1), (1, 3), (1, 1), (2, 2)]
    whole = together("candidates", 2 * 7, 5, 2, owners=owners).view(2, 7, 5, 2)
    assert whole.unique().numel() == whole.numel()
    again = together("candidates", 2 * 7, 5, 2, owners=owners).view(2, 7, 5, 2)
    for numbers, mine, at in (((1, 2), [(0, 3), (0, 1), (1, 2)], slice(1, 7)), ((0,), [(0, 1)], slice(0, 1))):
        apart = draws_of(*numbers)
        count = at.stop - at.start
        for expected in (whole, again):
            drawn = apart("candidates", 2 * count, 5, 2, owners=mine)
            assert torch.equal(drawn.view(2, count, 5, 2), expected[:, at])


def test_targets_of_clips_in_turn_are_drawn_for_their_clips() -> None:
    """As those of several fed layers: every clip once a layer."""
    both = draws_of(0, 2)("matching", 3, 4, 5, 2, owners=[(0, 1), (1, 1), (0, 1), (1, 1)])
    alone = draws_of(2)("matching", 3, 2, 5, 2, owners=[(0, 1), (0, 1)])
    assert torch.equal(both[:, [1, 3]], alone)


def test_another_step_has_other_draws() -> None:
    first, second = (draws_of(0, step=step)("matching", 1, 1, 5, 2, owners=[(0, 1)]) for step in (0, 1))
    assert not torch.equal(first, second)
