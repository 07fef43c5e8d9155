/* SPDX-License-Identifier: MIT
 *
 * bench/shim.cc - bench.h on google-benchmark. google-benchmark chooses the number of iterations,
 * makes the threads and understands its usual flags; times are ours, because its own differ between
 * versions: up to 1.8 it divides real time by the number of threads, its start barrier lets threads
 * go milliseconds apart, and SkipWithError exits 0.
 *
 * One run of one instance, for each of its threads:
 *     bind to a CPU -> thread 0: setup -> run() { google-benchmark's barrier -> spin barrier ->
 *     clock -> batches -> clock } -> all wait -> thread 0: merge, teardown -> unbind
 *
 * ns/op is the time one thread spends on one of its operations, so a sleep of 10 ms is 10 ms at any
 * number of threads. With several threads only the window from the last start to the first end
 * counts, unless the body pauses or keeps time itself.
 */
#include <benchmark/benchmark.h>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/hist.h"
#include "bench/json.h"
#include "bench/place.h"

namespace {

constexpr int kBatches = 16; /* per thread and run, when there are several threads */

struct mark {
	uint64_t when, done;
};

struct count {
	double value;
	bench_count_kind kind;
};

struct instance;

/* What a run came to. */
struct outcome {
	enum { ok, skipped, failed } status = ok;
	std::string reason, label, window = "whole";
	double wall_ns = 0, cpu_ns = 0; /* per operation (per item where items are set) */
	double ops = 0, seconds = 0, ops_per_s = 0;
	double skew_ns = 0, fairness = 1;
	int64_t items = 1;
	std::vector<int> cpus;
	std::string pin = "no";
	std::map<std::string, double> counters;
	std::unique_ptr<hist> lat;
	int64_t nvcsw = 0, nivcsw = 0, maxrss_kb = 0;
};

struct run_state {
	explicit run_state(int n) : here(n) {}
	std::mutex lock;
	std::condition_variable cond;
	int arrived = 0, gone = 0;
	bool set_up = false, over = false;
	void *state = nullptr;
	std::vector<bench *> here;
	std::atomic<bool> stop{false};
	outcome out;
	struct rusage before = {};
};

struct instance {
	const bench_def *def;
	std::string name, family; /* family: what google-benchmark is told, without /threads:n */
	std::vector<int64_t> args;
	int threads = 1;
	std::mutex lock;
	std::shared_ptr<run_state> current;
	std::vector<outcome> outcomes; /* of every run, calibration included: the last ones count */
};

std::vector<const bench_def *> &defs()
{
	static std::vector<const bench_def *> v;
	return v;
}

place cpus;
bool any_failed;

void relax()
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

uint64_t cpu_now()
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

} // namespace

/* One thread of one run. Aligned so that neighbours share no line, nor a pair of lines. */
struct alignas(128) bench {
	std::atomic<uint64_t> phase{0}; /* barriers passed; all ones: will pass no more */
	instance *in = nullptr;
	run_state *run = nullptr;
	benchmark::State *st = nullptr;
	int index = 0;
	enum { fresh, running, done } stage = fresh;
	bool paused = false, was_paused = false, drained = false;
	uint64_t iters = 0, completed = 0, handed = 0, batch = 0;
	uint64_t start = 0, end = 0, cpu_start = 0, cpu_end = 0;
	uint64_t paused_at = 0, paused_cpu = 0, paused_ns = 0, paused_cpu_ns = 0;
	uint64_t manual_ns = 0;
	int64_t items = 1;
	int pin_error = 0;
	std::vector<mark> marks;
	std::map<std::string, count> counts;
	hist lat = {};
};

