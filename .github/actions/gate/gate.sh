#!/usr/bin/env bash
# Runs the gate, shows its verdict in the job and on the pull request, and ends with its exit code.
#
# All inputs come in the environment (GATE_…), and none is ever read as shell. Whether the comment
# could be posted changes no exit code.
set -uo pipefail

note() { # note LEVEL TEXT: an annotation; the text is ours
  printf '::%s title=cliffguard::%s\n' "$1" "$2"
}

id=${GATE_COMMENT_ID:-gate}
if [[ ! $id =~ ^[A-Za-z0-9]([._-]?[A-Za-z0-9])*$ || ${#id} -gt 64 ]]; then
  note error 'comment-id: take letters, digits and single . _ - between them, 64 at most'
  exit 2
fi
marker="<!-- cliffguard:$id -->"
out=${GATE_OUT:-cliffguard-out/gate}
run_url="$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
export CLIFFGUARD_REPORT_URL=${GATE_REPORT_URL:-$run_url}

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
  if [[ -n ${GATE_PLAN:-} ]]; then words+=("$GATE_PLAN"); fi
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line =~ [^[:space:]] ]]; then words+=("$line"); fi
  done <<<"${GATE_ARGS:-}"
  # What a model wrote may begin with "::": until the token comes, nothing is a command.
  local token
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
  local code=0
  cliffguard "$command" ${words[@]+"${words[@]}"} --out "$out" --comment-id "$id" || code=$?
  printf '\n::%s::\n' "$token"
  return "$code"
}

no_verdict() { # no_verdict CODE: the comment where there is no verdict; an old PASS must not stay
  local why
  case $1 in
    0 | 10 | 11) why='several candidates have a comment each; give every gate one' ;;
    1) why='a failure that is none of its own; report the bug' ;;
    2) why='a flag, a path or a file is wrong; correct it' ;;
    12) why='the comparison cannot be trusted (torn weights, an adapter without effect, other prompts); repair the artefact' ;;
    20) why='memory, disk, device or hub is missing; run it again' ;;
    130 | 143) why='it was interrupted; run it again, stored answers are kept' ;;
    127) why='cliffguard is not installed in this job' ;;
    *) why='it did not end by itself, as out of memory; run it again' ;;
  esac
  local id_of_error=''
  if [[ $1 =~ ^(2|12|20)$ && -f $out/failure.json ]]; then # an id is letters, digits, dots, hyphens
    id_of_error=$(sed -nE 's/^  "id": "([a-z0-9.-]+)",?$/, `\1`/p' "$out/failure.json")
  fi
  note error "no verdict, exit code $1: $why"
  printf '%s\n**– no verdict**, exit code %s%s: %s.\n\n[What it printed](<%s>)\n' \
    "$marker" "$1" "$id_of_error" "$why" "$run_url" >"$comment"
}

own_comments() { # the ids of our comments, oldest first, over all pages
  gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$GATE_PULL_REQUEST/comments?per_page=100" \
    --jq ".[] | select(.user.login == env.GATE_AUTHOR) | select(.body // \"\" | startswith(\"$marker\")) | .id"
}

post() { # updates the comment, or posts the first one; where comments cannot be read, neither
  local ids first
  export GATE_AUTHOR=${GATE_AUTHOR:-github-actions[bot]}
  ids=$(own_comments) || return 1
  read -r first <<<"$ids"
  if [[ -n $first ]]; then
    gh api --method PATCH --silent "repos/$GITHUB_REPOSITORY/issues/comments/$first" -F "body=@$comment"
  else
    gh api --method POST --silent "repos/$GITHUB_REPOSITORY/issues/$GATE_PULL_REQUEST/comments" -F "body=@$comment"
  fi
}

code=0
run_gate || code=$?

comment="$out/comment.md"
if [[ $code =~ ^(0|10|11)$ && -f $comment ]]; then
  cliffguard report "$out/review.json" --format github || note warning 'no annotations'
else
  comment=$(mktemp)
  no_verdict "$code"
fi
cat "$comment" >>"$GITHUB_STEP_SUMMARY"
printf 'exit-code=%s\n' "$code" >>"$GITHUB_OUTPUT"
if [[ ${GATE_PULL_REQUEST:-} =~ ^[0-9]+$ ]]; then
  post || note warning 'the comment could not be posted (a fork has no token that may); it stands in the summary of the job'
fi
exit "$code"
