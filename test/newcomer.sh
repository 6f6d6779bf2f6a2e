#!/usr/bin/env bash
# Walks the newcomer's path by the pages alone: packs, adds the packages from a local feed to new projects in empty folders, installs
# the tool, pastes the programs of README.md and src/docs/getting-started.md as they are, runs them, and checks the traces that
# langsmith-local shows. Uses the ports of the pages (1984, 5001, 5002). Needs Node.js to read JSON.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
work=$(mktemp -d)
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# The n-th C# block of a page that is a whole program.
program() {
  awk -v wanted="$2" '
    /^```csharp$/ { inside = 1; text = ""; next }
    /^```$/ && inside { inside = 0; if (text ~ /^using [A-Z]/ && ++found == wanted) { printf "%s", text; exit } }
    inside { text = text $0 "\n" }' "$1"
}

# Waits until a command succeeds, for a minute at most.
await() {
  local end=$((SECONDS + 60))
  until "$@" > "$work/last" 2>&1; do
    [ $SECONDS -lt $end ] || { cat "$work"/*.log "$work/last"; echo "never succeeded: $*"; return 1; }
    sleep 0.5
  done
}

create() {
  local name=$1 template=$2 code=$3; shift 3
  dotnet new "$template" -o "$work/$name" > /dev/null
  rm -f "$work/$name"/*.cs
  printf '%s' "$code" > "$work/$name/Program.cs"
  for package in "$@"; do dotnet add "$work/$name" package "$package" > "$work/add.log" || { cat "$work/add.log"; return 1; }; done
  dotnet build "$work/$name" -v q -nologo -warnaserror
}

start() {
  dotnet run --project "$work/$1" --no-build > "$work/$1.log" 2>&1 &
  pids+=($!)
}

[ -d artifacts/packages ] || dotnet pack -c Release -v q
cd "$work"
# A clean package cache: NuGet keeps the first package of a version that it sees.
export NUGET_PACKAGES="$work/packages"
dotnet new nugetconfig > /dev/null
dotnet nuget add source "$repository/artifacts/packages" --name langsmith-http --configfile nuget.config > /dev/null
dotnet tool install --tool-path tools LangSmith.Http.Collector.Tool
tools/langsmith-local > tool.log &
pids+=($!)
await curl -sf http://127.0.0.1:1984/api/traces
if tools/langsmith-local > taken.log 2>&1; then echo "two listen on one port"; exit 1; fi
[ "$(wc -l < taken.log)" -eq 1 ] && grep -q "Give another address with --urls" taken.log || { cat taken.log; exit 1; }

servers=(LangSmith.Http.AspNetCore LangSmith.Http.Export)
create front web "$(program "$repository/README.md" 1)" "${servers[@]}"
create back web "$(program "$repository/README.md" 2)" "${servers[@]}"
create console console "$(program "$repository/README.md" 3)" LangSmith.Http LangSmith.Http.Export
create worker worker "$(program "$repository/src/docs/getting-started.md" 1)" LangSmith.Http.Export

export LANGSMITH_TRACING=true LANGSMITH_ENDPOINT=http://127.0.0.1:1984 LANGSMITH_API_KEY=any
start back
start front
await curl -sf "http://127.0.0.1:5001/ask?question=tides"
dotnet run --project console --no-build
start worker

# Three traces: of curl through front and back, of the console application, and of the worker and its message.
check() {
  node -e '
    const get = async path => (await fetch("http://127.0.0.1:1984/api/" + path)).json();
    const expected = [
      "front ask > back answer",
      "langsmith-dotnet console > front ask > back answer",
      "worker send > worker handle > front ask > back answer",
    ];
    (async () => {
      const found = [];
      for (const { id } of (await get("traces")).traces) {
        const { runs } = await get("traces/" + id);
        // Each run is the child of the one before, and all have ended.
        if (runs.some((run, i) => run.status !== "ok" || run.depth !== i || run.parent_id !== (runs[i - 1]?.id ?? null))) throw runs;
        found.push(runs.map(run => `${run.service} ${run.name}`).join(" > "));
      }
      if (found.sort().join() !== expected.sort().join()) throw found;
      const { problems } = await get("problems");
      if (problems.length > 0) throw JSON.stringify(problems);
      console.log(found.join("\n"));
    })().catch(error => { console.error(error); process.exit(1); });'
}
await check
check
echo "Three connected traces, zero problems."
