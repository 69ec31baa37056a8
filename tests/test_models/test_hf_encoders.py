"""Pre-trained encoders: files, freezing, padding; a model of three modalities trains a step."""

import copy
import json
import os
import pickle
import socket
import subprocess
import sys

import pytest
import torch
from torch import nn

from mmda_ext.models import FrameEncoder, SpeechEncoder, TextEncoder
from mmda_ext.models.backbones.hf_layers import find_blocks
from mmda_ext.models.data_preprocessors.padding import pad
from mmda_ext.registry import MODELS
from tests.conftest import ROOT
from tests.recipes import recipe
from tests.test_models.tiny_encoders import CONFIGS, batch_of, encoder_of, inputs_of

pytest.importorskip('transformers')


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError('the network was asked')
    monkeypatch.setattr(socket.socket, 'connect', refuse)


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('count', [0, 2])
def test_only_the_last_blocks_train(name, count):
    encoder = encoder_of(name, count)
    blocks = find_blocks(encoder.model)
    assert len(blocks) == 3
    wanted = {id(p) for block in blocks[3 - count:] for p in block.parameters()}
    assert {id(p) for p in encoder.parameters() if p.requires_grad} == wanted
    out = encoder.train()(batch_of(name))
    assert out.values.requires_grad == bool(count)
    if count:
        out.values.square().sum().backward()
        assert {id(p) for p in encoder.parameters() if p.grad is not None} == wanted, 'DDP needs one for each'
    for module in encoder.model.modules():
        inside = any(module in block.modules() for block in blocks[3 - count:])
        assert module.training == inside, type(module).__name__


@pytest.mark.parametrize('name', CONFIGS)
def test_everything_trains_and_gets_a_gradient_at_every_step(name):
    """Dropped layers and masked features would leave parameters out by chance; the pooler always."""
    encoder = encoder_of(name, None).train()
    assert not getattr(encoder.model.config, 'apply_spec_augment', False)
    for _ in range(2):
        encoder.zero_grad()
        encoder(batch_of(name)).values.square().sum().backward()
        lacking = [key for key, p in encoder.named_parameters() if p.requires_grad and p.grad is None]
        assert not lacking


@pytest.mark.parametrize('name', CONFIGS)
def test_frozen_part_is_deterministic_and_keeps_no_graph(name):
    encoder, batch = encoder_of(name, 1).train(), batch_of(name)
    seen = []
    encoder.trainable.parts[0].register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(args[0] if args else kwargs['hidden_states']), with_kwargs=True)
    first, second = encoder(batch), encoder(batch)
    assert torch.equal(seen[0], seen[1]), 'frozen dropout is on'
    assert not seen[0].requires_grad
    assert seen[0].grad_fn is None
    assert not torch.equal(first.values, second.values), 'dropout of the trainable block is off'


def test_names_of_sub_modules_train():
    encoder = encoder_of('vit', ['layers.2', 'layernorm']).train()
    trained = {name.split('.')[0] for name, p in encoder.model.named_parameters() if p.requires_grad}
    assert trained == {'layers', 'layernorm'}
    assert encoder.model.layernorm.training
    assert not encoder.model.layers[1].training


@pytest.mark.parametrize(('layers', 'message'), [
    (4, 'trainable_layers=4: BertModel has 3 blocks'), (-1, 'trainable_layers=-1'),
    (['encoder.layers.2'], "no sub-module 'encoder.layers.2'.*embeddings, encoder")])
def test_impossible_choices_are_named(layers, message):
    with pytest.raises(ValueError, match=message):
        encoder_of('bert', layers)


def test_front_end_of_equal_depth_is_not_taken_for_the_blocks():
    config = dict(CONFIGS['wavlm-layer'], num_hidden_layers=2)
    blocks = find_blocks(SpeechEncoder(config=config, trainable_layers=1).model)
    assert type(blocks[0]).__name__.startswith('WavLMEncoderLayer')
    with pytest.raises(ValueError, match='0 lists of 0 layers.*name the sub-modules'):
        find_blocks(nn.Sequential(nn.Linear(1, 1)))


