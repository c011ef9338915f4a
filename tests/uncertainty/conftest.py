"""The men of the model's tests, here too."""

from tests.model.conftest import clinic

__all__ = ["clinic"]
