"""The room of torch: loading checkpoints, and running them with every prefix computed once.

Importing it registers the model name `cliffguard` with lm-eval, which knows no plugins; torch is
imported when a model is made, not before.
"""

import lm_eval.models  # lm-eval lists its own names only while nobody has registered another
from lm_eval.api.registry import model_registry

assert lm_eval.models.MODEL_MAPPING, "imported for the names that it registers"
if "cliffguard" not in model_registry:
    model_registry.register("cliffguard", target="cliffguard.engine.lm:CliffguardLM")
