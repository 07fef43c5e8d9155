# SPDX-License-Identifier: MIT
"""Where the sources are broken: the places, and the tests that look at each file."""

import hashlib
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Which tests look at which file; the most likely killer first.
SCHED = ["test_model_sched", "test_model_park", "test_model_watch"]
TESTS = {
	"atomics/deque.c": ["test_model_deque"],
	"atomics/deque.h": ["test_model_deque"],
	"sched/foreign.c": ["test_model_park", "test_model_sched"],
	"sched/idle.c": SCHED,
	"sched/lock.c": ["test_model_sync"] + SCHED,
	"sched/loop.c": ["test_model_park", "test_model_sched"],
	"sched/procs.c": ["test_model_park", "test_model_watch"],
	"sched/runq.c": SCHED,
	"sched/search.c": SCHED,
	"sched/timer.c": ["test_model_time", "test_model_watch"],
	"sched/trim.c": ["test_model_trim", "test_model_park"],
	"sched/wake.c": SCHED + ["test_model_blocking"],
	"sched/sched_priv.h": ["test_model_trim", "test_model_park", "test_model_sched"],
	"sync/chan.h": ["test_model_chan"],
	"sync/counter.c": ["test_model_sync"],
	"sync/select.c": ["test_model_chan", "test_model_deadline"],
	"sync/sem.c": ["test_model_sem", "test_model_deadline"],
	"sync/mutex.c": ["test_model_mutex", "test_model_deadline"],
	"sync/rwmutex.c": ["test_model_rwmutex", "test_model_deadline"],
	"sync/rwmutex_write.c": ["test_model_rwmutex", "test_model_deadline"],
	"sync/rwmutex_priv.h": ["test_model_rwmutex", "test_model_deadline"],
	"sync/until_priv.h": ["test_model_deadline", "test_model_context"],
	"sched/cells.c": ["test_model_rwmutex", "test_model_sync"],
	"sync/cond.c": ["test_model_sem", "test_model_deadline"],
	"sync/waitq_priv.h": ["test_model_mutex", "test_model_sem", "test_model_rwmutex", "test_model_deadline"],
	"sync/value.c": ["test_model_once"],
	"sync/map_word.c": ["test_model_map", "test_model_map_memory"],
	"sync/map.c": ["test_model_map", "test_model_map_memory"],
	"sync/map_table.c": ["test_model_map", "test_model_map_memory"],
	"sync/map_table.h": ["test_model_map", "test_model_map_memory"],
	"sync/map_range.c": ["test_model_map_memory", "test_model_map"],
	"sync/waitgroup.c": ["test_model_sync", "test_model_deadline"],
	"sync/waiters_priv.h": ["test_model_sync", "test_model_once", "test_model_deadline"],
}
TESTS["sched/m.h"] = ["test_model_reclaim", "test_model_park"]

# What no model test can judge. All else with such places must be in TESTS.
NOT_SCORED = {
	"atomics/atomic.h": "the macros themselves",
	"sched/crash.c": "reads states for people",
	"sched/registry.c": "lists of coroutines, which the checker does not have: its stacks are a few static ones",
	"sched/spawn.c": "publishes control blocks to those lists",
	"sched/stack.c": "as registry.c",
	"sched/stack_priv.h": "as registry.c",
	"sched/start.c": "the one beginning and end, in which the model's threads are made and joined",
	"sched/stats.c": "sums for people",
	"sched/thread.c": "as start.c",
	"sched/topo.c": "whom to steal from first, which the checker's environment replaces",
	"sched/traceback.c": "reads states for people",
}

# Tests of one primitive each: sync/x.c, sched/x.c belong to test_model_x once that stands.
for folder in ("sync", "sched"):
	for name in sorted(os.listdir(os.path.join(ROOT, folder))):
		noun = name.split(".")[0]
		test = os.path.join(ROOT, "tests", "model", "test_model_%s.c" % noun)
		if name.endswith(".c") and os.path.exists(test):
			TESTS.setdefault("%s/%s" % (folder, name), ["test_model_" + noun])

