"""MLproject's ``monitor``: whether outcomes have drifted from what was told."""

import sys

from respredict.cli import main
from training import given

if __name__ == "__main__":
    data, men_fitted = given("data", "men_fitted")
    of_table = [data, "--men-fitted", str(int(float(men_fitted)))] if data else []
    sys.exit(main(["monitor", *of_table]))
