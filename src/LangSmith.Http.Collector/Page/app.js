// The collector's page: a list of traces, one trace as a tree with a waterfall, one run in full, and
// the problems in words. Everything shown was sent by some client, so it reaches the document only as
// text nodes and attribute values, never as markup.

const $ = id => document.getElementById(id);
const FILTERS = ["project", "status", "service", "q"];
const ROUTE = ["tab", ...FILTERS, "trace", "run"];
const LIST_PAGE = 200;
const JSON_PAGE = 100;
const STRING_HEAD = 600;
const STRING_PAGE = 20_000;
const OVERSCAN = 8;
const DEEPEST_INDENT = 14;
const stacked = matchMedia("(max-width: 719px)");

let route = Object.fromEntries(ROUTE.map(key => [key, ""]));

// ---------------------------------------------------------------- text

const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// Direction marks, controls and invisible characters can reorder or hide the text beside them. They are
// shown as escapes; line ends and tabs stay, because prompts are full of them.
const deceptive = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu;

const shown = text => String(text).replace(deceptive, c => `\\u{${c.codePointAt(0).toString(16)}}`);
const count = (n, one, many = `${one}s`) => `${number.format(n)} ${n === 1 ? one : many}`;
const round = value => Number(value.toPrecision(3));

function duration(us) {
    if (us === null || us === undefined) return "pending";
    if (us < 0) return `-${duration(-us)}`;
    if (us === 0) return "0";
    if (us < 1_000) return `${round(us)} µs`;
    if (us < 1_000_000) return `${round(us / 1_000)} ms`;
    if (us < 60_000_000) return `${round(us / 1_000_000)} s`;
    const seconds = Math.round(us / 1_000_000);
    const [whole, rest, units] = seconds < 3600
        ? [Math.floor(seconds / 60), seconds % 60, ["m", "s"]]
        : [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, ["h", "m"]];
    return `${whole} ${units[0]} ${String(rest).padStart(2, "0")} ${units[1]}`;
}

function ago(iso) {
    const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
    if (seconds < 5) return "now";
    if (seconds < 60) return `${Math.floor(seconds)} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86_400)} d ago`;
}

// ---------------------------------------------------------------- elements

function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter(child => child !== null && child !== undefined && child !== false));
    return node;
}

const button = (text, onclick, attributes = {}) => el("button", { type: "button", onclick, ...attributes }, text);
const hidden = text => el("span", { class: "sr" }, text);

function time(iso) {
    if (Number.isNaN(Date.parse(iso))) return el("time");
    return el("time", { datetime: iso, title: `${clock.format(new Date(iso))} (${iso})` }, ago(iso));
}

const MARKS = { ok: "✓", error: "✕", pending: "…" };

function mark(status) {
    return el("span", { class: `mark ${status}` }, el("span", { "aria-hidden": "true" }, MARKS[status] ?? "?"), hidden(status));
}

// One hue per service name, the same in every trace and after every reload; red is left to errors.
function hue(service) {
    let hash = 2166136261;
    for (let i = 0; i < service.length; i++) hash = Math.imul(hash ^ service.charCodeAt(i), 16777619);
    return 50 + (hash >>> 7) % 28 * 10;
}

function coloured(node, service) {
    node.style.setProperty("--hue", hue(service));
    return node;
}

const chip = service => coloured(el("span", { class: "service" }, shown(service)), service);

// Puts the nodes in order without touching those already in place: moving a node would take its focus.
function arrange(parent, nodes) {
    const wanted = new Set(nodes);
    for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
    let cursor = parent.firstElementChild;
    for (const node of nodes) {
        if (node === cursor) cursor = cursor.nextElementSibling;
        else parent.insertBefore(node, cursor);
    }
}

// What is drawn anew after a live change gives the focus back to the control that had it.
function redraw(parent, ...nodes) {
    const nameOf = node => node.getAttribute("href") ?? node.getAttribute("aria-label") ?? node.textContent;
    const focused = parent.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    parent.replaceChildren(...nodes);
    if (focused !== null) [...parent.querySelectorAll("a, button, summary, h2")].find(node => nameOf(node) === focused)?.focus();
}

let toastTimer = 0;

function say(text) {
    $("toast").textContent = text;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 2500);
}

async function copy(text, what) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        if (!copyBySelection(text)) return say(`Could not copy ${what}`);
    }
    say(`Copied ${what}`);
}

