"""Small models trained by the methods' recipes, shared by the tests of these methods."""

import random

from tests.recipes import recipe as shipped
from tests.tiny import WIDTHS, Encoder, model_of

METHODS = ('rna-net', 'simmmdg', 'moosa', 'cmrf')
#: Hidden widths of the methods' own networks, small enough for a test.
SMALL = {'SupervisedContrastive': dict(hidden_channels=16, out_channels=6),
         'CrossModalTranslation': dict(hidden_channels=16), 'MultimodalJigsaw': dict(hidden_channels=16)}
ADVERSARY = dict(type='mmda_ext.DomainAdversarial', head=dict(num_domains=2, reversal=.7))


def recipe(method, adversary=False, modalities=('video', 'audio'), **changes):
    """Model config of a shipped recipe, on tiny encoders; ``changes`` are options by class name."""
    cfg = shipped(method)
    objectives = []
    for objective in cfg.model.objectives:
        kind = objective.type.removeprefix('mmda_ext.')
        own = {**objective.to_dict(), **SMALL.get(kind, {})}
        if 'num_classes' in own:
            own['num_classes'] = 3
        if kind == 'MultimodalJigsaw' and len(modalities) == 3:
            own['num_parts'] = 2
        objectives.append({**own, **changes.get(kind, {})})
    objectives = [ADVERSARY] * adversary + objectives
    head = dict(type='mmda_ext.MultimodalClsHead', num_classes=3, loss_weight=cfg.model.cls_head.get('loss_weight', 1.))
    return dict(objectives=objectives, cls_head=head)


def mmdg_model(method, modalities=('video', 'audio'), adversary=False, backbone=Encoder, changes=None, **options):
    """A recognizer with features 8 wide and the objectives of a recipe."""
    random.seed(0)  # draws the puzzles
    return model_of(
        modalities,
        backbones={m: dict(type=backbone, width=WIDTHS[m], out=8) for m in modalities},
        fusion=dict(type='mmda_ext.ConcatFusion', in_channels=dict.fromkeys(modalities, 8), hidden_channels=16,
                    dropout=.2),
        **recipe(method, adversary, modalities, **(changes or {})), **options)
