"""Domain-adversarial training on the fused features (Ganin et al., JMLR 2016; GMP Eq. 1-3)."""

from mmda_ext.models.objectives.base import Objective
from mmda_ext.models.step import Step, Terms
from mmda_ext.registry import MODELS


@MODELS.register_module()
class DomainAdversarial(Objective):
    """Make the fused features uninformative of the source domain.

    With fewer than two source domains there is nothing to discriminate: the objective says so once and adds no loss.

    Args:
        head (dict): Config of a :class:`DomainDiscriminatorHead`.
        fusion (dict, optional): Fusion config of the recognizer, used where ``head`` names none.
        task (str): Name of the loss among the balanced tasks.
        init_cfg (dict, optional): As in MMEngine.
    """

    takes_mixed = True
    example = dict(head=dict(num_domains=2))

    def __init__(self,
                 head: dict,
                 fusion: dict | None = None,
                 task: str = 'domain',
                 init_cfg: dict | None = None) -> None:
        super().__init__(fusion, task, init_cfg)
        self.loss_name = task
        self.head = None
        if not self.can_discriminate(head['num_domains']):
            return
        own = head.get('fusion')
        self.head = MODELS.build({'type': 'mmda_ext.DomainDiscriminatorHead', **head, 'fusion': own or fusion})

    def forward(self, step: Step) -> Terms:
        """``{'loss_<task>': L_d, '<task>_acc': percent}``, and what each modality alone says of the domain."""
        if self.head is None:
            return Terms({})
        return self.head.loss(step.features, step.domain_labels, self.loss_name, step.mix)
