#!/usr/bin/env bash
# Runs the gate, shows its verdict in the job and on the pull request, and ends with its exit code.
#
# All inputs come in the environment (GATE_…), and none is ever read as shell. Whether the comment
# could be posted changes no exit code.
set -uo pipefail

id=${GATE_COMMENT_ID:-gate}
marker="<!-- cliffguard:$id -->"
out=${GATE_OUT:-cliffguard-out/gate}
if [[ $out == -* ]]; then out=./$out; fi # a folder, and no flag
run_url="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
export CLIFFGUARD_REPORT_URL=${GATE_REPORT_URL:-$run_url}
judged='Commit: not known.'
if [[ ${GATE_SHA:-} =~ ^[0-9a-f]{7,64}$ ]]; then judged="Commit: $GATE_SHA."; fi
comment=$(mktemp)
began=$(mktemp) # whatever is newer is of this run
trap 'rm -f -- "$comment" "$began"' EXIT
reports=(failure.json review.json report.html report.md junit.xml comment.md items.jsonl timings.json)

note() { # note LEVEL TEXT: an annotation; the text is ours
  printf '::%s title=cliffguard::%s\n' "$1" "$2"
}

tokenless() { # cliffguard has no use for the token that comments
  env -u GH_TOKEN -u GITHUB_TOKEN cliffguard "$@"
}

run_gate() {
  local command=${GATE_COMMAND:-check} line
  local -a words=()
  case $command in
    check | compare) ;;
    *)
      note error 'command: check or compare'
      return 2
      ;;
  esac
  for line in "${reports[@]}"; do
    if ! rm -f -- "$out/$line"; then
      note error 'out: the reports of an earlier run cannot be removed'
      return 2
    fi
  done
  if [[ -n ${GATE_PLAN:-} ]]; then words+=("$GATE_PLAN"); fi
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ [^[:space:]] ]]; then words+=("$line"); fi
  done <<<"${GATE_ARGS:-}"
  # What a model wrote may begin with "::": until the token comes, nothing is a command.
  local token
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
  local code=0
  tokenless "$command" ${words[@]+"${words[@]}"} --out "$out" --comment-id "$id" 2>&1 || code=$?
  printf '\n::%s::\n' "$token"
  return "$code"
}

say() { # say TITLE TEXT: the comment, where cliffguard left none; the title begins in bold
  printf '%s\n**%s: %s.\n\n[What it printed](<%s>)\n\n%s\n' "$marker" "$1" "$2" "$run_url" "$judged" >"$comment"
}

no_verdict() { # no_verdict CODE [WHY]: an old PASS must not stay
  local why=${2:-} id_of_error=''
  if [[ -z $why && $1 =~ ^(2|12|20)$ && -f $out/failure.json ]]; then # letters, digits, dots, hyphens
    id_of_error=$(sed -nE 's/^  "id": "([a-z0-9.-]+)",?$/, `\1`/p' "$out/failure.json")
  fi
  case ${why:+given}$1 in
    given*) ;;
    1) why='a failure that is none of its own; report the bug' ;;
    2) why='a flag, a path or a file is wrong; correct it' ;;
    12) why='the comparison cannot be trusted (torn weights, an adapter without effect, other prompts); repair the artefact' ;;
    20) why='memory, disk, device or hub is missing; run it again' ;;
    130 | 143) why='it was interrupted; run it again, stored answers are kept' ;;
    127) why='cliffguard is not installed in this job' ;;
    *) why='it did not end by itself, as out of memory; run it again' ;;
  esac
  note error "no verdict, exit code $1: $why"
  say "– no verdict**, exit code $1$id_of_error" "$why"
}

no_comment() { # no_comment CODE: there is a verdict, and its comment lies elsewhere
  local word='– see the reports' why='there is no comment.md in the folder of the reports; several candidates have a folder each in it'
  case $1 in
    10) word='✗ FAIL' ;;
    11) word='? INCONCLUSIVE' ;;
  esac
  note warning "$word, exit code $1: $why"
  say "$word**, exit code $1" "$why"
}

annotate() { # nothing but the commands of the report
  tokenless report "$out/review.json" --format github 2>/dev/null | grep -E '^::(error|warning|notice) title='
}

own_comments() { # the ids of our comments, oldest first, over all pages
  gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$GATE_PULL_REQUEST/comments?per_page=100" \
    --jq ".[] | select(.user.login == env.GATE_AUTHOR) | select(.body // \"\" | startswith(\"$marker\")) | .id"
}

patch() { # patch ID
  gh api --method PATCH --silent "repos/$GITHUB_REPOSITORY/issues/comments/$1" -F "body=@$comment"
}

post() { # post [only-update]: updates our comments, or posts the first; where they cannot be read, neither
  local ids number failed=0
  ids=$(own_comments) || return 1
  for number in $ids; do
    patch "$number" || patch "$number" || failed=1
  done
  if [[ -z $ids && ${1:-} != only-update ]]; then
    gh api --method POST --silent "repos/$GITHUB_REPOSITORY/issues/$GATE_PULL_REQUEST/comments" -F "body=@$comment" || failed=1
  fi
  return "$failed"
}

comments=no # whether there is a pull request, and a marker to find our comments by
if [[ ! $id =~ ^[A-Za-z0-9]([._-]?[A-Za-z0-9])*$ || ${#id} -gt 64 ]]; then
  marker='<!-- cliffguard -->'
elif [[ ${GATE_PULL_REQUEST:-} =~ ^[0-9]+$ ]]; then
  comments=yes
  if [[ -z ${GATE_AUTHOR:-} ]]; then # a job's own token may not ask who it is
    GATE_AUTHOR=$(gh api user --jq .login 2>/dev/null) || GATE_AUTHOR=''
  fi
  export GATE_AUTHOR=${GATE_AUTHOR:-github-actions[bot]}
  say '… running**' 'the verdict on an earlier commit stood here'
  post only-update || note warning 'the comment of an earlier run could not be marked as such'
fi

code=0
if [[ $marker != *":$id "* ]]; then
  code=2
  no_verdict 2 'comment-id: take letters, digits and single . _ - between them, 64 at most'
else
  run_gate || code=$?
  if [[ $code =~ ^(0|10|11)$ && -f $out/comment.md ]]; then
    { cat "$out/comment.md" && printf '\n%s\n' "$judged"; } >"$comment"
    annotate || note warning 'no annotations'
  elif [[ $code =~ ^(10|11)$ ]]; then
    no_comment "$code"
  elif [[ $code == 0 && -n $(find "$out" -name review.json -newer "$began" -print -quit 2>/dev/null) ]]; then
    no_comment 0
  elif [[ $code == 0 ]]; then
    code=2
    no_verdict 2 'nothing was judged, as by --help or --show-config; leave that out'
  else
    no_verdict "$code"
  fi
fi
cat "$comment" >>"$GITHUB_STEP_SUMMARY"
printf 'exit-code=%s\n' "$code" >>"$GITHUB_OUTPUT"
if [[ $comments == yes ]] && ! post; then
  why='the job needs pull-requests: write'
  if [[ ${GATE_HEAD:-$GITHUB_REPOSITORY} != "$GITHUB_REPOSITORY" ]]; then why='on a pull request from a fork the token can only read'; fi
  note warning "the comment could not be posted ($why); it stands in the summary of the job"
fi
exit "$code"
