"""Which predictions of a video become tracks, and in which order."""

import torch
from torch.testing import assert_close

from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, top_pairs, tracks_of


def test_best_pairs_by_hand() -> None:
    # Two queries, two classes and "no object", as probabilities.
    probabilities = torch.tensor([[0.5, 0.2, 0.3], [0.15, 0.25, 0.6]])
    scores, labels, queries = top_pairs(probabilities.log(), 3)
    assert_close(scores, torch.tensor([0.5, 0.25, 0.2]))
    assert labels.tolist() == [0, 1, 1]
    assert queries.tolist() == [0, 1, 0]


def test_pairs_of_many_frames_are_chosen_frame_by_frame() -> None:
    logits = torch.randn(3, 5, 4)
    together = top_pairs(logits, 6)
    for frame in range(3):
        alone = top_pairs(logits[frame], 6)
        assert all(torch.equal(one[frame], other) for one, other in zip(together, alone, strict=True))


def test_no_more_pairs_than_there_are() -> None:
    scores, _, queries = top_pairs(torch.randn(2, 4), 10)
    assert len(scores) == 2 * 3
    assert sorted(queries.tolist()) == [0, 0, 0, 1, 1, 1]


def test_tracks_come_best_first_with_the_masks_of_their_rows() -> None:
    masks = MaskTracks(FrameGeometry((4, 4), (4, 4), (4, 4)), 2)
    logits = torch.full((2, 1, 4, 4), -1.0)
    logits[1] = 1.0
    masks.add(logits)
    tracks = tracks_of(torch.tensor([5, 6, 7]), torch.tensor([0.25, 0.75, 0.5]), masks, torch.tensor([0, 1, 1]))
    assert [(track.label, track.score) for track in tracks] == [(6, 0.75), (7, 0.5), (5, 0.25)]
    assert tracks[0].segmentations == tracks[1].segmentations == masks.segmentations[1]
    assert tracks[2].segmentations == masks.segmentations[0] != masks.segmentations[1]
