"""What our management commands have in common."""

from argparse import RawDescriptionHelpFormatter
from typing import Any, override

from django.core.management.base import BaseCommand


class CommandWithExamples(BaseCommand):
    """A command whose `--help` ends with examples, as they are laid out in `examples`."""

    examples: str

    @override
    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name, subcommand, epilog=self.examples, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )
