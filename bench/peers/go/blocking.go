// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sort"
	"sync/atomic"
	"syscall"
	"time"
)

// blockingNext: one goroutine reads an empty pipe by the bare system call, another one is ready; an operation is the time
// until that one runs. It writes to the pipe.
func blockingNext(r *result, n int) time.Duration {
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		panic(err)
	}
	defer syscall.Close(ends[0])
	defer syscall.Close(ends[1])
	waits := samples{}
	total := time.Duration(0)
	for i := 0; i < n; i++ {
		var ranAt time.Time
		var b [1]byte
		go func() {
			ranAt = time.Now()
			if _, err := syscall.Write(ends[1], b[:]); err != nil {
				panic(err)
			}
		}()
		from := time.Now()
		if _, err := syscall.Read(ends[0], make([]byte, 1)); err != nil {
			panic(err)
		}
		wait := ranAt.Sub(from)
		waits.ns = append(waits.ns, int64(wait))
		total += wait
	}
	r.Lat = quantiles([]samples{waits})
	return total
}

var computed uint64

// compute gives way every 30 us or so.
func compute() {
	x := uint64(1)
	for n := 0; n < 500; n++ {
		for i := 0; i < 20000; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		runtime.Gosched()
	}
	computed = x
}

func quickest(ns []int64) float64 {
	sort.Slice(ns, func(i, k int) bool { return ns[i] < ns[k] })
	sum := int64(0)
	for _, t := range ns[:(len(ns)+7)/8] {
		sum += t
	}
	return float64(sum)
}

// computeBeside: stretches without and with another goroutine that blocks for 10 ms over and over; how much longer the
// quickest eighth of the latter take.
func computeBeside(r *result, n int) time.Duration {
	var goOn int32
	begin, rests := make(chan bool), make(chan bool)
	go func() {
		for range begin {
			for atomic.LoadInt32(&goOn) != 0 {
				t := syscall.Timespec{Nsec: 10000000}
				syscall.Nanosleep(&t, nil)
			}
			rests <- true
		}
	}()
	stretch := func(beside bool) int64 {
		if beside {
			atomic.StoreInt32(&goOn, 1)
			begin <- true
			runtime.Gosched()
		}
		start := time.Now()
		compute()
		d := time.Since(start)
		if beside {
			atomic.StoreInt32(&goOn, 0)
			<-rests
		}
		return int64(d)
	}
	alone, beside := make([]int64, n), make([]int64, n)
	start := time.Now()
	for i := range alone {
		if i%2 == 0 {
			alone[i] = stretch(false)
			beside[i] = stretch(true)
		} else {
			beside[i] = stretch(true)
			alone[i] = stretch(false)
		}
	}
	all := time.Since(start)
	close(begin)
	r.Extra["lost_percent"] = 100*quickest(beside)/quickest(alone) - 100
	return all
}

func blockingRows() []row {
	return []row{{"go/blocking_next_runs", 1, blockingNext, 0}, {"go/blocking_compute_beside", 1, computeBeside, 32}}
}
