"""MLproject's ``tune``: search for parameters of the candidates."""

import sys

from respredict.cli import main
from training import given, options

if __name__ == "__main__":
    names = ("config", "data", "storage", "study", "trials", "out", "mapping")
    config, data, storage, study, trials, out, mapping = given(*names)
    asked = options(config=config, storage=storage, study=study, out=out, mapping=mapping)
    table = [data] if data else []
    sys.exit(main(["tune", *table, "--trials", str(int(float(trials))), *asked]))