// The clipboard API exists in secure contexts only; a collector on another machine is plain http.
function copyBySelection(text) {
    const focused = document.activeElement;
    const area = el("textarea", { class: "sr", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return copied;
}

const copyButton = (what, text, label = "Copy") => button(label, () => copy(text(), what), { class: "plain", "aria-label": `Copy ${what}` });

// ---------------------------------------------------------------- the server

class Refusal extends Error {}

async function ask(path, options) {
    const response = await fetch(path, options);
    const text = await response.text();
    if (response.ok) return text;
    throw new Refusal(errorIn(text) ?? `The collector answered ${response.status}.`);
}

function errorIn(text) {
    try {
        return JSON.parse(text).error ?? null;
    } catch {
        return null;
    }
}

// Integers beyond 2^53 would be shown rounded; where the browser tells the digits, they are kept.
function parsePayload(text) {
    return JSON.parse(text, (_, value, context) =>
        typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "") ? BigInt(context.source) : value);
}

function printPayload(value) {
    if (typeof value === "string") return value;
    return JSON.stringify(value, (_, part) => typeof part === "bigint" ? JSON.rawJSON(String(part)) : part, 2);
}

// A load that lost its race (the user has gone elsewhere meanwhile) or its connection changes nothing.
// The connection's own note tells about the latter, and it loads again when it is back.
async function load(path, stillWanted, onText, onRefused) {
    let text;
    try {
        text = await ask(path);
    } catch (error) {
        if (!(error instanceof Refusal)) connection("offline");
        else if (stillWanted()) onRefused(error.message);
        return;
    }
    if (source?.readyState === EventSource.OPEN) connection("live");
    if (stillWanted()) onText(text);
}

// ---------------------------------------------------------------- live

let source = null;
let pumping = false;
let changed = false;

function connect() {
    source?.close();
    source = new EventSource("api/events");
    source.onopen = () => { connection("live"); pump(); };
    source.onmessage = pump;
    source.onerror = () => {
        connection("offline");
        // The browser reconnects after a broken connection, but gives up for good after a refused one.
        if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
    };
}

const CONNECTION = { live: "Live", connecting: "Connecting", offline: "Offline" };

function connection(state) {
    if ($("connection").dataset.state === state) return;
    $("connection").dataset.state = state;
    $("connection").textContent = CONNECTION[state];
    $("connection").title = state === "offline" ? "The collector cannot be reached. Trying again." : "";
}

// Nobody looks at a hidden page, and browsers share six connections among all tabs of an origin.
function onVisibility() {
    if (document.hidden) source.close();
    else connect();
}

// One round of loading at a time. A large trace that grows is read again no more than a fifth of the
// time, so that the page stays free for its user.
async function pump() {
    changed = true;
    if (pumping) return;
    pumping = true;
    try {
        while (changed) {
            changed = false;
            const started = performance.now();
            await refresh();
            await new Promise(resolve => setTimeout(resolve, Math.max(250, 4 * (performance.now() - started))));
        }
    } finally {
        pumping = false;
    }
}

async function refresh() {
    await loadList();
    if (route.tab === "problems") await loadProblems();
    if (route.trace && traceChanged()) await Promise.all([loadTrace(), loadRun()]);
}

// ---------------------------------------------------------------- the address

function readRoute() {
    const hash = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(ROUTE.map(key => [key, hash.get(key) ?? ""]));
}

function address(changes) {
    const target = { ...route, ...changes };
    return `#${new URLSearchParams(ROUTE.filter(key => target[key]).map(key => [key, target[key]]))}`;
}

function navigate(changes, replace = false) {
    history[replace ? "replaceState" : "pushState"](null, "", address(changes));
    applyRoute();
}

function applyRoute() {
    const before = route;
    route = readRoute();
    const differs = keys => keys.some(key => route[key] !== before[key]);
    renderFrame();
    if (differs(FILTERS)) { list.limit = LIST_PAGE; loadList(); }
    if (differs(["trace"])) openTrace();
    if (differs(["run"])) openRun();
    if (differs(["trace", "run"])) markOpenTrace();
    if (route.tab === "problems" && differs(["tab"])) loadProblems();
}

function renderFrame() {
    const tab = route.tab === "problems" ? "problems" : "traces";
    document.body.dataset.view = route.run ? "run" : route.trace ? "trace" : "list";
    for (const name of ["traces", "problems"]) {
        $(`tab-${name}`).setAttribute("aria-selected", name === tab);
        $(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
        $(`panel-${name}`).hidden = name !== tab;
    }
    for (const key of FILTERS) setFilterControl($(`filter-${key}`), route[key]);
    $("reset").hidden = !filtered();
}

const filtered = () => FILTERS.some(key => route[key]);

// A link may name a project that is not held (any more): the control must still show what is asked for.
function setFilterControl(control, value) {
    const typed = control.value;
    // A blank at the end may be the start of the next word.
    if (typed === value || (control.type === "search" && typed.trim() === value)) return;
    if (control.tagName === "SELECT" && ![...control.options].some(option => option.value === value)) control.append(new Option(shown(value), value));
    control.value = value;
}

function followLink(event, changes) {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(changes);
}

function goBack() {
    if (route.tab === "problems") return navigate({ tab: "" });
    if (route.run && route.trace) { navigate({ run: "" }); focusRow(); }
    else if (route.trace || route.run) { navigate({ trace: "", run: "" }); focusOption(); }
}

// ---------------------------------------------------------------- the list

const list = { limit: LIST_PAGE, text: "", query: "", shown: "", answer: null, options: new Map(), active: "" };

async function loadList() {
    const query = new URLSearchParams([...FILTERS.filter(key => route[key]).map(key => [key, route[key]]), ["limit", list.limit]]).toString();
    list.query = query;
    await load(`api/traces?${query}`, () => list.query === query, text => {
        if (list.text === text && list.shown === query) return;
        Object.assign(list, { text, shown: query });
        list.answer = JSON.parse(text);
        renderList();
    }, say);
}

function renderList() {
    const { traces, total, problems } = list.answer;
    renderChoices("project", list.answer.projects);
    renderChoices("service", list.answer.services);
    const hadFocus = $("traces").contains(document.activeElement);
    keepPlace(() => arrange($("traces"), traces.map(optionFor)));
    for (const id of list.options.keys()) if (!traces.some(trace => trace.id === id)) list.options.delete(id);
    setActiveOption(list.options.has(list.active) ? list.active : list.options.has(route.trace) ? route.trace : traces[0]?.id ?? "");
    if (hadFocus && !$("traces").contains(document.activeElement)) focusOption();
    $("traces").hidden = $("columns").hidden = traces.length === 0;
    $("more").hidden = traces.length >= total;
    $("more").textContent = `Show more (${number.format(total - traces.length)} older)`;
    $("tab-problems").textContent = `Problems (${number.format(problems)})`;
    $("tab-problems").classList.toggle("some", problems > 0);
    $("clear").disabled = list.answer.runs === 0 && list.answer.problems === 0;
    renderCounts();
    renderEmpty();
}

function renderCounts() {
    const { total, runs, dropped, problems } = list.answer;
    const parts = [filtered() ? `${count(total, "trace")} match` : count(total, "trace"), `${count(runs, "run")} held`];
    if (dropped > 0) parts.push(`${number.format(dropped)} dropped`);
    $("counts").textContent = parts.join(" · ");
    $("counts").title = dropped > 0 ? "The oldest traces were dropped to make room: the collector's memory is bounded." : "";
    announceLater(`${count(total, "trace")}, ${count(problems, "problem")}`);
}

let announcement = null;
let announceTimer = 0;

// Every change read aloud would be noise while traces stream in: the newest counts, every few seconds.
function announceLater(text) {
    const first = announcement === null;
    announcement = text;
    if (first || announceTimer) return;
    announceTimer = setTimeout(() => {
        announceTimer = 0;
        if ($("announcer").textContent !== announcement) $("announcer").textContent = announcement;
    }, 4000);
}

function renderChoices(key, values) {
    const control = $(`filter-${key}`);
    const choices = [...new Set([...values, ...(route[key] ? [route[key]] : [])])];
    if (choices.length === control.options.length - 1 && choices.every((value, i) => control.options[i + 1].value === value)) return;
    control.replaceChildren(control.options[0], ...choices.map(value => new Option(shown(value), value)));
    control.value = route[key];
}

// New traces come in above: whoever reads further down keeps the line they read.
function keepPlace(change) {
    const scroll = $("list-scroll");
    const top = scroll.scrollTop;
    const anchor = top > 0 ? [...$("traces").children].find(node => node.offsetTop + node.offsetHeight > top) : null;
    const offset = anchor?.offsetTop;
    change();
    if (anchor?.isConnected) scroll.scrollTop = top + anchor.offsetTop - offset;
}

function optionFor(trace) {
    const stamp = JSON.stringify(trace);
    let option = list.options.get(trace.id);
    const node = option?.node ?? el("a", { role: "option", tabindex: -1, onclick: event => openFromList(event, trace.id) });
    node.href = address({ tab: "", trace: trace.id, run: "" });
    if (option?.stamp === stamp) return node;
    node.setAttribute("aria-selected", trace.id === route.trace);
    node.replaceChildren(...optionCells(trace));
    list.options.set(trace.id, { stamp, node });
    return node;
}

function optionCells(trace) {
    return [
        mark(trace.status),
        el("span", { class: "name", title: shown(trace.name) }, shown(trace.name)),
        el("span", { class: "services" }, ...trace.services.map(chip)),
        el("span", { class: "project", title: "Project" }, shown(trace.project ?? "")),
        el("span", { class: "thread", title: "Thread" }, shown(trace.thread_id ?? "")),
        el("span", { class: "runs" }, count(trace.runs, "run"), ...badges(trace)),
        el("span", { class: "duration" }, duration(trace.duration_ms === null ? null : trace.duration_ms * 1000)),
        time(trace.start),
    ];
}

function badges({ errors, pending, problems }) {
    return [
        errors > 0 && el("span", { class: "badge error" }, `✕ ${count(errors, "error")}`),
        pending > 0 && el("span", { class: "badge pending" }, `… ${number.format(pending)} pending`),
        problems > 0 && el("span", { class: "badge problem" }, `⚠ ${count(problems, "problem")}`),
    ].filter(Boolean);
}

function openFromList(event, id) {
    setActiveOption(id);
    // Enter clicks too, with no mouse in it (detail is 0): then the focus goes on to the tree. So it does
    // on a small screen, where the tree covers the list.
    tree.focusWhenLoaded = event.detail === 0 || stacked.matches;
    followLink(event, { trace: id, run: "" });
    if (tree.focusWhenLoaded && tree.trace?.id === id) focusRow();
}

function setActiveOption(id) {
    const before = list.options.get(list.active)?.node;
    if (before) before.tabIndex = -1;
    list.active = id;
    const now = list.options.get(id)?.node;
    if (now) now.tabIndex = 0;
}

function markOpenTrace() {
    for (const [id, { node }] of list.options) node.setAttribute("aria-selected", id === route.trace);
}

function focusOption() {
    const option = list.options.get(list.active)?.node;
    option?.focus();
    option?.scrollIntoView({ block: "nearest" });
}

function moveOption(step) {
    const traces = list.answer?.traces ?? [];
    if (traces.length === 0) return;
    const at = traces.findIndex(trace => trace.id === list.active);
    // The first key only enters the list; it does not skip the line that is marked there.
    const inside = $("traces").contains(document.activeElement);
    const to = inside ? Math.min(traces.length - 1, Math.max(0, at + step)) : Math.max(0, at);
    setActiveOption(traces[to].id);
    focusOption();
}

function renderEmpty() {
    const none = list.answer.traces.length === 0;
    $("empty").hidden = !none;
    if (!none) return $("empty").replaceChildren();
    // Drawn once: what somebody is about to copy must not be replaced under their selection.
    const kind = filtered() ? "filtered" : "first";
    if ($("empty").dataset.kind === kind && $("empty").firstChild) return;
    $("empty").dataset.kind = kind;
    $("empty").replaceChildren(...(filtered() ? noMatch() : firstSteps()));
}

function noMatch() {
    return [el("h2", {}, "No trace matches"), el("p", {}, "Nothing the collector holds fits this filter."), button("Reset filter", resetFilter)];
}

function firstSteps() {
    const endpoint = new URL(".", location.href).href.replace(/\/$/, "");
    const lines = `export LANGSMITH_ENDPOINT=${endpoint}\nexport LANGSMITH_TRACING=true`;
    return [
        el("h2", {}, "No traces yet"),
        el("p", {}, "Point a LangSmith SDK, in any language, at this collector and run your program. No account is needed, and what you send stays in this process."),
        el("div", { class: "snippet" }, el("pre", {}, lines), copyButton("the settings", () => lines)),
        el("p", { class: "muted" }, "Traces appear here by themselves, as they arrive."),
    ];
}

function resetFilter() {
    navigate(Object.fromEntries(FILTERS.map(key => [key, ""])));
    $("filter-q").focus();
}

// ---------------------------------------------------------------- the trace: data

const tree = {
    trace: null, runs: [], collapsed: new Set(), order: [], position: new Map(), rows: new Map(),
    active: "", revealed: "", stamp: "", text: "", gone: false, rowHeight: 30, scale: { from: 0, span: 1 }, focusWhenLoaded: false,
};

const summaryStamp = () => JSON.stringify(list.answer?.traces.find(trace => trace.id === route.trace));

// A trace outside the list (filtered away, too old) has no summary to compare: it is read every time,
// until the server says that it is gone.
function traceChanged() {
    const stamp = summaryStamp();
    return stamp === undefined ? !tree.gone : stamp !== tree.stamp;
}

function openTrace() {
    Object.assign(tree, { trace: null, runs: [], order: [], collapsed: new Set(), active: "", revealed: "", stamp: "", text: "", gone: false });
    $("tree").hidden = true;
    $("tree").scrollTop = 0;
    $("trace-head").replaceChildren();
    document.title = "Local LangSmith";
    if (!route.trace) return;
    $("trace-head").append(el("div", { class: "pane-title" }, backToList(), el("h2", {}, "Loading…")));
    loadTrace();
}

async function loadTrace() {
    const id = route.trace;
    const stamp = summaryStamp();
    await load(`api/traces/${encodeURIComponent(id)}`, () => route.trace === id, text => {
        tree.stamp = stamp;
        if (tree.text === text) return;
        tree.text = text;
        showTrace(JSON.parse(text));
    }, message => traceGone(message));
}

function traceGone(message) {
    Object.assign(tree, { trace: null, text: "", gone: true });
    $("tree").hidden = true;
    $("trace-head").replaceChildren(
        el("div", { class: "pane-title" }, backToList(), el("h2", {}, "This trace is not here")),
        el("p", { class: "note" }, shown(message)),
        el("p", { class: "note muted" }, "The collector keeps the newest traces in memory. Old ones make room for new ones, and all are gone after a restart."));
}

function showTrace(trace) {
    Object.assign(tree, { trace, runs: trace.runs, gone: false });
    measureSubtrees(tree.runs);
    tree.scale = scaleOf(tree.runs);
    document.title = `${shown(trace.name)} · Local LangSmith`;
    renderTraceHead(trace);
    $("tree").hidden = false;
    $("tree").setAttribute("aria-label", `Runs of ${shown(trace.name)}`);
    reorder();
    reveal();
    if (tree.focusWhenLoaded) focusRow();
    tree.focusWhenLoaded = false;
}

// Runs come in preorder. Each learns where its subtree ends, and how many errors are before it: the
// difference at both ends says what a collapsed row hides.
function measureSubtrees(runs) {
    const open = [];
    let errors = 0;
    runs.forEach((run, i) => {
        while (open.length > 0 && open.at(-1).depth >= run.depth) open.pop().end = i;
        open.push(run);
        run.index = i;
        run.errorsBefore = errors;
        if (run.status === "error") errors++;
    });
    for (const run of open) run.end = runs.length;
    runs.totalErrors = errors;
}

const isParent = run => run.end > run.index + 1;

function errorsBelow(run) {
    return (tree.runs[run.end]?.errorsBefore ?? tree.runs.totalErrors) - run.errorsBefore - (run.status === "error" ? 1 : 0);
}

// The clock of another service may say that a child began before its root: the axis starts there.
function scaleOf(runs) {
    let from = 0;
    let to = 0;
    let pending = false;
    for (const run of runs) {
        from = Math.min(from, run.offset_us);
        to = Math.max(to, run.offset_us + (run.duration_us ?? 0));
        pending ||= run.duration_us === null;
    }
    return { from, span: Math.max(1, (to - from) * (pending ? 1.15 : 1)) };
}

// ---------------------------------------------------------------- the trace: drawing

const backToList = () => button("", () => goBackTo({ trace: "", run: "" }), { class: "back", "aria-label": "Back to traces", title: "Back to traces (Esc)" });
const backToTrace = () => button("", () => goBackTo({ run: "" }), { class: "back", "aria-label": "Back to trace", title: "Back to trace (Esc)" });

function goBackTo(changes) {
    navigate(changes);
    if (route.trace) focusRow(); else focusOption();
}

function renderTraceHead(trace) {
    const problemsOpen = $("trace-head").querySelector("details")?.open ?? false;
    redraw($("trace-head"),
        el("div", { class: "pane-title" }, backToList(), mark(trace.status), el("h2", { title: shown(trace.name) }, shown(trace.name))),
        el("p", { class: "facts" },
            el("span", {}, duration(trace.duration_ms === null ? null : trace.duration_ms * 1000)),
            el("span", {}, count(trace.runs.length, "run")), ...badges(trace),
            el("span", { class: "project", title: "Project" }, shown(trace.project ?? "")),
            trace.thread_id && el("span", { class: "thread", title: "Thread" }, `thread ${shown(trace.thread_id)}`),
            time(trace.start)),
        el("div", { class: "tools" },
            el("ul", { class: "legend", "aria-label": "Services" }, ...trace.services.map(name => el("li", {}, chip(name)))),
            el("span", { class: "tool-buttons" },
                trace.errors > 0 && button("Next error", nextError, { class: "plain" }),
                button("Expand all", expandAll, { class: "plain" }),
                button("Collapse all", collapseAll, { class: "plain" }),
                copyButton("trace id", () => trace.id, "Copy trace id"))),
        ...trace.problem_list.length > 0 ? [problemFold(trace.problem_list, problemsOpen)] : []);
}

function problemFold(problems, open) {
    return el("details", { class: "problem-fold", open },
        el("summary", {}, `⚠ ${count(problems.length, "problem")} in this trace`),
        el("ul", { class: "problems" }, ...problems.map(problem => problemItem(problem))));
}

// Which runs are to be seen, after a load or a fold.
function reorder() {
    tree.order = [];
    tree.position.clear();
    for (let i = 0; i < tree.runs.length;) {
        const run = tree.runs[i];
        tree.position.set(run.id, tree.order.length);
        tree.order.push(run);
        i = tree.collapsed.has(run.id) ? run.end : i + 1;
    }
    if (!tree.position.has(tree.active)) tree.active = tree.position.has(route.run) ? route.run : tree.order[0]?.id ?? "";
    $("tree").setAttribute("aria-rowcount", tree.order.length + 1);
    resizeTree();
}

function resizeTree() {
    if ($("tree").hidden) return;
    tree.rowHeight = parseFloat(getComputedStyle($("tree")).getPropertyValue("--row"));
    $("rows").style.height = `${tree.order.length * tree.rowHeight}px`;
    renderAxis();
    renderRows(true);
}

function renderAxis() {
    const { from, span } = tree.scale;
    const step = niceStep(span / Math.max(2, Math.floor($("axis").clientWidth / 72)));
    const ticks = [];
    for (let at = Math.ceil(from / step) * step; at <= from + span; at += step) ticks.push(at);
    const place = (node, at) => { node.style.left = `${100 * (at - from) / span}%`; return node; };
    // A label near the right end would stick out: its line is enough.
    const labels = ticks.filter(at => (at - from) / span < 0.9).map(at => place(el("span", { class: "tick", "aria-hidden": "true" }, duration(at)), at));
    $("axis").replaceChildren($("axis").firstElementChild, ...labels);
    $("gridlines").replaceChildren(el("i", {}, ...ticks.map(at => place(el("b"), at))));
}

function niceStep(raw) {
    const power = 10 ** Math.floor(Math.log10(raw));
    return power * ([1, 2, 5].find(factor => factor * power >= raw) ?? 10);
}

// Only the rows on the screen exist, and the one with the focus, wherever it is: removing it would
// drop the keyboard's place.
function renderRows(refill = false) {
    const view = $("tree");
    const first = Math.max(0, Math.floor(view.scrollTop / tree.rowHeight) - OVERSCAN);
    const last = Math.min(tree.order.length, Math.ceil((view.scrollTop + view.clientHeight) / tree.rowHeight) + OVERSCAN);
    const wanted = [];
    for (let at = first; at < last; at++) wanted.push(at);
    const active = tree.position.get(tree.active);
    if (active < first) wanted.unshift(active);
    else if (active >= last) wanted.push(active);
    const hadFocus = $("rows").contains(document.activeElement);
    const rows = new Map(wanted.map(at => [tree.order[at].id, rowAt(at, refill)]));
    arrange($("rows"), [$("gridlines"), ...rows.values()]);
    tree.rows = rows;
    if (hadFocus && !$("rows").contains(document.activeElement)) rows.get(tree.active)?.focus({ preventScroll: true });
}

function rowAt(at, refill) {
    const existing = tree.rows.get(tree.order[at].id);
    if (existing && !refill) return existing;
    const row = existing ?? el("div", { role: "row" });
    fillRow(row, at);
    return row;
}

function fillRow(row, at) {
    const run = tree.order[at];
    const collapsed = tree.collapsed.has(run.id);
    row.dataset.run = run.id;
    row.className = `run ${run.status}${run.is_hop ? " hop" : ""}`;
    row.tabIndex = run.id === tree.active ? 0 : -1;
    row.style.transform = `translateY(${at * tree.rowHeight}px)`;
    coloured(row, run.service ?? "");
    row.setAttribute("aria-level", run.depth + 1);
    row.setAttribute("aria-rowindex", at + 2);
    row.setAttribute("aria-selected", run.id === route.run);
    row.setAttribute("aria-label", rowLabel(run, collapsed));
    if (isParent(run)) row.setAttribute("aria-expanded", !collapsed);
    else row.removeAttribute("aria-expanded");
    row.replaceChildren(
        nameCell(run, at, collapsed),
        el("span", { role: "gridcell", class: "type" }, shown(run.run_type ?? "")),
        el("span", { role: "gridcell", class: "end" }, duration(run.duration_us)),
        el("span", { role: "gridcell", class: "wave" }, bar(run)));
}

function rowLabel(run, collapsed) {
    return [
        shown(run.name), shown(run.run_type ?? ""), run.status, run.status === "pending" ? "" : duration(run.duration_us),
        run.service && `service ${shown(run.service)}`, run.is_hop && "first of its service", run.is_orphan && "orphan: its parent is unknown",
        run.problems > 0 && count(run.problems, "problem"), collapsed && `${count(run.end - run.index - 1, "run")} hidden`,
    ].filter(Boolean).join(", ");
}

function nameCell(run, at, collapsed) {
    const indent = el("span", { class: "indent" });
    indent.style.setProperty("--depth", Math.min(run.depth, DEEPEST_INDENT));
    const twisty = el("span", { class: isParent(run) ? `twisty ${collapsed ? "" : "open"}` : "twisty none" });
    const hiddenErrors = collapsed ? errorsBelow(run) : 0;
    const title = [shown(run.name), run.service && `service ${shown(run.service)}`, run.error && shown(run.error)].filter(Boolean).join("\n");
    return el("span", { role: "gridcell", class: "name-cell", title }, indent, twisty,
        run.depth > DEEPEST_INDENT && el("span", { class: "deep" }, `${run.depth}`),
        serviceNote(run, at),
        run.status !== "ok" && mark(run.status),
        el("span", { class: "name" }, shown(run.name)),
        run.is_orphan && el("span", { class: "badge problem" }, "orphan"),
        run.problems > 0 && el("span", { class: "badge problem" }, `⚠ ${run.problems}`),
        collapsed && el("span", { class: "badge" }, `+${number.format(run.end - run.index - 1)}`),
        hiddenErrors > 0 && el("span", { class: "badge error" }, `✕ ${number.format(hiddenErrors)}`));
}

// The service's name stands wherever it changes from one line to the next, so that colour is never the
// only sign; an arrow where a call went from one service to another.
function serviceNote(run, at) {
    if (!run.service || (at > 0 && !run.is_hop && tree.order[at - 1].service === run.service)) return null;
    return el("span", { class: run.is_hop ? "service hop" : "service" }, run.is_hop ? `→ ${shown(run.service)}` : shown(run.service));
}

function bar(run) {
    const { from, span } = tree.scale;
    const left = 100 * (run.offset_us - from) / span;
    const node = el("span", { class: "bar" });
    node.style.left = `${left}%`;
    node.style.width = `${run.duration_us === null ? 100 - left : 100 * run.duration_us / span}%`;
    return node;
}

// ---------------------------------------------------------------- the trace: moving

function scrollToRow(at) {
    const view = $("tree");
    const room = view.clientHeight - $("rows").offsetTop - tree.rowHeight;
    const top = at * tree.rowHeight;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top > view.scrollTop + room) view.scrollTop = top - room;
}

function focusRow() {
    const at = tree.position.get(tree.active);
    if (at === undefined) return;
    scrollToRow(at);
    renderRows();
    tree.rows.get(tree.active)?.focus({ preventScroll: true });
}

function moveToRow(at) {
    const run = tree.order[Math.min(tree.order.length - 1, Math.max(0, at))];
    if (!run) return;
    activate(run.id);
    focusRow();
    followSelection();
}

function activate(id) {
    const before = tree.rows.get(tree.active);
    if (before) before.tabIndex = -1;
    tree.active = id;
    const now = tree.rows.get(id);
    if (now) now.tabIndex = 0;
}

let followTimer = 0;

// With a run open beside the tree, the keys turn its pages, once they rest.
function followSelection() {
    clearTimeout(followTimer);
    if (route.run && !stacked.matches) followTimer = setTimeout(() => route.run && navigate({ run: tree.active }, true), 120);
}

// A link, or a problem, may point into a folded part of the tree, far down.
function reveal() {
    const run = tree.runs.find(candidate => candidate.id === route.run);
    if (!run || tree.revealed === run.id) return;
    tree.revealed = run.id;
    activate(run.id);
    uncover(run);
    scrollToRow(tree.position.get(run.id));
    renderRows();
}

function uncover(run) {
    for (const ancestor of tree.runs.slice(0, run.index)) if (ancestor.end > run.index) tree.collapsed.delete(ancestor.id);
    reorder();
}

function fold(run, collapse) {
    if (collapse) tree.collapsed.add(run.id); else tree.collapsed.delete(run.id);
    reorder();
}

function expandAll() {
    tree.collapsed.clear();
    reorder();
}

function collapseAll() {
    tree.collapsed = new Set(tree.runs.filter(isParent).map(run => run.id));
    reorder();
    $("tree").scrollTop = 0;
}

function nextError() {
    const from = tree.runs.findIndex(run => run.id === tree.active) + 1;
    const found = [...tree.runs.slice(from), ...tree.runs.slice(0, from)].find(run => run.status === "error");
    if (!found) return say("No error in this trace");
    uncover(found);
    moveToRow(tree.position.get(found.id));
}

function parentOf(at) {
    for (let i = at - 1; i >= 0; i--) if (tree.order[i].depth < tree.order[at].depth) return i;
    return at;
}

function treeKey(key) {
    const at = tree.position.get(tree.active) ?? 0;
    const run = tree.order[at];
    if (!run) return false;
    const page = Math.max(1, Math.floor($("tree").clientHeight / tree.rowHeight) - 2);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: tree.order.length - 1, PageDown: at + page, PageUp: at - page };
    const open = isParent(run) && !tree.collapsed.has(run.id);
    if (key in moves) moveToRow(moves[key]);
    else if (key === "ArrowRight" && isParent(run)) { if (open) moveToRow(at + 1); else fold(run, false); }
    else if (key === "ArrowLeft") { if (open) fold(run, true); else moveToRow(parentOf(at)); }
    else if (key === "Enter" || key === " ") { detail.focusWhenLoaded = true; openFromTree(run.id); }
    else return key === "ArrowRight";
    return true;
}

