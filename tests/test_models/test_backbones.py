"""The audio ResNet and its checkpoint, the MLP, freezing and pooling."""

import pytest
import torch
from torch import nn

from mmda_ext.models import AudioResNet, MLPBackbone, PoolNeck
from mmda_ext.models.freezing import freeze, set_frozen_norm


def vggsound_file(path, model, drop=()):
    """A file as the VGGSound release writes it."""
    state = {f'audnet.{key}': value.clone() for key, value in model.state_dict().items() if key not in drop}
    state['audnet.fc.weight'], state['audnet.fc.bias'] = torch.zeros(309, 512), torch.zeros(309)
    torch.save(dict(model_state_dict=state, epoch=3), path)
    return str(path)


def test_shapes_of_the_protocol():
    model = AudioResNet().eval()
    shapes = []
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    with torch.no_grad():
        out = model(torch.zeros(1, 1, 257, 1004))
    assert shapes == [(64, 65, 251), (128, 33, 126), (256, 17, 63), (512, 9, 32)]
    assert PoolNeck()(out, 1).shape == (1, 512)
    assert sum(p.numel() for n, p in model.layer4.named_parameters() if p.dim() == 4) == pytest.approx(8.39e6, rel=1e-2)


@pytest.mark.parametrize('init', ['random', 'pretrained'])
def test_checkpoint_with_prefix_and_the_choice_of_layer4(tmp_path, init):
    torch.manual_seed(0)
    trained = AudioResNet(base_channels=8)
    path = vggsound_file(tmp_path / 'H.pth.tar', trained, drop=('bn1.num_batches_tracked', ))
    torch.manual_seed(1)
    model = AudioResNet(path, init, base_channels=8)
    model.init_weights()
    for key, value in trained.state_dict().items():
        same = torch.equal(model.state_dict()[key], value)
        if 'layer4' in key and key.endswith('weight'):
            assert same == (init == 'pretrained'), key
        elif 'layer4' not in key:
            assert same, key


def test_checkpoint_of_another_architecture_is_named(tmp_path):
    path = vggsound_file(tmp_path / 'other.pth.tar', AudioResNet(base_channels=4))
    with pytest.raises(ValueError, match=r'other.pth.tar is a checkpoint of another architecture.*conv1.weight'):
        AudioResNet(path, base_channels=8).init_weights()
    with pytest.raises(ValueError, match='audio_layer4_init'):
        AudioResNet(audio_layer4_init='x')
    with pytest.raises(FileNotFoundError, match='nowhere'):
        AudioResNet(str(tmp_path / 'nowhere.pth')).init_weights()


def test_mlp():
    model = MLPBackbone(12, (8, 5), dropout=.1, norm=True)
    assert model(torch.randn(4, 3, 4)).shape == (4, 5)
    assert (model.eval()(torch.randn(4, 12)) >= 0).all()
    with pytest.raises(ValueError, match='in_channels=12, but a sample has 15 numbers'):
        model(torch.randn(4, 3, 5))


def test_freezing_by_sub_module():
    model = AudioResNet(base_channels=4)
    freeze(model, ['layer4'], 'freeze.audio.trainable')
    trainable = {name.split('.')[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {'layer4'}
    with pytest.raises(ValueError, match=r"freeze.audio.trainable=\['layer9'\].*layer4"):
        freeze(model, ['layer4', 'layer9'], 'freeze.audio.trainable')


@pytest.mark.parametrize('mode', ['train', 'eval'])
def test_frozen_normalisation(mode):
    model = AudioResNet(base_channels=4)
    freeze(model, ['layer4'], 'freeze.audio.trainable')
    model.train()
    set_frozen_norm(model, mode)
    before = model.bn1.running_mean.clone()
    model(torch.randn(2, 1, 64, 64))
    assert torch.equal(model.bn1.running_mean, before) == (mode == 'eval')
    assert model.layer4[0].bn1.training
    with pytest.raises(ValueError, match='norm='):
        set_frozen_norm(model, 'x')


def test_frozen_trunk_keeps_no_graph():
    model = AudioResNet(base_channels=4)
    freeze(model, ['layer4'], 'freeze.audio.trainable')
    kept = []
    model.layer3.register_forward_hook(lambda _, __, out: kept.append(out.requires_grad))
    model(torch.randn(2, 1, 64, 64))
    assert kept == [False]


def test_pooling_of_paths_views_and_frames():
    neck = PoolNeck()
    slow, fast = torch.randn(4, 3, 2, 5, 5), torch.randn(4, 2, 8, 5, 5)
    feature = neck((slow, fast), 4)
    torch.testing.assert_close(feature, torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))
    frames = torch.randn(6, 3, 5, 5)
    torch.testing.assert_close(neck(frames, 2), frames.mean((2, 3)).view(2, 3, 3).mean(1))
    with pytest.raises(ValueError, match='do not divide'):
        neck(frames, 4)
    assert isinstance(PoolNeck(.5).dropout, nn.Dropout)
