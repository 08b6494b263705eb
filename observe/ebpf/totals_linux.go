//go:build amd64 || arm64

package ebpf

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// totals are what the counters of the kernel add up to. A counter has 32 bits
// and is read once a second at least, which at a nanosecond a call would be
// enough: only differences between readings count, modulo 2^32.
type totals struct {
	bootTime int64 // of the boot clock's zero, in Unix nanoseconds
	names    map[uint32]string
	rows     map[uint32]*rowTotals
	odd      map[oddKey]*cellTotal
	underway map[oddKey]*cellTotal // calls in whose midst threads were attached to
	tuples   map[tupleKey]bool
	globals  [globalsSize / 8]uint64
	missed   uint64 // runs of programs that the kernel left out
}

// rowTotals are those of the cells of a row.
type rowTotals [2 * slots]cellTotal

type cellTotal struct {
	before      uint32 // the last reading
	count       uint64
	first, last int64 // Unix nanoseconds
	more        bool  // too many tuples
}

func newTotals() totals {
	return totals{
		bootTime: bootTime(),
		names:    map[uint32]string{},
		rows:     map[uint32]*rowTotals{rowUnknown: {}, rowRuntime: {}},
		odd:      map[oddKey]*cellTotal{},
		underway: map[oddKey]*cellTotal{},
		tuples:   map[tupleKey]bool{},
	}
}

// bootTime is when the boot clock began.
func bootTime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Now().UnixNano() - t.Nano()
}

func (c *cellTotal) add(now, bootTime int64, count, tuples uint32, first uint64) {
	if count != c.before {
		c.count += uint64(count - c.before)
		c.before, c.last = count, now
	}
	if c.first == 0 && first != 0 {
		c.first = bootTime + int64(first)
	}
	c.more = c.more || tuples > maxTuples
}

func (r *Recorder) global(at int) uint64 { return r.total.globals[at/8] }

// poller reads the counters until Close, so that none comes round, and looks
// for who has joined.
func (r *Recorder) poller() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-second.C:
			r.mu.Lock()
			r.last = errors.Join(r.poll(), r.rescan())
			r.mu.Unlock()
		}
	}
}

// poll reads everything. The names come first: a row has its name before
// anything counts in it.
func (r *Recorder) poll() error {
	t := &r.total
	for i := range t.globals {
		t.globals[i] = atomic.LoadUint64(&r.globals[i])
	}
	if int(r.global(globalRows)) != len(t.names) {
		if err := r.readNames(); err != nil {
			return err
		}
	}
	now := time.Now().UnixNano()
	for row, cells := range t.rows {
		words := r.cells[row*rowSize/4:][:rowSize/4]
		for i := range cells {
			w := words[i*cellSize/4:][:cellSize/4]
			count := atomic.LoadUint32(&w[cellCount/4])
			if count == cells[i].before {
				continue
			}
			first := uint64(atomic.LoadUint32(&w[cellFirst/4])) | uint64(atomic.LoadUint32(&w[cellFirst/4+1]))<<32
			cells[i].add(now, t.bootTime, count, atomic.LoadUint32(&w[cellTuples/4]), first)
		}
	}
	err := batch(r.maps.Maps[mapOdd], func(k oddKey, c cell) {
		if t.odd[k] == nil {
			t.odd[k] = &cellTotal{}
		}
		t.odd[k].add(now, t.bootTime, c.Count, c.Tuples, c.First)
	})
	if err != nil {
		return err
	}
	if r.opts.Arguments {
		err = batch(r.maps.Maps[mapTuples], func(k tupleKey, _ uint32) { t.tuples[k] = true })
	}
	t.missed = r.misses()
	return err
}

func (r *Recorder) readNames() error {
	return batch(r.maps.Maps[mapNames], func(name [nameSize]byte, row uint32) {
		if _, ok := r.total.names[row]; !ok {
			path, _, _ := bytes.Cut(name[:], []byte{0})
			r.total.names[row] = string(path)
			r.total.rows[row] = &rowTotals{}
		}
	})
}

// misses is how often the kernel did not run a program because it ran on the
// same processor already. It should never happen; 5.12 counts it.
func (r *Recorder) misses() uint64 {
	var n uint64
	for _, prog := range r.maps.Programs {
		if s, err := prog.Stats(); err == nil {
			n += s.RecursionMisses
		}
	}
	return n
}

// batchSize is how many entries are read with one call.
const batchSize = 1024

// batch reads a hash. Entries that others add or remove meanwhile may be
// there or not; all others are, once.
func batch[K comparable, V any](m *ebpf.Map, each func(K, V)) error {
	keys, values := make([]K, batchSize), make([]V, batchSize)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return explain("read a map", err)
		}
		for i := range n {
			each(keys[i], values[i])
		}
		if err != nil {
			return nil
		}
	}
}

// Alive is how many followed threads live.
func (r *Recorder) Alive() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, errClosed
	}
	return int(int64(atomic.LoadUint64(&r.globals[globalAlive/8]))), nil
}

// Started is how often a filter with the mark was installed: by a container
// that starts, and by each process that docker exec adds to it.
func (r *Recorder) Started() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		return int(atomic.LoadUint64(&r.globals[globalStarted/8]))
	}
	return int(r.global(globalStarted))
}
