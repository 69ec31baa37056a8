"""Small optimisation problems that balancers solve."""

from mmda_ext.balancing.solvers.simplex import (
    LARGEST,
    arrowhead,
    exact,
    frank_wolfe,
    inverse_squared_norms,
    is_arrowhead,
)

__all__ = ['LARGEST', 'arrowhead', 'exact', 'frank_wolfe', 'inverse_squared_norms', 'is_arrowhead']
