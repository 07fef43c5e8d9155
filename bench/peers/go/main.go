// SPDX-License-Identifier: MIT

// Command wendbench measures Go's scheduler with the same operations, batches and units as the C
// rows it stands beside: one JSON object per line, every figure wall time on unpinned threads,
// because Go has no other placement. Standard library only.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A row is one figure. Its body runs n operations and returns the time they took, so that what
// precedes them (starting 1000 goroutines, say) stays outside.
type row struct {
	name  string
	procs int // GOMAXPROCS
	body  func(r *result, n int) time.Duration
	fixed int // operations, when calibrating makes no sense
}

type result struct {
	Name      string             `json:"name"`
	NsPerOp   float64            `json:"ns_per_op"`
	Ops       int                `json:"ops"`
	CPUNs     float64            `json:"cpu_ns"` // of the whole process, per operation
	Placement string             `json:"placement"`
	Clock     string             `json:"clock"`
	Extra     map[string]float64 `json:"extra"`
	Lat       map[string]float64 `json:"lat,omitempty"`
}

// share splits n operations over k goroutines; the first n%k do one more.
func share(n, k, i int) int {
	s := n / k
	if i < n%k {
		s++
	}
	return s
}

// crowd starts k goroutines, opens the gate when all stand before it, and times until all are done.
func crowd(k int, body func(i int)) time.Duration {
	var here, done sync.WaitGroup
	gate := make(chan struct{})
	here.Add(k)
	done.Add(k)
	for i := 0; i < k; i++ {
		i := i
		go func() {
			here.Done()
			<-gate
			body(i)
			done.Done()
		}()
	}
	here.Wait()
	start := time.Now()
	close(gate)
	done.Wait()
	return time.Since(start)
}

func yielders(k int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		return crowd(k, func(i int) {
			for left := share(n, k, i); left > 0; left-- {
				runtime.Gosched()
			}
		})
	}
}

// yieldBesidePair: one gives way beside two that hand a token to each other without end; how long it waits for its turn.
func yieldBesidePair(r *result, n int) time.Duration {
	a, b := make(chan byte), make(chan byte)
	waits := samples{}
	var over int32
	play := func(from, to chan byte) {
		for x := range from {
			if atomic.LoadInt32(&over) != 0 {
				close(to)
				return
			}
			to <- x
		}
	}
	go play(a, b)
	go play(b, a)
	a <- 0
	start := time.Now()
	for i := 0; i < n; i++ {
		from := time.Now()
		runtime.Gosched()
		waits.ns = append(waits.ns, int64(time.Since(from)))
	}
	all := time.Since(start)
	r.Lat = quantiles([]samples{waits})
	atomic.StoreInt32(&over, 1)
	return all
}

func spawnJoinOne(_ *result, n int) time.Duration {
	start := time.Now()
	for i := 0; i < n; i++ {
		var wg sync.WaitGroup
		wg.Add(1)
		go wg.Done()
		wg.Wait()
	}
	return time.Since(start)
}

func spawnJoinBatch(_ *result, n int) time.Duration {
	const batch = 1000
	start := time.Now()
	for n > 0 {
		k := batch
		if n < k {
			k = n
		}
		var wg sync.WaitGroup
		wg.Add(k)
		for i := 0; i < k; i++ {
			go wg.Done()
		}
		wg.Wait()
		n -= k
	}
	return time.Since(start)
}

// chanHandover passes a token to and fro on two unbuffered channels; an operation is one hop.
func chanHandover(_ *result, n int) time.Duration {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
		close(back)
	}()
	start := time.Now()
	for i := 0; i < n; i += 2 {
		there <- i
		<-back
	}
	d := time.Since(start)
	close(there)
	<-back
	return d
}

func chanPair(_ *result, n int) time.Duration {
	c := make(chan int, 1)
	start := time.Now()
	for i := 0; i < n; i++ {
		c <- i
		<-c
	}
	return time.Since(start)
}

func chanTryEmpty(_ *result, n int) time.Duration {
	c := make(chan int, 1)
	start := time.Now()
	for i := 0; i < n; i++ {
		select {
		case <-c:
		default:
		}
	}
	return time.Since(start)
}

