"""The registries of this package, siblings of MMAction2's under MMEngine's roots.

Configs keep ``default_scope = 'mmaction'`` and write ``type='mmda_ext.X'``: MMEngine then imports this module and, on
the first look-up, the package named in ``locations``.
"""

from mmda_ext.stack import require_stack

require_stack()

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOG_PROCESSORS as MMENGINE_LOG_PROCESSORS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

SCOPE = 'mmda_ext'


def _sibling(name: str, parent: Registry, location: str) -> Registry:
    return Registry(name, parent=parent, scope=SCOPE, locations=[location])


MODELS = _sibling('model', MMENGINE_MODELS, 'mmda_ext.models')
DATASETS = _sibling('dataset', MMENGINE_DATASETS, 'mmda_ext.datasets')
DATA_SAMPLERS = _sibling('data sampler', MMENGINE_DATA_SAMPLERS, 'mmda_ext.datasets.samplers')
TRANSFORMS = _sibling('transform', MMENGINE_TRANSFORMS, 'mmda_ext.datasets.transforms')
METRICS = _sibling('metric', MMENGINE_METRICS, 'mmda_ext.evaluation')
HOOKS = _sibling('hook', MMENGINE_HOOKS, 'mmda_ext.engine.hooks')
FUNCTIONS = _sibling('function', MMENGINE_FUNCTIONS, 'mmda_ext.engine.functions')
LOG_PROCESSORS = _sibling('log_processor', MMENGINE_LOG_PROCESSORS, 'mmda_ext.engine.log_processor')
OPTIM_WRAPPERS = _sibling('optim_wrapper', MMENGINE_OPTIM_WRAPPERS, 'mmda_ext.engine.optim_wrappers')

# The only roots of our own: no other package has balancers, or protocols.
BALANCERS = Registry('balancer', scope=SCOPE, locations=['mmda_ext.engine.balancers'])
PROTOCOLS = Registry('protocol', scope=SCOPE, locations=['mmda_ext.evaluation.protocols'])
