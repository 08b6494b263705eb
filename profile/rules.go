package profile

import (
	"fmt"
	"slices"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// Rules are the rules of a policy that says what r says as it is written,
// each with the place of its name as origin. The ABIs are the native one and
// those listed; calls of others are killed, as all runtimes do. A name that
// no ABI has is left out, and reported as a warning; it has no effect in any
// runtime either.
//
// What a runtime really installs can differ: libseccomp has its own order of
// rules that contradict each other, and runc adds some. The error is an
// *[Error] that holds every word that the runtimes refuse.
func (r Resolved) Rules() (policy.Rules, Diagnostics, error) {
	if r.Unconfined {
		return policy.Rules{ABIs: []seccomp.ABI{r.Native}, Default: seccomp.Allow, Unlisted: seccomp.Allow}, nil, nil
	}
	c := &converter{}
	out := policy.Rules{ABIs: c.abis(r), Unlisted: seccomp.KillThread}
	out.Default = c.action(r.Places.DefaultAction, "defaultAction", r.DefaultAction, r.DefaultErrnoRet)
	names := 0
	for i := range r.Syscalls {
		names += len(r.Syscalls[i].Names)
	}
	out.Rules = make([]policy.Rule, 0, names)
	for i := range r.Syscalls {
		out.Rules = c.rules(out.Rules, &r.Syscalls[i])
	}
	found := c.sorted()
	if err := found.err(); err != nil {
		return policy.Rules{}, found, err
	}
	return out, found, nil
}

// FilterFlags are the flags of r as the bits that seccomp(2) takes. Runtimes
// set SPEC_ALLOW where r has nil Flags; the bits are what is written.
func (r Resolved) FilterFlags() (uint, error) {
	var bits uint
	for _, f := range r.Flags {
		bit, ok := flagBits[f]
		if !ok {
			return 0, fmt.Errorf("unknown flag %s%s", quote(f), didYouMean(f, "SECCOMP_FILTER_FLAG_", keysOf(flagBits)))
		}
		bits |= bit
	}
	return bits, nil
}

type converter struct{ reporter }

// report adds a diagnostic about what stands at an origin.
func (c *converter) report(s Severity, code string, at policy.Origin, hint, format string, args ...any) {
	c.file = at.File
	c.add(s, code, Pos{int32(at.Line), int32(at.Column)}, hint, format, args...)
}

func (c *converter) abis(r Resolved) []seccomp.ABI {
	var abis []seccomp.ABI
	if r.Native.Valid() {
		abis = append(abis, r.Native)
	}
	for i, name := range r.Architectures {
		abi, ok := archOf(name)
		if !ok {
			c.report(Failure, CodeUnknownArch, At(r.Places.Architectures, i), "a name such as SCMP_ARCH_X86_64", "unknown architecture %s", quote(name))
			continue
		}
		if !slices.Contains(abis, abi) {
			abis = append(abis, abi)
		}
	}
	return abis
}

func (c *converter) action(at policy.Origin, key, name string, errnoRet *uint64) seccomp.Action {
	a, ok := actionOf(name, errnoRet)
	if !ok {
		c.report(Failure, CodeUnknownAction, at, "a name such as SCMP_ACT_ERRNO", "%s: unknown action %s", key, quote(name))
	}
	if ok && errnoRet != nil {
		switch k := a.Kind(); {
		case k == seccomp.Err && *errnoRet > seccomp.MaxErrno:
			c.report(Failure, CodeErrnoRange, at, "0 to 4095", "%s: %d is no errno", key, *errnoRet)
		case k == seccomp.Trace && *errnoRet > 0xffff:
			c.report(Failure, CodeErrnoRange, at, "0 to 65535", "%s: a tracer gets 16 bits, and %d has more", key, *errnoRet)
		}
	}
	return a
}

// rules adds one rule for each name of an entry.
func (c *converter) rules(out []policy.Rule, r *ResolvedRule) []policy.Rule {
	action := c.action(r.Origin, "action", r.Action, r.ErrnoRet)
	var when []policy.Condition
	for _, a := range r.Args {
		when = append(when, c.condition(r.Origin, a))
	}
	for i, name := range r.Names {
		at := r.Origin
		if i < len(r.Origins) {
			at = r.Origins[i]
		}
		if name == "" {
			c.report(Failure, CodeEmptyName, at, "remove it", "an empty string is not a system call")
			continue
		}
		if !syscalls.Known(name) {
			hint := ""
			if !c.full(Warning) {
				hint = syscallHint(name)
			}
			c.report(Warning, CodeUnresolvedName, at, hint, "the rule for the unknown system call %s is left out", quote(name))
			continue
		}
		out = append(out, policy.Rule{Syscall: name, When: when, Action: action, Origin: at})
	}
	return out
}

func (c *converter) condition(at policy.Origin, a ResolvedArg) policy.Condition {
	cond, ok := a.Condition()
	if !ok {
		c.report(Failure, CodeUnknownOp, at, "a name such as SCMP_CMP_EQ", "unknown operator %s", quote(a.Op))
	}
	if a.Index > 5 {
		c.report(Failure, CodeIndex, at, "0 to 5", "argument %d: a system call has 6 arguments", a.Index)
	}
	return cond
}

// Condition is a as package policy has it: with an argument of 6 where the index
// is too large, and ok false where nobody knows the operator.
func (a ResolvedArg) Condition() (c policy.Condition, ok bool) {
	op, ok := opNames[a.Op]
	c = policy.Condition{Arg: int(min(a.Index, 6)), Op: op, Value: a.Value}
	if op == policy.MaskedEQ {
		c.Mask, c.Value = a.Value, a.ValueTwo
	}
	return c, ok
}