func chanRecvClosed(_ *result, n int) time.Duration {
	c := make(chan int)
	close(c)
	start := time.Now()
	for i := 0; i < n; i++ {
		<-c
	}
	return time.Since(start)
}

func chanMake(capacity int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		start := time.Now()
		for i := 0; i < n; i++ {
			chanSink = make(chan int, capacity)
		}
		return time.Since(start)
	}
}

var chanSink chan int

// chanMany: so many senders and receivers share a channel; an operation is a value that passes.
func chanMany(capacity, senders, receivers int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		c := make(chan int, capacity)
		return crowd(senders+receivers, func(i int) {
			if i < senders {
				for left := share(n, senders, i); left > 0; left-- {
					c <- left
				}
				return
			}
			for left := share(n, receivers, i-senders); left > 0; left-- {
				<-c
			}
		})
	}
}

func chanManyPerP(times int) func(*result, int) time.Duration {
	return func(r *result, n int) time.Duration {
		k := times * runtime.GOMAXPROCS(0)
		return chanMany(128, k, k)(r, n)
	}
}

func chansOf(k, capacity int) []chan int {
	c := make([]chan int, k)
	for i := range c {
		c[i] = make(chan int, capacity)
	}
	return c
}

func selectDefault(k int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		c := chansOf(8, 1)
		start := time.Now()
		switch k {
		case 1:
			for i := 0; i < n; i++ {
				select {
				case <-c[0]:
				default:
				}
			}
		case 2:
			for i := 0; i < n; i++ {
				select {
				case <-c[0]:
				case <-c[1]:
				default:
				}
			}
		case 8:
			for i := 0; i < n; i++ {
				select {
				case <-c[0]:
				case <-c[1]:
				case <-c[2]:
				case <-c[3]:
				case <-c[4]:
				case <-c[5]:
				case <-c[6]:
				case <-c[7]:
				default:
				}
			}
		}
		return time.Since(start)
	}
}

func selectTwo(c []chan int) int {
	select {
	case v := <-c[0]:
		return v
	case v := <-c[1]:
		return v
	}
}

// selectEight returns the chosen case.
func selectEight(c []chan int) int {
	select {
	case <-c[0]:
		return 0
	case <-c[1]:
		return 1
	case <-c[2]:
		return 2
	case <-c[3]:
		return 3
	case <-c[4]:
		return 4
	case <-c[5]:
		return 5
	case <-c[6]:
		return 6
	case <-c[7]:
		return 7
	}
}

func selectOne(k int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		c := chansOf(k, 1)
		start := time.Now()
		for i := 0; i < n; i++ {
			c[k/2] <- i
			if k == 2 {
				selectTwo(c)
			} else {
				selectEight(c)
			}
		}
		return time.Since(start)
	}
}

func selectAll(_ *result, n int) time.Duration {
	c := chansOf(8, 1)
	for i := range c {
		c[i] <- 0
	}
	start := time.Now()
	for i := 0; i < n; i++ {
		c[selectEight(c)] <- i
	}
	return time.Since(start)
}

func selectWait(k int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		c, answer := chansOf(k, 0), make(chan int)
		go func() {
			for i := 0; i < n; i++ {
				if k == 2 {
					selectTwo(c)
				} else {
					selectEight(c)
				}
				answer <- i
			}
		}()
		for i := 0; i < 100; i++ { // it shall wait already
			runtime.Gosched()
		}
		start := time.Now()
		for i := 0; i < n; i++ {
			c[i%k] <- i
			<-answer
		}
		return time.Since(start)
	}
}

func selectMeet(_ *result, n int) time.Duration {
	c := chansOf(2, 0)
	return crowd(2, func(i int) {
		for k := 0; k < n; k++ {
			select {
			case c[i] <- k:
			case <-c[1-i]:
			}
		}
	})
}

