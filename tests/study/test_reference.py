"""A study on LIMA and on the paper's own prompt files, by path."""

from crosstune import Study
from tiny import write_tiny_model


def test_limas_instructions_and_the_papers_prompts_by_path(reference, tmp_path):
    model = write_tiny_model(tmp_path / "tiny-llama", context=4096)
    study = Study.from_dict(
        {
            "name": "paper-files",
            "base_models": [str(model)],
            "instructions": [{"source": str(reference / "lima.en.jsonl"), "examples": 12, "language": "en"}],
            "adaptation": ["full"],
            "learning_rate": 1e-3,
            "training": {"max_steps": 2, "tokens_per_step": 512, "tokens_per_device_batch": 512, "max_length": 512},
            "prompts": {
                "sets": [
                    str(reference / "alpacaeval_test_subset.{language}.jsonl"),
                    str(reference / "modifiers.{language}.jsonl"),
                ],
                "languages": ["en", "fr", "pt", "ru"],
            },
            "generation": {"max_new_tokens": 2},
        },
        root=tmp_path / "runs",
    )
    # 113 plain and 251 modified prompts in each of four languages
    assert study.plan().prompts == (113 + 251) * 4
    study = Study.from_dict(
        study.document.data | {"prompts": study.document.data["prompts"] | {"limit": 12}}, root=tmp_path
    )
    tables = study.run()
    assert len(tables.prompts) == 12 * 2 * 4 and len(tables.responses) == len(tables.prompts) * 2
    asked_elsewhere = tables.prompts.filter(tables.prompts["language"] != tables.prompts["requested_language"])
    assert not asked_elsewhere.is_empty() and all("lang_" in name for name in asked_elsewhere["id"])
    scored = tables.scores.filter(tables.scores["prompt_id"].is_in(asked_elsewhere["id"].to_list()))
    assert set(scored["requested_language"]) >= set(asked_elsewhere["requested_language"])
