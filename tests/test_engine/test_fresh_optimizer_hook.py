"""The optimizer forgets in front of the step in which the weight of an objective jumps."""

from tests.test_engine.feature_run import feature_config, run


def test_adam_counts_from_the_jump(tmp_path, caplog):
    cfg = feature_config('irm', tmp_path, tmp_path / 'a', epochs=2)
    cfg.model.objectives[0].begin = .4
    runner = run(cfg)
    assert runner.max_iters == 12
    steps = {float(own['step']) for own in runner.optim_wrapper.optimizer.state.values()}
    assert steps == {12 - 5}, 'of the steps from 0, the one at 5 begins anew'
    assert runner.message_hub.get_scalar('train/irm_weight').current() == 100
    assert runner.message_hub.get_scalar('train/irm_skipped').current() == 0

    cfg = feature_config('sd', tmp_path, tmp_path / 'b', epochs=1)
    cfg.custom_hooks.append(dict(type='mmda_ext.FreshOptimizerHook'))
    with caplog.at_level('WARNING'):
        runner = run(cfg)
    assert {float(own['step']) for own in runner.optim_wrapper.optimizer.state.values()} == {runner.max_iters}