// sieve finds the 1000th prime with a goroutine per prime; an operation is a prime.
func sieve(selecting bool) func(*result, int) time.Duration {
	const primes, last = 1000, 7919
	return func(r *result, n int) time.Duration {
		start := time.Now()
		for round := 0; round < (n+primes-1)/primes; round++ {
			var over sync.WaitGroup
			stop := make(chan int)
			send := func(c chan int, v int) bool {
				if !selecting {
					c <- v
					return true
				}
				select {
				case c <- v:
					return true
				case <-stop:
					return false
				}
			}
			recv := func(c chan int) (int, bool) {
				if !selecting {
					v, ok := <-c
					return v, ok
				}
				select {
				case v := <-c:
					return v, true
				case <-stop:
					return 0, false
				}
			}
			c := make(chan int)
			over.Add(1)
			go func(out chan int) {
				for i := 2; (selecting || i <= last) && send(out, i); i++ {
				}
				if !selecting {
					close(out)
				}
				over.Done()
			}(c)
			prime := 0
			for i := 0; i < primes; i++ {
				prime = <-c
				next := make(chan int)
				over.Add(1)
				go func(in, out chan int, prime int) {
					for v, ok := recv(in); ok; v, ok = recv(in) {
						if v%prime != 0 && !send(out, v) {
							break
						}
					}
					if !selecting {
						close(out)
					}
					over.Done()
				}(c, next, prime)
				c = next
			}
			if prime != last {
				fmt.Fprintf(os.Stderr, "%s: %d, not %d\n", r.Name, prime, last)
				os.Exit(1)
			}
			close(stop)
			over.Wait()
		}
		d := time.Since(start)
		r.Extra["seconds"] = d.Seconds() / float64((n+primes-1)/primes)
		return d
	}
}

// chanRing: so many tokens go round a ring of 1000; an operation is one hop.
func chanRing(tokens int) func(*result, int) time.Duration {
	const k = 1000
	return func(_ *result, n int) time.Duration {
		c := chansOf(k, 0)
		var over sync.WaitGroup
		for i := range c {
			go func(in, out chan int) {
				for left := range in {
					if left == 0 {
						over.Done()
					} else {
						out <- left - 1
					}
				}
			}(c[i], c[(i+1)%k])
		}
		over.Add(tokens)
		start := time.Now()
		for t := 0; t < tokens; t++ {
			c[t*(k/tokens)] <- n / tokens
		}
		over.Wait()
		d := time.Since(start)
		for i := range c {
			close(c[i])
		}
		return d
	}
}

func chanRows(full bool, procs int) []row {
	var all []row
	for p := 1; p <= 2 && p <= procs; p++ {
		suffix := ""
		if p == 2 {
			suffix = "_p2"
		}
		add := func(always bool, name, args string, body func(*result, int) time.Duration) {
			if always || full {
				all = append(all, row{"go/" + name + suffix + args, p, body, 0})
			}
		}
		for _, c := range []int{0, 1, 8, 128, 1024} {
			add(c == 128, "chan_stream", fmt.Sprintf("/%d/1/1", c), chanMany(c, 1, 1))
		}
		for _, c := range []int{0, 1, 128} {
			add(c == 128, "chan_mpmc", fmt.Sprintf("/%d/4/4", c), chanMany(c, 4, 4))
		}
		add(false, "chan_mpmc", "/128/64/64", chanMany(128, 64, 64))
		add(false, "chan_mpmc", "/0/1/1000", chanMany(0, 1, 1000))
		add(false, "chan_mpmc", "/0/1000/1", chanMany(0, 1000, 1))
		for _, times := range []int{1, 2, 4} {
			add(p == 2 && times != 2, "chan_mpmc_per_p", fmt.Sprintf("/%d", times), chanManyPerP(times))
		}
		for _, k := range []int{2, 8} {
			add(p == 1, "select_wait", fmt.Sprintf("/%d", k), selectWait(k))
		}
		add(p == 1, "select_meet", "", selectMeet)
		add(p == 1, "sieve", "/0", sieve(false))
		add(false, "sieve", "/1", sieve(true))
		add(false, "chan_ring", "/1", chanRing(1))
		add(false, "chan_ring", "/100", chanRing(100))
		if p == 2 {
			break
		}
		add(true, "chan_pair", "", chanPair)
		add(true, "chan_try_empty", "", chanTryEmpty)
		add(true, "chan_recv_closed", "", chanRecvClosed)
		add(true, "chan_make", "/0", chanMake(0))
		add(false, "chan_make", "/128", chanMake(128))
		for _, k := range []int{1, 2, 8} {
			add(k == 8, "select_default", fmt.Sprintf("/%d", k), selectDefault(k))
		}
		add(false, "select_one_ready", "/2", selectOne(2))
		add(true, "select_one_ready", "/8", selectOne(8))
		add(false, "select_all_ready", "/8", selectAll)
	}
	return all
}

