"""``python -m respredict``."""

import sys

from respredict.cli import main

sys.exit(main())
