//go:build amd64 || arm64

package ebpf

import (
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/observe"
)

// The maps. All are preallocated, so that no program ever waits for memory.
const (
	mapTasks   = "tasks"   // thread id -> entry; an array, the quickest to look into
	mapAdopt   = "adopt"   // process id -> entry, for all threads of a process
	mapRows    = "rows"    // row -> cells
	mapOdd     = "odd"     // oddKey -> cell
	mapNames   = "names"   // executable -> row
	mapFree    = "free"    // rows that nobody has
	mapGlobals = "globals" // one struct of 64-bit numbers
	mapWanted  = "wanted"  // numbers of mount namespaces whose newcomers are followed
	mapCgroups = "cgroups" // the cgroup whose newcomers are followed
	mapSpecs   = "specs"   // argIndex -> argSpec
	mapTuples  = "tuples"  // tupleKey -> nothing
	mapEvents  = "events"  // wakes user space where a filter gets installed
)

// An entry is what is known of a followed thread: in 64 bits the row, the
// state, and 1 until the first exec behind the installation of a filter. It is
// all 0 where the thread is not followed.
const (
	entryRow, entryState, entryRuntime, entrySize = 0, 4, 6, 8

	stateNone    = 0
	stateOut     = 1 // in user space, if the ends of calls are looked at
	stateIn      = 2 // sys_enter was seen, or the end of this call is none
	stateStopped = 3 // in user space, where the last call was denied
	stateUnknown = 4 // attached to: perhaps in the midst of a call
)

// newEntry is how user space writes one: the machines are little-endian.
func newEntry(row uint32, state uint16) uint64 { return uint64(row) | uint64(state)<<32 }

// stateOf is the state in an entry.
func stateOf(entry uint64) uint16 { return uint16(entry >> 32) }

// Rows. The first two are there from the beginning.
const (
	rowUnknown = 0 // of workloads whose executable is not known
	rowRuntime = 1
	rowFirst   = 2 // the first that belongs to an executable
)

// A row has slots for the numbers below slots of the native ABI, and then for
// those of the compat ABI. A slot is a cell.
const (
	slots   = 512
	rowSize = 2 * slots * cellSize

	cellCount, cellTuples, cellFirst, cellSize = 0, 4, 8, 16
)

// The kind of a call.
const (
	kindCompat = 1
	kindDenied = 2
)

// nameSize is the space for an executable's path, with a zero behind it.
const nameSize = 256

// Offsets in the struct of global numbers.
const (
	globalLost       = 8 * iota // calls that were not stored
	globalStarted               // marks that were seen
	globalRows                  // names that were given a row
	globalRowsOut               // names that got none
	globalTasksFull             // threads that got no entry
	globalAlive                 // entries of mapTasks
	globalWatching              // whether the ends of calls are looked at
	globalUnwatched             // filters that followed threads installed before they were
	globalValuesFull            // tuples that were not stored
	globalWorkloads             // first execs behind a mark, and processes attached to
	globalPrivsNo               // those of them with no_new_privs
	globalAdopting              // entries of mapAdopt
	globalWanted                // entries of mapWanted
	globalCgroup                // whether mapCgroups has one
	globalsSize
)

// oddKey names a cell that is not in a row.
type oddKey struct{ Row, NR, Kind uint32 }

// cell is one in a map; those of rows are read word by word.
type cell struct {
	Count, Tuples uint32
	First         uint64 // nanoseconds of the boot clock
}

// argSpec says where in pt_regs the arguments of interest are.
type argSpec struct {
	Regs [3]uint16
	N    uint16
}

// The indexes of mapSpecs: the slots, and then numbers of x32 without bit 30.
const (
	specX32  = 2 * slots
	specs    = 4 * slots
	x32Bit   = 1 << 30
	moreMark = 1 << 16 // cellTuples of a cell whose tuples are too many
)

// tupleKey is one tuple of argument values of a call.
type tupleKey struct {
	Row, NR, Kind, Pad uint32
	Values             [3]uint64
}

const (
	oddKeySize   = 12
	tupleKeySize = 40
	maxTuples    = observe.MaxValues
)

func mapSpecsOf(s sizes, arguments bool) map[string]*ebpf.MapSpec {
	if !arguments {
		s.tuples = 1
	}
	hash := func(key, value, entries uint32) *ebpf.MapSpec {
		return &ebpf.MapSpec{Type: ebpf.Hash, KeySize: key, ValueSize: value, MaxEntries: entries}
	}
	array := func(value, entries, flags uint32) *ebpf.MapSpec {
		return &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: value, MaxEntries: entries, Flags: flags}
	}
	all := map[string]*ebpf.MapSpec{
		mapTasks:   array(entrySize, s.tasks, unix.BPF_F_MMAPABLE),
		mapAdopt:   hash(4, entrySize, 1024),
		mapRows:    array(rowSize, s.rows, unix.BPF_F_MMAPABLE),
		mapOdd:     hash(oddKeySize, cellSize, s.odd),
		mapNames:   hash(nameSize, 4, s.rows),
		mapFree:    {Type: ebpf.Queue, ValueSize: 4, MaxEntries: s.rows},
		mapGlobals: array(globalsSize, 1, unix.BPF_F_MMAPABLE),
		mapWanted:  hash(4, 4, 1024),
		mapCgroups: {Type: ebpf.CGroupArray, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		mapSpecs:   array(8, specs, 0),
		mapTuples:  hash(tupleKeySize, 4, s.tuples),
		mapEvents:  {Type: ebpf.RingBuf, MaxEntries: uint32(os.Getpagesize())},
	}
	for name, m := range all {
		m.Name = name
	}
	return all
}
