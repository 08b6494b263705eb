package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// This file judges what a decoded document says: words that nobody knows,
// numbers out of range, keys that exclude each other. It knows a document and
// an engine, and no other circumstances.

type checker struct {
	*reporter
	engine Engine
	facts  reading
}

func (c *checker) profile(p *Profile) {
	if p.None || p.DefaultAction.Value == "" && len(p.Syscalls) == 0 && !c.facts.yajl {
		if c.count[Failure] == 0 { // else one may be there that could not be read
			c.add(Warning, CodeNoFilter, p.At, `say "unconfined" where that is meant, or give a defaultAction`,
				"neither defaultAction nor syscalls: the container runs without any filter")
		}
		return
	}
	at := p.DefaultAction.At
	if !at.Written() {
		at = p.At
	}
	c.action("defaultAction", p.DefaultAction.Value, at)
	c.errno("defaultErrnoRet", p.DefaultAction.Value, readIf(c.facts.object, p.DefaultErrnoRet), p.DefaultErrno)
	c.architectures(p)
	for _, f := range p.Flags {
		if c.facts.object {
			c.flag(f)
		}
	}
	fallback, _ := actionOf(p.DefaultAction.Value, ret(readIf(c.facts.object, p.DefaultErrnoRet)))
	for i := range p.Syscalls {
		c.rule(&p.Syscalls[i], fallback)
	}
	c.listener(p)
}

// ret is the value of a number that may be absent.
func ret(n *Number) *uint64 {
	if n == nil {
		return nil
	}
	return &n.Value
}

// readIf is a number as an engine has it that reads its key or not.
func readIf(read bool, n *Number) *Number {
	if read {
		return n
	}
	return nil
}

// action reports an action that the runtimes do not know.
func (c *checker) action(key, name string, at Pos) {
	if name == "" {
		c.add(Failure, CodeNoAction, at, "one of "+strings.Join(actionNames, ", "), "%s is missing", key)
		return
	}
	if slices.Contains(actionNames, name) {
		return
	}
	hint := "one of " + strings.Join(actionNames, ", ")
	if a, err := seccomp.ParseAction(name); err == nil && a.Known() {
		hint = "write SCMP_ACT_" + a.KindName()
	} else if near, ok := nearestWord(name, "SCMP_ACT_", actionNames); ok {
		hint = "did you mean " + near + "?"
	}
	c.add(Failure, CodeUnknownAction, at, hint, "unknown action %s", quote(name))
}

// errno judges errnoRet or defaultErrnoRet, and the name that
// containers/common has beside it.
func (c *checker) errno(key, action string, ret *Number, name Text) {
	c.errnoName(key, ret, name)
	if ret == nil {
		return
	}
	a, known := actionOf(action, nil)
	if !known {
		return
	}
	switch a.Kind() {
	case seccomp.Err:
		c.errnoRange(key, ret.At, ret.Value)
	case seccomp.Trace:
		if ret.Value > 0xffff {
			c.add(Warning, CodeErrnoRange, ret.At, "0 to 65535", "%s %d does not fit the 16 bits that a tracer gets: runc and crun cut it to %d", key, ret.Value, uint16(ret.Value))
		}
	default:
		c.add(Warning, CodeErrnoUnused, ret.At, "remove it", "%s for %s, which returns none: runc ignores it, crun refuses the profile", key, action)
	}
}

// errnoRange reports errno values with which no container starts, or not with
// that errno.
func (c *checker) errnoRange(key string, at Pos, v uint64) {
	const hint = "0 to 4094"
	switch {
	case v < seccomp.MaxErrno:
	case v == seccomp.MaxErrno:
		c.add(Warning, CodeErrnoRange, at, hint, "%s 4095 is an errno to the kernel, but libseccomp, and so runc and crun, refuses it", key)
	case uint16(v) < seccomp.MaxErrno:
		c.add(Warning, CodeErrnoRange, at, hint, "%s %d is no errno: the kernel has 16 bits for it, and runc and crun cut it to %d", key, v, uint16(v))
	default:
		c.add(Failure, CodeErrnoRange, at, hint, "%s %d is no errno: with runc and crun the container does not start, the kernel would return 4095", key, v)
	}
}