# Second looks: (file, text, what stands there instead, name). The text must occur exactly once.
CHECKS = [
	("atomics/deque.c", "if (owner_outside(d))", "if (true)", "does not wait for the owner's take"),
	("atomics/deque.c", "if (atm_load_acq(&d->thieves) == 0) { /* acq D6 */", "if (true) {",
		"frees a buffer under thieves"),
	("atomics/deque.c", "bool won = atm_cas_sc(&d->top, t, t + 1);", "bool won = true; atm_store_rel(&d->top, t + 1);",
		"takes the last item without a CAS"),
	("sched/idle.c", "bool up = work_visible(2) && get_up(mp, NULL);", "bool up = false;", "I1: no last look"),
	("sched/idle.c", "if (atm_load_rlx(&pp->inbox)) /* bound work came in while the P was not idle yet */",
		"if (false)", "no last look at the inbox"),
	("sched/idle.c", "if (mp->p && !mp->spinning) {\n		if (work_unwatched())", "if (mp->p && !mp->spinning) {\n		if (false)",
		"I3: leaves lone work to nobody"),
	("sched/idle.c", "			wake_one();\n		else\n			timers_unwatched();\n	}\n}", "			wake_one();\n	}\n}",
		"T3: who was to watch and is given a P leaves timers to nobody"),
	("sched/search.c", "if (work_unwatched() || runq_len(mp->p) > 0)", "if (false)", "I2: wakes nobody after a find"),
	("sched/search.c", "		else\n			timers_unwatched();\n", "", "T3: who searched and finds work leaves timers to nobody"),
	("sched/idle.c", "if (!timers || timers_earliest(NULL) >= until)", "if (true)", "T3: the watcher's nap without a second look"),
	("sched/idle.c", "	hand_over_timers(pp);\n	m_sleep(mp);", "	m_sleep(mp);", "T3: who goes idle hands nothing over"),
	("sched/wake.c", "	else\n		wake_one();\n}\n\n/* T3", "}\n\n/* T3", "T3: no thread for timers"),
	("sched/timer.c", "if (likely(!atm_load_rlx(&pp->retire))) {", "if (true) {", "a timer is set on a P that must go"),
	("sched/timer.c", "done = atm_cas_sc(&t->heap, NULL, h);", "done = true; atm_store_rel(&t->heap, h);", "two set a timer at the same time"),
	("sched/foreign.c", "counted = atm_load_acq(&sched.phase) == PHASE_RUNNING;", "counted = true;",
		"F1: no second look at the phase"),
	("sched/loop.c", "if (!mp->commit(prev, mp->commit_arg))", "if (mp->commit(prev, mp->commit_arg), false)",
		"a park whose wait is over sleeps on"),
	("sync/waitgroup.c", "if (count_of(state) == 0)\n			return false;", "if (0)\n			return false;",
		"waits for a group that is done"),
	("sync/once.c", "if (state == DONE)\n			return false;", "if (0)\n			return false;", "waits for a once that is done"),
	("sync/once.c", "if (atm_cas_sc(&o->wend__word, NEW, RUNNING)) {",
		"if (atm_load_acq(&o->wend__word) == NEW && (atm_store_rel(&o->wend__word, RUNNING), true)) {", "no CAS: two run"),
	("sync/value.c", "if (atm_cas_sc(&v->wend__type, NULL, (void *)type)) /* V2 */",
		"if (atm_store_rel(&v->wend__data, (void *)data), atm_cas_sc(&v->wend__type, NULL, (void *)type))",
		"the pointer before its type"),
	("sync/pool.c", "void *item = atm_xchg_sc(&l->slot[--l->n], NULL); /* P1 */",
		"void *item = atm_load_acq(&l->slot[--l->n]); atm_store_rlx(&l->slot[l->n], NULL);", "the owner takes without an exchange"),
	("sync/pool.c", "*item = atm_xchg_sc(&l->slot[i], NULL); /* P1 */",
		"*item = atm_load_acq(&l->slot[i]); atm_store_rlx(&l->slot[i], NULL);", "a thief takes without an exchange"),
	("sync/pool.c", "if (!any || !lock_try(&l->lock))", "if (!any || (lock_try(&l->lock), false))", "steals without the lock"),
	("sync/chan.c", "if (likely(!chan_try_locked(c, w, k, &peer))) {", "if (true) {", "a commit that does not look again"),
	("sync/chan.h", "return likely(!(w & LOCK)) ? w : chan_look_slow(c);", "return w;",
		"C2: believes a locked word"),
	("sync/chan.h", "if (!k->wend__q.wait->contested || until_grant(&k->wend__q.wait->claim)) /* C3 */",
		"if (atm_store_rel(&k->wend__q.wait->claim, CLAIM_DONE), true)", "C3: no claim"),
	("sync/sem.c", "if (!waitq_claim(w))\n			continue;", "waitq_claim(w);", "U2: units for who has given up"),
	("sync/waitq_priv.h", "bool lost = opened && !waitq_claim(w);", "bool lost = false;", "U2: made ready twice"),
	("sync/mutex.c", "if (!(to & (LOCKED | WOKEN)) && !other)", "if (0)", "who gives up takes a wake-up along"),
	("sync/mutex.c", "if (waitq_claim(w))\n			break;", "waitq_claim(w);\n		break;", "U2: wakes who has given up"),
	("sync/rwmutex_write.c", "if (!waitq_claim(w))\n			continue;", "waitq_claim(w);", "U2: a read lock for who has given up"),
	("sync/rwmutex.c", "if (!waitq_claim(w))\n			w = NULL;", "waitq_claim(w);", "U2: the lock for a writer that has given up"),
	("sync/rwmutex_write.c", "if (!got)\n			let_readers_in(mp, rw);", "", "a writer that gives up leaves the readers outside"),
	("sync/cond.c", "while ((w = take(c, false)) && !notify(mp, w))\n			;", "if ((w = take(c, false)))\n			notify(mp, w);",
		"a signal for who has given up"),
	("sync/waiters_priv.h", "if (waiters_grant(gp))\n			g_ready(mp, gp);", "waiters_grant(gp), g_ready(mp, gp);",
		"U2: releases who has given up"),
	("sync/waitgroup.c", "if (count_of(state) == 0) {\n			waiters_release(mp, head);\n			return;\n		}", "",
		"puts back who should be released"),
	("sync/until_priv.h", "return atm_cas_sc(claim, CLAIM_ARMING, CLAIM_OPEN); /* U2 */",
		"return atm_store_rel(claim, CLAIM_OPEN), true;", "U2: opens what has expired"),
	("sync/until_priv.h", "return atm_cas_sc(u->claim, CLAIM_OPEN, CLAIM_EXPIRED) ? u->gp : NULL; /* U2 */",
		"return atm_store_rel(u->claim, CLAIM_EXPIRED), u->gp;", "U2: expires what is done"),
	("sync/until_priv.h", "ctx_watch_remove(u->ctx, &u->watch); /* U3 */", ";", "U3: leaves its node in the context's list"),
	("sync/context.c", "leave_parent(ctx->home); /* whoever is at cancelling it from above has finished */", "",
		"is freed while its parent's list holds it"),
	("sync/context.c", "if (ref_if_alive(&c->ctx))", "if (ref(&c->ctx))", "a deadline revives who is being freed"),
	("sync/context.c", "if (!atm_load_rlx(&c->err)) /* rlx: under the lock */\n		timer_set", "timer_set",
		"sets the deadline of who is cancelled"),
	("sync/context.c", "if (atm_load_rlx(&c->err)) /* rlx: under the lock */\n		atm_store_rlx(&done->word", "if (false)\n		atm_store_rlx(&done->word",
		"opens a channel that should be closed"),
	("sync/until_priv.h", "timer_cancel(&u->timer); /* U3 */", "", "U3: leaves the timer behind"),
	("sync/select.c", "if (n == 1 || unchanged(cases, n)) {", "if (true) {", "default without a second look"),
	("sync/select.c", "while (ready && (k = choose(mp, wait->cases, wait->n, true))) {", "while ((k = NULL)) {",
		"a select's commit that does not look again"),
	("sync/chan.c", "if (k->wend__q.next)\n			chan_remove(k->chan, k);", "", "losers stay in their queues"),
	("sched/reclaim.c", "if (atm_load_acq(&wend__epoch.now) == epoch) /* acq R3; R5 */", "if (true)", "R5: no second look at the epoch"),
	("sched/reclaim.c", "if (!all_past(gp.target))", "if (false)", "waits for no reader"),
	("sched/reclaim.c", "wait = w->seen == atm_load_rlx(&queue.events);", "wait = true;", "the barrier sleeps through the event"),
	("sync/map_word.c", "if (unlikely(!map_version_is(b, meta)))\n				return map_load_any(m, key, value);", "",
		"M2: no second look at the version"),
	("sync/map.c", "if (!map_version_is(b, meta))\n				return RETRY;", "", "M2: no second look before an entry is believed"),
	("sync/map.c", "return ((atm_load_rlx(&b->meta) ^ meta) & (MAP_MOVING | MAP_MOVED)) ? RETRY : ABSENT;", "return ABSENT;",
		"M3: no second look after a chain"),
	("sync/map_word.c", "if (unlikely((atm_load_rlx(&b->meta) | meta) & (MAP_MOVING | MAP_MOVED)))", "if (unlikely(meta & (MAP_MOVING | MAP_MOVED)))",
		"M3: no second look by who finds nothing"),
	("sync/map_word.c", "if (unlikely(full || atm_load_rlx(&b->link)))", "if (unlikely(full))", "inserts without a look at the chain"),
	("sync/map_word.c", "if (unlikely(atm_load_rlx(&q.b->link) || (atm_load_rlx(&q.b->meta) & (MAP_MOVING | MAP_MOVED))))", "if (false)",
		"a delete that finds nothing does not look at the chain"),
	("sync/map_word.c", "value ? meta | MAP_LOCK : meta", "meta", "a deleted value is read without the lock"),
	("sync/map_table.c", "	if (to->n < t->n)\n		map_lock(b);\n", "", "entries of several buckets come to one without its lock"),
	("sync/map.c", "if (likely(!atm_load_acq(&t->next))) { /* acq M4 */\n			search", "if (true) {\n			search",
		"a writer that does not ask for the next table"),
	("sync/map.c", "s->outer = s->b;", "unlock_bucket(s->b);", "the bucket before it left unlocked"),
	("sync/map_table.c", "if (atm_add_sc(&t->left, (uint64_t)-1) == 1 && atm_cas_sc(&c->map->wend__table, t, to)) /* M4 */",
		"if (atm_add_sc(&t->left, (uint64_t)-1) == 1 && (atm_store_rel(&c->map->wend__table, to), true))",
		"the last mover does not look whether the map was cleared"),
	("sync/map_table.c", "		if (other) {", "		{", "a first table that was cleared is a lack of memory"),
	("sync/map_table.c", "if (atm_load_rlx(&c->map->wend__table) != t || atm_load_rlx(&t->next))", "if (atm_load_rlx(&t->next))",
		"resizes a table that is not in its place yet"),
	("sync/map_range.c", "if (!ok || atm_load_rlx(&b->meta) == meta)", "if (true)", "range does not look again"),
	("sync/map_range.c", "if (likely(atm_load_acq(&core->nrangers) == 0)) {", "if (true) {", "destroys under a ranger"),
	("sync/map_range.c", "(!core->rangers || (*end)->seq < core->rangers->seq)", "true", "destroys under an older ranger"),
	("sync/map_range.c", "yes = core->freed || !reclaim_if_memory", "yes = !reclaim_if_memory", "free leaves portions behind the barrier"),
	("sync/map_range.c", "if (!reclaim_passed(c->mark))", "if (false && c->mark)", "the core goes before what refers to it"),
	("sync/mutex.c", "uint64_t drop = WAITQ_LOCK | (w->awake ? WOKEN : 0);", "uint64_t drop = WAITQ_LOCK;",
		"goes to sleep and still counts as awake"),
	("sync/mutex.c", "while (opened && ((s = atm_load_rlx(&mu->wend__state)) & LOCKED)) { /* rlx: the CAS decides */",
		"while (opened && (s = atm_load_rlx(&mu->wend__state) | LOCKED)) {", "M2: a commit that does not look again"),
	("sync/rwmutex.c", "while (opened && ((s = atm_load_rlx(&rw->wend__state)) & WRITER)) /* rlx: the CAS decides */",
		"while (opened && (s = atm_load_rlx(&rw->wend__state), true))", "a reader's commit that does not look again"),
	("sync/rwmutex_write.c", "while (opened && (s = atm_load_rlx(&rw->wend__state), !readers_gone(rw, s))) /* rlx: the CAS decides */",
		"while (opened && (s = atm_load_rlx(&rw->wend__state), true))", "R5: a writer's commit that does not look again"),
	("sync/rwmutex.c", "if (likely(atm_load_acq(&rw->wend__state) == BIAS)) { /* acq R1 */", "if (true) {",
		"R3: a reader that does not look again"),
	("sync/rwmutex.c", "if (likely(!(atm_load_rlx(&rw->wend__state) & DRAIN))) { /* rlx: ordered by the fence */", "if (true) {",
		"R4: a reader that leaves without a look"),
	("sync/rwmutex.c", "if (atm_load_rlx(&rw->wend__state) & DRAIN) /* rlx: ordered by the fence */", "if (false)",
		"an attempt taken back without a look"),
	("sync/rwmutex_write.c", "if ((s & BIAS) && n)\n", "if (false)\n",
		"readers let in uncounted when a drain is given up"),
	("sync/sem.c", "while (opened && (s = atm_load_rlx(&sem->wend__state), (s & WAITERS) || !fits(sem, s, w->want))) /* rlx: the CAS decides */",
		"while (s = atm_load_rlx(&sem->wend__state), true)", "S2: a commit that does not look again"),
	("sync/sem.c", "if ((s & busy) || !fits(sem, s, n))", "if (!fits(sem, s, n))", "overtakes"),
	("sync/cond.c", "return atm_cas_sc(&w->fate, FATE_QUEUED, FATE_PARKED); /* K2 */",
		"return atm_store_rel(&w->fate, FATE_PARKED), true;", "K2: sleeps although it was taken off the list"),
	("sched/blocking.c", "		wake_one(); /* I1: the lock was released by an exchange, a full fence */", "		;",
		"I1: queues and wakes nobody"),
	("sched/blocking.c", "		wake_p(bound);", "		;", "queues for its P and does not wake it"),
	("sched/wake.c", "if ((!mp || try >= 3) && atm_load_rlx(&sched.blocked)) /* rlx: behind a full fence; B1, of blocking.c */", "if (false)",
		"B1: does not wait for who is in a call"),
	("sched/trim.c", "		if (atm_load_acq(&gp->state) == G_WAITING && /* acq T2 */", "		if (", "T1: no second look at the state"),
]

