import numpy as np

from vita.data.masks import rle


def test_areas_of_any_number_of_masks() -> None:
    # One mask more than pycocotools takes at once, twice; mask n has n of 4 pixels, counted anew after four.
    sizes = np.arange(2 * 255 + 1) % 5
    masks = np.arange(4).reshape(1, 2, 2) < sizes[:, None, None]
    assert rle.areas(rle.encode(masks)).tolist() == sizes.tolist()
    assert rle.areas([]).tolist() == []
