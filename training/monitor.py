"""MLproject's ``monitor``: whether outcomes have drifted from what was told."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    data, men_fitted = sys.argv[1:3]
    of_table = [data, "--men-fitted", str(int(float(men_fitted)))] if data else []
    sys.exit(main(["monitor", *of_table]))
