"""Rows as other tools and data sets write them that no flag reads: the command that makes rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.hub_names import without_prefix
from cliffguard.core.settings import TargetData
from cliffguard.suites.rows import Row, named_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Rows that Python makes others of. All of `has` stand in a row, as patterns of paths.

    `row` is what is written of the row r, for each of `each`; `before` are statements over all
    rows. `more` are the flags that the new rows need. Nothing holds a double quote or a dollar.
    """

    name: str
    has: tuple[str, ...]
    row: str
    each: str = ""
    before: str = ""
    more: str = ""


_GEMINI = (
    "text = lambda c: chr(10).join(p['text'] for p in c['parts'] if not p.get('thought')); "
    "chat = lambda q, a: "
    "{'messages': [*({'role': 'system', 'content': text(s)} for s in "
    "[q.get('systemInstruction') or q.get('system_instruction')] if s), *({'role': "
    "c.get('role', 'user'), 'content': text(c)} for c in q['contents']), {'role': 'assistant', "
    "'content': text(a['candidates'][0]['content'])}]}"
)

_ANSWERED = "if (r.get('response') or {}).get('candidates')"


def _ragas(contexts: str, question: str, right: str, column: str) -> Converted:
    """Return the rows of Ragas; what they call answer or response is a model's, and not right."""
    return Converted(
        name="Ragas's rows",
        has=(f"{contexts}/0", question, right),
        row=f"{{'prompt': chr(10).join([*r['{contexts}'], r['{question}']]), '{column}': "
        f"r['{right.partition('/')[0]}']}}",
        more="--target-metric f1",
    )


