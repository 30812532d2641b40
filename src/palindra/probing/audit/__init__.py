"""Audit of anybody's representations: strands, letters, predictions, shifts and tokens."""

from palindra.probing.audit.auditing import audit_source
from palindra.probing.audit.distances import Apart, apart
from palindra.probing.audit.downstream import Cure, Downstream
from palindra.probing.audit.language import Language, compare_language
from palindra.probing.audit.result import Moved, SourceAudit
from palindra.probing.audit.shifts import Shift, Tokens, compare_tokens
from palindra.probing.audit.strands import Strands, compare_strands

__all__ = [
    "Apart",
    "Cure",
    "Downstream",
    "Language",
    "Moved",
    "Shift",
    "SourceAudit",
    "Strands",
    "Tokens",
    "apart",
    "audit_source",
    "compare_language",
    "compare_strands",
    "compare_tokens",
]