function openFromTree(id) {
    activate(id);
    clearTimeout(followTimer);
    if (route.run === id) return focusDetail();
    navigate({ run: id });
}

function treeClick(event) {
    const run = tree.order[tree.position.get(event.target.closest("[data-run]")?.dataset.run)];
    if (!run) return;
    if (event.target.closest(".twisty:not(.none)")) {
        activate(run.id);
        fold(run, !tree.collapsed.has(run.id));
    } else {
        // On a small screen the run's own view covers the tree, and takes the focus.
        detail.focusWhenLoaded = stacked.matches;
        openFromTree(run.id);
    }
    if (!stacked.matches) focusRow();
}

// ---------------------------------------------------------------- the run

const detail = { id: "", text: "", head: null, body: null, sections: new Map(), focusWhenLoaded: false };

function openRun() {
    if (tree.trace) { reveal(); renderRows(true); }
    if (!route.run) {
        Object.assign(detail, { id: "", text: "" });
        detail.sections.clear();
        return $("run-pane").replaceChildren();
    }
    if (!$("run-pane").firstChild) $("run-pane").append(el("div", { class: "pane-title" }, backToTrace(), el("h2", {}, "Loading…")));
    loadRun();
}

async function loadRun() {
    const id = route.run;
    if (!id) return;
    await load(`api/runs/${encodeURIComponent(id)}`, () => route.run === id, text => {
        if (detail.id === id && detail.text === text) return;
        if (detail.id !== id) { detail.sections.clear(); $("run-pane").scrollTop = 0; }
        Object.assign(detail, { id, text });
        const run = parsePayload(text);
        if (run.trace_id !== route.trace) navigate({ trace: run.trace_id }, true);
        renderRun(run);
        focusDetail();
    }, runGone);
}

