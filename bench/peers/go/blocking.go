// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
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

// compute gives way every 20 us or so.
func compute(n int) time.Duration {
	start := time.Now()
	x := uint64(n) | 1
	for ; n > 0; n-- {
		for i := 0; i < 20000; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		runtime.Gosched()
	}
	computed = x
	return time.Since(start)
}

func computeAlone(_ *result, n int) time.Duration {
	return compute(n)
}

// computeBeside: the same while another one blocks for 10 ms over and over.
func computeBeside(_ *result, n int) time.Duration {
	var enough int32
	over := make(chan bool)
	go func() {
		for atomic.LoadInt32(&enough) == 0 {
			t := syscall.Timespec{Nsec: 10000000}
			syscall.Nanosleep(&t, nil)
		}
		close(over)
	}()
	runtime.Gosched()
	d := compute(n)
	atomic.StoreInt32(&enough, 1)
	<-over
	return d
}

func blockingRows() []row {
	return []row{{"go/blocking_next_runs", 1, blockingNext, 0}, {"go/blocking_compute_alone", 1, computeAlone, 0},
		{"go/blocking_compute_beside", 1, computeBeside, 0}}
}
