package enforce

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/callgate/callgate/enforce/libseccomp"
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/profile"
	"github.com/callgate/callgate/seccomp"
)

// This file takes the steps of a runtime from a resolved profile to libseccomp,
// in the order of the runtimes, but goes on behind a mistake so that all are
// reported.

type builder struct {
	*Filter
	resolved profile.Resolved
	fallback seccomp.Action
	facts    runtimeFacts
	found    profile.Diagnostics
}

func (b *builder) err() error {
	if len(b.found) == 0 {
		return nil
	}
	return &profile.Error{Diagnostics: b.found}
}

// refuse reports what the runtime refuses at a place.
func (b *builder) refuse(code string, at policy.Origin, hint, format string, args ...any) {
	if len(b.found) >= profile.MaxDiagnostics {
		return
	}
	b.found = append(b.found, profile.Diagnostic{
		Code: code, Severity: profile.Failure, File: at.File,
		Pos:     profile.Pos{Line: int32(at.Line), Column: int32(at.Column)},
		Message: fmt.Sprintf("%v refuses the profile: ", b.stack) + fmt.Sprintf(format, args...),
		Hint:    hint,
	})
}

func (b *builder) build() {
	r := b.resolved
	b.readFlags(r.Flags)
	architectures := b.architectures(r.Architectures)
	b.fallback = b.action(r.Places.DefaultAction, "defaultAction", r.DefaultAction, r.DefaultErrnoRet)
	b.checkListener()
	if b.err() != nil {
		return
	}
	b.open(architectures)
	for i := range r.Syscalls {
		b.entry(&r.Syscalls[i])
	}
	b.stub = b.newStub(architectures)
	b.checkLength()
}

// checkLength judges what the kernel would say of the program: it takes 4,096
// instructions.
func (b *builder) checkLength() {
	const hint = "state fewer rules with conditions, or put what many calls have in common into the default"
	if b.library == nil || b.err() != nil {
		return
	}
	switch least, most := b.library.Length(); {
	case least > maxInstructions:
		b.refuse(profile.CodeTooLarge, policy.Origin{File: b.resolved.Places.DefaultAction.File}, hint, "the filter has at least %d instructions, and the kernel takes %d", least, maxInstructions)
	case most+stubLength > maxInstructions:
		b.doubts = append(b.doubts, profile.Diagnostic{
			Code: profile.CodeTooLarge, Severity: profile.Warning, File: b.resolved.Places.DefaultAction.File, Hint: hint,
			Message: fmt.Sprintf("%v may refuse the profile: the filter has %d to %d instructions, and the kernel takes %d", b.stack, least, most, maxInstructions),
		})
	}
}

const (
	maxInstructions = 4096 // BPF_MAXINSNS of the kernel
	stubLength      = 64   // more than a stub has
)

// open makes an empty filter.
func (b *builder) open(architectures []seccomp.ABI) {
	library, err := libseccomp.New(b.stack.library(), b.resolved.Native, b.fallback)
	if err != nil {
		b.refuse(profile.CodeUnknownArch, b.resolved.Places.DefaultAction, "", "%v", err)
		return
	}
	b.library = library
	for i, abi := range architectures {
		if err := library.AddABI(abi); err != nil && !errors.Is(err, syscall.EEXIST) {
			b.refuse(profile.CodeUnknownArch, profile.At(b.resolved.Places.Architectures, i), "remove it", "the architecture %s cannot be filtered together with %v: %v", abi.OCI(), b.resolved.Native, err)
		}
	}
	if b.facts.treeAbove > 0 && len(names(b.resolved)) > b.facts.treeAbove {
		_ = library.SetOptimize(2) // which it knows
	}
}

// newStub is the stub that runc puts before a filter whose default stops calls.
func (b *builder) newStub(architectures []seccomp.ABI) stub {
	if k := b.fallback.Kind(); !b.facts.stub || k == seccomp.Allow || k == seccomp.Log || k == seccomp.Trace {
		return stub{}
	}
	if b.facts.stubNative {
		architectures = listed(architectures, b.resolved.Native)
	}
	return newStub(b.stack.library(), architectures, names(b.resolved))
}

// architectures are those that the profile lists.
func (b *builder) architectures(words []string) []seccomp.ABI {
	var abis []seccomp.ABI
	for i, word := range words {
		abi, ok := b.architecture(word)
		if !ok {
			b.refuse(profile.CodeUnknownArch, profile.At(b.resolved.Places.Architectures, i), "a name such as SCMP_ARCH_X86_64", "unknown architecture %q", word)
			continue
		}
		abis = append(abis, abi) // repeated ones too: the places go with them
	}
	return abis
}

// architecture reads the name of one.
func (b *builder) architecture(word string) (seccomp.ABI, bool) {
	abi, ok := profile.ParseArch(word)
	if b.facts.runc {
		ok = ok && word == abi.OCI() && profile.RuncTakes(abi)
	}
	return abi, ok
}

