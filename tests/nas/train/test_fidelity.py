import pytest

from nas.common.errors import UserError
from nas.train.fidelity import epochs_of


def test_epochs_follow_the_number_of_images() -> None:
    assert epochs_of("standard", 50_000) == (1.2, ())
    assert epochs_of("ladder", 50_000) == (4.0, (0.4, 1.2))
    assert epochs_of("ladder", 432) == (100.0, (10.0, 30.0))  # however few the images are
    with pytest.raises(UserError, match="quick"):
        epochs_of("fast", 50_000)
