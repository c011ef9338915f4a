"""MLproject's ``check``: read a table and tell every problem."""

import sys

from respredict.cli import main
from training import options

if __name__ == "__main__":
    cohort, mapping = sys.argv[1:3]
    sys.exit(main(["check", cohort, *options(mapping=mapping)]))
