"""A batch's way to the device: what arrives is what was sent."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pretend_card import CARD, OnCard, counting, inside
from vita.core.contract import Clip
from vita.engine.batch_transfer import to_device


def clip(objects: int, frames: int, height: int, width: int, seed: int) -> Clip:
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=random)
    masks = torch.rand(objects, frames, height, width, generator=random) > 0.5
    labels = torch.randint(-(2**62), 2**62, (objects,), generator=random)
    ids = torch.randint(-1, 9, (frames, objects), generator=random).T  # not in one piece
    return Clip(images, masks, labels, ids, ids > 3, seed, tuple(range(frames)))


SIZES = st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))


@given(sizes=st.lists(SIZES, min_size=1, max_size=4))
def test_all_tensors_of_all_clips_go_in_one_copy(sizes: list[tuple[int, ...]]) -> None:
    clips = [clip(*size) for size in sizes]
    with counting() as seen:
        moved = to_device(clips, CARD)
    assert dict(+seen) == {"to the card": 1}
    for before, after in zip(clips, moved, strict=True):
        assert (after.video_id, after.frame_indices) == (before.video_id, before.frame_indices)
        for name, tensor in before.tensors.items():
            arrived = after.tensors[name]
            assert isinstance(arrived, OnCard) and arrived.dtype is tensor.dtype
            assert torch.equal(inside(arrived), tensor)


def test_on_a_cpu_nothing_is_copied() -> None:
    clips = [clip(2, 2, 3, 4, 0)]
    assert to_device(clips, torch.device("cpu"))[0] is clips[0]