# The fixed ten of `make test`, by file and text of the line, and the case that is to notice.
TEN = [
	("sched/search.c", "sched_heavy();", "a_searcher_that_finds_work_wakes_the_next"),
	("sched/idle.c", "sched_heavy(); /* I1 */", "children_run_beside_a_busy_parent"),
	("sched/search.c", "if (work_unwatched() || runq_len(mp->p) > 0)", "a_searcher_that_finds_work_wakes_the_next"),
	("sched/idle.c", "bool up = work_visible(2) && get_up(mp, NULL);", "children_run_beside_a_busy_parent"),
	("sched/loop.c", "if (!mp->commit(prev, mp->commit_arg))", "a_parked_coroutine_is_made_ready"),
	("atomics/deque.c", "asym_heavy();", "one_gets_the_last_item_pop_asym"),
	("atomics/deque.c", "atm_xchg_sc(&d->bottom, b);", "items_survive_growth_full"),
	("atomics/deque.c", "if (owner_outside(d))", "one_gets_the_last_item_take_asym"),
	("atomics/deque.h", "atm_store_rel(&d->bottom, b + 1); /* rel D1 */\n	return 0;", "a_slot_is_used_again_asym"),
	("sync/waitgroup.c", "while (count_of(atm_load_acq(&wg->wend__state)) != 0) { /* acq W1 */", "who_waits_sees_what_was_done"),
]


