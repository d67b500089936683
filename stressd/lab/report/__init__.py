"""The periodic report of the user's own markets, and the connectedness of any columns of a file: figures, pictures, page."""
