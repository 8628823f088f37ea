"""A small real transformer for tests of backends."""

from pathlib import Path

import pytest

TALK = "how do i reset my password open the settings page and press account free trial"
WORDS = TALK.split()
TEXTS = [" ".join(WORDS[i : i + n]) for i in range(5) for n in (1, 3, 8)]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    """A small BERT with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "?", ".", *sorted(set(WORDS))]
    tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(vocabulary)})
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(vocabulary), intermediate_size=64, **sizes)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model = SentenceTransformer(modules=[Transformer(str(folder)), Pooling(32)], device="cpu")
    model.save(str(folder / "saved"), create_model_card=False)
    return folder / "saved"