class Mutant:
	case = None         # the one to run first
	explanation = None  # the number of the line that says why nothing can notice

	def __init__(self, path, kind, start, end, new, name=None):
		self.path, self.kind, self.start, self.end, self.new = path, kind, start, end, new
		text = read(path)
		self.line = text.count("\n", 0, start) + 1
		first = text.rfind("\n", 0, start) + 1
		last = text.find("\n", max(end - 1, start))
		self.code = " ".join(blank_comments(text)[first:last].split())
		self.name = name or "%s -> %s" % (text[start:end], new or "nothing")

	def __str__(self):
		return "%s:%d: %s" % (self.path, self.line, self.name)

	def text(self):
		old = read(self.path)
		return old[:self.start] + self.new + old[self.end:]


def read(path, cache={}):
	if path not in cache:
		with open(os.path.join(ROOT, path), encoding="utf-8") as f:
			cache[path] = f.read()
	return cache[path]


def blank_comments(text):
	return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)


def digest(path, cache={}):
	"""Of what the file says to a compiler: without comments."""
	if path not in cache:
		cache[path] = hashlib.sha1(" ".join(blank_comments(read(path)).split()).encode()).hexdigest()
	return cache[path]


def explanations(path):
	return [n for n, line in enumerate(read(path).split("\n"), 1) if "mutant:" in line]