function runGone(message) {
    Object.assign(detail, { id: "", text: "" });
    $("run-pane").replaceChildren(
        el("div", { class: "pane-title" }, backToTrace(), el("h2", {}, "This run is not here")),
        el("p", { class: "note" }, shown(message)),
        el("p", { class: "note muted" }, "It may have made room for newer traces, or it was never sent."));
}

function focusDetail() {
    if (detail.focusWhenLoaded) $("run-pane").querySelector("h2")?.focus();
    detail.focusWhenLoaded = false;
}

function renderRun(run) {
    const parts = [
        section("problems", run.problem_list, () => el("ul", { class: "problems" }, ...run.problem_list.map(problem => problemItem(problem, false))), false),
        section("error", run.error, () => el("div", { class: "error-text" }, longText(run.error))),
        ...["inputs", "outputs", "metadata"].map(key => section(key, run[key], () => json(run[key]))),
        section("tags", run.tags, () => el("ul", { class: "tag-list", "aria-label": "Tags" }, ...run.tags.map(tag => el("li", {}, shown(tag))))),
        section("events", run.events, () => json(run.events)),
        section("attachments", run.attachments, () => attachments(run.attachments), false),
        section("extra", run.extra, () => json(run.extra)),
        section("identity", identityOf(run), () => identity(run), false),
    ];
    if (!detail.head?.isConnected) {
        Object.assign(detail, { head: el("div", { class: "run-head" }), body: el("div") });
        $("run-pane").replaceChildren(detail.head, detail.body);
    }
    redraw(detail.head, ...runHead(run));
    arrange(detail.body, parts.filter(Boolean));
}

