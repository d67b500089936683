"""Connectedness of several series by how much of each one's forecast error comes from shocks to the others.

A vector autoregression with a constant, by least squares or with weights that decay from row to row; the forecast-error
variance decomposition of its moving average, generalised (Pesaran and Shin 1998, "Generalized impulse response analysis
in linear multivariate models", Economics Letters 58) or by Cholesky in the order of the columns; and the table of
Diebold and Yilmaz (2012), "Better to give than to receive", Int. J. Forecasting 28.

Rows are days, columns are nodes. Shares are in percent; row i of a table is what node i receives, column j what node j
gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

SINGULAR: Final = 1e-12
"""Least eigenvalue of the residuals' correlation: below it two nodes are one, or one is constant."""


class NoVar(ValueError):
    """No autoregression can be fitted to these rows, or it explodes. node: column that shows it, None for all."""

    def __init__(self, text: str, node: int | None = None) -> None:
        super().__init__(text)
        self.node = node


class Var:
    """y_t = constant + sum of lags[k] y_(t-1-k) + e_t, with covariance `sigma` of e. constant (n), lags (p, n, n),
    sigma (n, n); rows: effective number of rows behind it."""

    __slots__ = ("constant", "lags", "rows", "sigma")

    def __init__(self, constant: Matrix, lags: Matrix, sigma: Matrix, rows: float) -> None:
        self.constant = constant
        self.lags = lags
        self.sigma = sigma
        self.rows = rows

    def root(self) -> tuple[float, int]:
        """Modulus of the largest root of the companion matrix, and the node that bears most of it: below 1 a shock dies
        out."""
        p, n, _ = self.lags.shape
        companion = np.eye(n * p, k=-n)
        companion[:n] = self.lags.transpose(1, 0, 2).reshape(n, n * p)
        values, vectors = np.linalg.eig(companion)
        most = int(np.argmax(np.abs(values)))
        return float(abs(values[most])), int(np.argmax(np.abs(vectors[:n, most])))

    def stable(self) -> Var:
        """Itself. Raises NoVar where a shock does not die out."""
        modulus, node = self.root()
        if modulus >= 1.0:
            raise NoVar(f"the autoregression explodes (largest root {modulus:.4f}): take changes or logarithms", node)
        return self


def stacked(values: ArrayLike, lags: int) -> Matrix:
    """Rows (y_t, y_(t-1), ..., y_(t-lags)) for every t that has them. Raises NoVar where there are too few."""
    y = np.asarray(values, dtype=np.float64)
    rows, n = y.shape
    needed = least_rows(n, lags)
    if rows < needed:
        raise NoVar(f"{rows} rows: {lags} lag{'s' if lags > 1 else ''} of {n} nodes need at least {needed}")
    return np.hstack([y[lags - k : rows - k] for k in range(lags + 1)])


def least_rows(nodes: int, lags: int) -> int:
    """Rows that leave as many residuals as there are nodes, beside the coefficients."""
    return lags + nodes * lags + 1 + nodes


def var(values: ArrayLike, lags: int, *, decay: float = 1.0, ridge: float = 0.0) -> Var:
    """The autoregression of `values` (rows x nodes), row t weighing `decay` times as much as row t+1; ordinary least
    squares for 1. ridge: by what share of its own sum of squares the diagonal of every regressor grows, so that neither
    the unit nor the level of a node matters. Raises NoVar."""
    v = stacked(values, lags)
    w = decay ** np.arange(len(v) - 1, -1, -1.0)
    mean = w @ v / w.sum()
    centred = v - mean
    return _solve(
        mean, (centred * w[:, None]).T @ centred, float(w.sum()), float(w @ w), np.shape(values)[1], lags, ridge
    )


