"""The inference engine (torch): loading checkpoints, every shared prefix computed once.

Importing it registers the model name `cliffguard` with lm-eval, which knows no plugins; torch is
imported when a model is made, not before. Some modules need neither.
"""

NAME = "cliffguard"
"""The engine's name among lm-eval's models."""


def _register() -> None:
    import lm_eval.models  # lm-eval lists its own names only while nobody has registered another
    from lm_eval.api.registry import model_registry

    assert lm_eval.models.MODEL_MAPPING, "imported for the names that it registers"
    if NAME not in model_registry:
        model_registry.register(NAME, target="cliffguard.engine.lm:CliffguardLM")


try:
    _register()
except ModuleNotFoundError as failure:
    if failure.name != "lm_eval":  # without it, nobody asks for a name of its
        raise