FENCE = re.compile(r"(?<![\w.])(asym_heavy|sched_heavy|sched_light|asym_light|atm_fence_sc)\(\);")
EXCHANGE = re.compile(r"(?<=[\t{])atm_xchg_sc\((?=[^;]*\);)")
ACQUIRE = re.compile(r"\batm_load_acq(?=\()")
RELEASE = re.compile(r"\batm_store_rel(?=\()")


def mutants_of(path):
	code = blank_comments(read(path))
	found = []
	# The fences' own definitions are not places that use one.
	for m in FENCE.finditer(code):
		body = code[:m.start()].rsplit("\n}\n", 1)[-1]
		if re.search(r"\b(asym_heavy|sched_heavy|sched_light|asym_light)\(void\)", body):
			continue
		found.append(Mutant(path, "fence", m.start(), m.end(), ";", "no " + m.group(1)))
	for m in EXCHANGE.finditer(code):
		found.append(Mutant(path, "fence", m.start(), m.end(), "atm_store_rel(", "exchange -> store"))
	for m in ACQUIRE.finditer(code):
		found.append(Mutant(path, "order", m.start(), m.end(), "atm_load_rlx", "acq -> rlx"))
	for m in RELEASE.finditer(code):
		found.append(Mutant(path, "order", m.start(), m.end(), "atm_store_rlx", "rel -> rlx"))
	for file, old, new, name in CHECKS:
		if file == path:
			at = find_once(path, old)
			found.append(Mutant(path, "check", at, at + len(old), new, name))
	explain(path, found)
	return sorted(found, key=lambda m: m.start)


