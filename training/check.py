"""MLproject's ``check``: read a table and tell every problem."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    sys.exit(main(["check", sys.argv[1]]))
