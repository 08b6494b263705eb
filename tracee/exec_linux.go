//go:build amd64 || arm64 || 386

package tracee

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/kernel"
)

func (t *tracee) exec(p bpf.Program, o kernel.InstallOptions, path string, args, env []string) (err error) {
	if len(p) > 0 {
		if err := installable(p, o); err != nil {
			return err
		}
	}
	failed := func(err error) error { return &os.PathError{Op: "exec", Path: path, Err: err} }
	for _, list := range [][]string{{path}, args, env} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return failed(unix.EINVAL)
			}
		}
	}
	t.do(func() {
		// Before the filter, which may deny what this takes.
		var lists execLists
		if lists, err = t.lend(path, args, env); err != nil {
			return
		}
		o.Flags &^= kernel.TSync | kernel.TSyncESRCH // the other threads end with exec
		if len(p) > 0 {
			if err = t.confine(p, o); err != nil {
				return
			}
		} else if err = t.noNewPrivs(o.NoNewPrivs); err != nil {
			return
		}
		var r int64
		if r, err = t.inject(calls[t.image.abi].execve, lists.path, lists.argv, lists.envp); err != nil {
			return
		}
		switch {
		case r < 0:
			err = failed(unix.Errno(-r))
		case t.held != nil:
			if err = t.notExecuted(); err == nil {
				err = failed(errZero)
			}
		default:
			err = t.becameAnother()
		}
	})
	return err
}

// errZero is the failure of an exec whose result is no error.
var errZero = errors.New("a filter answers ERRNO(0) to execve, so that nothing is executed")

// notExecuted lets the held thread end where exec has returned, without an
// error, since a signal is to end it. The step that it makes where there is no
// such signal is undone.
func (t *tracee) notExecuted() error {
	th := t.held
	th.how = unix.PTRACE_SINGLESTEP
	defer func() { th.how = 0 }()
	t.resume(th)
	if err := t.until(func(other *thread, e event) bool { return other == th && e.kind == gotStep }); err != nil {
		return err
	}
	return t.home.set(th.tid)
}

// becameAnother deals with the program that the held one has become. It is
// followed whatever it is, also where it could not be held at a point.
func (t *tracee) becameAnother() error {
	t.home, t.begun = nil, false
	_ = t.load()
	_, err := sys.PtraceSigmask(t.pid, t.mask)
	return err
}

// execLists are the addresses of what execve is given.
type execLists struct{ path, argv, envp uint64 }

// lend puts what execve is given into fresh memory of the program, which ends
// with its own.
func (t *tracee) lend(path string, args, env []string) (execLists, error) {
	word := t.image.abi.WordBits() / 8
	size := word // to align the pointers
	for _, list := range [][]string{{path}, args, env} {
		size += word
		for _, s := range list {
			size += len(s) + 1 + word
		}
	}
	at, err := t.mmap(size)
	if err != nil {
		return execLists{}, err
	}
	b := block{at: at, word: word, data: make([]byte, 0, size)}
	argv, envp := b.strings(args), b.strings(env)
	lists := execLists{path: b.string(path), argv: b.pointers(argv), envp: b.pointers(envp)}
	return lists, write(t.held.tid, at, b.data)
}

// mmap maps memory that can be read and written.
func (t *tracee) mmap(size int) (uint64, error) {
	abi := t.image.abi
	r, err := t.inject(calls[abi].mmap, 0, uint64(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uint64(0), 0)
	switch {
	case err != nil:
		return 0, err
	case -4096 < r && r < 0:
		return 0, fmt.Errorf("%d bytes of memory in the program: %w", size, unix.Errno(-r))
	case abi.WordBits() == 32:
		return uint64(uint32(r)), nil
	}
	return uint64(r), nil
}

// block is memory of a program that is being filled.
type block struct {
	at   uint64
	word int // the size of a pointer
	data []byte
}

// string adds a string and returns its address.
func (b *block) string(s string) uint64 {
	at := b.at + uint64(len(b.data))
	b.data = append(append(b.data, s...), 0)
	return at
}

func (b *block) strings(list []string) []uint64 {
	at := make([]uint64, len(list))
	for i, s := range list {
		at[i] = b.string(s)
	}
	return at
}

// pointers adds an array that ends with a null pointer.
func (b *block) pointers(list []uint64) uint64 {
	for len(b.data)%b.word != 0 {
		b.data = append(b.data, 0)
	}
	at := b.at + uint64(len(b.data))
	for _, p := range append(list, 0) {
		if b.word == 4 {
			b.data = binary.NativeEndian.AppendUint32(b.data, uint32(p))
		} else {
			b.data = binary.NativeEndian.AppendUint64(b.data, p)
		}
	}
	return at
}
