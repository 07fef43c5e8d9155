// SPDX-License-Identifier: MIT

package main

import "time"

// The operations of bench_panic.c.

var touched int

//go:noinline
func touch() { touched++ }

//go:noinline
func plainCall() { touch() }

//go:noinline
func deferOne() { defer touch() }

//go:noinline
func deferTen() {
	for i := 0; i < 10; i++ {
		defer touch()
	}
}

func recovers() { recover() }

//go:noinline
func panicRecover() {
	defer recovers()
	panic("panic")
}

//go:noinline
func deepPanic(n int) {
	defer touch()
	if n == 0 {
		panic("panic")
	}
	deepPanic(n - 1)
}

//go:noinline
func panicDeep() {
	defer recovers()
	deepPanic(19)
}

func calls(fn func()) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		start := time.Now()
		for i := 0; i < n; i++ {
			fn()
		}
		return time.Since(start)
	}
}

func panicRows() []row {
	return []row{
		{"go/plain_call", 1, calls(plainCall), 0},
		{"go/defer_one", 1, calls(deferOne), 0},
		{"go/defer_ten", 1, calls(deferTen), 0},
		{"go/panic_recover", 1, calls(panicRecover), 0},
		{"go/panic_deep", 1, calls(panicDeep), 0},
	}
}