// errnoName judges errno and defaultErrno, which win over the number where
// the engine knows them.
func (c *checker) errnoName(key string, ret *Number, name Text) {
	if name.Value == "" {
		return
	}
	nameKey := strings.TrimSuffix(key, "Ret")
	v, ok := parseErrno(name.Value)
	same := ok && ret != nil && ret.Value == v
	switch {
	case same:
	case !c.facts.errnoNames && ret == nil:
		c.add(Warning, CodeIgnoredKey, name.At, ignoredHints[nameKey], "%v ignores the key %q", c.engine, nameKey)
	case !c.facts.errnoNames:
		c.add(Warning, CodeErrnoConflict, name.At, "make them equal", "%s is %s, but %v ignores it and takes %s %d", nameKey, quote(name.Value), c.engine, key, ret.Value)
	case !ok:
		c.add(Failure, CodeUnknownErrno, name.At, "a decimal number, or a name such as EPERM in upper case", "unknown errno %s", quote(name.Value))
	case v > seccomp.MaxErrno:
		c.errnoRange(nameKey, name.At, v)
	case ret != nil:
		c.add(Warning, CodeErrnoConflict, name.At, "make them equal", "%s is %s and %s is %d: %v takes %s, others the number", nameKey, quote(name.Value), key, ret.Value, c.engine, nameKey)
	}
}

func (c *checker) architectures(p *Profile) {
	if c.facts.includes && len(p.Architectures) > 0 && len(p.ArchMap) > 0 {
		c.add(Failure, CodeArchitectures, p.ArchMap[0].At, `use "architectures" or "archMap"`,
			"%s", c.facts.both("architectures", "archMap"))
	}
	for _, a := range p.Architectures {
		c.arch(Failure, a)
	}
	if !c.facts.includes {
		return
	}
	// Only one entry of archMap comes to the runtime, on one machine: the
	// others harm nobody.
	for i := range p.ArchMap {
		c.arch(Warning, p.ArchMap[i].Architecture)
		for _, a := range p.ArchMap[i].SubArchitectures {
			c.arch(Warning, a)
		}
	}
}

func (c *checker) arch(s Severity, a Text) {
	abi, ok := archOf(a.Value)
	if ok {
		if slices.Contains(notRunc, abi) {
			c.add(Warning, CodeRuntimeArch, a.At, "", "runc refuses the architecture %s, crun takes it", a.Value)
		}
		return
	}
	if c.full(s) {
		c.add(s, CodeUnknownArch, a.At, "", "")
		return
	}
	if abi, ok := ParseArch(a.Value); ok {
		c.add(Warning, CodeRuntimeArch, a.At, "write "+abi.OCI(), "runc refuses the architecture %s, crun takes it", a.Value)
		return
	}
	hint := "a name such as SCMP_ARCH_X86_64"
	if abi, err := seccomp.ParseABI(a.Value); err == nil {
		hint = "write " + abi.OCI()
	} else if near, ok := nearestWord(a.Value, "SCMP_ARCH_", archNames()); ok {
		hint = "did you mean " + near + "?"
	}
	c.add(s, CodeUnknownArch, a.At, hint, "unknown architecture %s", quote(a.Value))
}

func (c *checker) flag(f Text) {
	if _, ok := flagBits[f.Value]; ok {
		return
	}
	known := keysOf(flagBits)
	hint := "one of " + strings.Join(known, ", ")
	if near, ok := nearestWord(f.Value, "SECCOMP_FILTER_FLAG_", known); ok {
		hint = "did you mean " + near + "?"
	}
	c.add(Failure, CodeUnknownFlag, f.At, hint, "unknown flag %s", quote(f.Value))
}

// listener judges listenerPath and listenerMetadata beside the actions.
func (c *checker) listener(p *Profile) {
	const notify = "SCMP_ACT_NOTIFY"
	uses := slices.IndexFunc(p.Syscalls, func(r Rule) bool { return r.Action.Value == notify })
	path, m, hint := p.ListenerPath, p.ListenerMetadata, "give a listenerPath"
	if !c.facts.object {
		path, m, hint = Text{}, Text{}, ""
	}
	switch {
	case p.DefaultAction.Value == notify:
		c.add(Warning, CodeListener, p.DefaultAction.At, "", "runc refuses SCMP_ACT_NOTIFY as defaultAction")
	case path.Value == "" && uses >= 0:
		c.add(Warning, CodeListener, p.Syscalls[uses].Action.At, hint,
			"SCMP_ACT_NOTIFY without listenerPath: runc refuses the profile, with crun the calls fail with ENOSYS")
	case path.Value != "" && uses < 0:
		c.add(Note, CodeListener, path.At, "", "listenerPath without a rule of SCMP_ACT_NOTIFY: runc ignores it, crun connects to it")
	}
	switch {
	case path.At.Written() && path.Value == "" && c.facts.yajl, path.Value != "" && path.Value[0] != '/' && c.facts.yajl:
		c.add(Failure, CodeListener, path.At, "write it from the root on", "crun refuses the listenerPath %s: it is not absolute", quote(path.Value))
	case path.Value != "" && path.Value[0] != '/':
		c.add(Warning, CodeListener, path.At, "write it from the root on", "listenerPath %s is not absolute: crun refuses the profile", quote(path.Value))
	}
	if m.Value != "" && path.Value == "" {
		c.add(Warning, CodeListener, m.At, "give a listenerPath", "listenerMetadata without listenerPath")
	}
}

