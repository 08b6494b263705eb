package notify

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/seccomp"
)

// everyCall is the filter that asks about every call on every ABI.
var everyCall = bpf.Program{bpf.Ret(seccomp.Notify)}

// The messages of one byte from the launcher: with a listener, whether
// no_new_privs is set, and without one, that a refusal follows.
const (
	privileged byte = iota
	noNewPrivs
	refused
)

// launcher becomes the command. It has its place already: the caller's
// session, terminal, directory, and standard descriptors. The stream to the
// recorder is at fd.
func launcher(fd int) int {
	unix.CloseOnExec(fd)
	p := newPeer(os.NewFile(uintptr(fd), "recorder"))
	var l launch
	if err := p.dec.Decode(&l); err != nil {
		return 1
	}
	o := kernel.InstallOptions{NoNewPrivs: !kernel.Privileged()}
	if kernel.HasFlag(kernel.WaitKillableRecv) == nil {
		o.Flags |= kernel.WaitKillableRecv
	}
	state := privileged
	if o.NoNewPrivs {
		state = noNewPrivs
	}
	err := kernel.ExecListener(l.Filter, o, l.Path, l.Args, l.Env, func(fd int) error {
		err := p.sendListener(state, fd)
		if err == nil {
			_, err = io.ReadFull(p, make([]byte, 1))
		}
		if err != nil { // nobody will answer execve
			os.Exit(1)
		}
		return nil
	})
	p.refuse(err)
	return 1
}

// refuse tells the recorder why there is no command.
func (p *peer) refuse(err error) {
	r := refusal{Text: err.Error()}
	errors.As(err, &r.Errno)
	var path *os.PathError
	if r.Installed = errors.As(err, &path); !r.Installed {
		// The recorder waits for a listener.
		if _, err := p.Write([]byte{refused}); err != nil {
			return
		}
	}
	_ = p.enc.Encode(r)
}

// error is the error that a refusal stands for.
func (r refusal) error(l launch) error {
	switch {
	case r.Installed && r.Errno != 0:
		return &os.PathError{Op: "exec", Path: l.Path, Err: r.Errno}
	case r.Errno != 0:
		return kernel.ExplainInstall(l.Filter, kernel.NewListener, -int(r.Errno))
	}
	return errors.New(r.Text)
}
