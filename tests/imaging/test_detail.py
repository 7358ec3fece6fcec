"""Where there is something to see."""

import torch

from aldsr.imaging import detailed_window


def test_the_crop_lies_where_the_detail_is() -> None:
    image = torch.zeros(3, 100, 120, dtype=torch.uint8)
    image[:, 60:80, 70:90] = torch.randint(0, 256, (3, 20, 20), dtype=torch.uint8)
    rows, columns = detailed_window(image, 40)
    assert rows.start <= 60
    assert rows.stop >= 80
    assert columns.start <= 70
    assert columns.stop >= 90