namespace {

/* ---- Barrier --------------------------------------------------------------------------------- */

/* Every thread has a phase of its own; a thread passes when all others have reached its phase. The
 * start is a few cache-line transfers apart, where a condition variable takes microseconds. */
void barrier(bench *b)
{
	uint64_t mine = b->phase.load(std::memory_order_relaxed) + 1;

	b->phase.store(mine, std::memory_order_release);
	for (bench *o : b->run->here) {
		for (unsigned spins = 0; o->phase.load(std::memory_order_acquire) < mine; spins++) {
			if (b->run->stop.load(std::memory_order_relaxed))
				return;
			/* With fewer CPUs than threads the one awaited may need this CPU. */
			if (spins > 2000 || cpus.n < (int)b->run->here.size() ||
			    b->in->def->placement == BENCH_SAME_CPU)
				sched_yield();
			else
				relax();
		}
	}
}

/* ---- One run --------------------------------------------------------------------------------- */

void finish_clock(bench *b)
{
	b->end = bench_now();
	b->cpu_end = cpu_now();
	if (b->paused)
		bench_resume(b);
	b->stage = bench::done;
	if (b->in->def->flags & BENCH_MANUAL_TIME)
		b->st->SetIterationTime((double)b->manual_ns * 1e-9);
}

/* What google-benchmark shows; 1.7.1 knows errors only, so a skip is told by its first word. */
std::string stop_text(run_state *r)
{
	std::lock_guard<std::mutex> hold(r->lock);

	return (r->out.status == outcome::skipped ? "SKIPPED: " : "FAILED: ") + r->out.reason;
}

/* Takes the thread through both of google-benchmark's barriers whatever the body did, so that the
 * others are not left waiting there. */
void drain(bench *b)
{
	b->phase.store(UINT64_MAX, std::memory_order_release);
	if (b->drained)
		return;
	b->drained = true;
	if (b->stage == bench::running)
		finish_clock(b);
	if (!b->st->error_occurred())
		b->st->SkipWithError(stop_text(b->run).c_str());
	b->st->KeepRunningBatch(1);
}

void stop_run(bench *b, decltype(outcome::ok) status, const std::string &reason)
{
	run_state *r = b->run;
	{
		std::lock_guard<std::mutex> hold(r->lock);
		/* The first reason stands, but a failure outranks a skip. */
		if (r->out.status == outcome::ok || (r->out.status == outcome::skipped &&
						     status == outcome::failed)) {
			r->out.status = status;
			r->out.reason = reason;
		}
	}
	r->stop.store(true, std::memory_order_release);
}

double value_of(const count &c, double seconds, double ops)
{
	switch (c.kind) {
	case BENCH_RATE:
		return seconds > 0 ? c.value / seconds : 0;
	case BENCH_PER_OP:
		return ops > 0 ? c.value / ops : 0;
	case BENCH_INVERT:
		return c.value > 0 ? seconds / c.value : 0;
	default:
		return c.value;
	}
}

/* Operations that a thread had completed at time t, between two marks by the straight line. */
double done_at(const bench *b, uint64_t t)
{
	mark last = {b->start, 0};

	for (const mark &m : b->marks) {
		if (t <= m.when)
			return (double)last.done + (double)(m.done - last.done) * (double)(t - last.when) /
							   (double)(m.when > last.when ? m.when - last.when : 1);
		last = m;
	}
	return (double)last.done;
}

/* The window in which all threads ran. False when there is none that is worth the name. */
bool steady(const run_state *r, outcome *out)
{
	uint64_t from = 0, to = UINT64_MAX, first = UINT64_MAX, last = 0;
	double ops = 0, least = 1e300, most = 0;

	for (const bench *b : r->here) {
		if (b->was_paused || (b->in->def->flags & BENCH_MANUAL_TIME))
			return false;
		from = std::max(from, b->start);
		to = std::min(to, b->end);
		first = std::min(first, b->start);
		last = std::max(last, b->end);
	}
	out->skew_ns = (double)(from - first);
	if (to <= from || (to - from) * 2 < last - first)
		return false;
	for (const bench *b : r->here) {
		double part = done_at(b, to) - done_at(b, from);

		ops += part;
		least = std::min(least, part);
		most = std::max(most, part);
	}
	if (ops < (double)r->here.size())
		return false;
	out->fairness = most > 0 ? least / most : 1;
	out->wall_ns = (double)(to - from) * (double)r->here.size() / ops;
	out->ops_per_s = ops / ((double)(to - from) * 1e-9);
	return true;
}

/* Thread 0, after all bodies returned. */
void merge(run_state *r)
{
	outcome &out = r->out;
	const instance *in = r->here[0]->in;
	double elapsed = 0, cpu_in_pauses = 0;
	uint64_t cpu_from = UINT64_MAX, cpu_to = 0;
	std::map<std::string, count> sums;
	struct rusage now;

	for (const bench *b : r->here) {
		bool manual = in->def->flags & BENCH_MANUAL_TIME;

		elapsed += manual ? (double)b->manual_ns : (double)(b->end - b->start - b->paused_ns);
		cpu_in_pauses += (double)b->paused_cpu_ns;
		out.ops += (double)b->completed;
		cpu_from = std::min(cpu_from, b->cpu_start);
		cpu_to = std::max(cpu_to, b->cpu_end);
		out.items = std::max(out.items, b->items);
		for (const auto &c : b->counts) {
			auto s = sums.emplace(c.first, c.second);

			if (!s.second && c.second.kind == BENCH_MAX)
				s.first->second.value = std::max(s.first->second.value, c.second.value);
			else if (!s.second)
				s.first->second.value += c.second.value;
		}
		if (b->lat.n) {
			if (!out.lat)
				out.lat.reset(new hist());
			hist_merge(out.lat.get(), &b->lat);
		}
	}
	out.seconds = elapsed / (double)r->here.size() * 1e-9;
	if (out.ops > 0) {
		out.wall_ns = elapsed / out.ops;
		out.ops_per_s = out.seconds > 0 ? out.ops / out.seconds : 0;
		out.cpu_ns = std::max(0.0, (double)(cpu_to - cpu_from) - cpu_in_pauses) / out.ops;
	}
	if (in->def->flags & BENCH_MANUAL_TIME)
		out.window = "manual";
	else if (r->here.size() > 1 && steady(r, &out))
		out.window = "steady";
	for (const auto &c : sums)
		out.counters[c.first] = value_of(c.second, out.seconds, out.ops);
	out.wall_ns /= (double)out.items;
	out.cpu_ns /= (double)out.items;
	out.ops *= (double)out.items;
	out.ops_per_s *= (double)out.items;
	getrusage(RUSAGE_SELF, &now);
	out.nvcsw = now.ru_nvcsw - r->before.ru_nvcsw;
	out.nivcsw = now.ru_nivcsw - r->before.ru_nivcsw;
	out.maxrss_kb = now.ru_maxrss;
}

const char *const kQuantileName[] = {"p50", "p90", "p99", "p99.9"};
const double kQuantile[] = {0.5, 0.9, 0.99, 0.999};

/* Our figures among google-benchmark's counters, so that its console and JSON show them. */
void show_counters(benchmark::State &st, const outcome &out)
{
	for (const auto &c : out.counters)
		st.counters[c.first] = c.second;
	st.counters["wall_ns/op"] = out.wall_ns;
	st.counters["cpu_ns/op"] = out.cpu_ns;
	if (!out.lat)
		return;
	for (int i = 0; i < 4; i++) {
		double v = hist_quantile(out.lat.get(), kQuantile[i]);

		if (v >= 0)
			st.counters[kQuantileName[i]] = v;
	}
	st.counters["max"] = (double)out.lat->max;
}

/* All threads come together at the start and again at the end of a run; these waits are not timed
 * and may be long (setup may create a million coroutines), so they sleep. */
void gather_start(bench *b)
{
	run_state *r = b->run;
	std::unique_lock<std::mutex> hold(r->lock);

	r->here[(size_t)b->index] = b;
	r->arrived++;
	r->cond.notify_all();
	if (b->index) {
		r->cond.wait(hold, [&] { return r->set_up; });
		return;
	}
	r->cond.wait(hold, [&] { return r->arrived == (int)r->here.size(); });
	hold.unlock();

	const char *missing = place_missing(&cpus, b->in->def->placement);

	if (missing)
		stop_run(b, outcome::skipped, missing);
	else if (b->in->def->setup)
		b->in->def->setup(b);
	getrusage(RUSAGE_SELF, &r->before);
	hold.lock();
	r->set_up = true;
	r->cond.notify_all();
}

void gather_end(bench *b)
{
	run_state *r = b->run;
	std::unique_lock<std::mutex> hold(r->lock);

	r->gone++;
	r->cond.notify_all();
	if (b->index) {
		r->cond.wait(hold, [&] { return r->over; });
		return;
	}
	r->cond.wait(hold, [&] { return r->gone == (int)r->here.size(); });
	hold.unlock();
	merge(r);
	for (const bench *o : r->here) {
		int cpu = place_cpu(&cpus, b->in->def->placement, o->index);

		if (cpu < 0)
			continue;
		r->out.cpus.push_back(cpu);
		if (r->out.pin == "no")
			r->out.pin = "yes";
		if (o->pin_error)
			r->out.pin = std::string("failed: ") + strerror(-o->pin_error);
	}
	/* Where the placement cannot be had setup did not run either. */
	if (b->in->def->teardown && !place_missing(&cpus, b->in->def->placement))
		b->in->def->teardown(b);
	hold.lock();
	r->over = true;
	r->cond.notify_all();
}

void run_thread(instance *in, benchmark::State &st)
{
	std::unique_ptr<bench> self(new bench());
	bench *b = self.get();
	std::shared_ptr<run_state> r;
	{
		std::lock_guard<std::mutex> hold(in->lock);

		if (!in->current)
			in->current = std::make_shared<run_state>(st.threads());
		r = in->current;
	}
	b->in = in;
	b->run = r.get();
	b->st = &st;
	b->index = st.thread_index();
	b->iters = (uint64_t)st.max_iterations;
	b->batch = st.threads() == 1 ? b->iters : (b->iters + kBatches - 1) / kBatches;
	b->marks.reserve(kBatches + 1);

	int cpu = place_cpu(&cpus, in->def->placement, b->index);

	if (cpu >= 0)
		b->pin_error = place_bind(&cpus, cpu);
	gather_start(b);
	if (!r->stop.load(std::memory_order_acquire))
		in->def->run(b);
	if (b->stage != bench::done && !r->stop.load(std::memory_order_acquire))
		stop_run(b, outcome::failed, "the body returned before bench_next gave 0");
	if (r->stop.load(std::memory_order_acquire))
		drain(b);
	b->phase.store(UINT64_MAX, std::memory_order_release);
	gather_end(b);
	if (b->index == 0) {
		if (r->out.status == outcome::ok) {
			show_counters(st, r->out);
		} else {
			st.SkipWithError(stop_text(r.get()).c_str());
			any_failed |= r->out.status == outcome::failed;
		}
		if (!r->out.label.empty())
			st.SetLabel(r->out.label);
		std::lock_guard<std::mutex> hold(in->lock);
		in->outcomes.push_back(std::move(r->out));
		in->current.reset();
	}
	if (cpu >= 0)
		place_bind(&cpus, -1);
}

/* ---- Registration ---------------------------------------------------------------------------- */

void add_instance(std::vector<std::unique_ptr<instance>> &all, const bench_def *d,
		  const std::vector<int64_t> &args)
{
	int kinds = 0;

	while (kinds < 8 && d->threads[kinds] > 0)
		kinds++;
	for (int i = 0; i < (kinds ? kinds : 1); i++) {
		std::unique_ptr<instance> in(new instance());

		in->def = d;
		in->args = args;
		in->family = d->name;
		for (int64_t a : args)
			in->family += "/" + std::to_string(a);
		in->threads = kinds ? d->threads[i] : 1;
		in->name = in->family;
		/* A single count is part of what the benchmark is; several are told apart. */
		if (kinds > 1)
			in->name += "/threads:" + std::to_string(in->threads);
		all.push_back(std::move(in));
	}
}

std::vector<std::unique_ptr<instance>> instances()
{
	std::vector<std::unique_ptr<instance>> all;

	for (const bench_def *d : defs()) {
		if (d->nargs > 0) {
			for (int i = 0; i < d->nargs && i < 8; i++)
				add_instance(all, d, {d->args[i], d->args[i] + (d->argc ? d->argc : 1)});
		} else if (d->range_hi > 0) {
			int64_t at = d->range_lo > 0 ? d->range_lo : 1;

			for (; at < d->range_hi; at *= 8)
				add_instance(all, d, {at});
			add_instance(all, d, {d->range_hi});
		} else {
			add_instance(all, d, {});
		}
	}
	return all;
}

void register_instance(instance *in)
{
	const bench_def *d = in->def;
	auto *g = benchmark::RegisterBenchmark(in->family.c_str(),
					       [in](benchmark::State &st) { run_thread(in, st); });

	/* The body may run on threads that are not google-benchmark's, so CPU time is the process's. */
	g->MeasureProcessCPUTime();
	if (d->flags & BENCH_MANUAL_TIME)
		g->UseManualTime();
	else
		g->UseRealTime();
	if (in->threads > 1 || in->name != in->family)
		g->Threads(in->threads);
	if (d->flags & BENCH_ONCE)
		g->Iterations(1);
	else if (d->iterations > 0)
		g->Iterations(d->iterations);
	else if (d->min_time > 0)
		g->MinTime(d->min_time);
}

/* ---- Output ---------------------------------------------------------------------------------- */

const char *clock_of(const bench_def *d)
{
	return d->clock ? d->clock : "wall";
}

void write_definition(json &j, const instance *in)
{
	const bench_def *d = in->def;

	j.put("name", in->name).put("threads", in->threads).put("placement", place_name(d->placement));
	j.put("clock", clock_of(d)).put("model", d->model ? d->model : "closed");
	if (d->baseline)
		j.put("baseline", d->baseline);
	if (d->flags & BENCH_FULL_ONLY)
		j.put("full_only", true);
	if (d->flags & BENCH_ONCE)
		j.put("once", true);
}

void write_outcome(FILE *f, const instance *in, const outcome &out, int repetition)
{
	json j;
	const char *const status[] = {"ok", "skip", "fail"};
	bool by_cpu = !strcmp(clock_of(in->def), "cpu");

	j.open();
	write_definition(j, in);
	j.put("status", status[out.status]);
	if (out.status != outcome::ok)
		j.put("reason", out.reason);
	if (!out.label.empty())
		j.put("label", out.label);
	if (out.status == outcome::ok) {
		j.put("ns_per_op", by_cpu ? out.cpu_ns : out.wall_ns);
		j.put("wall_ns", out.wall_ns).put("cpu_ns", out.cpu_ns).put("ops", out.ops);
		j.put("ops_per_s", out.ops_per_s).put("seconds", out.seconds).put("items", out.items);
		j.put("window", out.window);
		if (in->threads > 1)
			j.put("skew_ns", out.skew_ns).put("fairness", out.fairness);
		j.put("nvcsw", out.nvcsw).put("nivcsw", out.nivcsw).put("maxrss_kb", out.maxrss_kb);
	}
	j.put("pinned", out.pin).open("cpus", '[');
	for (int c : out.cpus)
		j.item(c);
	j.close(']').open("counters");
	for (const auto &c : out.counters)
		j.put(c.first.c_str(), c.second);
	j.close();
	if (out.lat) {
		j.open("lat").put("n", out.lat->n);
		j.put("mean", (double)out.lat->sum / (double)out.lat->n);
		for (int i = 0; i < 4; i++) {
			double v = hist_quantile(out.lat.get(), kQuantile[i]);

			if (v >= 0)
				j.put(kQuantileName[i], v);
		}
		j.put("max", out.lat->max).close();
	}
	j.put("repetition", repetition).put("gbench_version", BENCH_GBENCH_VERSION);
	j.put("time_semantics", "per thread").close();
	fprintf(f, "%s\n", j.text());
	fflush(f);
}

/* Passes everything on to google-benchmark's own display and writes our rows beside it. */
class reporter : public benchmark::BenchmarkReporter {
public:
	reporter(const std::vector<std::unique_ptr<instance>> &all, FILE *out)
	    : shown_(benchmark::CreateDefaultDisplayReporter()), all_(all), out_(out)
	{
	}
	bool ReportContext(const Context &c) override
	{
		return shown_->ReportContext(c);
	}
	void ReportRuns(const std::vector<Run> &runs) override
	{
		shown_->ReportRuns(runs);
		for (const auto &in : all_) {
			size_t n = 0;

			for (const Run &r : runs)
				n += r.run_type == Run::RT_Iteration && r.threads == in->threads &&
				     r.run_name.function_name == in->family;
			n = std::min(n, in->outcomes.size());
			for (size_t i = in->outcomes.size() - n, k = 0; k < n; i++, k++)
				if (out_)
					write_outcome(out_, in.get(), in->outcomes[i], (int)k);
		}
	}
	void Finalize() override
	{
		shown_->Finalize();
	}

private:
	/* Owned by google-benchmark in some versions and by nobody in others; it lives to the end. */
	benchmark::BenchmarkReporter *shown_;
	const std::vector<std::unique_ptr<instance>> &all_;
	FILE *out_;
};

void list(const std::vector<std::unique_ptr<instance>> &all)
{
	for (const auto &in : all) {
		json j;

		j.open();
		write_definition(j, in.get());
		j.close();
		puts(j.text());
	}
}

std::vector<std::pair<std::string, std::string>> &facts()
{
	static std::vector<std::pair<std::string, std::string>> v;
	return v;
}

void write_facts()
{
	json j;

	j.open().put("compiler", BENCH_COMPILER).put("flags", BENCH_FLAGS);
	j.put("build_type", BENCH_BUILD_TYPE).put("gbench_version", BENCH_GBENCH_VERSION);
	j.put("time_semantics", "ns/op: time of one thread over its operations");
	j.put("cpus_allowed", cpus.n).put("cores_allowed", cpus.cores);
	for (const auto &f : facts())
		j.put(f.first.c_str(), f.second);
	j.close();
	puts(j.text());
}

void help()
{
	puts("Flags of this program, beside google-benchmark's own (--help):\n"
	     "  --bench_row=NAME    run this row only; may be repeated\n"
	     "  --bench_full        also the rows that only a full run has (or BENCH=full)\n"
	     "  --bench_out=FILE    one JSON object a row, appended as rows end\n"
	     "  --bench_list        the rows that would run, one JSON object each\n"
	     "  --bench_facts       how this program was built, as JSON\n"
	     "Environment: BENCH=full, BENCH_PROCS=N (the greatest number of P's that rows use).\n"
	     "Exit status: 0, also with skipped rows; 1 when a row failed; 2 for a wrong argument.");
}

/* The one-line reason for google-benchmark's warning, which is about itself and not about us. */
void explain_debug_warning()
{
	if (!isatty(2))
		return;
	fputs("note: a line below may say that the library was built as DEBUG. Debian's libbenchmark\n"
	      "keeps its assertions and compiles with -O2; what is measured here is a " BENCH_BUILD_TYPE
	      " build.\n",
	      stderr);
}

} // namespace

