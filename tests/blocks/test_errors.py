"""The one exception of unusable input."""

import blocks
import nas.common.errors


def test_it_is_a_value_error_and_one_class_under_both_names() -> None:
    assert issubclass(blocks.UserError, ValueError)
    assert nas.common.errors.UserError is blocks.UserError