@pytest.mark.parametrize('name', [name for name in CONFIGS if name not in ('wavlm', 'wav2vec2')])
@pytest.mark.parametrize('one_by_one', [False, True])
def test_a_sample_does_not_depend_on_its_neighbours(name, one_by_one):
    encoder = encoder_of(name, one_by_one=one_by_one).eval()
    together = encoder(batch_of(name))
    for own, item in zip(together.sequences(), inputs_of(name)):
        torch.testing.assert_close(own, encoder(pad([item])).values[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('name', CONFIGS)
def test_frozen_layers_one_by_one_give_what_the_library_gives_alone(name):
    """Also where the front end normalises over time, so that padding would enter it."""
    plain, split = encoder_of(name).eval(), encoder_of(name, one_by_one=True).eval()
    whole = encoder_of(name, 0, one_by_one=True).eval()
    for own, frozen, item in zip(split(batch_of(name)).sequences(), whole(batch_of(name)).sequences(), inputs_of(name)):
        expected = plain(pad([item])).values[0]
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(frozen, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('name', ['wavlm-layer', 'hubert-layer', 'bert', 'vit'])
def test_split_model_has_the_gradients_of_the_whole(name):
    grads = []
    for options in (dict(), dict(one_by_one=True)):
        encoder = encoder_of(name, 2, **options).eval()
        out = encoder(batch_of(name))
        sum(item.sin().sum() for item in out.sequences()).backward()
        grads.append({key: p.grad for key, p in encoder.named_parameters() if p.requires_grad})
    for key, grad in grads[0].items():
        torch.testing.assert_close(grads[1][key], grad, rtol=1e-9, atol=1e-11, msg=key)


def test_lengths_are_those_of_the_library():
    """Spec of WavLM: 8000 -> 24, 16000 -> 49, 80160 -> 250; below 400 samples one state."""
    with torch.device('meta'):
        encoder = SpeechEncoder(config=dict(model_type='wavlm'))
    assert encoder.shortest == 400
    assert encoder._frames(torch.tensor([400, 8000, 16000, 80000, 80160])).tolist() == [1, 24, 49, 249, 250]
    assert not encoder.attention_mask, 'the base model is trained without'


@pytest.mark.parametrize('name', CONFIGS)
def test_from_a_folder(name, tmp_path):
    trained = encoder_of(name, seed=1)
    trained.model.float().save_pretrained(tmp_path)
    encoder = encoder_of(name, seed=2, pretrained=str(tmp_path))
    with pytest.raises(RuntimeError, match='never read: call `model.init_weights'):
        encoder(batch_of(name))
    encoder.init_weights()
    state = encoder.state_dict()
    assert all(torch.equal(value, state[f'model.{key}'].to(value.dtype)) for key, value in
               trained.model.state_dict().items())
    assert torch.isfinite(encoder(batch_of(name)).values).all()


def test_a_checkpoint_counts_as_weights(tmp_path):
    encoder_of('bert').model.save_pretrained(tmp_path)
    encoder = encoder_of('bert', pretrained=str(tmp_path))
    encoder.load_state_dict(encoder_of('bert', seed=5).state_dict())
    assert encoder(batch_of('bert')).values.shape == (4, 9, 16)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, (f'touch {self.mark}', )


def test_a_folder_runs_no_code(tmp_path):
    """Neither from a pickle of weights nor from a program that the config names."""
    trained = encoder_of('bert', seed=1).model
    trained.save_pretrained(tmp_path)
    (tmp_path / 'model.safetensors').unlink()
    config = json.loads((tmp_path / 'config.json').read_text())
    (tmp_path / 'config.json').write_text(json.dumps({**config, 'auto_map': {'AutoModel': 'own.Model'}}))
    Evil.mark = tmp_path / 'mark'
    (tmp_path / 'own.py').write_text(f'import os\nos.system("touch {Evil.mark}")\nclass Model:\n    pass\n')
    encoder = encoder_of('bert', pretrained=str(tmp_path))
    torch.save({**trained.state_dict(), 'more': Evil()}, tmp_path / 'pytorch_model.bin')
    with pytest.raises(ValueError, match='its weights hold more than tensors and are not loaded'):
        encoder.init_weights()
    torch.save(trained.state_dict(), tmp_path / 'pytorch_model.bin')
    encoder.init_weights()
    assert not Evil.mark.exists()


def test_missing_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r'no folder .*nowhere with config.json and model.safetensors.*'
                                                'allow_download=True'):
        TextEncoder(pretrained=str(tmp_path / 'nowhere'))
    with pytest.raises(FileNotFoundError, match='allow_download=True'):
        TextEncoder(pretrained='some-lab/some-model')
    with pytest.raises(FileNotFoundError, match=f'{tmp_path.name} lacks config.json'):
        TextEncoder(pretrained=str(tmp_path))
    encoder_of('bert').model.config.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match='lacks model.safetensors or pytorch_model.bin'):
        TextEncoder(pretrained=str(tmp_path), trainable_layers=1).init_weights()
    with pytest.raises(ValueError, match='neither `pretrained`'):
        TextEncoder()
    with pytest.raises(ValueError, match="model_type='bart-x' is unknown"):
        TextEncoder(config=dict(model_type='bart-x'))
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match='pip install transformers'):
        encoder_of('bert')


