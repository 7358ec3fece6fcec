"""Comparison images."""

import numpy as np
import torch

from aldsr.imaging import imresize
from aldsr.training.images import CAPTION_HEIGHT, draw_training_picture


def test_bicubic_sr_and_hr_stand_side_by_side() -> None:
    lr = torch.randint(0, 256, (3, 12, 16), dtype=torch.uint8)
    sr, hr = (torch.randint(0, 256, (3, 48, 64), dtype=torch.uint8) for _ in range(2))
    comparison = np.asarray(draw_training_picture(lr, sr, hr, captions=("bicubic", "SR", "HR"), side=100))
    assert comparison.shape == (CAPTION_HEIGHT + 48, 3 * 64, 3)
    for index, expected in enumerate((imresize(lr[None], 4)[0], sr, hr)):
        part = comparison[CAPTION_HEIGHT:, index * 64 : (index + 1) * 64]
        assert (part == expected.permute(1, 2, 0).numpy()).all()
