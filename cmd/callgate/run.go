package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/container"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func newRun(t *terminal) *cobra.Command {
	r := &runner{terminal: t}
	cmd := &cobra.Command{
		Use:     "run [--] COMMAND [ARG...]",
		GroupID: groupRun,
		Short:   "Run a command under a policy, or in strict mode",
		Long: `Run a command under a policy, Docker's default profile where none is named. The
filter is installed and the command executed in this process, so that the
command has its place, its terminal and its exit status. Where the caller has no
CAP_SYS_ADMIN, no_new_privs is set, and set-user-ID bits have no effect.

A policy that does not allow execve cannot start a command from outside. With
--at or --after the filter is installed inside the running program instead, so
that a policy may leave out what only the start of a program needs:

  --at main           when its main function is about to be entered
  --at entry          before its first instruction, behind the dynamic loader
  --at SYMBOL         when a function is about to be entered, its own or one of
                      a library
  --after CALL[,N]    when the Nth such system call since main has returned

With --explain each call that the filter stops, in the command or any of its
children, is shown as it happens, with the line of the profile that decides, and
so is each that it lets through and logs; lines that would be the same are
shown once, and counted at the end. A call that fails for another reason is not
the filter's doing and is not shown. Callgate stays with the command for that,
as with --at, and stops it twice at each call, which makes calls slow; the
command can trace no others itself, set-user-ID bits have no effect unless
callgate has the privilege to trace such programs, and children that outlive the
command are let go.

With --strict the program gets no filter but the kernel's strict mode, at main
or at the point that is named: from there on any call but read, write, exit and
sigreturn ends it with SIGKILL, and callgate tells which one that was, with or
without --explain.

The exit status is that of the command, 128+N where signal N ended it, 125 where
callgate failed, 126 where the command cannot be executed and 127 where it is
not found.`,
		Example: `  callgate run ls -l
  callgate run --profile no-mkdir.json -- mkdir /tmp/x
  callgate run --explain --profile web.json ./server
  callgate run --security-opt seccomp=unconfined grep Seccomp /proc/self/status
  callgate run --profile narrow.json --at main ./server
  callgate run --strict --after openat ./program`,
		Args: func(cmd *cobra.Command, args []string) error {
			return toolFailed(arguments("COMMAND [ARG...]")(cmd, args))
		},
		RunE: func(_ *cobra.Command, args []string) error { return toolFailed(r.run(args)) },
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return toolFailed(usage(err, "see: "+cmd.CommandPath()+" --help"))
	})
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the command is the command's
	flags.StringVar(&r.profile, "profile", "", "the `POLICY` (default: docker:default)")
	flags.StringArrayVar(&r.security, "security-opt", nil, "an `OPTION` of docker run: seccomp=FILE, seccomp=builtin, seccomp=unconfined or no-new-privileges")
	flags.StringVar(&r.at, "at", "", "install the filter inside the program at `POINT`: main, entry or a symbol")
	flags.StringVar(&r.after, "after", "", "install the filter when `CALL[,N]` has returned")
	flags.BoolVar(&r.strict, "strict", false, "strict mode instead of a filter")
	flags.BoolVar(&r.explain, "explain", false, "show each call that the filter stops, and what decides")
	r.env.register(cmd)
	r.env.registerReading(cmd, false)
	return cmd
}

// toolFailed makes an error one of callgate itself, as opposed to the answer of
// the command that it runs.
func toolFailed(err error) error {
	var f *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f) && (f.err == nil || f.answer || f.status >= statusTool):
		return err
	}
	return &failure{status: statusTool, err: err, hint: hintOf(err)}
}

// runner is one use of the verb run.
type runner struct {
	terminal   *terminal
	env        envFlags
	profile    string
	security   []string
	at, after  string
	strict     bool
	explain    bool
	noNewPrivs bool
}

// run runs a command. It returns an error in any case but one: where the
// command has replaced this process it does not return.
func (r *runner) run(args []string) error {
	name, err := r.source()
	if err != nil {
		return err
	}
	point, err := r.point()
	if err != nil {
		return err
	}
	if native, _ := seccomp.NativeABI(runtime.GOARCH); r.env.arch.abi != native {
		return usagef("", "a command runs on this machine, which is %v, not %v", native, r.env.arch.abi)
	}
	path, err := lookUp(args[0])
	if err != nil {
		return err
	}
	if r.strict {
		return r.runStrict(path, args, point)
	}
	f, err := r.filter(name)
	if err != nil {
		return err
	}
	switch {
	case point != nil:
		return r.runHeld(path, args, *point, f)
	case r.explain:
		return r.runExplained(path, args, f)
	}
	return r.replace(path, args, f)
}

// source is the name of the policy that the flags ask for.
func (r *runner) source() (string, error) {
	name := r.profile
	for _, option := range r.security {
		key, value, hasValue := strings.Cut(option, "=")
		if !hasValue { // as Docker wrote it once
			key, value, hasValue = strings.Cut(option, ":")
		}
		switch {
		case key == "seccomp" && r.profile != "":
			return "", usagef("want one of them", "--profile %s and --security-opt %s both name a policy", r.profile, option)
		case key == "seccomp" && value == "builtin":
			name = defaultProfile
		case key == "seccomp" && value != "":
			name = value
		case key == "no-new-privileges" && (!hasValue || value == "true"):
			r.noNewPrivs = true
		case key == "no-new-privileges" && value == "false":
			r.noNewPrivs = false
		default:
			return "", usagef("want seccomp=FILE, seccomp=builtin, seccomp=unconfined or no-new-privileges", "--security-opt %q is not for a command", option)
		}
	}
	if r.strict && name != "" {
		return "", usagef("", "--strict is a mode of its own, and takes no policy")
	}
	if name == "" {
		name = defaultProfile
	}
	return name, nil
}

