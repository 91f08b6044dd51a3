"""``python -m dealcast``."""

import sys

from dealcast.cli import main

sys.exit(main())
