"""Formulas as MathML, which browsers show by themselves: no script is loaded."""

from typing import Any, NoReturn

from docutils.nodes import Element, SkipNode
from latex2mathml.converter import convert

NAME = "mathml"


def inline(translator: Any, node: Element) -> NoReturn:
    """Write a formula within a line."""
    translator.body.append(convert(node.astext()))
    raise SkipNode


def block(translator: Any, node: Element) -> NoReturn:
    """Write a formula of its own."""
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>')
    raise SkipNode