/* ---- bench.h --------------------------------------------------------------------------------- */

extern "C" {

void bench_register(const bench_def *def)
{
	defs().push_back(def);
}

void bench_fact(const char *key, const char *value)
{
	facts().emplace_back(key, value);
}

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t bench_next(bench *b)
{
	if (b->stage == bench::done || b->run->stop.load(std::memory_order_acquire)) {
		if (b->stage != bench::done)
			drain(b);
		return 0;
	}
	if (b->stage == bench::fresh) {
		/* All of google-benchmark's iterations in one go; batches are handed out here. */
		b->st->KeepRunningBatch((benchmark::IterationCount)b->iters);
		barrier(b);
		b->stage = bench::running;
		b->cpu_start = cpu_now();
		b->start = bench_now();
	} else {
		uint64_t now = bench_now();

		b->completed += b->handed;
		b->marks.push_back({now, b->completed});
		if (b->completed >= b->iters) {
			finish_clock(b);
			b->end = now;
			b->st->KeepRunningBatch(1);
			b->drained = true;
			return 0;
		}
	}
	b->handed = std::min(b->batch, b->iters - b->completed);
	return b->handed;
}

int bench_thread(const bench *b)
{
	return b->index;
}

int bench_threads(const bench *b)
{
	return b->in->threads;
}

int64_t bench_arg(const bench *b, int i)
{
	return i >= 0 && (size_t)i < b->in->args.size() ? b->in->args[(size_t)i] : 0;
}

void *bench_user(const bench *b)
{
	return b->in->def->user;
}

void bench_set_state(bench *b, void *state)
{
	b->run->state = state;
}

void *bench_state(const bench *b)
{
	return b->run->state;
}

int bench_procs(void)
{
	const char *s = getenv("BENCH_PROCS");
	int n = s ? atoi(s) : 0;

	return n > 0 ? n : cpus.n;
}

bool bench_is_full(void)
{
	const char *s = getenv("BENCH");

	return s && !strcmp(s, "full");
}

void bench_pause(bench *b)
{
	if (b->stage != bench::running || b->paused)
		return;
	b->paused = b->was_paused = true;
	b->paused_at = bench_now();
	b->paused_cpu = cpu_now();
	b->st->PauseTiming();
}

void bench_resume(bench *b)
{
	if (!b->paused)
		return;
	b->st->ResumeTiming();
	b->paused = false;
	b->paused_cpu_ns += cpu_now() - b->paused_cpu;
	b->paused_ns += bench_now() - b->paused_at;
}

void bench_sync(bench *b)
{
	bool timed = b->stage == bench::running && !b->paused;

	if (timed)
		bench_pause(b);
	barrier(b);
	if (timed)
		bench_resume(b);
}

void bench_time(bench *b, uint64_t ns)
{
	b->manual_ns += ns;
}

void bench_lat(bench *b, uint64_t ns)
{
	hist_add(&b->lat, ns);
}

void bench_count(bench *b, const char *name, double value, enum bench_count_kind kind)
{
	count &c = b->counts.emplace(name, count{kind == BENCH_MAX ? value : 0, kind}).first->second;

	if (kind == BENCH_VALUE)
		c.value = value;
	else if (kind == BENCH_MAX)
		c.value = std::max(c.value, value);
	else
		c.value += value;
}

void bench_items(bench *b, uint64_t items_per_op)
{
	b->items = items_per_op ? (int64_t)items_per_op : 1;
}

void bench_label(bench *b, const char *label)
{
	std::lock_guard<std::mutex> hold(b->run->lock);

	b->run->out.label = label;
}

static std::string formatted(const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	return text;
}

void bench_skip(bench *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop_run(b, outcome::skipped, formatted(fmt, ap));
	va_end(ap);
}

void bench_fail(bench *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop_run(b, outcome::failed, formatted(fmt, ap));
	va_end(ap);
}

int bench_main(int argc, char **argv)
{
	std::vector<std::string> wanted;
	std::vector<char *> rest;
	const char *path = nullptr;
	bool only_list = false;

	place_read(&cpus);
	for (int i = 0; i < argc; i++) {
		std::string a = argv[i];

		if (a == "--bench_help") {
			help();
			return 0;
		} else if (a == "--bench_facts") {
			write_facts();
			return 0;
		} else if (a == "--bench_list") {
			only_list = true;
		} else if (a == "--bench_full") {
			setenv("BENCH", "full", 1);
		} else if (a.rfind("--bench_row=", 0) == 0) {
			wanted.push_back(a.substr(12));
		} else if (a.rfind("--bench_out=", 0) == 0) {
			path = argv[i] + 12;
		} else {
			rest.push_back(argv[i]);
		}
	}

	std::vector<std::unique_ptr<instance>> all = instances(), chosen;

	for (const std::string &w : wanted) {
		bool found = false;

		for (const auto &in : all)
			found |= in->name == w;
		if (!found) {
			fprintf(stderr, "%s: there is no row '%s' (--bench_list shows them)\n", argv[0],
				w.c_str());
			return 2;
		}
	}
	for (auto &in : all) {
		bool take = wanted.empty();

		for (const std::string &w : wanted)
			take |= in->name == w;
		if (take && ((in->def->flags & BENCH_FULL_ONLY) == 0 || bench_is_full() || !wanted.empty()))
			chosen.push_back(std::move(in));
	}
	if (only_list) {
		list(chosen);
		return 0;
	}
	for (const auto &in : chosen)
		register_instance(in.get());

	FILE *out = path ? fopen(path, "ae") : nullptr;

	if (path && !out) {
		fprintf(stderr, "%s: %s: %s\n", argv[0], path, strerror(errno));
		return 2;
	}

	int n = (int)rest.size();

	rest.push_back(nullptr);
	benchmark::Initialize(&n, rest.data());
	if (benchmark::ReportUnrecognizedArguments(n, rest.data())) {
		fprintf(stderr, "%s: --help and --bench_help show the flags\n", argv[0]);
		return 2;
	}
	benchmark::AddCustomContext("wend_build_type", BENCH_BUILD_TYPE);
	benchmark::AddCustomContext("gbench_version", BENCH_GBENCH_VERSION);
	explain_debug_warning();

	reporter show(chosen, out);

	benchmark::RunSpecifiedBenchmarks(&show);
	benchmark::Shutdown();
	if (out)
		fclose(out);
	return any_failed ? 1 : 0;
}

} // extern "C"
