"""Tables that travel with the package: `published/` holds what papers and repositories printed."""
