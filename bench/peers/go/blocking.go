// SPDX-License-Identifier: MIT

package main

import (
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

func blockingRows() []row {
	return []row{{"go/blocking_next_runs", 1, blockingNext, 0}}
}
