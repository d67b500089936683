"""`python -m stressd`."""

import sys

from stressd.cli.main import main

sys.exit(main())
