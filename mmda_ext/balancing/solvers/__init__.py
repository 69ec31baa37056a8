"""Small optimisation problems that balancers solve."""

from mmda_ext.balancing.solvers.bounded import shortest_above
from mmda_ext.balancing.solvers.simplex import (
    LARGEST,
    RIDGE,
    arrowhead,
    exact,
    frank_wolfe,
    inverse_squared_norms,
    is_arrowhead,
    supports,
)

__all__ = [
    'LARGEST', 'RIDGE', 'arrowhead', 'exact', 'frank_wolfe', 'inverse_squared_norms', 'is_arrowhead', 'shortest_above',
    'supports'
]