function runHead(run) {
    const title = el("h2", { tabindex: -1, title: shown(run.name) }, shown(run.name));
    return [
        el("div", { class: "pane-title" }, backToTrace(), mark(run.status), title),
        el("p", { class: "facts" },
            el("span", {}, shown(run.run_type ?? "")), run.service && chip(run.service),
            el("span", {}, duration(run.duration_us)),
            run.is_orphan && el("span", { class: "badge problem" }, "orphan: its parent is unknown"),
            time(run.start)),
        el("p", { class: "tool-buttons" },
            copyButton("link", () => location.href, "Copy link"),
            copyButton("run as JSON", () => printPayload(run), "Copy run as JSON")),
    ];
}

// An empty input or output was sent as such, and tells something; the other parts are just not there.
function isAbsent(key, value) {
    if (value === null || value === undefined) return true;
    return key !== "inputs" && key !== "outputs" && (value === "" || (typeof value === "object" && Object.keys(value).length === 0));
}

// A section whose data did not change is kept as it stands, with what the reader has unfolded in it.
function section(key, value, build, copyable = true) {
    if (isAbsent(key, value)) return null;
    const stamp = printPayload(value);
    const known = detail.sections.get(key);
    if (known?.stamp === stamp) return known.node;
    const title = key[0].toUpperCase() + key.slice(1);
    const node = el("section", { class: "part", "aria-label": title },
        el("div", { class: "part-title" }, el("h3", {}, title), copyable && copyButton(key, () => stamp)), build());
    detail.sections.set(key, { stamp, node });
    return node;
}

