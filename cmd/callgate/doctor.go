package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/kernel"
	"github.com/callgate/callgate/observe/ebpf"
	"github.com/callgate/callgate/seccomp"
)

func newDoctor(t *terminal) *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "doctor",
		GroupID: groupFacts,
		Short:   "Say what this machine supports, and what each command needs",
		Long: `Say what the running kernel supports of seccomp, which Linux security modules
it has, and which commands of callgate work here and now, for this user. The
exit status is 1 where one does not.`,
		Example: `  callgate doctor
  callgate doctor --format json | jq '.features[] | select(.usable | not)'`,
		Args: arguments(""),
		RunE: func(*cobra.Command, []string) error {
			report := examine()
			if format == formatJSON {
				if err := t.json(report); err != nil {
					return err
				}
			} else if err := t.printHealth(report); err != nil {
				return err
			}
			for _, c := range report.Commands {
				if !c.Usable {
					return no
				}
			}
			return nil
		},
	}
	format.register(cmd)
	return cmd
}

// health is what doctor finds.
type health struct {
	System   string    `json:"system"`
	Kernel   string    `json:"kernel,omitempty"`
	ABI      string    `json:"abi,omitempty"`
	LSMs     finding   `json:"lsms"`
	Logged   finding   `json:"logged_actions"`
	Features []feature `json:"features"`
	Commands []needs   `json:"commands"`
}

// finding is a list, or why there is none.
type finding struct {
	Names []string `json:"names"`
	Error string   `json:"error,omitempty"`
}

type feature struct {
	Group  string `json:"group"`
	Name   string `json:"name"`
	Since  string `json:"since"`
	Usable bool   `json:"usable"`
	Reason string `json:"reason,omitempty"`
}

// needs are the features that a command cannot do without: all of Needs, and
// one of OneOf where that names any.
type needs struct {
	Command string   `json:"command"`
	Needs   []string `json:"needs"`
	OneOf   []string `json:"one_of,omitempty"`
	Usable  bool     `json:"usable"`
}

// commandNeeds are the features, by name, that commands need. The kernel may
// lack any other: a profile that asks for it is then refused.
var commandNeeds = []needs{
	{Command: "run", Needs: []string{"filter"}},
	{Command: "run --at, --after, --explain", Needs: []string{"filter", "ptrace"}},
	{Command: "run --strict", Needs: []string{"strict", "ptrace"}},
	{Command: "record COMMAND", OneOf: []string{recordingFeature, "SECCOMP_USER_NOTIF_FLAG_CONTINUE", "ptrace"}},
	{Command: "record docker run ..., --container, --pid, --cgroup", Needs: []string{recordingFeature}},
	{Command: "all others"},
}

// recordingFeature is what the recorder for everything but a command needs of
// the kernel and of the user.
const recordingFeature = "eBPF recorder"

func examine() health {
	h := health{System: runtime.GOOS, LSMs: find(kernel.LSMs()), Logged: find(kernel.LoggedActions())}
	if v, err := kernel.Running(); err == nil {
		h.Kernel = v.String()
	}
	if abi, ok := seccomp.NativeABI(runtime.GOARCH); ok {
		h.ABI = abi.String()
	}
	usable := map[string]bool{}
	for _, f := range kernel.Features() {
		usable[f.Name] = f.Err == nil
		h.Features = append(h.Features, feature{f.Group, f.Name, f.Since.String(), f.Err == nil, reason(f.Err)})
	}
	recording := canRecord()
	usable[recordingFeature] = recording.Usable
	h.Features = append(h.Features, recording)
	has := func(name string) bool { return usable[name] }
	lacks := func(name string) bool { return !usable[name] }
	for _, c := range commandNeeds {
		c.Usable = !slices.ContainsFunc(c.Needs, lacks) && (len(c.OneOf) == 0 || slices.ContainsFunc(c.OneOf, has))
		h.Commands = append(h.Commands, c)
	}
	return h
}

// canRecord loads the recorder, which is the one way to know.
func canRecord() feature {
	r, err := ebpf.Open(ebpf.Options{})
	if err == nil {
		err = r.Close()
	}
	return feature{"recording", recordingFeature, "5.8", err == nil, reason(err)}
}

func find(names []string, err error) finding {
	if err != nil {
		return finding{Error: err.Error()}
	}
	return finding{Names: names}
}

// reason says why a feature cannot be used.
func reason(err error) string {
	switch {
	case err == nil:
		return ""
	case runtime.GOOS != "linux":
		return "this is " + runtime.GOOS
	case errors.Is(err, errors.ErrUnsupported):
		return "this kernel does not have it"
	}
	return err.Error()
}

func (t *terminal) printHealth(h health) error {
	t.printf("system            %s\n", strings.TrimSpace(h.System+" "+h.Kernel+" "+h.ABI))
	t.printf("security modules  %s\n", h.LSMs)
	t.printf("logged actions    %s\n\n", h.Logged)
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FEATURE\tSINCE\tUSABLE")
	for _, f := range h.Features {
		fmt.Fprintf(w, "%s %s\t%s\t%s\n", f.Group, f.Name, f.Since, yes(f.Usable, f.Reason))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nCOMMAND\tNEEDS\tUSABLE")
	for _, c := range h.Commands {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Command, c, yes(c.Usable, ""))
	}
	return w.Flush()
}

func (n needs) String() string {
	list := n.Needs
	if len(n.OneOf) > 0 {
		list = append(slices.Clip(list), "one of "+strings.Join(n.OneOf, ", "))
	}
	if len(list) == 0 {
		return "nothing of this machine"
	}
	return strings.Join(list, ", ")
}

func (f finding) String() string {
	if f.Error != "" {
		return "unknown: " + f.Error
	}
	return strings.Join(f.Names, ", ")
}

func yes(ok bool, reason string) string {
	switch {
	case ok:
		return "yes"
	case reason == "":
		return "no"
	}
	return "no: " + reason
}
