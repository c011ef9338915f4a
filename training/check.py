"""MLproject's ``check``: read a table and tell every problem."""

import sys

from respredict.cli import main
from training import given, options

if __name__ == "__main__":
    data, mapping = given("data", "mapping")
    sys.exit(main(["check", data, *options(mapping=mapping)]))
