// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// The operations of bench_context.c.

const (
	ctxGroups = 10
	ctxGroup  = 1000
	ctxRounds = 100
)

func ctxCancel(_ *result, n int) time.Duration {
	start := time.Now()
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(context.Background())
		cancel()
	}
	return time.Since(start)
}

func ctxCancelChild(_ *result, n int) time.Duration {
	parent, end := context.WithCancel(context.Background())
	defer end()
	start := time.Now()
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(parent)
		cancel()
	}
	return time.Since(start)
}

// ctxCancelChildren: n by each of the goroutines, of one parent.
func ctxCancelChildren(_ *result, n int) time.Duration {
	parent, end := context.WithCancel(context.Background())
	defer end()
	return crowd(runtime.GOMAXPROCS(0), func(int) {
		for i := 0; i < n; i++ {
			_, cancel := context.WithCancel(parent)
			cancel()
		}
	})
}

func ctxTimeout(_ *result, n int) time.Duration {
	start := time.Now()
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(context.Background(), time.Hour)
		cancel()
	}
	return time.Since(start)
}

var ctxErrSink error
var ctxValueSink interface{}

func ctxErr(_ *result, n int) time.Duration {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	start := time.Now()
	for i := 0; i < n; i++ {
		ctxErrSink = ctx.Err()
	}
	return time.Since(start)
}

type ctxKey int

func ctxValue(_ *result, n int) time.Duration {
	ctx := context.Background()
	for i := 0; i < 10; i++ {
		ctx = context.WithValue(ctx, ctxKey(i), i)
	}
	start := time.Now()
	for i := 0; i < n; i++ {
		ctxValueSink = ctx.Value(ctxKey(0))
	}
	return time.Since(start)
}

func ctxChildren(r *result, n int) time.Duration {
	var cancels []context.CancelFunc
	var children []context.Context
	for g := 0; g < n/ctxGroup; g++ {
		parent, cancel := context.WithCancel(context.Background())
		cancels = append(cancels, cancel)
		for i := 0; i < ctxGroup; i++ {
			child, end := context.WithCancel(parent)
			defer end()
			children = append(children, child)
		}
	}
	start := time.Now()
	for _, cancel := range cancels {
		cancel()
	}
	d := time.Since(start)
	for _, c := range children {
		if c.Err() == nil {
			fmt.Fprintf(os.Stderr, "%s: a child is not cancelled\n", r.Name)
			os.Exit(1)
		}
	}
	return d
}

// ctxWake: a thousand wait for one context after the other; the next is there before the last is cancelled.
func ctxWake(_ *result, n int) time.Duration {
	rounds := n / ctxGroup
	var here, woken, over sync.WaitGroup
	var ctx [2]context.Context
	var cancel [2]context.CancelFunc
	ctx[0], cancel[0] = context.WithCancel(context.Background())
	here.Add(ctxGroup)
	over.Add(ctxGroup)
	for i := 0; i < ctxGroup; i++ {
		go func() {
			here.Done()
			for i := 0; i < rounds; i++ {
				<-ctx[i%2].Done()
				woken.Done()
			}
			over.Done()
		}()
	}
	here.Wait()
	time.Sleep(time.Millisecond)
	start := time.Now()
	for i := 0; i < rounds; i++ {
		ctx[(i+1)%2], cancel[(i+1)%2] = context.WithCancel(context.Background())
		woken.Add(ctxGroup)
		cancel[i%2]()
		woken.Wait()
	}
	d := time.Since(start)
	over.Wait()
	cancel[rounds%2]()
	return d
}

func contextRows(procs int) []row {
	all := []row{
		{"go/context_cancel", 1, ctxCancel, 0},
		{"go/context_cancel_child", 1, ctxCancelChild, 0},
		{"go/context_timeout", 1, ctxTimeout, 0},
		{"go/context_err", 1, ctxErr, 0},
		{"go/context_value/10", 1, ctxValue, 0},
		{"go/context_children/1000", 1, ctxChildren, ctxGroups * ctxGroup},
		{"go/context_wake/1000", 1, ctxWake, ctxRounds * ctxGroup},
	}
	if procs >= 2 {
		all = append(all,
			row{"go/context_cancel_child_p2", 2, ctxCancelChildren, 0},
			row{"go/context_wake_p2/1000", 2, ctxWake, ctxRounds * ctxGroup})
	}
	return all
}
