"""MLproject's ``promote``: ask the gate about a version, and serve it if it allows."""

import sys

from respredict.cli import main
from training import given, options

if __name__ == "__main__":
    version, data, reason, plan, mapping = given("version", "data", "reason", "plan", "mapping")
    asked = options(data=data, reason=reason, plan=plan, mapping=mapping)
    sys.exit(main(["promote", version, *asked]))