class RunningVar:
    """The same, row by row: the decayed mean and co-moments of (y_t, ..., y_(t-lags)) in West's form, O((n lags)^2) a
    row. rows: so far, with the first `lags`."""

    __slots__ = ("_before", "_mean", "_scatter", "_squares", "_weight", "decay", "lags", "nodes", "ridge", "rows")

    def __init__(self, nodes: int, lags: int, *, decay: float = 1.0, ridge: float = 0.0) -> None:
        self.nodes = nodes
        self.lags = lags
        self.decay = decay
        self.ridge = ridge
        self.rows = 0
        size = nodes * (lags + 1)
        self._before = np.zeros(size - nodes)
        self._mean = np.zeros(size)
        self._scatter = np.zeros((size, size))
        self._weight = 0.0
        self._squares = 0.0

    def update(self, row: ArrayLike) -> None:
        """Take in the next row."""
        y = np.asarray(row, dtype=np.float64)
        self.rows += 1
        if self.rows > self.lags:
            d = self.decay
            kept = d * self._weight
            self._weight = kept + 1.0
            self._squares = d * d * self._squares + 1.0
            delta = np.concatenate((y, self._before)) - self._mean
            self._mean += delta / self._weight
            self._scatter *= d
            self._scatter += (kept / self._weight) * np.outer(delta, delta)
        self._before = np.concatenate((y, self._before[: -self.nodes])) if self.lags > 1 else y

    def var(self) -> Var:
        """The autoregression so far. Raises NoVar."""
        needed = least_rows(self.nodes, self.lags)
        if self.rows < needed:
            raise NoVar(f"{self.rows} rows: at least {needed} are needed")
        return _solve(self._mean, self._scatter, self._weight, self._squares, self.nodes, self.lags, self.ridge)


def _solve(mean: Matrix, scatter: Matrix, weight: float, squares: float, n: int, lags: int, ridge: float) -> Var:
    """From the weighted mean and scatter of (y_t, y_(t-1), ...): the constant drops out of what is centred."""
    own = np.sqrt(np.diag(scatter))
    for node in range(n):
        if own[node] <= 1e-12 * math.sqrt(weight) * max(abs(float(mean[node])), 1e-300):
            raise NoVar("it is constant", node)
    scaled = scatter / np.outer(own, own)
    xx = scaled[n:, n:] + ridge * np.eye(n * lags)
    try:
        b = np.linalg.solve(xx, scaled[n:, :n])
    except np.linalg.LinAlgError:
        raise NoVar("two nodes are the same, or one is made of others") from None
    residual = scaled[:n, :n] - b.T @ scaled[n:, :n] - scaled[:n, n:] @ b + b.T @ scaled[n:, n:] @ b
    spread = np.sqrt(np.diag(residual))
    if not (spread > 0.0).all() or np.linalg.eigvalsh(residual / np.outer(spread, spread))[0] < SINGULAR:
        raise NoVar("two nodes are the same, or one is made of others")
    coefficients = (b / own[n:, None] * own[:n]).T
    sigma = residual * np.outer(own[:n], own[:n]) / weight
    constant = mean[:n] - coefficients @ mean[n:]
    return Var(constant, coefficients.reshape(n, lags, n).transpose(1, 0, 2), sigma, weight * weight / squares)


def moving_average(model: Var, horizon: int) -> Matrix:
    """Psi_0 .. Psi_(horizon-1), (horizon, n, n): what a shock leaves after so many rows."""
    p, n, _ = model.lags.shape
    psi = np.zeros((horizon, n, n))
    psi[0] = np.eye(n)
    for h in range(1, horizon):
        for k in range(min(p, h)):
            psi[h] += model.lags[k] @ psi[h - 1 - k]
    return psi


def generalized(model: Var, horizon: int) -> Matrix:
    """Shares of forecast error (n, n) over `horizon` rows, whatever the order of the nodes; rows need not add up to 1.
    Pesaran and Shin: sum of (e_i' Psi_h Sigma e_j)^2 / sigma_jj over the sum of e_i' Psi_h Sigma Psi_h' e_i."""
    psi = moving_average(model, horizon)
    reach = psi @ model.sigma
    given = np.sum(reach * reach, axis=0) / np.diag(model.sigma)
    whole = np.einsum("hij,hij->i", reach, psi)
    return np.asarray(given / whole[:, None])


