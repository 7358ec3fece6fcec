"""Comparison pictures."""

import numpy as np
import torch

from aldsr.imaging import imresize
from aldsr.training.pictures import BAR, busiest, comparison


def test_the_crop_lies_where_the_detail_is() -> None:
    image = torch.zeros(3, 100, 120, dtype=torch.uint8)
    image[:, 60:80, 70:90] = torch.randint(0, 256, (3, 20, 20), dtype=torch.uint8)
    rows, columns = busiest(image, 40)
    assert rows.start <= 60
    assert rows.stop >= 80
    assert columns.start <= 70
    assert columns.stop >= 90


def test_bicubic_sr_and_hr_stand_side_by_side() -> None:
    lr = torch.randint(0, 256, (3, 12, 16), dtype=torch.uint8)
    sr, hr = (torch.randint(0, 256, (3, 48, 64), dtype=torch.uint8) for _ in range(2))
    picture = np.asarray(comparison(lr, sr, hr, captions=("bicubic", "SR", "HR"), side=100))
    assert picture.shape == (BAR + 48, 3 * 64, 3)
    for place, expected in enumerate((imresize(lr[None], 4)[0], sr, hr)):
        part = picture[BAR:, place * 64 : (place + 1) * 64]
        assert (part == expected.permute(1, 2, 0).numpy()).all()
