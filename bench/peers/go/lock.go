// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

// The operations of bench_mutex.c and bench_rwmutex.c, with the samples of bench/samples.h.

// samples keeps the waits of some of a member's operations, evenly spread.
type samples struct {
	stride, left int
	ns           []int64
}

const samplesEach = 512

var epoch = time.Now()

func (s *samples) begin(n int) {
	s.stride = n/samplesEach + 1
	s.left = s.stride
	s.ns = make([]int64, 0, samplesEach)
}

// start returns the time before an operation that is to be sampled, else 0.
func (s *samples) start() int64 {
	s.left--
	if s.left != 0 {
		return 0
	}
	return s.sampled()
}

//go:noinline
func (s *samples) sampled() int64 {
	s.left = s.stride
	return int64(time.Since(epoch))
}

//go:noinline
func (s *samples) stop(from int64) {
	s.ns = append(s.ns, int64(time.Since(epoch))-from)
}

// quantiles of all members' samples; one is told when ten samples or more lie beyond it.
func quantiles(of []samples) map[string]float64 {
	var all []int64
	sum := 0.0
	for i := range of {
		all = append(all, of[i].ns...)
	}
	if len(all) == 0 {
		return nil
	}
	sort.Slice(all, func(i, k int) bool { return all[i] < all[k] })
	for _, v := range all {
		sum += float64(v)
	}
	n := len(all)
	lat := map[string]float64{"n": float64(n), "mean": sum / float64(n), "max": float64(all[n-1])}
	for _, q := range []float64{50, 90, 99, 99.9} {
		if beyond := float64(n) * (100 - q) / 100; beyond >= 10 {
			lat["p"+strconv.FormatFloat(q, 'g', -1, 64)] = float64(all[n-1-int(beyond)])
		}
	}
	return lat
}

// workSink keeps someWork from being optimised away.
var workSink int

// someWork takes about 35 ns, as lock_some_work in bench/lock_work.h does.
func someWork() {
	x := 0
	for i := 0; i < 100; i++ {
		x ^= i
	}
	if x == -1 {
		workSink = x
	}
}

func mutexAlone(_ *result, n int) time.Duration {
	var mu sync.Mutex
	start := time.Now()
	for i := 0; i < n; i++ {
		mu.Lock()
		mu.Unlock()
	}
	return time.Since(start)
}

// mutexContended: so many goroutines per P, with work inside and outside or without.
func mutexContended(perP int, work bool) func(*result, int) time.Duration {
	return func(r *result, n int) time.Duration {
		var mu sync.Mutex
		k := perP * runtime.GOMAXPROCS(0)
		waits := make([]samples, k)
		d := crowd(k, func(i int) {
			left := share(n, k, i)
			s := &waits[i]
			s.begin(left)
			for ; left > 0; left-- {
				from := s.start()
				mu.Lock()
				if from != 0 {
					s.stop(from)
				}
				if work {
					someWork()
				}
				mu.Unlock()
				if work {
					someWork()
				}
			}
		})
		r.Lat = quantiles(waits)
		return d
	}
}

func rwmutexRead(_ *result, n int) time.Duration {
	var rw sync.RWMutex
	return crowd(runtime.GOMAXPROCS(0), func(int) {
		for i := 0; i < n; i++ {
			rw.RLock()
			rw.RUnlock()
		}
	})
}

func rwmutexWrite(_ *result, n int) time.Duration {
	var rw sync.RWMutex
	start := time.Now()
	for i := 0; i < n; i++ {
		rw.Lock()
		rw.Unlock()
	}
	return time.Since(start)
}

// rwmutexMix: so many reads in a thousand. The writers' waits are sampled, or the readers' when none write.
func rwmutexMix(perP, reads int) func(*result, int) time.Duration {
	return func(r *result, n int) time.Duration {
		var rw sync.RWMutex
		k := perP * runtime.GOMAXPROCS(0)
		waits := make([]samples, k)
		d := crowd(k, func(i int) {
			rng := 0x9E3779B97F4A7C15 * (uint64(i) + 1)
			left := share(n, k, i)
			s := &waits[i]
			if reads < 1000 {
				s.begin(left * (1000 - reads) / 1000)
			} else {
				s.begin(left)
			}
			for ; left > 0; left-- {
				rng ^= rng >> 12
				rng ^= rng << 25
				rng ^= rng >> 27
				if int((rng*0x2545F4914F6CDD1D)>>32*1000>>32) < reads {
					from := int64(0)
					if reads == 1000 {
						from = s.start()
					}
					rw.RLock()
					if from != 0 {
						s.stop(from)
					}
					rw.RUnlock()
				} else {
					from := s.start()
					rw.Lock()
					if from != 0 {
						s.stop(from)
					}
					rw.Unlock()
				}
			}
		})
		r.Lat = quantiles(waits)
		return d
	}
}

// condTurns: two goroutines take turns; an operation is one turn.
func condTurns(_ *result, n int) time.Duration {
	var mu sync.Mutex
	cond := sync.NewCond(&mu)
	turn := 0
	return crowd(2, func(i int) {
		for left := n / 2; left > 0; left-- {
			mu.Lock()
			for turn%2 != i {
				cond.Wait()
			}
			turn++
			cond.Signal()
			mu.Unlock()
		}
	})
}
