"""MLproject's ``tune``: search for parameters of the candidates."""

import sys

from respredict.cli import main
from training import options

if __name__ == "__main__":
    config, cohort, storage, study, trials, out, mapping = sys.argv[1:8]
    asked = options(config=config, storage=storage, study=study, out=out, mapping=mapping)
    table = [cohort] if cohort else []
    sys.exit(main(["tune", *table, "--trials", str(int(float(trials))), *asked]))
