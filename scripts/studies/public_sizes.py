"""How many items lm-eval's tasks in the public suites have, for planning without their data.

Sizes of the split that lm-eval asks, as their authors published them.
"""

from __future__ import annotations

# entry of a suite → tasks that it stands for, where it is a group
PARTS = {
    "bbh_cot_fewshot": 27,
    "global_mmlu_de": 6,
    "leaderboard_bbh": 24,
    "leaderboard_musr": 3,
    "mmlu": 57,
}

# entry of a suite → items; of a group those of a part, on average
SIZES = {
    "agieval_aqua_rat": 254,
    "arc_challenge": 1172,
    "arc_easy": 2376,
    "bbh_cot_fewshot": 241,
    "belebele_spa_Latn": 900,
    "boolq": 3270,
    "commonsense_qa": 1221,
    "drop": 9536,
    "global_mmlu_de": 66,
    "gsm8k_cot": 1319,
    "hellaswag": 10042,
    "ifeval": 541,
    "lambada_openai": 5153,
    "leaderboard_bbh": 240,
    "leaderboard_bbh_date_understanding": 250,
    "leaderboard_bbh_logical_deduction_five_objects": 250,
    "leaderboard_bbh_navigate": 250,
    "leaderboard_bbh_temporal_sequences": 250,
    "leaderboard_bbh_tracking_shuffled_objects_three_objects": 250,
    "leaderboard_bbh_web_of_lies": 250,
    "leaderboard_mmlu_pro": 12032,
    "leaderboard_musr": 252,
    "mmlu": 246,
    "mmlu_astronomy": 152,
    "mmlu_computer_security": 100,
    "mmlu_conceptual_physics": 235,
    "mmlu_high_school_geography": 198,
    "mmlu_human_aging": 223,
    "mmlu_international_law": 121,
    "mmlu_logical_fallacies": 163,
    "mmlu_management": 103,
    "mmlu_nutrition": 306,
    "mmlu_sociology": 201,
    "mmlu_us_foreign_policy": 100,
    "mmlu_world_religions": 171,
    "moral_stories": 12000,
    "nq_open": 3610,
    "openbookqa": 500,
    "piqa": 1838,
    "race": 1045,
    "sciq": 1000,
    "social_iqa": 1954,
    "triviaqa": 17944,
    "truthfulqa_mc1": 817,
    "winogrande": 1267,
    "xcopa_zh": 500,
    "xnli_fr": 2490,
}
