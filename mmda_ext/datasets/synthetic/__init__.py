"""A small audio-visual data set that the package makes itself; see docs/demo_data.md."""

from mmda_ext.datasets.synthetic.build import make_demo_data
from mmda_ext.datasets.synthetic.spec import DemoSpec

__all__ = ['DemoSpec', 'make_demo_data']
