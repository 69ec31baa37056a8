# SimMMDG with GMP, aligned mapping: the method's terms join the domain task and are balanced with it.
#
# section: Multimodal domain generalization
# method: with GMP, aligned
# needs: and of GMP
# differs: the other reading
_base_ = ['./simmmdg-gmp.py']

_adversary, *_terms = _base_.model.objectives
model = dict(objectives=[_adversary, *[dict(term, task='domain') for term in _terms]])