// fib spawns one child for n-1, computes n-2 itself and joins, without cut-off.
func fib(n int, out *int) {
	if n < 2 {
		*out = n
		return
	}
	var a, b int
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		fib(n-1, &a)
		wg.Done()
	}()
	fib(n-2, &b)
	wg.Wait()
	*out = a + b
}

// fibCalls is how many calls fib(n) makes, itself included.
func fibCalls(n int) int {
	a, b := 1, 1
	for ; n > 1; n-- {
		a, b = b, a+b+1
	}
	return b
}

func forkJoin(r *result, n int) time.Duration {
	const arg, want = 25, 75025
	calls := fibCalls(arg)
	rounds := (n + calls - 1) / calls
	start := time.Now()
	for i := 0; i < rounds; i++ {
		var v int
		if fib(arg, &v); v != want {
			fmt.Fprintf(os.Stderr, "%s: fib(%d) = %d, not %d\n", r.Name, arg, v, want)
			os.Exit(1)
		}
	}
	d := time.Since(start)
	// Every call but the leaves starts one goroutine.
	r.Extra["ns_per_spawn"] = float64(d) / float64(rounds*(calls/2))
	return time.Duration(float64(d) * float64(n) / float64(rounds*calls))
}

// skynet sums the leaves' numbers over a tree of goroutines with ten children each.
func skynet(first, size int, out *int) {
	if size == 1 {
		*out = first
		return
	}
	var part [10]int
	var wg sync.WaitGroup
	wg.Add(10)
	for i := range part {
		i := i
		go func() {
			skynet(first+i*size/10, size/10, &part[i])
			wg.Done()
		}()
	}
	wg.Wait()
	for _, p := range part {
		*out += p
	}
}

func skynetRow(r *result, n int) time.Duration {
	const leaves = 1000000
	var sum int
	start := time.Now()
	skynet(0, leaves, &sum)
	d := time.Since(start)
	if sum != leaves*(leaves-1)/2 {
		fmt.Fprintf(os.Stderr, "%s: wrong sum %d\n", r.Name, sum)
		os.Exit(1)
	}
	r.Extra["seconds"] = d.Seconds()
	return d
}

// ring passes a token round k goroutines; an operation is one hop.
func ring(k int) func(*result, int) time.Duration {
	return func(_ *result, n int) time.Duration {
		chans := make([]chan int, k)
		for i := range chans {
			chans[i] = make(chan int)
		}
		over := make(chan struct{})
		for i := range chans {
			in, out := chans[i], chans[(i+1)%k]
			go func() {
				for left := range in {
					if left == 0 {
						close(over)
						return
					}
					out <- left - 1
				}
			}()
		}
		start := time.Now()
		chans[0] <- n
		<-over
		d := time.Since(start)
		for i := range chans {
			close(chans[i])
		}
		return d
	}
}

func status(key string) float64 { return bytesIn("/proc/self/status", key) }

// bytesIn reads a line of a file of the kernel's that counts kilobytes.
func bytesIn(file, key string) float64 {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if w := strings.Fields(s.Text()); len(w) > 1 && w[0] == key+":" {
			kb, _ := strconv.ParseFloat(w[1], 64)
			return kb * 1024
		}
	}
	return 0
}

func createParked(r *result, n int) time.Duration {
	debug.FreeOSMemory()
	rss, pte := status("VmRSS"), status("VmPTE")
	var here, done sync.WaitGroup
	gate := make(chan struct{})
	here.Add(n)
	done.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			here.Done()
			<-gate
			done.Done()
		}()
	}
	here.Wait()
	d := time.Since(start)
	r.Extra["rss_bytes_each"] = (status("VmRSS") - rss) / float64(n)
	r.Extra["pte_bytes_each"] = (status("VmPTE") - pte) / float64(n)
	start = time.Now()
	close(gate)
	done.Wait()
	r.Extra["wake_and_end_ns_each"] = float64(time.Since(start)) / float64(n)
	debug.FreeOSMemory()
	r.Extra["rss_left_bytes"] = status("VmRSS") - rss
	return d
}

