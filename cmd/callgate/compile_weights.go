package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/observe"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

var (
	// straceHeading is the first line of a table of strace -c.
	straceHeading = regexp.MustCompile(`(?m)^% time .* syscall\r?$`)
	fields        = regexp.MustCompile(`\S+`)
)

// readWeights reads the file that --weights names, nil for none.
func (v *compileVerb) readWeights() (compile.Weights, error) {
	if v.weights == "" {
		return nil, nil
	}
	data, err := source.ReadFile(v.weights, v.terminal.in)
	if e := (*source.Error)(nil); errors.As(err, &e) && errors.Is(err, source.ErrTooLarge) {
		e.Advice = "lines such as: read 1000, one for each call, say the same in less room"
	}
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	name, abi := source.FileName(v.weights), v.env.arch.abi
	var w compile.Weights
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")):
		w, err = observedWeights(observe.Read(name, bytes.NewReader(data)))
	case straceHeading.Match(data):
		o, failed := observe.ReadStrace(name, bytes.NewReader(data), abi)
		v.warnOfSkipped(o)
		w, err = observedWeights(o, failed)
	default:
		w, err = parseWeights(name, string(data), abi)
	}
	if err == nil && len(w) == 0 {
		err = &source.Error{Name: name, Err: errors.New("no calls are counted in it"),
			Advice: "want an observation, a table of strace -c, or lines such as: read 1000"}
	}
	return w, err
}

// warnOfSkipped warns of lines that were not understood, such as a row of a call
// that is not known. What else limits an observation does not matter to weights.
func (v *compileVerb) warnOfSkipped(o observe.Observation) {
	for _, r := range o.Recordings {
		for _, limit := range r.Limits {
			if strings.HasPrefix(limit, "lines that are not strace's") {
				v.terminal.warn("%s: %s", source.Printable(source.FileName(v.weights)), limit)
			}
		}
	}
}

// observedWeights are the calls of an observation. The filter runs for those that
// were stopped, too.
func observedWeights(o observe.Observation, err error) (compile.Weights, error) {
	w := compile.Weights{}
	for _, r := range o.Recordings {
		for k, s := range r.Calls {
			addWeight(w, k.ABI, k.NR, s.Count)
			addWeight(w, k.ABI, k.NR, s.Denied)
		}
	}
	return w, err
}

// addWeight counts n calls more, as far as they can be counted.
func addWeight(w compile.Weights, abi seccomp.ABI, nr uint32, n uint64) {
	if n == 0 {
		return
	}
	if w[abi] == nil {
		w[abi] = map[uint32]uint64{}
	}
	w[abi][nr] += min(n, math.MaxUint64-w[abi][nr])
}

// warnOfWeights warns where p lists no ABI of the calls that are counted.
func (v *compileVerb) warnOfWeights(p *policy.Policy, w compile.Weights) {
	listed := compile.ABIs(p, v.env.arch.abi.ByteOrder())
	if slices.ContainsFunc(listed, func(abi seccomp.ABI) bool { return w[abi] != nil }) {
		return
	}
	if len(w) > 0 {
		v.terminal.warn("%s: the weights have no effect: the policy lists no ABI of the calls that are counted (%s)",
			source.Printable(source.FileName(v.weights)), abiNames(slices.Sorted(maps.Keys(w))))
	}
}

// parseWeights reads lines of a name or a number of a call and a count. Empty ones
// are passed over, and those that start with #.
func parseWeights(name, text string, abi seccomp.ABI) (compile.Weights, error) {
	w, number := compile.Weights{}, 0
	for line := range strings.Lines(text) {
		number++
		words := fields.FindAllStringIndex(line, -1)
		if len(words) == 0 || line[words[0][0]] == '#' {
			continue
		}
		at := func(column int, hint string, err error) error {
			return usage(fmt.Errorf("%s:%d:%d: %w", name, number, column+1, err), hint)
		}
		call := line[words[0][0]:words[0][1]]
		nr, err := numberOf(call, abi)
		if err != nil {
			near, ok := syscalls.Nearest(call)
			return nil, at(words[0][0], map[bool]string{true: "did you mean " + near + "?"}[ok], err)
		}
		if len(words) != 2 {
			return nil, at(words[min(len(words)-1, 2)][0], "", errors.New("want a name or a number, and a count"))
		}
		count := line[words[1][0]:words[1][1]]
		n, err := strconv.ParseUint(count, 10, 64)
		if err != nil {
			return nil, at(words[1][0], "", fmt.Errorf("want a count, such as 1000, not %q", count))
		}
		addWeight(w, abi, nr, n)
	}
	return w, nil
}

// numberOf is the number of a call of abi that is named or numbered.
func numberOf(call string, abi seccomp.ABI) (uint32, error) {
	if nr, ok := syscalls.Number(abi, call); ok {
		return nr, nil
	}
	nr, err := strconv.ParseUint(call, 0, 32)
	if err == nil {
		if _, ok := syscalls.Name(abi, uint32(nr)); ok {
			return uint32(nr), nil
		}
	}
	return 0, fmt.Errorf("%v has no system call %q", abi, call)
}
