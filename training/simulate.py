"""MLproject's ``simulate``: write a synthetic cohort."""

import sys

from respredict.cli import main
from training import given

if __name__ == "__main__":
    out, *numbers = given("out", "men", "seed")
    men, seed = (str(int(float(number))) for number in numbers)
    sys.exit(main(["simulate", out, "--men", men, "--seed", seed]))
