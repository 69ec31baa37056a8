"""Train a recognizer: ``python tools/train.py CONFIG [flags]``; ``--help`` lists the flags."""

import sys

try:
    from mmda_ext.apis.one_line_errors import run_with_one_line_errors
    from mmda_ext.stack import require_stack
except KeyboardInterrupt:  # from here to the end of `run_with_one_line_errors` it is that function's business
    print('interrupted', file=sys.stderr)
    sys.exit(130)


def main() -> None:
    require_stack()
    # Imported here, so that a missing package is one sentence too.
    from mmda_ext.apis.cli import run_training
    run_training()


if __name__ == '__main__':
    sys.exit(run_with_one_line_errors(main))
