"""What lm-eval's registry says of its metrics; written by scripts/make/metric_directions.py."""

from __future__ import annotations

HIGHER_IS_BETTER = {
    "acc": True,
    "acc_all": True,
    "acc_bytes": True,
    "acc_mutual_info": True,
    "acc_norm": True,
    "bits_per_byte": False,
    "bleu": True,
    "brier_score": False,
    "bypass": True,
    "byte_perplexity": False,
    "chrf": True,
    "chrf++": True,
    "exact_match": True,
    "f1": True,
    "likelihood": True,
    "mcc": True,
    "perplexity": False,
    "ter": False,
    "word_perplexity": False,
}
