"""MLproject's ``simulate``: write a synthetic cohort."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    out, *numbers = sys.argv[1:4]
    men, seed = (str(int(float(number))) for number in numbers)
    sys.exit(main(["simulate", out, "--men", men, "--seed", seed]))
