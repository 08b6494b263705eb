package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/observe"
)

func newRecord(t *terminal) *cobra.Command {
	r := &recordVerb{terminal: t}
	cmd := &cobra.Command{
		Use:     "record -o FILE [--] COMMAND [ARG...]",
		GroupID: groupRun,
		Short:   "Record what a workload calls, and write its least profile",
		Long: `Record which system calls a workload makes, and write the least profile that
lets it work. The workload is one of

  COMMAND [ARG...]           a command and all its children
  docker run ... IMAGE ...   the container that the line starts, not the client;
                             podman, nerdctl, runc and crun as well
  --container NAME|ID        a container that runs, with what is executed in it
  --pid N                    a process and its children
  --cgroup PATH              all processes of a cgroup

The recording ends with the workload and all its children, at Ctrl-C, or after
--duration, and is written in each case. Ctrl-C and SIGTERM are the command's
first, for whose end callgate then waits; where it goes on, a second one ends
the recording and leaves it running. The file is a profile for Docker, Podman,
containerd and OCI runtimes; one whose name ends in .obs gets the observation
itself, from which "callgate profile" makes profiles. -o may be given for both.
With --merge the observation in the file grows.

As root the kernel counts the calls in eBPF maps: nothing is streamed, so that
nothing is lost, and the workload hardly gets slower. Without privileges a
command runs under a filter that notifies callgate of each call, or is traced;
set-user-ID programs then gain no privileges.

A container that is started gets a profile which allows everything, or the one
that its command line names, with one more rule that marks it: from the moment
at which this filter is installed the calls count. So the profile has what the
runtime calls before the workload's first instruction, under a comment of its
own, and not what it calls before that. For other workloads these calls are
added from what is known of the runtimes, see --runtime. A container that goes
on, or is kept and started again, keeps that profile: replace it.

The state of the recording is kept in FILE.recording once a second. Where
callgate was killed, the next recording of the same workload to the same file
begins with it; "callgate profile FILE.recording" makes a profile of it.

With --verify the workload is run again under the profile, when the first run is
over, or has been ended. This run too is ended where it goes on: after
--duration, or else after ten times what the first run took, and 10 seconds at
least, but sooner where a call was denied. The exit status is 1 where calls are
denied and the command had succeeded.

The exit status is that of the command, 128+N where signal N had callgate leave
it running, and 125 where callgate failed.`,
		Example: `  callgate record -o web.json ./server --port 8080
  callgate record -o web.json docker run --rm -p 8080:80 nginx
  callgate record -o web.obs --container web --duration 10m
  callgate record --merge web.obs -o web.json --args ./test-suite
  callgate record -o web.json --verify ./test-suite`,
		RunE: func(_ *cobra.Command, args []string) error { return toolFailed(r.run(args)) },
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return toolFailed(usage(err, "see: "+cmd.CommandPath()+" --help"))
	})
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the command is the command's
	flags.StringArrayVarP(&r.outputs, "output", "o", nil, "the `FILE` for the profile, or with the suffix .obs for the observation; may be repeated")
	flags.StringVar(&r.merge, "merge", "", "add to the observation in `FILE.obs`")
	flags.StringVar(&r.container, "container", "", "record the running container `NAME|ID`")
	flags.IntVar(&r.pid, "pid", 0, "record the process `N` and its children")
	flags.StringVar(&r.cgroup, "cgroup", "", "record the processes of the cgroup `PATH`")
	flags.DurationVar(&r.duration, "duration", 0, "end the recording after this `TIME`, as in 90s or 10m; the workload goes on")
	choose(cmd, &r.recorder, "recorder", "what records", recorderAuto, recorderEBPF, recorderNotify, recorderPtrace)
	flags.BoolVar(&r.quiet, "quiet", false, "no live line and no summary")
	flags.BoolVar(&r.verifies, "verify", false, "run the workload again under the profile, and name what is denied")
	flags.BoolVar(&r.add, "add", false, "with --verify: allow what is denied, until nothing is")
	r.profile.register(cmd)
	return cmd
}

// recordVerb is one use of the verb record.
type recordVerb struct {
	terminal  *terminal
	relay     *relay // the signals, by run
	profile   profileFlags
	outputs   []string
	merge     string
	container string
	pid       int
	cgroup    string
	duration  time.Duration
	recorder  string
	quiet     bool
	verifies  bool
	add       bool
}

// run records, and returns how the command ended where there is one.
func (r *recordVerb) run(args []string) error {
	if err := errors.Join(r.check(args), r.profile.check(r.terminal)); err != nil {
		return err
	}
	known, err := r.known()
	if err != nil {
		return err
	}
	t, err := r.target(args)
	if err != nil {
		return err
	}
	r.relay = newRelay(t.signals())
	defer r.relay.close()
	j, err := openJournal(r.journalName(), t.words, r.terminal)
	if err != nil {
		return err
	}
	defer j.close()
	known.Merge(j.before)
	return r.record(t, known, j)
}

