"""MLproject's ``main``: train on what the settings name."""

import sys

from respredict.cli import main
from training import given

if __name__ == "__main__":
    sys.exit(main(["train", "--config", *given("config")]))