// readFlags reads the flags, which are SPEC_ALLOW where the profile has none. Of
// those that runc takes it never passes TSYNC on.
func (b *builder) readFlags(words []string) {
	const tsync, specAllow = 1 << 0, 1 << 2
	switch {
	case len(words) > 0 && !b.facts.flags:
		b.refuse(profile.CodeUnknownFlag, profile.At(b.resolved.Places.Flags, 0), "remove them", "it takes no flags")
		return
	case words == nil && b.facts.flags:
		b.flags = specAllow
	}
	for i, word := range words {
		bit, err := profile.Resolved{Flags: []string{word}}.FilterFlags()
		if err != nil {
			b.refuse(profile.CodeUnknownFlag, profile.At(b.resolved.Places.Flags, i), "", "%v", err)
		}
		b.flags |= bit
	}
	if b.facts.runc {
		b.flags &^= tsync
	}
}

// action is the action of a rule or of the default.
func (b *builder) action(at policy.Origin, key, word string, errnoRet *uint64) seccomp.Action {
	a, ok := profile.ParseAction(word, errnoRet)
	if !ok {
		b.refuse(profile.CodeUnknownAction, at, "a name such as SCMP_ACT_ERRNO", "%s: unknown action %q", key, word)
		return a
	}
	errnoKey := "errnoRet"
	if key == "defaultAction" {
		errnoKey = "defaultErrnoRet"
		if b.resolved.Places.DefaultErrnoRet.Line > 0 {
			at = b.resolved.Places.DefaultErrnoRet
		}
	}
	returns := a.Kind() == seccomp.Err || a.Kind() == seccomp.Trace
	switch {
	case errnoRet != nil && !returns && !b.facts.runc:
		b.refuse(profile.CodeErrnoUnused, at, "remove "+errnoKey, "%s %s returns no errno", key, word)
	case a.Kind() == seccomp.Err && a.Data() >= seccomp.MaxErrno:
		b.refuse(profile.CodeErrnoRange, at, "a "+errnoKey+" from 0 to 4094", "%s: libseccomp takes no errno %d", key, a.Data())
	}
	return a
}

// checkListener judges the actions that ask a listener, and its path. crun lets a
// container start without one.
func (b *builder) checkListener() {
	if path := b.resolved.ListenerPath; !b.facts.runc && path != "" && path[0] != '/' {
		b.refuse(profile.CodeListener, b.resolved.Places.ListenerPath, "write it from the root on", "the listenerPath %q is not absolute", path)
	}
	if !b.facts.runc {
		return
	}
	if b.fallback.Kind() == seccomp.Notify {
		b.refuse(profile.CodeListener, b.resolved.Places.DefaultAction, "name the calls to be asked about in rules", "the default action cannot be SCMP_ACT_NOTIFY")
	}
	for i := range b.resolved.Syscalls {
		r := &b.resolved.Syscalls[i]
		if r.Action != "SCMP_ACT_NOTIFY" {
			continue
		}
		if b.resolved.ListenerPath == "" {
			b.refuse(profile.CodeListener, r.Origin, "give a listenerPath", "SCMP_ACT_NOTIFY without listenerPath")
		}
		for j, name := range r.Names {
			if name == "write" {
				b.refuse(profile.CodeListener, origin(r, j), "leave it out", "SCMP_ACT_NOTIFY for write, by which runc itself tells of the listener")
			}
		}
	}
}

// origin is where name i of an entry stands.
func origin(r *profile.ResolvedRule, i int) policy.Origin {
	if i < len(r.Origins) {
		return r.Origins[i]
	}
	return r.Origin
}

// entry adds the rules of an entry of the profile.
func (b *builder) entry(r *profile.ResolvedRule) {
	action := b.action(r.Origin, "action", r.Action, r.ErrnoRet)
	if r.Names == nil && !b.facts.runc {
		b.refuse(profile.CodeNoNames, r.Origin, "remove the rule", "a rule without names")
	}
	args := b.args(r)
	if b.facts.runc && !b.operators(r, len(args)) {
		return // it reads them before all else
	}
	var when []policy.Condition
	for _, a := range r.Args[:len(args)] {
		c, _ := a.Condition() // operators and indexes judge it
		when = append(when, c)
	}
	for i, name := range r.Names {
		rule := rule{
			Rule:         policy.Rule{Syscall: name, When: when, Action: action, Origin: origin(r, i)},
			alternatives: repeated(args),
		}
		rule.skipped = b.skips(rule)
		if rule.skipped == notSkipped && !(b.operators(r, len(args)) && b.indexes(r, len(args))) {
			return
		}
		b.add(rule, args)
	}
}