// record records a target, and adds the recording to what is known.
func (r *recordVerb) record(t target, known observe.Observation, j *journal) error {
	w, err := r.start(t)
	if err != nil {
		j.discard()
		return err
	}
	f, failed := r.follow(t.words, w, j, bound{total: r.duration})
	again := r.verifies && f.left == 0
	ends, stopped := again && (f.alive || f.cut), again && w.running()
	if ends {
		failed = errors.Join(failed, w.end())
	}
	failed = errors.Join(failed, w.close())
	if !f.recording.Began() {
		return r.notBegun(f, failed)
	}
	known.Merge(observe.Observation{Recordings: []observe.Recording{f.recording}})
	failed = errors.Join(failed, r.finish(known, f))
	if !ends {
		f.warnOfRest()
	}
	status := f.wait()
	if failed != nil || !again {
		return cmp.Or(failed, status)
	}
	if stopped {
		status = nil // it is callgate that has ended the command
	}
	return alsoVerified(status, r.verified(t, known, f.length()))
}

// start starts the target, unless callgate has been told to end by then.
func (r *recordVerb) start(t target) (*workload, error) {
	if s := r.relay.came(); s != 0 {
		return nil, &failure{status: 128 + int(s), err: fmt.Errorf("ended by %s before anything was recorded", signalName(s))}
	}
	return t.start()
}

// finish writes the files and tells what is in them.
func (r *recordVerb) finish(known observe.Observation, f *follower) error {
	if err := r.write(known); err != nil {
		return errors.Join(err, f.journal.keep(observe.Observation{Recordings: []observe.Recording{f.recording}}))
	}
	f.journal.remove()
	r.noteEngines(f.recording)
	if r.quiet {
		return nil
	}
	return summarise(r.terminal.talk, known, &r.profile)
}

// check checks the flags against each other.
func (r *recordVerb) check(args []string) error {
	var named []string
	for flag, given := range map[string]bool{
		"a command": len(args) > 0, "--container": r.container != "", "--pid": r.pid != 0, "--cgroup": r.cgroup != "",
	} {
		if given {
			named = append(named, flag)
		}
	}
	const want = "want one of: a command, --container, --pid, --cgroup"
	switch {
	case len(named) == 0:
		return usagef(want, "nothing to record is named")
	case len(named) > 1:
		return usagef(want, "more than one thing to record: %s", strings.Join(named, ", "))
	case r.pid < 0:
		return usagef("", "--pid %d is no process", r.pid)
	case r.duration < 0:
		return usagef("", "--duration %v is negative", r.duration)
	case len(r.outputs) == 0 && r.merge == "":
		return usagef("name a file with -o, as in: callgate record -o web.json ...", "record: -o is missing")
	case r.merge != "" && !isObservation(r.merge):
		return usagef("observations are files with the suffix .obs", "--merge %s: an observation is merged, not a profile", r.merge)
	case r.verifies && len(args) == 0:
		return usagef("--verify runs a command again", "what runs already cannot be run again")
	case r.verifies && r.profilePath() == "":
		return usagef("name a file with -o, as in -o web.json", "--verify needs the profile in a file")
	case r.directory() != "":
		return usagef("name a file in it, as in -o "+filepath.Join(r.directory(), "web.json"), "-o %s is a directory", r.directory())
	case r.add && !r.verifies:
		return usagef("", "--add belongs to --verify")
	}
	return nil
}

// isObservation reports whether a file is one for observations, by its name.
func isObservation(name string) bool { return strings.HasSuffix(name, ".obs") }

// journalName is the file in which the state is kept, "" for none.
func (r *recordVerb) journalName() string {
	for _, name := range append([]string{r.merge}, r.outputs...) {
		if name != "" && name != "-" && regular(name) {
			return resolved(name) + ".recording"
		}
	}
	return ""
}

// directory is an output that is a directory, "" for none.
func (r *recordVerb) directory() string {
	for _, name := range append([]string{r.merge}, r.outputs...) {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return name
		}
	}
	return ""
}

// known is the observation to which this one is added.
func (r *recordVerb) known() (observe.Observation, error) {
	if r.merge == "" {
		return observe.Observation{}, nil
	}
	o, err := readObservation(r.merge)
	if isNotExist(err) {
		return observe.Observation{}, nil
	}
	return o, err
}

// write writes the files.
func (r *recordVerb) write(o observe.Observation) error {
	outputs := r.outputs
	if r.merge != "" {
		outputs = append([]string{r.merge}, outputs...)
	}
	var errs []error
	for _, name := range outputs {
		data, err := r.profile.render(r.terminal, o, isObservation(name))
		if err == nil {
			err = r.terminal.write(name, data, false)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// recordsArguments reports whether the values of arguments are of use.
func (r *recordVerb) recordsArguments() bool {
	return r.profile.arguments || r.merge != "" || slices.ContainsFunc(r.outputs, isObservation)
}
