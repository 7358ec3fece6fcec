"""`python -m aldsr.parameters`: Table IV."""

import pytest

from aldsr.parameters import main


def test_table_iv_is_printed_beside_our_count(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    text = capsys.readouterr().out
    for published, times in (("1,363,968", 2), ("205,056", 4), ("257,280", 2)):
        assert text.count(published) == times
    for network in ("22,271,107", "3,765,379", "4,638,979"):
        assert network in text
