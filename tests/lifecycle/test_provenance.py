"""Where a report says that it comes from."""

from __future__ import annotations

import dataclasses

import pytest

from respredict.cohort import read_cohort
from respredict.config import Settings
from respredict.lifecycle.provenance import provenance_of
from tests.conftest import COHORT

SELECT = dataclasses.replace(Settings().model, candidate="select")


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Settings(), "respredict train --validate"),
        (Settings().with_jobs(2), "respredict train --validate"),
        (Settings().with_cohort("clinic.csv"), "respredict train TABLE --validate"),
        (dataclasses.replace(Settings(), model=SELECT),
         "respredict train --config SETTINGS --validate"),
        (dataclasses.replace(Settings().with_cohort("elsewhere/clinic.csv"), model=SELECT),
         "respredict train TABLE --config SETTINGS --validate"),
    ],
)  # fmt: skip
def test_the_command_names_the_table_and_the_settings_where_they_are_not_the_usual(
    settings, command
):
    """No path is in it; the number of processes changes nothing."""
    assert provenance_of(settings, read_cohort(COHORT), "sha256:00")["command"] == command