func (c *checker) rule(r *Rule, fallback seccomp.Action) {
	if r.Null {
		what := "Docker and Podman cannot resolve it"
		if !c.facts.includes {
			what = "the runtime refuses its empty action"
		}
		c.add(Failure, CodeNullRule, r.At, "remove it", "null where a rule must stand: %s", what)
		return
	}
	c.names(r)
	at := r.Action.At
	if !at.Written() {
		at = r.At
	}
	c.action("action", r.Action.Value, at)
	c.errno("errnoRet", r.Action.Value, readIf(c.facts.errnoRet, r.ErrnoRet), r.Errno)
	c.args(r, c.dropped(r, fallback))
	if c.facts.includes {
		c.filter(r.Includes, "the rule never stands")
		c.filter(r.Excludes, "the condition never applies")
	}
}

func (c *checker) names(r *Rule) {
	byName := c.facts.includes && r.Name.Value != ""
	switch {
	case byName && len(r.Names) > 0:
		s, says := Failure, c.facts.both("name", "names")
		if !c.facts.nameFirst && (r.Includes != nil || r.Excludes != nil) {
			s, says = Warning, says+" where the rule stands"
		}
		c.add(s, CodeNameAndNames, r.Name.At, `use "names" alone`, "%s", says)
	case !byName && r.Names == nil && c.facts.yajl:
		c.add(Failure, CodeNoNames, r.At, `list the calls in "names"`, "crun refuses a rule without names")
	case !byName && r.Names == nil:
		c.add(Warning, CodeNoNames, r.At, `list the calls in "names"`, "a rule without names has no effect; crun refuses it")
	case !byName && len(r.Names) == 0:
		c.add(Warning, CodeNoNames, r.At, `list the calls in "names"`, "a rule without names has no effect")
	}
	if byName {
		c.name(r.Name)
	}
	for _, n := range r.Names {
		c.name(n)
	}
}

func (c *checker) name(n Text) {
	if n.Value == "" {
		c.add(Warning, CodeEmptyName, n.At, "remove it", "an empty string is not a system call: runc refuses the profile, crun ignores it")
		return
	}
	if syscalls.Known(n.Value) {
		return
	}
	if c.full(Warning) {
		c.add(Warning, CodeUnknownSyscall, n.At, "", "")
		return
	}
	c.add(Warning, CodeUnknownSyscall, n.At, syscallHint(n.Value), "unknown system call %s: the runtimes ignore it without a word", quote(n.Value))
}

// syscallHint finds what a name was meant to be: also SYS_mkdir, __NR_mkdir
// and sys_mkdir.
func syscallHint(name string) string {
	bare := strings.ToLower(name)
	for _, prefix := range []string{"__nr_", "__x64_sys_", "sys_"} {
		bare = strings.TrimPrefix(bare, prefix)
	}
	if near, ok := syscalls.Nearest(bare); ok {
		return "did you mean " + near + "?"
	}
	return ""
}

// dropped reports whether the runtimes leave a rule out before they look at its
// conditions: it says what the default says, or is for no call that they know.
func (c *checker) dropped(r *Rule, fallback seccomp.Action) bool {
	a, ok := actionOf(r.Action.Value, ret(readIf(c.facts.errnoRet, r.ErrnoRet)))
	return ok && a == fallback || len(r.Names) > 0 && !slices.ContainsFunc(r.Names, func(n Text) bool { return syscalls.Known(n.Value) })
}