const defaultProfile = "docker:default"

// lookUp finds the file of a command.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil || errors.Is(err, exec.ErrDot): // who puts . into PATH means it
		return path, nil
	case errors.Is(err, exec.ErrNotFound):
		return "", &failure{status: statusNotFound, err: fmt.Errorf("%s: no such command in PATH", name)}
	case errors.Is(err, fs.ErrNotExist):
		return "", &failure{status: statusNotFound, err: fmt.Errorf("%s: no such file", name)}
	}
	return "", cannotExecute(name, err)
}

// cannotExecute is the failure of exec.
func cannotExecute(name string, err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	status := statusNotExecutable
	if errors.Is(err, fs.ErrNotExist) { // the interpreter of a script, say
		status = statusNotFound
	}
	return &failure{status: status, err: fmt.Errorf("%s cannot be executed: %w", name, err)}
}

// filter is what is to be installed.
type filter struct {
	program bpf.Program // nil: nothing
	options kernel.InstallOptions
	policy  *policy.Policy // nil: not known
	source  *source.Source
	abi     seccomp.ABI // of commands
}

// filter resolves and compiles the policy.
func (r *runner) filter(name string) (filter, error) {
	p, src, err := r.env.policy(r.terminal, name)
	if src == nil || err != nil && src.Kind != source.Filter {
		return filter{}, err
	}
	f := filter{source: src, policy: p, abi: r.env.arch.abi}
	f.options.NoNewPrivs = r.noNewPrivs
	if !src.Confined() {
		return f, nil
	}
	f.options.NoNewPrivs = r.noNewPrivs || !kernel.Privileged()
	r.tellDifference(name, src)
	bits, err := filterFlags(src)
	if err != nil {
		return filter{}, err
	}
	// This flag is about a listener, which a command here never has.
	f.options.Flags = kernel.Flag(bits) &^ kernel.WaitKillableRecv
	if f.program = src.Program; src.Kind != source.Filter {
		if f.program, err = compile.Compile(p, compile.Options{ByteOrder: r.env.arch.abi.ByteOrder()}); err != nil {
			return filter{}, &source.Error{Name: src.Name, Err: err}
		}
	}
	if slices.ContainsFunc(f.program, func(i bpf.Instruction) bool {
		return i.Code == bpf.Return && seccomp.Action(i.K).Kind() == seccomp.Notify
	}) {
		r.terminal.warn("%s asks a listener about some calls, and there is none: they fail with ENOSYS", src.Name)
	}
	return f, nil
}

// filterFlags are the flags with which a filter is installed: those of a profile,
// or those that the runtime takes.
func filterFlags(src *source.Source) (uint, error) {
	stack := src.Stack()
	if stack == nil {
		return src.Resolved.FilterFlags()
	}
	f, err := src.Enforced(*stack)
	if err != nil {
		return 0, err
	}
	return f.Flags(), nil
}

// tellDifference says where a runtime makes something else of a profile of the
// user's than what it says, which is what the command gets.
func (r *runner) tellDifference(name string, src *source.Source) {
	if src.Kind != source.Document || src.Builtin() || src.Stack() != nil {
		return
	}
	stack := r.env.reading.enforcing(r.env.engine(src.Name))
	different, err := differs(src, stack)
	switch {
	case err != nil:
		r.terminal.warn("%v", err)
	case different:
		r.terminal.warn("%s means something else to %v: %s", src.Name, stack, r.compare(name))
	}
}

// compare is the command that shows the difference, with the flags that were
// given.
func (r *runner) compare(name string) string {
	if name == "-" {
		return "write the profile to a file, and compare: callgate diff --as-written FILE"
	}
	words := append([]string{"callgate", "diff", "--as-written"}, r.env.given()...)
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	return container.ShellWords(append(words, name))
}

// replace turns this process into the command.
func (r *runner) replace(path string, args []string, f filter) error {
	if err := f.allowsExec(r.env.arch.abi); err != nil {
		return err
	}
	err := kernel.Exec(f.program, f.options, path, args, os.Environ())
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return cannotExecute(path, err)
	}
	return err
}

// allowsExec is an error where the policy cannot allow the call that starts the
// command.
func (f filter) allowsExec(abi seccomp.ABI) error {
	nr, ok := syscalls.Number(abi, "execve")
	if f.program == nil || f.policy == nil || !ok {
		return nil
	}
	given, err := f.policy.Given(seccomp.Data{Arch: abi.Arch(), NR: nr}, 0)
	if err != nil {
		return nil // too large to say
	}
	answers := given.Answers()
	if slices.ContainsFunc(answers, func(a policy.Answer) bool { return a.Action.Allows() }) {
		return nil
	}
	return &failure{
		status: statusTool,
		err:    fmt.Errorf("%s answers %v to execve, so that no command can be started under it", f.source.Name, answers[0].Action),
		hint:   "install the filter inside the program once it runs: callgate run --at main ...",
	}
}
