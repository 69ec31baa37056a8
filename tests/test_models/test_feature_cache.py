"""States of frozen layers on disk: exact, tied to weights and inputs, safe under several processes."""

import multiprocessing
from pathlib import Path

import pytest
import torch

from mmda_ext.models.backbones import hf
from mmda_ext.models.data_preprocessors.padding import pad
from mmda_ext.models.feature_cache import FeatureCache, Fingerprint, digest
from tests.test_models.tiny_encoders import batch_of, encoder_of, inputs_of

pytest.importorskip('transformers')

NAMES = ('wavlm', 'wavlm-layer', 'bert', 'vit')


def keys_of(name):
    return [f'clip/{index} (a)' for index in range(len(inputs_of(name)))]


@pytest.fixture
def count(monkeypatch):
    """Number of samples whose frozen layers were computed."""
    seen = []
    compute = hf.PretrainedEncoder._compute
    monkeypatch.setattr(hf.PretrainedEncoder, '_compute', lambda self, item: seen.append(1) or compute(self, item))
    return seen


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('layers', [0, 2])
def test_reading_gives_what_computing_gives_bit_for_bit(name, layers, tmp_path, count):
    batch = batch_of(name, keys_of(name))
    computed = encoder_of(name, layers, one_by_one=True).eval()(batch)
    encoder = encoder_of(name, layers, cache=str(tmp_path)).eval()
    first = encoder(batch)
    del count[:]
    second = encoder_of(name, layers, cache=str(tmp_path)).eval()(batch)
    assert len(count) == (1 if layers else 0), 'only the check of the split computes'
    for own in (first, second):
        assert torch.equal(own.values, computed.values)
        assert torch.equal(own.lengths, computed.lengths)
    assert len(list(tmp_path.rglob('*.safetensors'))) == len(keys_of(name))


@pytest.mark.parametrize('name', ['wavlm-layer', 'vit'])
def test_trained_steps_are_the_same_with_and_without(name, tmp_path):
    batch, results = batch_of(name, keys_of(name)), []
    for options in (dict(one_by_one=True), dict(cache=str(tmp_path)), dict(cache=str(tmp_path))):
        encoder = encoder_of(name, 1, **options).train()
        optimizer = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], .1)
        encoder(batch)
        torch.manual_seed(7)
        for _ in range(2):
            optimizer.zero_grad()
            encoder(batch).values.square().mean().backward()
            optimizer.step()
        results.append(encoder.state_dict())
    for other in results[1:]:
        assert all(torch.equal(value, other[key]) for key, value in results[0].items())


def test_trained_layers_leave_the_cache_valid_and_frozen_ones_do_not(tmp_path, count):
    encoder, batch = encoder_of('bert', cache=str(tmp_path)).eval(), batch_of('bert', keys_of('bert'))
    encoder(batch)
    del count[:]
    with torch.no_grad():
        encoder.trainable.parts[0].output.dense.weight.add_(1)
    encoder(batch)
    assert not count
    with torch.no_grad():
        encoder.model.embeddings.word_embeddings.weight.add_(1)
    changed = encoder(batch)
    assert len(count) == 4
    other = encoder_of('bert', one_by_one=True).eval()
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(changed.values, other(batch).values)


def test_an_input_that_changed_is_refused(tmp_path):
    encoder = encoder_of('bert', cache=dict(root=str(tmp_path))).eval()
    encoder(batch_of('bert', keys_of('bert')))
    with pytest.raises(ValueError, match=r"input of sample 'clip/0 \(a\)'.*remove random transforms"):
        encoder(batch_of('bert', keys_of('bert'), seed=1))
    trusting = encoder_of('bert', cache=dict(root=str(tmp_path), check_inputs=False)).eval()
    assert torch.equal(trusting(batch_of('bert', keys_of('bert'), seed=1)).lengths, batch_of('bert').lengths)


def test_a_sample_may_come_in_any_batch(tmp_path):
    encoder, items, keys = encoder_of('wavlm', cache=str(tmp_path)).eval(), inputs_of('wavlm'), keys_of('wavlm')
    together = encoder(pad(items, keys)).sequences()
    for own, item, key in zip(together, items, keys):
        torch.testing.assert_close(encoder(pad([item], [key])).values[0], own, rtol=1e-10, atol=1e-12)


def test_without_ids_nothing_is_stored(tmp_path):
    encoder = encoder_of('bert', cache=str(tmp_path)).eval()
    assert encoder(batch_of('bert')).values.shape == (4, 9, 16)
    assert not list(tmp_path.rglob('*.safetensors'))


def test_broken_file_is_computed_anew(tmp_path):
    encoder, batch = encoder_of('bert', 0, cache=str(tmp_path)).eval(), batch_of('bert', keys_of('bert'))
    expected = encoder(batch).values
    for path in tmp_path.rglob('*.safetensors'):
        path.write_bytes(path.read_bytes()[:40])
    assert torch.equal(encoder(batch).values, expected)
    assert torch.equal(encoder(batch).values, expected)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_round_trip_of_types(tmp_path, dtype):
    cache, source = FeatureCache(str(tmp_path)), torch.randn(5)
    states = torch.randn(1, 3, 4).to(dtype)
    states[0, 0, 0] = torch.nan
    assert cache.read('f', 'k', source) is None
    cache.write('f', 'k', source, states)
    back = cache.read('f', 'k', source)
    assert back.dtype == dtype
    assert torch.equal(back.nan_to_num(), states.nan_to_num())
    assert cache.read('other weights', 'k', source) is None


def test_digest_and_fingerprint():
    x = torch.arange(6.)
    assert digest(x) == digest(x.clone())
    assert len({digest(x), digest(x.view(2, 3)), digest(x.double()), digest(x + 1)}) == 4
    fingerprint, weights = Fingerprint(), torch.zeros(3)
    first = fingerprint([('w', weights)], 'a')
    assert fingerprint([('w', weights)], 'a') == first
    assert fingerprint([('w', weights)], 'b') != first
    weights.add_(1)
    assert fingerprint([('w', weights)], 'a') != first


def write_many(root: str, start, failures) -> None:
    cache = FeatureCache(root)
    start.wait()
    for turn in range(60):
        key, source = f'k{turn % 6}', torch.full((4, ), float(turn % 6))
        states = cache.read('f', key, source)
        if states is None:
            cache.write('f', key, source, source.repeat(1, 2000, 1))
        elif not torch.equal(states, source.repeat(1, 2000, 1)):
            failures.put(key)


def test_several_processes_write_the_same_samples(tmp_path):
    context = multiprocessing.get_context('fork')
    start, failures = context.Event(), context.Queue()
    workers = [context.Process(target=write_many, args=(str(tmp_path), start, failures)) for _ in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert failures.empty()
    assert len(list(tmp_path.rglob('*.safetensors'))) == 6
    assert not list(Path(tmp_path).rglob('.writing-*'))
