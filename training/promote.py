"""MLproject's ``promote``: ask the gate about a version, and serve it if it allows."""

import sys

from respredict.cli import main

if __name__ == "__main__":
    version, *given = sys.argv[1:5]
    options = zip(("--data", "--reason", "--plan"), given, strict=False)
    asked = [word for name, value in options if value for word in (name, value)]
    sys.exit(main(["promote", version, *asked]))
