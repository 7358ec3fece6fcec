"""`python -m aldsr.parameters`: Table IV."""

import pytest

from aldsr.parameters import main


def test_table_iv_is_printed_beside_our_count(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    text = capsys.readouterr().out
    for number, times in (("1,363,968", 2), ("205,056", 4), ("257,280", 2)):  # published, and ours
        assert text.count(number) == times
    for number, times in (("22,271,107", 1), ("3,765,379", 2), ("4,638,979", 1)):  # of the whole networks
        assert text.count(number) == times
