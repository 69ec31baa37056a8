"""What a run imports sooner or later; importing this module imports it, for a process from which runs are forked."""

import gc
from contextlib import suppress
from importlib import import_module

#: The package, the stack, and what the stack imports on the way: the optimizer's first step, the visualizer, the report
#: of the machine. A run without one of them does without.
MODULES = (
    'mmda_ext.apis.cli', 'mmda_ext.engine.balancers', 'mmda_ext.models', 'mmda_ext.datasets', 'mmda_ext.evaluation',
    'mmda_ext.engine.hooks', 'mmaction.models', 'mmaction.datasets', 'mmaction.engine', 'mmaction.evaluation',
    'mmaction.visualization', 'mmengine.visualization', 'torch._dynamo', 'torch.utils.cpp_extension',
    'matplotlib.pyplot')

for _name in MODULES:
    with suppress(ImportError):
        import_module(_name)
# MMEngine collects garbage at every data set that it opens, which walks through all objects of all modules, 0.2 s each.
# What is frozen is not looked at, and stays in memory that the forked processes share.
gc.collect()
gc.freeze()