function attachments(files) {
    return el("ul", { class: "attachments" }, ...files.map(file =>
        el("li", {}, el("span", {}, shown(file.name)), el("span", { class: "muted" }, `${shown(file.content_type ?? "")} · ${count(file.length, "byte")}`))));
}

const identityOf = run => [
    ["Run id", run.id], ["Trace id", run.trace_id], ["Parent id", run.parent_id], ["Dotted order", run.dotted_order],
    ["Project", run.project], ["Start", run.start], ["End", run.end],
].filter(([, value]) => value);

function identity(run) {
    return el("dl", { class: "identity" }, ...identityOf(run).map(([name, value]) =>
        el("div", {}, el("dt", {}, name), el("dd", {}, el("span", {}, shown(value)), copyButton(name.toLowerCase(), () => value)))));
}

// ---------------------------------------------------------------- JSON

// What is small is open from the start; the budget is the number of lines a section may open by itself.
const json = value => el("div", { class: "json" }, jsonNode(null, value, { lines: 80 }));

function jsonNode(key, value, budget) {
    const label = key === null ? null : el("span", { class: "key" }, `${shown(key)}: `);
    if (value === null || typeof value !== "object") return el("div", { class: "leaf" }, label, leaf(value));
    const keys = Array.isArray(value) ? null : Object.keys(value);
    const size = keys?.length ?? value.length;
    if (size === 0) return el("div", { class: "leaf" }, label, keys ? "{}" : "[]");
    return branch(label, value, keys, size, budget);
}

