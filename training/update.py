"""MLproject's ``update``: register the least change of the champion that new men justify."""

import sys

from respredict.cli import main
from training import options

if __name__ == "__main__":
    data, level, mapping = sys.argv[1:4]
    sys.exit(main(["update", "--data", data, "--level", level, *options(mapping=mapping)]))
