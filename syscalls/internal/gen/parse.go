package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// call is one row of the table.
type call struct {
	name     string
	since    [3]uint8 // zero where unknown
	purpose  int      // index of purposes
	args     []arg
	opaque   bool // the arguments are unknown
	variants []variant
	through  through
	numbers  []int32 // for each of seccomp.ABIs, relative to its base; absent where none
}

// variant is the arguments of a call on the ABIs that differ from the rest.
type variant struct {
	abis []seccomp.ABI
	args []arg
}

type arg struct{ name, ctype, kind string }

// through tells how a multiplexer makes the call; by is empty where none does.
type through struct {
	by   string
	call uint32
	args []int8
}

const absent = -1

var fixedColumns = []string{"name", "since", "purpose", "arguments", "through"}

// parse reads the whole table and reports every mistake in it as
// file:line: what.
func parse(file, text string) ([]call, error) {
	var (
		calls  []call
		errs   []error
		header []string
	)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if header == nil {
			header = fields
			if want := columns(); !slices.Equal(header, want) {
				return nil, fmt.Errorf("%s:%d: columns are %q, want %q", file, i+1, header, want)
			}
			continue
		}
		c, err := parseRow(fields)
		if err == nil && len(calls) > 0 && calls[len(calls)-1].name >= c.name {
			err = fmt.Errorf("%s stands out of order", c.name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", file, i+1, err))
			continue
		}
		calls = append(calls, c)
	}
	if err := checkNumbers(calls); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", file, err))
	}
	return calls, errors.Join(errs...)
}

func columns() []string {
	want := slices.Clone(fixedColumns)
	for _, abi := range seccomp.ABIs() {
		want = append(want, abi.String())
	}
	return want
}

func parseRow(f []string) (c call, err error) {
	if len(f) != len(columns()) {
		return c, fmt.Errorf("%d columns, want %d", len(f), len(columns()))
	}
	c.name = f[0]
	if c.since, err = parseVersion(f[1]); err != nil {
		return c, err
	}
	if c.purpose, err = parsePurpose(f[2]); err != nil {
		return c, err
	}
	if err = c.parseArguments(f[3]); err != nil {
		return c, err
	}
	if c.through, err = parseThrough(f[4]); err != nil {
		return c, err
	}
	if c.through.by != "" && len(c.through.args) != len(c.args) {
		return c, fmt.Errorf("%d arguments, but %d registers of the multiplexer", len(c.args), len(c.through.args))
	}
	for _, s := range f[len(fixedColumns):] {
		n, err := parseNumber(s)
		if err != nil {
			return c, err
		}
		c.numbers = append(c.numbers, n)
	}
	return c, nil
}

func parseNumber(s string) (int32, error) {
	if s == "-" {
		return absent, nil
	}
	n, err := strconv.ParseUint(s, 10, 24)
	return int32(n), err
}

func parseVersion(s string) (v [3]uint8, err error) {
	if s == "-" {
		return v, nil
	}
	parts := strings.Split(s, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return v, fmt.Errorf("kernel version %q: want two or three numbers", s)
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return v, fmt.Errorf("kernel version %q: %w", s, err)
		}
		v[i] = uint8(n)
	}
	return v, nil
}

// parseArguments reads "PARAMETERS; ABI,ABI: PARAMETERS; ...".
func (c *call) parseArguments(s string) (err error) {
	if s == "?" {
		c.opaque = true
		return nil
	}
	parts := strings.Split(s, "; ")
	if c.args, err = parseArgs(parts[0]); err != nil {
		return err
	}
	for _, part := range parts[1:] {
		names, params, ok := strings.Cut(part, ": ")
		if !ok {
			return fmt.Errorf("arguments %q: want ABIs, a colon, parameters", part)
		}
		var v variant
		for name := range strings.SplitSeq(names, ",") {
			abi, err := seccomp.ParseABI(name)
			if err != nil {
				return err
			}
			v.abis = append(v.abis, abi)
		}
		if v.args, err = parseArgs(params); err != nil {
			return err
		}
		c.variants = append(c.variants, v)
	}
	return nil
}

var argPattern = regexp.MustCompile(`^(.*[ *])(\w+)$`)

// parseArgs reads a list of C parameters.
func parseArgs(s string) ([]arg, error) {
	if s == "void" {
		return nil, nil
	}
	var args []arg
	for param := range strings.SplitSeq(s, ", ") {
		m := argPattern.FindStringSubmatch(param)
		if m == nil {
			return nil, fmt.Errorf("argument %q: want a C type and a name", param)
		}
		ctype := strings.TrimSpace(m[1])
		kind, err := kindOf(ctype)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", param, err)
		}
		args = append(args, arg{m[2], ctype, kind})
	}
	return args, nil
}

// parseThrough reads "MULTIPLEXER CALL REGISTER,REGISTER,...".
func parseThrough(s string) (t through, err error) {
	if s == "-" {
		return t, nil
	}
	f := strings.Split(s, " ")
	if len(f) != 3 || f[0] != "socketcall" && f[0] != "ipc" {
		return t, fmt.Errorf("through %q: want socketcall or ipc, a number, registers", s)
	}
	n, err := strconv.ParseUint(f[1], 10, 16)
	if err != nil {
		return t, fmt.Errorf("through %q: %w", s, err)
	}
	t = through{by: f[0], call: uint32(n)}
	for r := range strings.SplitSeq(f[2], ",") {
		reg := uint64(0)
		if r != "-" {
			if reg, err = strconv.ParseUint(r, 10, 3); err != nil || reg == 0 || reg > 5 {
				return t, fmt.Errorf("through %q: register %q: want 1 to 5 or -", s, r)
			}
		}
		t.args = append(t.args, int8(reg))
		if r == "-" {
			t.args[len(t.args)-1] = -1
		}
	}
	return t, nil
}

// checkNumbers reports numbers that stand for two calls on one ABI.
func checkNumbers(calls []call) error {
	var errs []error
	for i, abi := range seccomp.ABIs() {
		seen := map[int32]string{}
		for _, c := range calls {
			n := c.numbers[i]
			if n == absent {
				continue
			}
			if other, ok := seen[n]; ok {
				errs = append(errs, fmt.Errorf("%v: %s and %s both have number %d", abi, other, c.name, n))
			}
			seen[n] = c.name
		}
	}
	return errors.Join(errs...)
}