// skips reports whether the runtime leaves a rule out, before it looks at the
// conditions.
func (b *builder) skips(r rule) skip {
	_, known := b.stack.library().Resolve(b.resolved.Native, r.Syscall)
	switch {
	case r.Syscall == "" && b.facts.runc:
		b.refuse(profile.CodeEmptyName, r.Origin, "remove it", "an empty string is not a system call")
		return isEmpty
	case r.Syscall == "":
		return isEmpty
	case r.Action == b.fallback:
		return isDefault
	case !known:
		return isUnknown
	}
	return notSkipped
}

// operators refuses those of the first n conditions that nobody knows.
func (b *builder) operators(r *profile.ResolvedRule, n int) bool {
	good := true
	for _, a := range r.Args[:n] {
		if _, ok := profile.ParseOp(a.Op); !ok {
			b.refuse(profile.CodeUnknownOp, r.Origin, "a name such as SCMP_CMP_EQ", "unknown operator %q", a.Op)
			good = false
		}
	}
	return good
}

// indexes refuses those of the first n conditions that are on no argument.
func (b *builder) indexes(r *profile.ResolvedRule, n int) bool {
	good := true
	for _, a := range r.Args[:n] {
		if a.Index > 5 {
			b.refuse(profile.CodeIndex, r.Origin, "0 to 5", "argument %d: a system call has 6 arguments", a.Index)
			good = false
		}
	}
	return good
}

// args are the conditions of an entry. crun looks at no more than six.
func (b *builder) args(r *profile.ResolvedRule) []libseccomp.Arg {
	given := r.Args
	if !b.facts.runc && len(given) > 6 {
		given = given[:6]
	}
	var args []libseccomp.Arg
	for _, a := range given {
		op, _ := profile.ParseOp(a.Op)
		args = append(args, libseccomp.Arg{Index: int(min(a.Index, 6)), Op: ops[op], Value: a.Value, ValueTwo: a.ValueTwo})
	}
	return args
}

// ops are what libseccomp calls the operators.
var ops = map[policy.Op]libseccomp.Op{
	policy.EQ: libseccomp.EQ, policy.NE: libseccomp.NE, policy.LT: libseccomp.LT, policy.LE: libseccomp.LE,
	policy.GE: libseccomp.GE, policy.GT: libseccomp.GT, policy.MaskedEQ: libseccomp.MaskedEQ,
}

// repeated reports whether two conditions are about one argument.
func repeated(args []libseccomp.Arg) bool {
	var seen [7]bool
	for _, a := range args {
		if seen[a.Index] {
			return true
		}
		seen[a.Index] = true
	}
	return false
}

// add hands a rule to libseccomp.
func (b *builder) add(r rule, args []libseccomp.Arg) {
	b.rules = append(b.rules, r)
	if r.skipped != notSkipped || b.library == nil {
		return
	}
	sets := [][]libseccomp.Arg{args}
	if r.alternatives {
		sets = nil
		for _, a := range args {
			sets = append(sets, []libseccomp.Arg{a})
		}
	}
	for _, set := range sets {
		err := b.library.AddRule(libseccomp.Rule{Name: r.Syscall, Action: r.Action, Args: set, Origin: placed(len(b.rules) - 1)})
		if err != nil {
			b.refused(r, err)
			return
		}
	}
}

// placed is how a rule is found again: libseccomp keeps its origin.
func placed(id int) policy.Origin { return policy.Origin{Rule: id} }

// refused reports the error of libseccomp about a rule.
func (b *builder) refused(r rule, err error) {
	var e *libseccomp.Error
	switch {
	case errors.Is(err, libseccomp.ErrHangs):
		b.refuse(profile.CodeConflict, r.Origin, "state the rules on "+r.Syscall+" in another way",
			"libseccomp never returns from the rules on %s, and the container does not start", r.Syscall)
	case errors.As(err, &e) && e.Errno == syscall.EEXIST && e.Other != nil:
		b.refuse(profile.CodeConflict, r.Origin, "make the conditions exclude each other, or the actions equal",
			"the rule %v contradicts %v", r.Rule, b.named(e.Other))
	case errors.As(err, &e) && e.Errno == syscall.EEXIST:
		b.refuse(profile.CodeConflict, r.Origin, "make the conditions exclude each other, or the actions equal",
			"the rule %v contradicts one before it", r.Rule)
	default:
		b.refuse(profile.CodeConflict, r.Origin, "", "the rule %v: %v", r.Rule, err)
	}
}

// named is a rule of libseccomp's as the profile has it, with its place.
func (f *Filter) named(r *libseccomp.Rule) string { return withPlace(&f.rules[r.Origin.Rule].Rule) }

func withPlace(r *policy.Rule) string {
	if at := r.Origin.String(); at != "" {
		return at + ": " + r.String()
	}
	return r.String()
}
