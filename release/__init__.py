"""How a release is made (`make release`): a folder of wheels that installs without any index, and what goes with it."""