// counterShared: n additions by each of the goroutines, so that the figure is one thread's time for
// one of its own.
func counterShared(_ *result, n int) time.Duration {
	var c int64
	return crowd(runtime.GOMAXPROCS(0), func(int) {
		for i := 0; i < n; i++ {
			atomic.AddInt64(&c, 1)
		}
	})
}

// atomics: n operations on a word that nobody else touches.
func atomicAdd(_ *result, n int) time.Duration {
	var c int64
	start := time.Now()
	for i := 0; i < n; i++ {
		atomic.AddInt64(&c, 1)
	}
	return time.Since(start)
}

var sink int64

func atomicLoad(_ *result, n int) time.Duration {
	var c, sum int64
	start := time.Now()
	for i := 0; i < n; i++ {
		sum += atomic.LoadInt64(&c)
	}
	d := time.Since(start)
	sink = sum
	return d
}

func atomicStore(_ *result, n int) time.Duration {
	var c int64
	start := time.Now()
	for i := 0; i < n; i++ {
		atomic.StoreInt64(&c, int64(i))
	}
	return time.Since(start)
}

func atomicCAS(_ *result, n int) time.Duration {
	var c int64
	start := time.Now()
	for i := 0; i < n; i++ {
		atomic.CompareAndSwapInt64(&c, int64(i), int64(i)+1)
	}
	return time.Since(start)
}

func valueLoad(_ *result, n int) time.Duration {
	var v atomic.Value
	var sum int64
	v.Store(&sum)
	start := time.Now()
	for i := 0; i < n; i++ {
		*v.Load().(*int64)++
	}
	d := time.Since(start)
	sink = sum
	return d
}

func valueStore(_ *result, n int) time.Duration {
	var v atomic.Value
	start := time.Now()
	for i := 0; i < n; i++ {
		v.Store(&sink)
	}
	return time.Since(start)
}

// onceDone: n calls by each of the goroutines, as for counterShared.
func onceDone(_ *result, n int) time.Duration {
	var once sync.Once
	calls := 0
	return crowd(runtime.GOMAXPROCS(0), func(int) {
		for i := 0; i < n; i++ {
			once.Do(func() { calls++ })
		}
	})
}

func newPool() *sync.Pool {
	return &sync.Pool{New: func() any { return new([64]byte) }}
}

// poolGetPut: n pairs by each of the goroutines.
func poolGetPut(_ *result, n int) time.Duration {
	pool := newPool()
	return crowd(runtime.GOMAXPROCS(0), func(int) {
		for i := 0; i < n; i++ {
			pool.Put(pool.Get())
		}
	})
}

func poolGetPut16(_ *result, n int) time.Duration {
	pool := newPool()
	var items [16]any
	start := time.Now()
	for i := 0; i < n; i += len(items) {
		for k := range items {
			items[k] = pool.Get()
		}
		for k := range items {
			pool.Put(items[k])
		}
	}
	return time.Since(start)
}