def explain(path, mutants):
	"""A comment with "mutant:" is about the places in its own line, or else in the next line below that has any."""
	for n in explanations(path):
		for line in range(n, n + 4):
			near = [m for m in mutants if m.line == line]
			for m in near:
				m.explanation = n
			if near:
				break


def find_once(path, old):
	text = read(path)
	if text.count(old) != 1:
		sys.exit("mutants: %s: not found exactly once: %s" % (path, old))
	return text.index(old)


def forgotten():
	"""Sources with places to break that no table knows."""
	paths = [folder + "/" + f for folder in ("base", "atomics", "sched", "sync") for f in os.listdir(os.path.join(ROOT, folder))
			if f.endswith((".c", ".h"))]
	return sorted(p for p in paths if p not in TESTS and p not in NOT_SCORED and mutants_of(p))


def all_mutants():
	found = [m for path in sorted(TESTS) if os.path.exists(os.path.join(ROOT, path)) for m in mutants_of(path)]
	names = {}
	for m in found:  # a name that outlives changes around it
		name = "%s|%s|%s|%s" % (m.path, m.kind, m.name, m.code)
		names[name] = names.get(name, 0) + 1
		m.id = "%s|%d" % (name, names[name])
	return found


def ten_mutants():
	everything, chosen = all_mutants(), []
	for file, old, case in TEN:
		at = find_once(file, old)
		hits = [m for m in everything if m.path == file and at <= m.start < at + len(old)]
		if not hits:
			sys.exit("mutants: no mutant at %s: %s" % (file, old))
		hits[0].case = case
		chosen.append(hits[0])
	return chosen
