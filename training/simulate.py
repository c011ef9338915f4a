"""MLproject's ``simulate``: write a synthetic cohort."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    out, men, seed = sys.argv[1:4]
    sys.exit(main(["simulate", out, "--men", str(int(float(men))), "--seed", str(int(float(seed)))]))
