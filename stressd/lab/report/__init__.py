"""The periodic report of the user's own markets, and the connectedness of a file's columns: figures, pictures, page."""