def test_weights_of_another_architecture_are_refused(tmp_path):
    encoder_of('bert').model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match='does not fit|another architecture'):
        encoder_of('bert', pretrained=str(tmp_path), config=dict(CONFIGS['bert'], hidden_size=32)).init_weights()
    with pytest.raises(ValueError, match='lacks .* tensors, first'):
        encoder_of('bert', pretrained=str(tmp_path), config=dict(CONFIGS['bert'], num_hidden_layers=4)).init_weights()


def test_package_imports_without_transformers():
    code = ("import sys; sys.modules['transformers'] = None; import mmda_ext.models; "
            "from mmda_ext.registry import MODELS; assert 'SpeechEncoder' in MODELS")
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wrong_inputs_are_named():
    with pytest.raises(ValueError, match='token ids are torch.float64'):
        encoder_of('bert')(pad([torch.zeros(3).double()]))
    with pytest.raises(ValueError, match='text of 25 tokens is longer than the 24'):
        encoder_of('bert')(batch_of('bert', lengths=(25, )))
    with pytest.raises(ValueError, match='does not take waveforms'):
        SpeechEncoder(config=CONFIGS['bert'], trainable_layers=1)
    with pytest.raises(ValueError, match='need frozen blocks'):
        encoder_of('bert', None, one_by_one=True)
    with pytest.raises(ValueError, match='output='):
        FrameEncoder(config=CONFIGS['vit'], output='x')


class Pictures(nn.Module):
    """A network of the user's own."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.top = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 7, 3)

    def forward(self, x):
        return self.top(self.norm(self.stem(x)).relu())


def test_any_module_in_the_slot_of_the_frames():
    encoder = FrameEncoder(dict(type=Pictures), 7, trainable_layers=['top']).double().train()
    before = encoder.model.norm.running_mean.clone()
    out = encoder(batch_of('vit'))
    assert out.values.shape == (3, 3, 7)
    assert torch.equal(encoder.model.norm.running_mean, before), 'frozen batch norm is on'
    expected = encoder.model(inputs_of('vit')[2]).mean((2, 3))
    torch.testing.assert_close(out.values[2, :2], expected)
    assert not out.values[2, 2:].any()
    with pytest.raises(ValueError, match='`trainable_layers` cannot count'):
        FrameEncoder(dict(type=Pictures), 7)
    with pytest.raises(ValueError, match='set `out_channels`'):
        FrameEncoder(dict(type=Pictures), trainable_layers=None)
    with pytest.raises(ValueError, match='goes without'):
        FrameEncoder(dict(type=Pictures), 7, config=CONFIGS['vit'])


def test_model_is_copied_and_pickled():
    encoder = encoder_of('bert').eval()
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert torch.equal(other(batch_of('bert')).values, encoder(batch_of('bert')).values)


def test_published_sizes_build():
    with torch.device('meta'):
        model = MODELS.build(recipe('erm', 'iemocap').model)
    for name, encoder in model.backbones.items():
        trained = sum(p.numel() for p in encoder.encoder.parameters() if p.requires_grad)
        assert trained == pytest.approx(3 * 7.09e6, rel=1e-2), name