// args judges the conditions of a rule. Those behind the sixth are none to crun.
func (c *checker) args(r *Rule, dropped bool) {
	var seen [6]bool
	for i := range r.Args {
		a := &r.Args[i]
		if a.Null {
			c.add(Failure, CodeNullRule, a.At, "remove it", "null where a condition must stand")
			continue
		}
		c.arg(a, dropped || i >= len(seen))
		if n := a.Index.Value; n < 6 && !c.wrong[a.Index.At] {
			if seen[n] && i >= len(seen) {
				c.add(Warning, CodeRepeatedIndex, a.At, "write one rule for each alternative, or one range as a mask",
					"a condition behind the sixth: crun ignores it, runc takes all conditions of the rule as alternatives, any one of which is enough")
			} else if seen[n] {
				c.add(Warning, CodeRepeatedIndex, a.At, "write one rule for each alternative, or one range as a mask",
					"a second condition on argument %d: runc and crun then take all conditions of the rule as alternatives, any one of which is enough", n)
			}
			seen[n] = true
		}
	}
}

// arg judges a condition, which is no mistake where runtimes do not look at it.
func (c *checker) arg(a *Arg, ignored bool) {
	severity, but := Failure, ""
	if ignored {
		severity, but = Warning, ", but not every runtime looks at the condition"
	}
	at := func(n Pos) Pos {
		if n.Written() {
			return n
		}
		return a.At
	}
	if a.Index.Value > 5 {
		c.add(severity, CodeIndex, at(a.Index.At), "0 to 5", "argument %d: a system call has 6 arguments%s", a.Index.Value, but)
	}
	op, known := opNames[a.Op.Value]
	if !known {
		c.op(severity, a.Op.Value, at(a.Op.At), but)
		return
	}
	if op != policy.MaskedEQ {
		if a.ValueTwo.Value != 0 {
			c.add(Note, CodeUnusedValueTwo, a.ValueTwo.At, "only SCMP_CMP_MASKED_EQ uses it", "%s ignores valueTwo", a.Op.Value)
		}
		return
	}
	switch mask, datum := a.Value.Value, a.ValueTwo.Value; {
	case mask == 0:
		c.add(Warning, CodeMaskZero, at(a.Value.At), "value is the mask, valueTwo what the masked argument is compared with", "the mask is 0: the condition always holds")
	case datum&^mask != 0:
		c.add(Warning, CodeMaskValue, a.ValueTwo.At, fmt.Sprintf("value is the mask %#x, valueTwo what the masked argument is compared with", mask),
			"valueTwo has bits outside the mask: the runtimes drop them and compare with %#x", datum&mask)
	}
}

func (c *checker) op(severity Severity, name string, at Pos, but string) {
	known := keysOf(opNames)
	hint := "one of " + strings.Join(known, ", ")
	if name == "" {
		c.add(severity, CodeUnknownOp, at, hint, "op is missing%s", but)
		return
	}
	if near, ok := nearestWord(name, "SCMP_CMP_", known); ok {
		hint = "did you mean " + near + "?"
	}
	c.add(severity, CodeUnknownOp, at, hint, "unknown operator %s%s", quote(name), but)
}

// filter reports words of includes or excludes that no container and no
// machine can match.
func (c *checker) filter(f *Filter, effect string) {
	if f == nil {
		return
	}
	for _, n := range f.Caps {
		if capability(n.Value) != 0 || c.full(Warning) {
			continue
		}
		hint := ""
		if known, err := ParseCapability(n.Value); err == nil {
			hint = "write " + known.String()
		} else if near, ok := nearestWord(n.Value, "CAP_", capabilityNames[:]); ok {
			hint = "did you mean " + near + "?"
		}
		c.add(Warning, CodeUnknownCap, n.At, hint, "unknown capability %s: %s", quote(n.Value), effect)
	}
	for _, n := range f.Arches {
		if isMachine(n.Value) || c.full(Warning) {
			continue
		}
		hint := "names are those of GOARCH, mostly: amd64, x86, arm64"
		if abi, err := seccomp.ParseABI(n.Value); err == nil && c.facts.names[abi] != "" {
			hint = "write " + c.facts.names[abi]
		}
		c.add(Warning, CodeUnknownArch, n.At, hint, "%v calls no machine %s: it never matches", c.engine, quote(n.Value))
	}
}

// isMachine reports whether Docker or Podman calls some machine by that name.
// One that only the other uses is no mistake: it is how a file serves both.
func isMachine(name string) bool {
	for _, table := range []map[seccomp.ABI]string{mobyLoongArch.names, commonMachines.names} {
		for _, n := range table {
			if n == name {
				return true
			}
		}
	}
	return false
}
