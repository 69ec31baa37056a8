"""Few labels: a top-level key of a config, for training alone. docs/few_labels.md.

``--cfg-options few_labels.per_class=5``
"""

from urllib.parse import quote

from mmengine.config import Config

from mmda_ext.engine.data_checks import dataset_configs_in

KEY = 'few_labels'
SAMPLER = 'mmda_ext.LabelledBatchSampler'


def set_few_labels(cfg: Config) -> None:
    """Hand ``few_labels`` to the training data, and name the run after it; half of each batch then has labels.

    A config with a batch sampler of its own keeps it. The data sets say it afterwards, so that the config dumped beside
    the checkpoints repeats the run.

    Args:
        cfg (Config): Config of a run; changed in place.

    Raises:
        ValueError: If it is no dict, or nothing trains.
    """
    told = cfg.pop(KEY, None)
    if not told:
        return
    if not isinstance(told, dict):
        raise ValueError(f'{KEY}={told!r} must be a dict, such as {KEY}.per_class=5 or {KEY}.share=0.05')
    loader = cfg.get('train_dataloader')
    if not loader:
        raise ValueError(f'{KEY} is about training data, and this config has no train_dataloader: take it out')
    for dataset in dataset_configs_in(loader.dataset):
        dataset[KEY] = dict(told)
    if 'batch_sampler' not in loader:
        loader.batch_sampler, loader.drop_last = dict(type=SAMPLER), False
    if 'recipe' in cfg:
        said = '+'.join(f'{key}-{"+".join(map(str, value)) if isinstance(value, (list, tuple)) else value}'
                        for key, value in sorted(told.items()))
        cfg.recipe.run += f'_few-labels-{quote(said, safe="+")}'
