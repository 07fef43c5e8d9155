// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The operations of bench/map_rows.h on both of Go's maps for several goroutines.

// table is a map by the numbers of its keys.
type table interface {
	get(i uint64) bool
	put(i uint64)
	del(i uint64) bool
	each() int
}

func mapWord(i uint64) uint64 { return (i + 1) * 0x9E3779B97F4A7C15 }

// mapTexts are the strings of keys 0 to n-1, made before anything is timed.
func mapTexts(n uint64) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("key%016x", mapWord(uint64(i)))
	}
	return all
}

// syncMap is a sync.Map with the words of its keys, or with their texts, if it has them.
type syncMap struct {
	m    sync.Map
	text []string
}

func (t *syncMap) get(i uint64) bool {
	if t.text != nil {
		_, ok := t.m.Load(t.text[i])
		return ok
	}
	_, ok := t.m.Load(mapWord(i))
	return ok
}

func (t *syncMap) put(i uint64) {
	if t.text != nil {
		t.m.Store(t.text[i], i)
	} else {
		t.m.Store(mapWord(i), i)
	}
}

func (t *syncMap) del(i uint64) bool {
	if t.text != nil {
		_, ok := t.m.LoadAndDelete(t.text[i])
		return ok
	}
	_, ok := t.m.LoadAndDelete(mapWord(i))
	return ok
}

func (t *syncMap) each() int {
	n := 0
	t.m.Range(func(_, _ any) bool { n++; return true })
	return n
}

// lockedMap is a map under an RWMutex.
type lockedMap struct {
	mu     sync.RWMutex
	words  map[uint64]uint64
	byText map[string]uint64
	text   []string
}

func (t *lockedMap) get(i uint64) (ok bool) {
	t.mu.RLock()
	if t.text != nil {
		_, ok = t.byText[t.text[i]]
	} else {
		_, ok = t.words[mapWord(i)]
	}
	t.mu.RUnlock()
	return ok
}

func (t *lockedMap) put(i uint64) {
	t.mu.Lock()
	if t.text != nil {
		t.byText[t.text[i]] = i
	} else {
		t.words[mapWord(i)] = i
	}
	t.mu.Unlock()
}

func (t *lockedMap) del(i uint64) (ok bool) {
	t.mu.Lock()
	if t.text != nil {
		_, ok = t.byText[t.text[i]]
		delete(t.byText, t.text[i])
	} else {
		_, ok = t.words[mapWord(i)]
		delete(t.words, mapWord(i))
	}
	t.mu.Unlock()
	return ok
}

func (t *lockedMap) each() int {
	n := 0
	t.mu.RLock()
	for range t.words {
		n++
	}
	for range t.byText {
		n++
	}
	t.mu.RUnlock()
	return n
}

var mapPeriod = map[string]int{"mix50": 2, "mix90": 10, "mix99": 100, "mix999": 1000}

// mapLoop is MAP_LOOPS.
func mapLoop(t table, op string, size uint64, n int, seed uint64) bool {
	rng, ok := seed*2+0x9E3779B97F4A7C15, true
	below := func(limit uint64) uint64 {
		rng ^= rng << 13
		rng ^= rng >> 7
		rng ^= rng << 17
		hi, _ := bits.Mul64(rng, limit)
		return hi
	}
	period := mapPeriod[op]
	left := 1
	for i := 0; i < n; i++ {
		switch op {
		case "hit":
			ok = t.get(below(size)) && ok
		case "miss":
			ok = !t.get(size+below(size)) && ok
		case "store":
			t.put(below(size))
		case "churn":
			if k := below(2 * size); !t.del(k) {
				t.put(k)
			}
		default:
			k := below(size)
			if left--; left == 0 {
				t.put(k)
				left = period
			} else {
				ok = t.get(k) && ok
			}
		}
	}
	return ok
}

// mapRow measures op on a map with so many keys; n operations by the goroutines of each P together.
func mapRow(fresh func([]string) table, op string, size uint64, texts bool, each int) func(*result, int) time.Duration {
	var t table
	var text []string
	return func(r *result, n int) time.Duration {
		ok := true
		var d time.Duration
		if texts && text == nil {
			text = mapTexts(2 * size)
		}
		if op == "insert" {
			for left := n; left > 0; left -= int(size) {
				t = fresh(text)
				runtime.GC()
				start := time.Now()
				for i := uint64(0); i < size && i < uint64(left); i++ {
					t.put(i)
				}
				d += time.Since(start)
			}
			t = nil
			return d
		}
		if t == nil {
			t = fresh(text)
			for i := uint64(0); i < size; i++ {
				t.put(i)
			}
			runtime.GC()
		}
		if op == "range" {
			seen := 0
			start := time.Now()
			for seen < n {
				k := t.each()
				ok = ok && k == int(size)
				seen += k
			}
			d = time.Duration(float64(time.Since(start)) * float64(n) / float64(seen))
		} else {
			var failed atomic.Bool
			d = crowd(runtime.GOMAXPROCS(0)*each, func(i int) {
				if !mapLoop(t, op, size, (n+each-1)/each, uint64(i)+1) {
					failed.Store(true)
				}
			})
			ok = !failed.Load()
		}
		if !ok {
			fmt.Fprintf(os.Stderr, "%s: a key was lost\n", r.Name)
			os.Exit(1)
		}
		return d
	}
}

// mapRows: which rows there are, and which of them in the short run, as in map_rows.h.
func mapRows(full bool, procs int) []row {
	var all []row
	kinds := []struct {
		name  string
		fresh func([]string) table
	}{
		{"map", func(text []string) table { return &syncMap{text: text} }},
		{"rwmap", func(text []string) table {
			return &lockedMap{words: map[uint64]uint64{}, byText: map[string]uint64{}, text: text}
		}},
	}
	for _, k := range kinds {
		add := func(op, suffix string, size uint64, procs int, texts bool, each int, short bool) {
			if full || short {
				name := "go/" + k.name + "_" + op + suffix + "/" + strconv.FormatUint(size, 10)
				all = append(all, row{name, procs, mapRow(k.fresh, op, size, texts, each), 0})
			}
		}
		for _, size := range []uint64{1000, 65536, 1000000} {
			ends := size != 65536
			for _, op := range []string{"hit", "miss", "store", "churn", "insert", "range", "mix50", "mix90", "mix99", "mix999"} {
				bar := op == "hit" || op == "store" || op == "churn" || op == "range"
				add(op, "", size, 1, false, 1, ends && bar || size == 1000 && (op == "insert" || op == "mix90"))
				add(op, "_text", size, 1, true, 1, op == "hit" && size == 1000)
				if procs >= 2 && ends && (op == "hit" || op == "churn" || mapPeriod[op] > 0) {
					add(op, "_p2", size, 2, false, 1, size == 1000 && (op == "hit" || op == "mix90"))
					add(op, "_over", size, 2, false, 4, false)
				}
			}
		}
	}
	return all
}
