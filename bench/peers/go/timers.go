// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"sync"
	"time"
)

// The operations of bench_time.c.

func timerCreateStop(_ *result, n int) time.Duration {
	start := time.Now()
	for i := 0; i < n; i++ {
		time.NewTimer(time.Hour).Stop()
	}
	return time.Since(start)
}

func timerCreateStopAll(procs int) func(*result, int) time.Duration {
	return func(r *result, n int) time.Duration {
		return crowd(procs, func(i int) { timerCreateStop(r, share(n, procs, i)) })
	}
}

func afterFuncStop(_ *result, n int) time.Duration {
	start := time.Now()
	for i := 0; i < n; i++ {
		time.AfterFunc(time.Hour, func() {}).Stop()
	}
	return time.Since(start)
}

func timerReset(_ *result, n int) time.Duration {
	t := time.NewTimer(time.Hour)
	start := time.Now()
	for i := 0; i < n; i++ {
		t.Reset(time.Hour)
	}
	d := time.Since(start)
	t.Stop()
	return d
}

func mix64(x uint64) uint64 {
	x *= 0x9E3779B97F4A7C15
	x ^= x >> 32
	x *= 0xD6E8FEB86659FD93
	return x ^ x>>32
}

func manyTimers(n int) []*time.Timer {
	many := make([]*time.Timer, n)
	for i := range many {
		many[i] = time.NewTimer(time.Hour/2 + time.Duration(mix64(uint64(i))%uint64(time.Hour)))
	}
	return many
}

func stopAll(many []*time.Timer) {
	for _, t := range many {
		t.Stop()
	}
}

func timerCreateStopAmong(r *result, n int) time.Duration {
	many := manyTimers(1000000)
	d := timerCreateStop(r, n)
	stopAll(many)
	return d
}

func timerCreateStopRandom(r *result, n int) time.Duration {
	start := time.Now()
	many := manyTimers(n)
	for i := n - 1; i > 0; i-- {
		k := int(mix64(uint64(i)) % uint64(i+1))
		many[i], many[k] = many[k], many[i]
	}
	from := time.Now()
	stopAll(many)
	r.Extra["stop_ns_each"] = float64(time.Since(from)) / float64(n)
	return time.Since(start)
}

// timerStorm is the time from when the first is due until the last has run.
func timerStorm(r *result, n int) time.Duration {
	var done sync.WaitGroup
	done.Add(n)
	due := time.Now().Add(time.Second + time.Duration(n)*time.Microsecond)
	for i := 0; i < n; i++ {
		time.AfterFunc(time.Until(due)+time.Duration(mix64(uint64(i))%uint64(time.Millisecond)), done.Done)
	}
	time.Sleep(time.Until(due))
	start := time.Now()
	done.Wait()
	d := time.Since(start)
	r.Extra["seconds"] = d.Seconds()
	return d
}

func sleepLate(d time.Duration) func(*result, int) time.Duration {
	return func(r *result, n int) time.Duration {
		late := make([]int64, n)
		start := time.Now()
		for i := range late {
			due := time.Now().Add(d)
			time.Sleep(d)
			late[i] = int64(time.Since(due))
		}
		all := time.Since(start)
		r.Lat = quantiles([]samples{{ns: late}})
		return all
	}
}

func tickerLost(r *result, n int) time.Duration {
	t := time.NewTicker(time.Millisecond)
	start := time.Now()
	first := <-t.C
	last := first
	for i := 0; i < n; i++ {
		last = <-t.C
	}
	t.Stop()
	r.Extra["lost_percent"] = 100 * (float64(last.Sub(first))/float64(time.Millisecond) - float64(n)) / float64(n)
	return time.Since(start)
}

func timerRows(procs int) []row {
	all := []row{
		{"go/timer_create_stop", 1, timerCreateStop, 0},
		{"go/after_func_stop", 1, afterFuncStop, 0},
		{"go/timer_reset", 1, timerReset, 0},
		{"go/timer_create_stop_among/1000000", 1, timerCreateStopAmong, 0},
		{"go/timer_create_stop_random/1000000", 1, timerCreateStopRandom, 1000000},
	}
	for p, suffix := range []string{"", "_p2"} {
		if p+1 > procs {
			break
		}
		all = append(all,
			row{"go/timer_storm" + suffix + "/1000000", p + 1, timerStorm, 1000000},
			row{"go/ticker" + suffix, p + 1, tickerLost, 1000})
		for _, ns := range []int{1000, 100000, 1000000, 10000000} {
			all = append(all, row{fmt.Sprintf("go/sleep%s/%d", suffix, ns), p + 1, sleepLate(time.Duration(ns)), 200})
		}
	}
	if procs >= 2 {
		all = append(all, row{"go/timer_create_stop_all_p2", 2, timerCreateStopAll(2), 0})
	}
	return all
}
