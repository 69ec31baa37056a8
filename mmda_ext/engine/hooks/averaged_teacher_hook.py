"""Keeps the averaged teachers of a model up to date."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmda_ext.models.teacher import AveragedTeacher
from mmda_ext.registry import HOOKS


@HOOKS.register_module()
class AveragedTeacherHook(Hook):
    """Hand the student's state to each :class:`~mmda_ext.models.teacher.AveragedTeacher` after an optimizer step.

    Parts of an accumulated step do not count. The teacher is part of the model: it moves, is saved and resumes with it.
    """

    #: Before validation and checkpoints, which must see the teacher of this step.
    priority = 'ABOVE_NORMAL'

    def before_train(self, runner: Runner) -> None:
        """Find the teachers.

        Raises:
            ValueError: If the model has none.
        """
        self._student = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._teachers = [part for part in self._student.modules() if isinstance(part, AveragedTeacher)]
        if not self._teachers:
            raise ValueError('AveragedTeacherHook: the model has no averaged teacher: take the hook out of '
                             'custom_hooks, or add an objective that owns one, such as mmda_ext.CrossModalDistillation')

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict[str, Any] | None = None) -> None:
        if runner.optim_wrapper.should_update():
            for teacher in self._teachers:
                teacher.update(self._student)
