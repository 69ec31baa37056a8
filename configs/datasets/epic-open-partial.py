# MOOSA's open-partial generalization on EPIC-Kitchens: each kitchen has classes of its own, `close` only the target.
# docs/open_set.md
_base_ = ['./epic.py']

unknown_classes = ['close']
# Of the first and of the second source, in their order.
source_classes = [['take', 'put', 'open', 'cut', 'pour'], ['take', 'put', 'wash', 'mix', 'pour']]
target_classes = ['take', 'put', 'close', 'cut', 'mix']