// Children are made when somebody looks at them: a megabyte costs nothing while it is folded.
function branch(label, value, keys, size, budget) {
    const body = el("div", { class: "children" });
    const node = el("details", {}, el("summary", {}, label, el("span", { class: "size" }, keys ? `{ ${count(size, "key")} }` : `[ ${count(size, "item")} ]`), preview(value, keys)), body);
    const fill = allowed => { if (!body.firstChild) fillBranch(body, value, keys, size, 0, allowed); };
    node.addEventListener("toggle", () => fill({ lines: 40 }));
    if (size <= budget.lines) {
        budget.lines -= size;
        fill(budget);
        node.open = true;
    }
    return node;
}

function fillBranch(body, value, keys, size, from, budget) {
    const until = Math.min(size, from + JSON_PAGE);
    for (let i = from; i < until; i++) body.append(jsonNode(keys ? keys[i] : i, value[keys ? keys[i] : i], budget));
    if (until < size) {
        const more = button(`Show ${number.format(Math.min(JSON_PAGE, size - until))} more of ${number.format(size)}`, () => {
            more.remove();
            fillBranch(body, value, keys, size, until, { lines: 40 });
        }, { class: "plain" });
        body.append(more);
    }
}

function preview(value, keys) {
    const words = (keys ?? value).slice(0, 4).map(part => keys || part === null || typeof part !== "object" ? String(part).slice(0, 24) : "…");
    return el("span", { class: "preview" }, shown(words.join(", ")));
}

function leaf(value) {
    if (typeof value === "string") return el("span", { class: "string" }, "\"", longText(value), "\"");
    return el("span", { class: value === null ? "null" : typeof value }, String(value));
}