CONVERTED = (
    _ragas("contexts", "question", "ground_truth", "answer"),
    _ragas("contexts", "question", "ground_truths/0", "answers"),
    _ragas("retrieved_contexts", "user_input", "reference", "answer"),
    _ragas("reference_contexts", "user_input", "reference", "answer"),
    Converted(
        name="spans in a short export of Label Studio",
        has=("annotation_id", "lead_time", "text", "*/0/start", "*/0/labels/0"),
        row="{'text': r['text'], 'answer': '; '.join(s['labels'][0] + ': ' + s['text'] for v in "
        "r.values() if isinstance(v, list) for s in v if 'labels' in s) or 'none'}",
        more="--target-metric f1",
    ),
    Converted(
        name="CoQA's conversations",
        has=("story", "questions/0/input_text", "answers/0/input_text"),
        row="{'prompt': chr(10).join([r['story'], *(t for q, a in zip(r['questions'][:i], "
        "r['answers']) for t in ('Q: ' + q['input_text'], 'A: ' + a['input_text'])), 'Q: ' + "
        "r['questions'][i]['input_text'], 'A:']), 'answer': r['answers'][i]['input_text']}",
        each="for i in range(len(r['questions']))",
    ),
    Converted(
        name="CoQA's conversations",
        has=("story", "questions/0", "answers/input_text"),
        row="{'prompt': chr(10).join([r['story'], *(t for q, a in zip(r['questions'][:i], "
        "r['answers']['input_text']) for t in ('Q: ' + q, 'A: ' + a)), 'Q: ' + "
        "r['questions'][i], 'A:']), 'answer': r['answers']['input_text'][i]}",
        each="for i in range(len(r['questions']))",
    ),
    Converted(
        name="QuAC's conversations",
        has=("context", "questions/0", "answers/texts/0", "orig_answers/texts/0"),
        row="{'prompt': chr(10).join([r['background'], r['context'], *(t for q, a in "
        "zip(r['questions'][:i], r['orig_answers']['texts']) for t in ('Q: ' + q, 'A: ' + a)), "
        "'Q: ' + r['questions'][i], 'A:']), 'answers': r['answers']['texts'][i]}",
        each="for i in range(len(r['questions']))",
        more="--target-metric f1",
    ),
    Converted(
        name="QuAC's conversations",
        has=("context", "question", "followup", "yesno", "orig_answer/text"),
        before="told = {}; talk = lambda r: told.setdefault(r['id'].split('_q')[0], [])",
        row="{'prompt': chr(10).join([r['background'], r['context'], *t[-1]]), 'answers': "
        "[a['text'] for a in r['answers']]}",
        each="for t in [(talk(r).append('Q: ' + r['question']), [*talk(r), 'A:'])] if "
        "not talk(r).append('A: ' + r['orig_answer']['text'])",
        more="--target-metric f1",
    ),
    Converted(
        name="Natural Questions",
        has=("question/text", "annotations/short_answers"),
        row="{'question': r['question']['text'], 'answers': found}",
        each="for found in [[t for a in r['annotations']['short_answers'] for t in a['text']]] if "
        "found",
    ),
    Converted(
        name="Natural Questions with their answers as places",
        has=("question_text", "document_text", "annotations/0/short_answers"),
        row="{'question': r['question_text'], 'answers': found}",
        each="for found in [[' '.join(r['document_text'].split()[a['start_token']:a['end_token']]) "
        "for n in r['annotations'] for a in n['short_answers']]] if found",
    ),
    Converted(
        name="TruthfulQA's choices",
        has=("question", "mc1_targets/choices", "mc1_targets/labels"),
        row="{'question': r['question'], 'choices': r['mc1_targets']['choices'], 'answer': "
        "r['mc1_targets']['choices'][r['mc1_targets']['labels'].index(1)]}",
    ),
    Converted(
        name="BIG-bench's examples",
        has=("input", "target_scores/*"),
        row="{'input': r['input'], 'choices': list(r['target_scores']), 'answer': "
        "max(r['target_scores'], key=r['target_scores'].get)}",
    ),
    Converted(
        name="a task of Super-NaturalInstructions",
        has=("Definition", "Instances/0/input", "Instances/0/output"),
        row="{'instruction': ' '.join(r['Definition']), 'input': one['input'], 'answers': "
        "one['output']}",
        each="for one in r['Instances']",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="annotations of Prodigy, with options",
        has=("_input_hash", "options/0/text", "accept"),
        row="{'text': r['text'], 'choices': [o['text'] for o in r['options']], 'answer': "
        "[o['text'] for o in r['options'] if o['id'] in r['accept']]}",
        each="if r['answer'] == 'accept' and len(r['accept']) == 1",
    ),
    Converted(
        name="spans that Prodigy marks",
        has=("_input_hash", "text", "spans"),
        row="{'text': r['text'], 'answer': '; '.join(s['label'] + ': ' + "
        "r['text'][s['start']:s['end']] for s in r['spans'] or []) or 'none'}",
        each="if r['answer'] == 'accept'",
        more="--target-metric f1",
    ),
    Converted(
        name="annotations of Prodigy",
        has=("_input_hash", "text", "label", "answer"),
        row="{'text': r['text'] + chr(10) + 'Is it ' + r['label'] + '?', 'answer': "
        "{'accept': 'yes', 'reject': 'no'}[r['answer']]}",
        each="if r['answer'] in ('accept', 'reject')",
    ),
    Converted(
        name="spans that doccano marks",
        has=("text", "label/0/2"),
        row="{'text': r['text'], 'answer': '; '.join(s[2] + ': ' + r['text'][s[0]:s[1]] for s in "
        "r['label']) or 'none'}",
        more="--target-metric f1",
    ),
    Converted(
        name="spans that doccano marks",
        has=("text", "entities/0/start_offset"),
        row="{'text': r['text'], 'answer': '; '.join(s['label'] + ': ' + "
        "r['text'][s['start_offset']:s['end_offset']] for s in r['entities']) or 'none'}",
        more="--target-metric f1",
    ),
    Converted(
        name="spans that Label Studio marks",
        has=("data/*", "annotations/0/result/0/value/start", "annotations/0/result/0/value/labels"),
        row="{'text': r['data'][next(iter(r['data']))], 'answer': '; '.join(v['labels'][0] + ': ' "
        "+ v['text'] for v in (one['value'] for one in r['annotations'][0]['result'])) or 'none'}",
        more="--target-metric f1",
    ),
    Converted(
        name="tokens with a tag each",
        has=("tokens/0", "*_tags/0"),
        row="{'prompt': ' '.join(r['tokens']), 'answer': ' '.join(map(str, next(r[k] for k in r if "
        "k.endswith('_tags'))))}",
        more="--target-metric f1",
    ),
    Converted(
        name="UltraChat's conversations, whose turns have no roles",
        has=("data/1~ ", "id"),
        row="{'messages': [{'role': ('user', 'assistant')[i % 2], 'content': t} for i, t in "
        "enumerate(r['data'][:len(r['data']) // 2 * 2])]}",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="OpenAssistant's messages, one a row",
        has=("message_id", "parent_id", "text", "role"),
        before="rows = list(rows); by = {r['message_id']: r for r in rows}; chain = lambda r: "
        "(chain(by[r['parent_id']]) if r['parent_id'] in by else []) + [{'role': {'prompter': "
        "'user'}.get(r['role'], r['role']), 'content': r['text']}]",
        row="{'messages': chain(r)}",
        each="if r['role'] == 'assistant' and r.get('rank') in (0, None)",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="OpenAssistant's trees of messages",
        has=("message_tree_id", "prompt/replies", "prompt/role"),
        before="chain = lambda m: [{'role': {'prompter': 'user'}.get(m['role'], m['role']), "
        "'content': m['text']}] + (chain(m['replies'][0]) if m.get('replies') else [])",
        row="{'messages': m[:len(m) // 2 * 2]}",
        each="for m in [chain(r['prompt'])] if len(m) > 1",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="ChatGPT's conversations, as it exports them",
        has=("mapping/*", "current_node"),
        before="up = lambda d, n: up(d, d[n].get('parent')) + [d[n]['message']] if n in d else []",
        row="{'messages': [{'role': m['author']['role'], 'content': "
        "''.join(m['content']['parts'])} for m in up(r['mapping'], r['current_node']) if m and "
        "m['content'].get('parts') and ''.join(m['content']['parts'])]}",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="answers of a batch of OpenAI's; with their requests beside it, as requests.jsonl",
        has=("custom_id", "response/body/choices/0/message"),
        before="asked = {r['custom_id']: r['body'] for r in map(json.loads, "
        "open('requests.jsonl'))}",
        row="{'messages': asked[r['custom_id']]['messages'] + "
        "[r['response']['body']['choices'][0]['message']]}",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="answers of a batch of Anthropic's; with their requests beside it, as requests.jsonl",
        has=("custom_id", "result/message/content"),
        before="asked = {r['custom_id']: r['params'] for r in map(json.loads, "
        "open('requests.jsonl'))}",
        row="{'system': asked[r['custom_id']].get('system', ''), 'messages': "
        "asked[r['custom_id']]['messages'] + [{'role': 'assistant', 'content': "
        "r['result']['message']['content']}]}",
        more="--target-system system --target-metric rouge_l",
    ),
    Converted(
        name="answers of a batch of Gemini's",
        has=("request/contents/0/parts", "response/candidates/0/content/parts/0"),
        before=_GEMINI,
        row="chat(r['request'], r['response'])",
        each=_ANSWERED,
        more="--target-metric rouge_l",
    ),
    Converted(
        name="answers of a batch of Gemini's; with their requests beside it, as requests.jsonl",
        has=("key", "response/candidates/0/content/parts/0"),
        before=f"{_GEMINI}; asked = {{r['key']: r['request'] for r in map(json.loads, "
        "open('requests.jsonl'))}",
        row="chat(asked[r['key']], r['response'])",
        each=_ANSWERED,
        more="--target-metric rouge_l",
    ),
    Converted(
        name="segments of Axolotl",
        has=("segments/0/label", "segments/0/text"),
        row="{'prompt': ''.join(s['text'] for s in r['segments'][:-1]), 'answer': "
        "r['segments'][-1]['text']}",
        each="if r['segments'][-1]['label']",
        more="--target-metric rouge_l",
    ),
    Converted(
        name="chats of Cohere's older form",
        has=("chat_history/0/message", "message"),
        row="{'messages': [*({'role': 'system', 'content': s} for s in [r.get('preamble')] if s), "
        "*({'role': h['role'], 'content': h['message']} for h in r['chat_history']), {'role': "
        "'user', 'content': r['message']}], 'answer': r.get('response') or r.get('text')}",
    ),
    Converted(
        name="transcripts with Human: and Assistant: in one text",
        has=("chosen~\n\nHuman:", "rejected"),
        before="import re",
        row="{'messages': [{'role': {'Human': 'user'}.get(a, 'assistant'), 'content': b.strip()} "
        "for a, b in re.findall(r'(?s)(Human|Assistant): ?(.*?)'"
        "r'(?=\\n\\n(?:Human|Assistant):|\\Z)', r['chosen'])]}",
        more="--target-metric rouge_l",
    ),
)


def command(kind: Converted, row: Row, target: TargetData) -> str:
    """Return the command that makes rows of a kind, whatever holds them.

    Files are read as they are here, so that it finds the rows that were seen.
    """
    if Path(row.source).is_file():
        part = f", split={target.split!r}" if target.split else ""
        made = "from cliffguard.suites.rows import read_records"
        read = f"(x.value for x in read_records({named_file(target.data)}{part}))"
    else:
        name, _, revision = without_prefix(target.data).partition("@")
        given = {"name": target.subset, "revision": revision, "split": row.source.split()[-1]}
        arguments = "".join(f", {key}={value!r}" for key, value in given.items() if value)
        made, read = "import datasets", f"datasets.load_dataset({name!r}{arguments})"
    lines = [f"import json; {made}; rows = {read}", kind.before]
    lines.append(f"[print(json.dumps({kind.row})) for r in rows{kind.each and ' '}{kind.each}]")
    return f"""python -c "{"; ".join(filter(None, lines))}" > rows.jsonl"""
