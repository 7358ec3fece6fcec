"""What the commands with plain options have in common."""

from argparse import ArgumentTypeError

import pytest

from aldsr.arguments import in_words, positive


def test_a_whole_number_from_1_up() -> None:
    assert positive("16") == 16
    for text in ("0", "-1", "1.5", "many", ""):
        with pytest.raises(ArgumentTypeError, match=f"'{text}': expected a whole number from 1 up"):
            positive(text)


def test_an_error_is_one_line_in_the_words_of_plain_options() -> None:
    assert in_words(ValueError("no block;\n  give allow_code=[mine]")) == "no block; give --allow-code mine"