// rows lists what may use at most so many Ps: each with one, with two, and, where there may be more,
// with all of them (_pn).
func rows(full bool, procs int) []row {
	parked := 100000
	many := int(bytesIn("/proc/meminfo", "MemAvailable") / 2 / 3072) // half of the memory, at most
	if many > 1000000 {
		many = 1000000
	}
	if full {
		parked = many
	}
	var all []row
	both := func(name, args string, body func(*result, int) time.Duration, fixed int) {
		all = append(all, row{"go/" + name + args, 1, body, fixed})
		if procs >= 2 {
			all = append(all, row{"go/" + name + "_p2" + args, 2, body, fixed})
		}
		if procs > 2 {
			all = append(all, row{"go/" + name + "_pn" + args, procs, body, fixed})
		}
	}
	both("yield", "/2", yielders(2), 0)
	both("yield", "/1000", yielders(1000), 0)
	all = append(all, row{"go/yield_beside_pair", 1, yieldBesidePair, 10})
	both("spawn_join_one", "", spawnJoinOne, 0)
	both("spawn_join_batch", "", spawnJoinBatch, 0)
	both("chan_handover", "", chanHandover, 0)
	both("fib", "/25", forkJoin, 0)
	both("skynet", "/1000000", skynetRow, 1111111)
	both("ring", "/1000", ring(1000), 0)
	both("create_parked", "/"+strconv.Itoa(parked), createParked, parked)
	all = append(all, row{"go/create_many/" + strconv.Itoa(many), 1, createParked, many})
	all = append(all, row{"go/mutex", 1, mutexAlone, 0})
	all = append(all, row{"go/rwmutex_write", 1, rwmutexWrite, 0})
	both("rwmutex_read", "", rwmutexRead, 0)
	both("cond_turns", "", condTurns, 0)
	for _, perP := range []int{1, 50} {
		both("mutex_contended", fmt.Sprintf("/%d", perP), mutexContended(perP, false), 0)
		both("mutex_work", fmt.Sprintf("/%d", perP), mutexContended(perP, true), 0)
		for _, reads := range []int{500, 900, 990, 999, 1000} {
			if !full && reads != 900 && reads != 999 {
				continue
			}
			both("rwmutex_mix", fmt.Sprintf("/%d/%d", perP, reads), rwmutexMix(perP, reads), 0)
		}
	}
	if procs >= 2 {
		all = append(all, row{"go/counter_shared", 2, counterShared, 0})
	}
	both("once_done", "", onceDone, 0)
	both("pool_get_put", "", poolGetPut, 0)
	all = append(all,
		row{"go/pool_get_put_16", 1, poolGetPut16, 0},
		row{"go/atomic_load", 1, atomicLoad, 0},
		row{"go/atomic_store", 1, atomicStore, 0},
		row{"go/atomic_add", 1, atomicAdd, 0},
		row{"go/atomic_cas", 1, atomicCAS, 0},
		row{"go/value_load", 1, valueLoad, 0},
		row{"go/value_store", 1, valueStore, 0})
	all = append(all, panicRows()...)
	all = append(all, contextRows(procs)...)
	all = append(all, timerRows(procs)...)
	all = append(all, mapRows(full, procs)...)
	all = append(all, blockingRows()...)
	return append(all, chanRows(full, procs)...)
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run grows n until one batch lasts long enough; that batch is the figure.
func run(w row, target time.Duration) result {
	runtime.GOMAXPROCS(w.procs)
	runtime.GC() // what an earlier row left behind is not this row's cost
	r := result{Name: w.name, Placement: "free", Clock: "wall"}
	n := 1000
	if w.fixed != 0 {
		n = w.fixed
	}
	for {
		r.Extra = map[string]float64{"procs": float64(w.procs)}
		cpu := cpuTime()
		d := w.body(&r, n)
		r.CPUNs = float64(cpuTime()-cpu) / float64(n)
		r.Ops, r.NsPerOp = n, float64(d)/float64(n)
		if w.fixed != 0 || d >= target*2/3 {
			return r
		}
		grow := 100.0
		if d > 0 {
			grow = 1.1 * float64(target) / float64(d)
		}
		if grow > 100 {
			grow = 100 // a first short batch says little
		}
		n = int(float64(n)*grow) + 1
	}
}

func main() {
	pattern := flag.String("rows", ".", "run the rows that match this regular expression")
	asJSON := flag.Bool("json", false, "one JSON object per line")
	procs := flag.Int("procs", runtime.NumCPU(), "the greatest GOMAXPROCS, and that of the _pn rows")
	ms := flag.Float64("target", 300, "milliseconds that a figure is taken over, about")
	list := flag.Bool("list", false, "only print the rows' names")
	flag.Parse()
	match, err := regexp.Compile(*pattern)
	if err != nil || flag.NArg() > 0 || *procs < 1 || *ms <= 0 {
		fmt.Fprintln(os.Stderr, "usage: wendbench [-rows REGEX] [-json] [-procs N] [-target MS] [-list]")
		os.Exit(64)
	}
	out := json.NewEncoder(os.Stdout)
	for _, w := range rows(os.Getenv("BENCH") == "full", *procs) {
		if !match.MatchString(w.name) {
			continue
		}
		if *list {
			fmt.Println(w.name)
			continue
		}
		r := run(w, time.Duration(*ms*float64(time.Millisecond)))
		if *asJSON {
			if err := out.Encode(r); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			continue
		}
		fmt.Printf("%-28s %12.1f ns/op %8.1f of CPU %12d ops %v %v\n", r.Name, r.NsPerOp, r.CPUNs, r.Ops, r.Extra, r.Lat)
	}
}
