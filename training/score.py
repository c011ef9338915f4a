"""MLproject's ``score``: score the men of a table with the champion."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    sys.exit(main(["score", sys.argv[1], "--out", sys.argv[2]]))