// Very long text is laid out a piece at a time; a surrogate pair is never cut in two.
function longText(text) {
    const node = el("span", { class: "text" });
    const more = button("", () => grow(STRING_PAGE), { class: "plain" });
    let length = 0;
    const grow = by => {
        let until = Math.min(text.length, length + by);
        if (until < text.length && /[\ud800-\udbff]/.test(text[until - 1])) until++;
        more.before(shown(text.slice(length, until)));
        length = until;
        more.textContent = `Show more (${number.format(text.length - length)} of ${count(text.length, "character")} left)`;
        if (length === text.length) more.remove();
    };
    node.append(more);
    grow(STRING_HEAD);
    return node;
}

// ---------------------------------------------------------------- problems

let problemsText = "";

async function loadProblems() {
    await load("api/problems", () => route.tab === "problems", text => {
        if (problemsText === text) return;
        problemsText = text;
        renderProblems(JSON.parse(text));
    }, message => { $("problems-intro").textContent = shown(message); });
}

function renderProblems({ total, problems }) {
    $("problems-intro").textContent = total === 0
        ? "None. LangSmith would take everything this collector was sent."
        : `What LangSmith would refuse or show wrongly, newest first. ${problems.length < total ? `${number.format(problems.length)} of ${number.format(total)} are listed.` : ""}`;
    redraw($("problems"), ...problems.map(problem => problemItem(problem)));
}

function problemItem(problem, linked = true) {
    const severe = problem.severity === "error";
    return el("li", { class: severe ? "error" : "warning" },
        el("span", { class: "severity" }, severe ? "✕ Error" : "⚠ Warning"),
        el("span", { class: "message" }, shown(problem.message)),
        el("span", { class: "about" },
            linked && problemLink(problem),
            el("code", {}, shown(problem.code)),
            problem.count > 1 && el("span", { title: "How often it was seen" }, `× ${number.format(problem.count)}`),
            time(problem.time)));
}

function problemLink({ trace_id, run_id, run_name, severity }) {
    // A run that was refused is not here to be looked at; its trace may be.
    if (severity === "error") run_id = null;
    if (!trace_id && !run_id) return null;
    const target = { tab: "", trace: trace_id ?? "", run: run_id ?? "" };
    const text = run_id ? `Run ${shown(run_name ?? run_id)}` : "Open the trace";
    return el("a", { href: address(target), onclick: event => followLink(event, target) }, text);
}

function moveProblem(step) {
    const links = [...$("problems").querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
}

// ---------------------------------------------------------------- keyboard and controls

const typing = target => target.closest("input, select, textarea, dialog") !== null;

function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target)) { if (event.key === "Escape" && event.target.id === "filter-q") leaveSearch(event); return; }
    const handled = event.target.getAttribute("role") === "tab" ? tabKey(event.key) || pageKey(event)
        : $("rows").contains(event.target) ? treeKey(arrowFor(event.key)) || pageKey(event)
        : $("traces").contains(event.target) ? listKey(arrowFor(event.key)) || pageKey(event)
        : pageKey(event);
    if (handled) event.preventDefault();
}

const arrowFor = key => key === "j" ? "ArrowDown" : key === "k" ? "ArrowUp" : key;

function listKey(key) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    if (key === " ") document.activeElement.click();
    if (!(key in steps)) return key === " ";
    moveOption(steps[key]);
    return true;
}

function tabKey(key) {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return false;
    const other = route.tab === "problems" ? "" : "problems";
    navigate({ tab: other });
    $(`tab-${other || "traces"}`).focus();
    return true;
}

function pageKey({ key }) {
    if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
    else if (key === "e" && tree.trace) nextError();
    else if (key === "/") search();
    else if (key === "?") $("keys-dialog").showModal();
    else if (key === "Escape") goBack();
    else return false;
    return true;
}

function step(by) {
    if (route.tab === "problems") moveProblem(by);
    else if (!tree.trace) moveOption(by);
    else if (route.run || $("rows").contains(document.activeElement)) moveToRow((tree.position.get(tree.active) ?? 0) + by);
    else focusRow();
}

function search() {
    const listIsCovered = $("list-pane").offsetParent === null;
    if (route.tab || listIsCovered) navigate(listIsCovered && !route.tab ? { trace: "", run: "" } : { tab: "" });
    $("filter-q").focus();
    $("filter-q").select();
}

function leaveSearch(event) {
    event.preventDefault();
    if (list.options.size > 0) focusOption(); else event.target.blur();
}

let typingTimer = 0;

function onType(event) {
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => navigate({ q: event.target.value.trim() }, true), 200);
}

async function clearAll() {
    $("clear-dialog").close();
    try {
        await ask("api/traces", { method: "DELETE" });
        say("Cleared");
        navigate({ trace: "", run: "" });
        await refresh();
    } catch (error) {
        say(error instanceof Refusal ? error.message : "The collector cannot be reached");
    }
}

function wire() {
    $("tab-traces").onclick = () => navigate({ tab: "" });
    $("tab-problems").onclick = () => navigate({ tab: "problems" });
    $("clear").onclick = () => $("clear-dialog").showModal();
    $("clear-no").onclick = () => $("clear-dialog").close();
    $("clear-yes").onclick = clearAll;
    $("keys").onclick = () => $("keys-dialog").showModal();
    $("keys-close").onclick = () => $("keys-dialog").close();
    $("reset").onclick = resetFilter;
    $("more").onclick = () => { list.limit += LIST_PAGE; loadList(); };
    $("filter-q").oninput = onType;
    for (const key of ["project", "status", "service"]) $(`filter-${key}`).onchange = event => navigate({ [key]: event.target.value });
    $("tree").onclick = treeClick;
    let frame = 0;
    $("tree").onscroll = () => { frame ||= requestAnimationFrame(() => { frame = 0; renderRows(); }); };
    new ResizeObserver(resizeTree).observe($("tree"));
    document.addEventListener("keydown", onKey);
    document.addEventListener("visibilitychange", onVisibility);
    addEventListener("popstate", applyRoute);
    setInterval(() => { for (const node of document.querySelectorAll("time[datetime]")) node.textContent = ago(node.dateTime); }, 5000);
}

wire();
applyRoute();
loadList();
connect();
