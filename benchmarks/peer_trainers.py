"""Other projects' trainers on stored vectors; runs in the environment that `make peers` makes.

    python -m benchmarks.peer_trainers PEER IN.npz OUT.npz '{"rate": 1e-3, …}'

IN holds `questions` and `answers`, row i of one answering row i of the other. OUT gets the trained
linear map, answer = weights @ question + bias, and the seconds that the training call took.
"""

# pyright: reportMissingImports=false

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np
import torch

Trained = tuple[np.ndarray, np.ndarray, float]  # weights (D, D), bias (D,), seconds


def sentence_transformers(q: np.ndarray, a: np.ndarray, options: dict[str, Any]) -> Trained:
    """Train Dense with MultipleNegativesRankingLoss.

    A text is one token whose embedding is its stored vector and frozen, so the library's own model,
    loss, batches and trainer run unchanged.
    """
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import Dense, Router, StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    vectors = np.concatenate([q, a])
    tokenizer = Tokenizer(models.WordLevel({str(i): i for i in range(len(vectors))}, "0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    stored = StaticEmbedding(tokenizer, embedding_weights=torch.from_numpy(vectors))
    stored.requires_grad_(False)
    size = q.shape[1]
    dense = Dense(
        size, size, activation_function=torch.nn.Identity(), init_weight=torch.eye(size),
        init_bias=torch.zeros(size),
    )  # fmt: skip
    model = SentenceTransformer(
        modules=[Router.for_query_document([stored, dense], [stored])], device="cpu"
    )
    texts = {"query": [str(i) for i in range(len(q))],
             "document": [str(i + len(q)) for i in range(len(a))]}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        arguments = Arguments(
            output_dir=folder, use_cpu=True, seed=options["seed"], max_steps=options["steps"],
            per_device_train_batch_size=min(options["batch"], len(q)),
            learning_rate=options["rate"], warmup_steps=options["steps"] // 10,
            lr_scheduler_type="cosine", report_to="none", save_strategy="no",
            logging_strategy="no", disable_tqdm=True, dataloader_drop_last=True,
            router_mapping={"query": "query", "document": "document"},
        )  # fmt: skip
        loss = MultipleNegativesRankingLoss(model)
        trainer = SentenceTransformerTrainer(model, arguments, Dataset.from_dict(texts), loss=loss)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    linear = dense.linear
    return linear.weight.detach().numpy(), linear.bias.detach().numpy(), seconds


def llama_index(q: np.ndarray, a: np.ndarray, options: dict[str, Any]) -> Trained:
    """Train a LinearLayer with EmbeddingAdapterFinetuneEngine, which reads vectors one by one."""
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.finetuning.embeddings import EmbeddingAdapterFinetuneEngine
    from llama_index.finetuning.embeddings.common import EmbeddingQAFinetuneDataset

    class Stored(BaseEmbedding):
        def _get_query_embedding(self, query: str) -> list[float]:
            return questions[int(query)]

        def _get_text_embedding(self, text: str) -> list[float]:
            return answers[int(text)]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return questions[int(query)]

    questions, answers = q.tolist(), a.tolist()
    order = np.random.default_rng(options["seed"]).permutation(len(q)).tolist()
    names = {str(i): str(i) for i in order}
    dataset = EmbeddingQAFinetuneDataset(
        queries=names, corpus=names, relevant_docs={name: [name] for name in names}
    )
    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddingAdapterFinetuneEngine(
            dataset, Stored(), batch_size=options["batch"], dim=q.shape[1], device="cpu",
            epochs=options["epochs"], bias=True, model_output_path=folder,
            optimizer_params={"lr": options["rate"]}, show_progress_bar=False,
        )  # fmt: skip
        started = time.perf_counter()
        engine.finetune()
        seconds = time.perf_counter() - started
    linear = engine.model.linear
    return linear.weight.detach().numpy(), linear.bias.detach().numpy(), seconds


TRAINERS = {"sentence_transformers": sentence_transformers, "llama_index": llama_index}


def main() -> None:
    """Train as the command line says."""
    name, source, target, options = sys.argv[1:]
    with np.load(source, allow_pickle=False) as file:
        q, a = file["questions"], file["answers"]
    weights, bias, seconds = TRAINERS[name](q, a, json.loads(options))
    np.savez(Path(target), weights=weights, bias=bias, seconds=seconds)


if __name__ == "__main__":
    main()
