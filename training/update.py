"""MLproject's ``update``: register the least change of the champion that new men justify."""

import sys

from respredict.cli import main
from training import given, options

if __name__ == "__main__":
    data, level, mapping = given("data", "level", "mapping")
    sys.exit(main(["update", "--data", data, "--level", level, *options(mapping=mapping)]))
