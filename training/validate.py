"""MLproject's ``validate``: train on what the settings name, and validate all of it."""

import sys

from respredict.cli import main
from training import given

if __name__ == "__main__":
    sys.exit(main(["train", "--config", *given("config"), "--validate"]))
