"""Speech, faces and text in one recognizer: steps of training, data parallelism, initialisation."""

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from torch import nn

from mmda_ext.registry import MODELS
from tests.recipes import recipe
from tests.tiny import parameters_of, sample_of, wrapper_of

pytest.importorskip('transformers')


def tiny_recognizer(**changes):
    cfg = recipe('erm', 'iemocap-fixture')
    cfg.merge_from_dict(changes)
    torch.manual_seed(0)
    return MODELS.build(cfg.model)


def emotions(size=4):
    generator = torch.Generator().manual_seed(0)
    samples = [sample_of(index % 4, 0) for index in range(size)]
    for index, sample in enumerate(samples):
        sample.set_metainfo(dict(sample_id=f'utterance{index}'))
    inputs = [dict(speech=torch.randn(3000 + 900 * index, generator=generator),
                   face=torch.rand(2 + index % 2, 3, 32, 32, generator=generator),
                   text=torch.randint(1, 1000, (3 + index, ), generator=generator)) for index in range(size)]
    return dict(inputs=inputs, data_samples=samples)


@pytest.mark.parametrize('wrapper', [
    dict(kind='OptimWrapper'),
    dict(balancer=dict(type='mmda_ext.GMP'))])
def test_three_modalities_train_a_step(wrapper):
    model = tiny_recognizer().train()
    before = parameters_of(model)
    out = model.train_step(emotions(), wrapper_of(model, **wrapper))
    assert torch.isfinite(out['loss'])
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert not moved - {name for name, value in model.named_parameters() if value.requires_grad}
    for modality in model.modalities:
        for part in ('encoder.model', 'sequence', 'projection'):
            assert any(name.startswith(f'backbones.{modality}.{part}') for name in moved), (modality, part)


def test_gradient_reaches_every_trainable_parameter():
    model = tiny_recognizer().train()
    model.parse_losses(model(**model.data_preprocessor(emotions()), mode='loss'))[0].backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


def test_data_parallel_training_needs_no_search_for_unused_parameters(tmp_path):
    """Its next forward pass raises where a trainable parameter got no gradient."""
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        model = MMDistributedDataParallel(tiny_recognizer().train(), device_ids=None)
        wrapper = wrapper_of(model, kind='OptimWrapper')
        losses = [model.train_step(emotions(), wrapper)['loss'] for _ in range(2)]
    finally:
        torch.distributed.destroy_process_group()
    assert all(torch.isfinite(loss) for loss in losses)


def test_runner_initialises_without_touching_the_library_weights(tmp_path):
    """The library's models have an ``init_weights`` of their own, which MMEngine would call."""
    source = tiny_recognizer().backbones['text'].encoder.model
    source.save_pretrained(tmp_path)
    model = tiny_recognizer(**{'model.backbones.text.encoder.pretrained': str(tmp_path)})
    for backbone in model.backbones.values():
        backbone.encoder.model.init_weights = None
    nn.init.ones_(model.backbones['speech'].encoder.model.feature_projection.projection.weight)
    model.init_weights()
    for name, value in source.state_dict().items():
        assert torch.equal(model.backbones['text'].encoder.model.state_dict()[name], value)
    assert (model.backbones['speech'].encoder.model.feature_projection.projection.weight == 1).all()


def test_prediction_does_not_depend_on_the_batch():
    model, batch = tiny_recognizer().double().eval(), emotions()
    batch['inputs'] = [{name: value.double() if value.is_floating_point() else value for name, value in one.items()}
                       for one in batch['inputs']]
    with torch.no_grad():
        together = model(**model.data_preprocessor(batch), mode='tensor')
        for index in range(4):
            alone = {key: value[index:index + 1] for key, value in batch.items()}
            torch.testing.assert_close(together[index], model(**model.data_preprocessor(alone), mode='tensor')[0],
                                       rtol=1e-9, atol=1e-11)
