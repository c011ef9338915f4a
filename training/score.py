"""MLproject's ``score``: score the men of a table with the champion."""

import sys

from respredict.cli import main
from training import given, options

if __name__ == "__main__":
    data, out, mapping = given("data", "out", "mapping")
    sys.exit(main(["score", data, "--out", out, *options(mapping=mapping)]))
