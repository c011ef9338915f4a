"""MLproject's ``score``: score the men of a table with the champion."""

import sys

from respredict.cli import main
from training import options

if __name__ == "__main__":
    cohort, out, mapping = sys.argv[1:4]
    sys.exit(main(["score", cohort, "--out", out, *options(mapping=mapping)]))
