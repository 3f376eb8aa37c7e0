"""Targets of the frame level, the clip level and the similarity loss, from clips built by hand."""

import torch

from vita.blocks.losses.targets import clip_targets, frame_identities, frame_targets, identities
from vita.core.contract import Clip
from vita.model.similarity_loss import matched_groups


def clip(ids: list[list[int]], labels: list[int], height: int = 2, width: int = 3) -> Clip:
    """T frames of `height` x `width`; an object's mask is full where it has an id."""
    numbers = torch.tensor(ids).view(len(labels), -1)
    masks = (numbers != -1)[..., None, None].expand(-1, -1, height, width)
    frames = torch.zeros(numbers.shape[1], 3, height, width, dtype=torch.uint8)
    return Clip(frames, masks, torch.tensor(labels), numbers, numbers != -1, 0, tuple(range(numbers.shape[1])))


WIDE = clip([[7, 7], [-1, 4]], [2, 0])  # the second object appears in the second frame
SMALL = clip([[5, -1]], [1], height=1, width=1)


def test_clips_of_different_size_are_padded_right_and_below() -> None:
    wide, small = clip_targets([WIDE, SMALL], (2, 4))
    assert wide.masks.shape == (2, 2, 2, 4)
    assert small.masks.shape == (1, 2, 2, 4)
    assert wide.masks[0, 0].tolist() == [[True, True, True, False]] * 2
    assert wide.masks[1].sum((1, 2)).tolist() == [0, 6]
    assert small.masks[0, 0].tolist() == [[True, False, False, False], [False] * 4]
    assert (wide.labels.tolist(), small.labels.tolist()) == ([2, 0], [1])


def test_a_frame_has_the_objects_that_it_shows() -> None:
    ids = identities([WIDE, SMALL])
    targets = frame_targets([WIDE, SMALL], ids, (2, 4))
    assert [target.labels.tolist() for target in targets] == [[2], [2, 0], [1], []]
    assert [list(target.masks.shape) for target in targets] == [[n, 1, 2, 4] for n in (1, 2, 1, 0)]
    assert [target.masks.sum().item() for target in targets] == [6, 12, 1, 0]
    assert [ids.tolist() for ids in frame_identities(ids)] == [[7], [7, 4], [5], []]


def test_frames_of_many_clips_are_those_of_each_alone() -> None:
    clips = [WIDE, SMALL, clip([[-1, -1]], [0]), clip([[3, -1], [4, 5], [-1, 6]], [1, 2, 0])]
    together = frame_targets(clips, identities(clips), (2, 4))
    alone = [target for one in clips for target in frame_targets([one], identities([one]), (2, 4))]
    assert len(together) == len(alone) == 8
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.labels, other.labels) and torch.equal(one.masks, other.masks)


def test_groups_hold_matched_frame_and_video_queries_of_one_layer_and_clip() -> None:
    def numbered(layer: int, clip: int) -> torch.Tensor:
        """Embeddings (T, Q, 1) = 100 layer + 10 clip + query + frame / 10."""
        frame, query = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
        return (100 * layer + 10 * clip + query + frame / 10)[..., None]

    pairs = [(layer, clip) for layer in range(2) for clip in range(2)]
    frame_embeddings = torch.stack([numbered(*pair) for pair in pairs])
    video_embeddings = torch.stack([numbered(*pair)[0] + 1000 for pair in pairs])

    def match(queries: list[int], chosen: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(queries, dtype=torch.int64), torch.tensor(chosen, dtype=torch.int64)

    first_layer = [match([2], [0]), match([0, 1], [1, 0]), match([1], [0]), match([], [])]
    second_layer = [match([0], [0]), match([1, 2], [0, 1]), match([2], [0]), match([], [])]
    video = [match([0, 2], [1, 0]), match([1], [0]), match([1, 2], [0, 1]), match([0], [0])]
    groups = matched_groups(
        frame_embeddings,
        [first_layer, second_layer],
        video_embeddings,
        video,
        frame_identities(identities([WIDE, SMALL])),
        identities([WIDE, SMALL]),
    )
    parts = zip(groups.embeddings, groups.identities, groups.matched, strict=True)
    found = [(embeddings[matched, 0].tolist(), ids[matched].tolist()) for embeddings, ids, matched in parts]
    assert groups.matched.sum(1).tolist() == [5, 2, 5, 2]
    by_hand = [
        ([2.0, 0.1, 1.1, 1000.0, 1002.0], [7, 4, 7, 4, 7]),
        ([11.0, 1011.0], [5, 5]),
        ([100.0, 101.1, 102.1, 1101.0, 1102.0], [7, 7, 4, 7, 4]),
        ([112.0, 1110.0], [5, 5]),
    ]
    for (values, ids), (expected_values, expected_ids) in zip(found, by_hand, strict=True):
        assert torch.allclose(torch.tensor(values), torch.tensor(expected_values))
        assert ids == expected_ids
