"""UMT by hand: what is drawn to what, from which file, and that a teacher never moves."""

import pytest
import torch

from mmda_ext import compat
from mmda_ext.models.objectives import UnimodalTeachers
from tests.tiny import batch_of, model_of, parameters_of, wrapper_of

UMT = 'mmda_ext.UnimodalTeachers'
NAMES = ('video', 'audio')


@pytest.fixture(autouse=True)
def local_files():
    compat.allow_mmengine_checkpoints()


@pytest.fixture
def files(tmp_path):
    """Checkpoints of trainings of one modality each, with moved running statistics."""
    out = {}
    for seed, name in enumerate(NAMES, 5):
        teacher = model_of((name, ), seed=seed, objectives=[])
        with torch.no_grad():
            teacher(**teacher.data_preprocessor(batch_of((name, ))), mode='loss')
        out[name] = str(tmp_path / f'{name}.pth')
        torch.save(dict(state_dict=teacher.state_dict()), out[name])
    return out


def umt(teachers, **options):
    model = model_of(objectives=[dict(type=UMT, teachers=teachers, **options)])
    model.init_weights()
    return model.double().train()


class Fixed(torch.nn.Module):
    """A teacher whose feature is known."""

    def forward(self, x):
        return torch.tensor([[1.5, 1.]], dtype=torch.float64)


def test_known_answer(monkeypatch):
    """z (1, 2), z_T (1.5, 1): MSE .625, term 6.25 at weight 10."""
    objective = UnimodalTeachers(dict(in_channels=dict(video=2)))
    objective.encoders['video'], objective.necks['video'] = Fixed(), Whole()
    step = given_step(dict(video=torch.tensor([[1., 2.]], dtype=torch.float64, requires_grad=True)))
    out = objective(step)
    assert float(out['loss_teachers'].detach()) == pytest.approx(6.25)
    assert float(out['mse_video']) == pytest.approx(.625)
    out['loss_teachers'].backward()
    torch.testing.assert_close(step.features['video'].grad, torch.tensor([[-5., 10.]]).double())


class Whole(torch.nn.Module):

    def forward(self, x, num_samples):
        return x


def given_step(features):
    from mmda_ext.models.step import Step
    return Step(features, torch.tensor([0]), torch.tensor([0]), inputs=dict.fromkeys(features))


def test_targets_are_the_features_of_the_files(files):
    """In evaluation mode, of the inputs of the step; the loss sums the modalities."""
    model = umt(files, loss_weight=3.)
    data = model.data_preprocessor(batch_of())
    losses = model(**data, mode='loss')
    step = model.take_step_record().step
    features = step.features
    assert not any(target.requires_grad for target in model.objectives[0].teach(step).values())
    expected = torch.zeros((), dtype=torch.float64)
    for seed, name in enumerate(NAMES, 5):
        alone = model_of((name, ), seed=seed, objectives=[])
        alone.load_state_dict(torch.load(files[name])['state_dict'])
        target = alone.eval().extract_feat(data['inputs'], 6)[name]
        expected += (features[name] - target).square().mean()
    torch.testing.assert_close(losses['loss_teachers'], 3 * expected)


def test_teachers_never_move(files):
    model = umt(files)
    before = {name: value.clone() for name, value in model.objectives.state_dict().items()}
    student = parameters_of(model.backbones)
    wrapper = wrapper_of(model, 'OptimWrapper', lr=.01)
    losses = [float(model.train_step(batch_of(), wrapper)['loss_teachers'].detach()) for _ in range(12)]
    assert all(torch.equal(value, before[name]) for name, value in model.objectives.state_dict().items())
    assert any(not torch.equal(value, student[name]) for name, value in model.backbones.named_parameters())
    assert sum(losses[-3:]) < sum(losses[:3])
    assert not any(part.training for part in model.objectives[0].encoders.modules())
    assert model.objectives[0].training


def test_they_are_in_the_checkpoint(files):
    model, other = umt(files), model_of(objectives=[dict(type=UMT)])
    other.load_state_dict(model.state_dict())
    assert all(torch.equal(one, two) for one, two in zip(model.state_dict().values(), other.state_dict().values()))


def test_mistakes_are_told(files, tmp_path):
    with pytest.raises(ValueError, match=r"teachers names \['flow'\]; the modalities are \('video', 'audio'\)"):
        umt(dict(flow='x.pth'))
    with pytest.raises(ValueError, match='teachers.audio=None names no teacher: train .* with --modalities audio'):
        umt(dict(video=files['video']))
    with pytest.raises(FileNotFoundError, match="teachers.video='gone.pth' does not exist: train .* --modalities"):
        umt(dict(video='gone.pth', audio=files['audio']))
    with pytest.raises(ValueError, match='audio.pth is a checkpoint of another architecture than Encoder'):
        umt(dict(files, video=files['audio']))
