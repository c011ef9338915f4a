"""MLproject's ``update``: register the least change of the champion that new men justify."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    data, level = sys.argv[1:3]
    sys.exit(main(["update", "--data", data, "--level", level]))
