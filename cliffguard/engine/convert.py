"""GGUF → a checkpoint directory that transformers loads as it is."""

from __future__ import annotations

from pathlib import Path


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the model and tokenizer in `gguf` to `folder`, dequantised to float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        # Without it the model stays marked as quantised and refuses to be saved.
        quantization_config=GgufConfig(dequantize=True),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
