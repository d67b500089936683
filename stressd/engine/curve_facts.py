"""What is known of a market's curve as a whole."""

from __future__ import annotations


class CurveFacts:
    """A market's curve at one moment. noise_bp: root mean square of what the smooth curve through its fresh tenors
    leaves, usual_bp: what that mostly is, nan while it is not known. cheap, rich: the tenors farthest above and below
    the curve through the others, and by how many bp; "" where there is none."""

    __slots__ = ("cheap", "cheap_bp", "noise_bp", "rich", "rich_bp", "usual_bp")

    def __init__(
        self, noise_bp: float, usual_bp: float, cheap: str, cheap_bp: float, rich: str, rich_bp: float
    ) -> None:
        self.noise_bp = noise_bp
        self.usual_bp = usual_bp
        self.cheap = cheap
        self.cheap_bp = cheap_bp
        self.rich = rich
        self.rich_bp = rich_bp
