/* SPDX-License-Identifier: MIT
 *
 * bench/shim.cc - bench.h on google-benchmark, and the only part in C++. google-benchmark chooses
 * the number of iterations, makes the threads and understands its usual flags; times are ours
 * (run.c), because its own differ between versions: up to 1.8 it divides real time by the number of
 * threads, its start barrier lets threads go milliseconds apart, and SkipWithError exits 0.
 */
#include <benchmark/benchmark.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "bench/options.h"
#include "bench/run.h"

namespace {

benchmark::State *state(struct engine *e)
{
	return reinterpret_cast<benchmark::State *>(e);
}

void thread_main(struct instance *in, benchmark::State &st)
{
	run_thread(in, reinterpret_cast<struct engine *>(&st), st.threads(), st.thread_index(),
			   (uint64_t)st.max_iterations);
}

void register_instance(struct instance *in, const struct options &o)
{
	const bench_def *d = in->def;
	auto *g = benchmark::RegisterBenchmark(in->family,
										   [in](benchmark::State &st) { thread_main(in, st); });

	/* The body may run on threads that are not google-benchmark's, so CPU time is the process's. */
	g->MeasureProcessCPUTime();
	if (d->flags & BENCH_MANUAL_TIME)
		g->UseManualTime();
	else
		g->UseRealTime();
	if (in->threads > 1 || strcmp(in->name, in->family) != 0)
		g->Threads(in->threads);
	if ((d->flags & BENCH_ONCE) || o.serve)
		g->Iterations(1);
	else if (d->iterations > 0)
		g->Iterations(d->iterations);
	else if (o.ops > 0)
		g->Iterations(o.ops);
	else if (d->min_time > 0)
		g->MinTime(d->min_time);
}

/* Passes everything on to google-benchmark's own display and writes our rows beside it. */
class reporter : public benchmark::BenchmarkReporter {
public:
	reporter(const struct catalogue &rows, FILE *out)
	    : shown_(benchmark::CreateDefaultDisplayReporter()), rows_(rows), out_(out)
	{
	}
	bool ReportContext(const Context &c) override
	{
		return shown_->ReportContext(c);
	}
	void ReportRuns(const std::vector<Run> &runs) override
	{
		shown_->ReportRuns(runs);
		for (size_t i = 0; out_ && i < rows_.n; i++)
			write_last(rows_.at[i], runs);
	}
	void Finalize() override
	{
		shown_->Finalize();
	}

private:
	/* The outcomes that these runs were; what calibration left before them is passed over. */
	void write_last(const struct instance *in, const std::vector<Run> &runs)
	{
		size_t n = 0;

		for (const Run &r : runs)
			n += r.run_type == Run::RT_Iteration && r.threads == in->threads &&
			     r.run_name.function_name == in->family;
		n = std::min(n, in->noutcomes);
		for (size_t k = 0; k < n; k++)
			instance_write_outcome(in, out_, &in->outcomes[in->noutcomes - n + k], (int)k);
	}

	/* Owned by google-benchmark in some versions and by nobody in others; it lives to the end. */
	benchmark::BenchmarkReporter *shown_;
	const struct catalogue &rows_;
	FILE *out_;
};

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

extern "C" {

void engine_begin(struct engine *e, uint64_t iterations)
{
	state(e)->KeepRunningBatch((benchmark::IterationCount)iterations);
}

void engine_end(struct engine *e)
{
	state(e)->KeepRunningBatch(1);
}

void engine_pause(struct engine *e)
{
	state(e)->PauseTiming();
}

void engine_resume(struct engine *e)
{
	state(e)->ResumeTiming();
}

void engine_manual(struct engine *e, double seconds)
{
	state(e)->SetIterationTime(seconds);
}

void engine_stop(struct engine *e, const char *why)
{
	if (!state(e)->error_occurred())
		state(e)->SkipWithError(why);
}

void engine_label(struct engine *e, const char *label)
{
	state(e)->SetLabel(label);
}

/* Our figures among google-benchmark's counters, so that its console and JSON show them. */
void engine_show(struct engine *e, const struct outcome *out)
{
	benchmark::UserCounters &counters = state(e)->counters;

	for (size_t i = 0; i < out->counters.n; i++)
		counters[out->counters.at[i].name] = out->counters.at[i].value;
	counters["wall_ns/op"] = out->wall_ns;
	counters["cpu_ns/op"] = out->cpu_ns;
	if (!out->lat)
		return;
	for (int i = 0; i < OUTCOME_QUANTILES; i++) {
		double v = hist_quantile(out->lat, outcome_quantile[i]);

		if (v >= 0)
			counters[outcome_quantile_name[i]] = v;
	}
	counters["max"] = (double)out->lat->max;
}

int bench_main(int argc, char **argv)
{
	static struct options o; /* its rows live to the end */
	int rc = options_read(&o, argc, argv);

	if (rc >= 0)
		return rc;
	for (size_t i = 0; i < o.chosen.n; i++)
		register_instance(o.chosen.at[i], o);

	FILE *out = o.out ? fopen(o.out, "ae") : nullptr;

	if (o.out && !out) {
		fprintf(stderr, "%s: %s: %s\n", argv[0], o.out, strerror(errno));
		return 2;
	}
	benchmark::Initialize(&o.argc, o.argv);
	if (benchmark::ReportUnrecognizedArguments(o.argc, o.argv)) {
		fprintf(stderr, "%s: --help and --bench_help show the flags\n", argv[0]);
		return 2;
	}
	benchmark::AddCustomContext("wend_build_type", BENCH_BUILD_TYPE);
	benchmark::AddCustomContext("gbench_version", BENCH_GBENCH_VERSION);
	explain_debug_warning();

	reporter show(o.chosen, out);

	benchmark::RunSpecifiedBenchmarks(&show);
	benchmark::Shutdown();
	if (out)
		fclose(out);
	return run_any_failed() ? 1 : 0;
}

} // extern "C"