def cholesky(model: Var, horizon: int) -> Matrix:
    """The same by Cholesky: within a row, earlier columns move first. Rows add up to 1."""
    reach = moving_average(model, horizon) @ np.linalg.cholesky(model.sigma)
    given = np.sum(reach * reach, axis=0)
    return np.asarray(given / given.sum(axis=1, keepdims=True))


class Connectedness:
    """The table in percent, rows adding up to 100: row i is what node i receives. total: mean of what comes from
    others; to, from_others, net: by node; raw: sums of the rows before they were normalised, in shares; rows: effective
    number of rows behind it."""

    __slots__ = ("from_others", "net", "nodes", "raw", "rows", "table", "to", "total")

    def __init__(self, nodes: Sequence[str], shares: Matrix, rows: float) -> None:
        self.nodes = tuple(nodes)
        self.raw = shares.sum(axis=1)
        self.table = 100.0 * shares / self.raw[:, None]
        own = np.diag(self.table)
        self.from_others = 100.0 - own
        self.to = self.table.sum(axis=0) - own
        self.net = self.to - self.from_others
        self.total = float(self.from_others.mean())
        self.rows = rows

    def plain(self) -> dict[str, Any]:
        """For JSON: `table` by rows in the order of `nodes`, `from` and `to` without the own share."""
        return {
            "total": round(self.total, 6),
            "nodes": list(self.nodes),
            "table": [[round(float(x), 6) for x in row] for row in self.table],
            "from": [round(float(x), 6) for x in self.from_others],
            "to": [round(float(x), 6) for x in self.to],
            "net": [round(float(x), 6) for x in self.net],
            "rows": round(self.rows, 1),
        }


def connectedness(nodes: Sequence[str], model: Var, horizon: int) -> Connectedness:
    """The generalised table of a stable autoregression. Raises NoVar."""
    return Connectedness(nodes, generalized(model.stable(), horizon), model.rows)


def total(model: Var, horizon: int) -> float:
    """The total alone, nan where the autoregression explodes."""
    if model.root()[0] >= 1.0:
        return math.nan
    shares = generalized(model, horizon)
    return 100.0 * float(1.0 - np.mean(np.diag(shares) / shares.sum(axis=1)))


def rolling(values: ArrayLike, lags: int, horizon: int, window: int) -> Matrix:
    """The total over every `window` rows, one for each row from the window-th on; nan where none can be told."""
    y = np.asarray(values, dtype=np.float64)
    found = np.full(max(len(y) - window + 1, 0), np.nan)
    for first in range(len(found)):
        try:
            found[first] = total(var(y[first : first + window], lags), horizon)
        except NoVar:
            continue
    return found


def decayed(values: ArrayLike, lags: int, horizon: int, decay: float, ridge: float, last: int) -> Matrix:
    """The total as it stood after each of the `last` rows, from rows up to there alone; nan where none can be told."""
    y = np.asarray(values, dtype=np.float64)
    running = RunningVar(y.shape[1], lags, decay=decay, ridge=ridge)
    found = []
    for i, row in enumerate(y):
        running.update(row)
        if i < len(y) - last:
            continue
        try:
            found.append(total(running.var(), horizon))
        except NoVar:
            found.append(math.nan)
    return np.array(found)


def shifted(
    values: ArrayLike, lags: int, horizon: int, decay: float, ridge: float, times: int, seed: int = 1
) -> Matrix:
    """Totals (`times`) of the same columns turned against each other by random numbers of rows: what unconnected nodes
    of this kind would show, ascending. nan are left out."""
    y = np.asarray(values, dtype=np.float64)
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(times):
        turned = np.column_stack([np.roll(column, int(chance.integers(len(y)))) for column in y.T])
        try:
            found.append(total(var(turned, lags, decay=decay, ridge=ridge), horizon))
        except NoVar:
            continue
    return np.sort(np.array([each for each in found if each == each]))
