package profile

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/callgate/callgate/seccomp"
)

// This file makes a Profile of a tree of nodes, key by key from tables.
//
// It follows encoding/json into the types that the engines use, since that
// is how they all read: keys match in any case, a null leaves what is there,
// and of two equal keys the last wins. "Wins" has a corner: encoding/json
// decodes the second value into the first, so that an object keeps those of
// its fields that the second does not mention, and the elements of a list do
// too. The decoder keeps to that, and reports the key.
//
// crun reads otherwise, by libocispec and yajl, where it is given a document as
// it is: see OCICrun.

type decoder struct {
	*reporter
	engine Engine
}

// field is a key of an object and how its value is read.
type field[T any] struct {
	name string
	// read reports whether an engine reads the key; nil means that all do.
	read   func(reading) bool
	decode func(*decoder, *node, *T)
}

func readsIncludes(e reading) bool  { return e.includes }
func readsMinKernel(e reading) bool { return e.minKernel }
func readsErrnoRet(e reading) bool  { return e.errnoRet }
func readsObject(e reading) bool    { return e.object }

var profileFields = []field[Profile]{
	{"defaultAction", nil, func(d *decoder, n *node, p *Profile) { d.text(n, &p.DefaultAction) }},
	{"defaultErrnoRet", readsObject, func(d *decoder, n *node, p *Profile) { pointer(d, n, &p.DefaultErrnoRet, d.number32) }},
	{"defaultErrno", nil, func(d *decoder, n *node, p *Profile) { d.common(n, &p.DefaultErrno) }},
	{"architectures", nil, func(d *decoder, n *node, p *Profile) { list(d, n, &p.Architectures, d.text) }},
	{"archMap", readsIncludes, func(d *decoder, n *node, p *Profile) { list(d, n, &p.ArchMap, d.archMap) }},
	{"flags", readsObject, func(d *decoder, n *node, p *Profile) { list(d, n, &p.Flags, d.text) }},
	{"listenerPath", readsObject, func(d *decoder, n *node, p *Profile) { d.path(n, &p.ListenerPath) }},
	{"listenerMetadata", readsObject, func(d *decoder, n *node, p *Profile) { d.text(n, &p.ListenerMetadata) }},
	{"syscalls", nil, func(d *decoder, n *node, p *Profile) { list(d, n, &p.Syscalls, d.rule) }},
}

var archMapFields = []field[ArchMap]{
	{"architecture", nil, func(d *decoder, n *node, a *ArchMap) { d.text(n, &a.Architecture) }},
	{"subArchitectures", nil, func(d *decoder, n *node, a *ArchMap) { list(d, n, &a.SubArchitectures, d.text) }},
}

var ruleFields = []field[Rule]{
	{"name", readsIncludes, func(d *decoder, n *node, r *Rule) { d.text(n, &r.Name) }},
	{"names", nil, func(d *decoder, n *node, r *Rule) { list(d, n, &r.Names, d.text) }},
	{"action", nil, func(d *decoder, n *node, r *Rule) { d.text(n, &r.Action) }},
	{"errnoRet", readsErrnoRet, func(d *decoder, n *node, r *Rule) { pointer(d, n, &r.ErrnoRet, d.number32) }},
	{"errno", nil, func(d *decoder, n *node, r *Rule) { d.common(n, &r.Errno) }},
	{"args", nil, func(d *decoder, n *node, r *Rule) { list(d, n, &r.Args, d.arg) }},
	{"comment", nil, func(d *decoder, n *node, r *Rule) { d.comment(n, &r.Comment) }},
	{"includes", readsIncludes, func(d *decoder, n *node, r *Rule) { pointer(d, n, &r.Includes, d.filter) }},
	{"excludes", readsIncludes, func(d *decoder, n *node, r *Rule) { pointer(d, n, &r.Excludes, d.filter) }},
}

var argFields = []field[Arg]{
	{"index", nil, func(d *decoder, n *node, a *Arg) { d.number32(n, &a.Index) }},
	{"value", nil, func(d *decoder, n *node, a *Arg) { d.number(n, &a.Value) }},
	{"valueTwo", nil, func(d *decoder, n *node, a *Arg) { d.number(n, &a.ValueTwo) }},
	{"op", nil, func(d *decoder, n *node, a *Arg) { d.text(n, &a.Op) }},
}

var filterFields = []field[Filter]{
	{"caps", nil, func(d *decoder, n *node, f *Filter) { list(d, n, &f.Caps, d.text) }},
	{"arches", nil, func(d *decoder, n *node, f *Filter) { list(d, n, &f.Arches, d.text) }},
	{"minKernel", readsMinKernel, func(d *decoder, n *node, f *Filter) { pointer(d, n, &f.MinKernel, d.minKernel) }},
}

func (d *decoder) profile(n *node, p *Profile) { p.At = n.at; object(d, n, p, profileFields) }
func (d *decoder) archMap(n *node, a *ArchMap) { a.At = n.at; object(d, n, a, archMapFields) }
func (d *decoder) filter(n *node, f *Filter)   { f.At = n.at; object(d, n, f, filterFields) }

// rule reads a rule. Docker and Podman keep pointers to rules and so forget
// what a null replaces.
func (d *decoder) rule(n *node, r *Rule) {
	if n.kind == kindNull || r.Null {
		*r = Rule{}
	}
	r.At, r.Null = n.at, n.kind == kindNull
	object(d, n, r, ruleFields)
}

func (d *decoder) arg(n *node, a *Arg) {
	a.At, a.Null = n.at, n.kind == kindNull
	object(d, n, a, argFields)
}

// object reads an object by its table. Of anything else it reports the type.
func object[T any](d *decoder, n *node, into *T, fields []field[T]) {
	if n.kind != kindObject {
		d.mismatch(n, kindObject)
		return
	}
	var seen [16]Pos
	for i := 0; i < len(n.elems); i += 2 {
		key, value := &n.elems[i], &n.elems[i+1]
		at := findKey(key.text, fields)
		if at < 0 {
			unknownKey(d, key, fields)
			continue
		}
		f := &fields[at]
		yajl := d.engine.facts().yajl
		switch {
		case key.text == f.name:
		case yajl:
			d.add(Warning, CodeKeyCase, key.at, "write "+quote(f.name), "crun ignores the key %s, which differs in case from %q", quote(key.text), f.name)
			continue
		default:
			d.add(Warning, CodeKeyCase, key.at, "write "+quote(f.name), "key %s differs in case from %q: Go's JSON takes it, other readers do not", quote(key.text), f.name)
		}
		if seen[at].Written() && yajl {
			d.add(Warning, CodeDuplicateKey, key.at, "keep one of them", "duplicate key %q: crun takes the first one, at %d:%d, others the last", f.name, seen[at].Line, seen[at].Column)
			continue
		}
		if seen[at].Written() {
			d.add(Warning, CodeDuplicateKey, key.at, "keep one of them", "duplicate key %q: the last one wins, the first stands at %d:%d", f.name, seen[at].Line, seen[at].Column)
		}
		seen[at] = key.at
		if f.read == nil || f.read(d.engine.facts()) {
			f.decode(d, value, into)
			continue
		}
		d.add(Warning, CodeIgnoredKey, key.at, ignoredHints[f.name], "%v ignores the key %q", d.engine, f.name)
		d.silent++
		f.decode(d, value, into)
		d.silent--
	}
}

// ignoredHints say what to do where an engine does not read a key.
var ignoredHints = map[string]string{
	"archMap":      `list the architectures in "architectures"`,
	"name":         `write "names": ["..."]`,
	"includes":     "the rule stands for every container: resolve the profile first",
	"excludes":     "the rule stands for every container: resolve the profile first",
	"minKernel":    "the rule stands for every kernel",
	"errno":        `write "errnoRet" with a number`,
	"defaultErrno": `write "defaultErrnoRet" with a number`,

	"errnoRet":         "the calls fail with EPERM",
	"defaultErrnoRet":  "the calls fail with EPERM",
	"flags":            "the runtime chooses its own",
	"listenerPath":     "there is nobody whom SCMP_ACT_NOTIFY could notify",
	"listenerMetadata": "",
}

// findKey is the place of a key in the table, as encoding/json finds it:
// letters match in any case, by Unicode's simple folding. It is -1 for none.
func findKey[T any](key string, fields []field[T]) int {
	return slices.IndexFunc(fields, func(f field[T]) bool { return strings.EqualFold(f.name, key) })
}

func unknownKey[T any](d *decoder, key *node, fields []field[T]) {
	if d.full(Warning) {
		d.add(Warning, CodeUnknownKey, key.at, "", "")
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	hint := "known keys: " + strings.Join(names, ", ")
	if near, ok := nearest(key.text, names); ok {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	d.add(Warning, CodeUnknownKey, key.at, hint, "unknown key %s is ignored", quote(key.text))
}

// list reads an array into a slice, element by element. Elements that are
// there from an earlier equal key are decoded into, as encoding/json does.
func list[T any](d *decoder, n *node, into *[]T, decode func(*node, *T)) {
	switch n.kind {
	case kindNull:
		*into = nil
		return
	case kindArray:
	default:
		d.mismatch(n, kindArray)
		return
	}
	all := (*into)[:cap(*into)]
	if len(all) < len(n.elems) || len(n.elems) == 0 {
		all = make([]T, len(n.elems))
		copy(all, (*into)[:cap(*into)])
	}
	all = all[:len(n.elems)]
	for i := range n.elems {
		decode(&n.elems[i], &all[i])
	}
	*into = all
}

// pointer reads a value that may be absent.
func pointer[T any](d *decoder, n *node, into **T, decode func(*node, *T)) {
	if n.kind == kindNull || d.skips(n, kindNumber) {
		*into = nil
		return
	}
	if *into == nil {
		*into = new(T)
	}
	decode(n, *into)
}

// skips reports whether a value is as good as absent to crun, having the wrong
// type.
func (d *decoder) skips(n *node, want kind) bool {
	if !d.engine.facts().yajl || n.kind == want {
		return false
	}
	d.mismatch(n, want)
	return true
}

// mismatch reports a value of the wrong type. A null is none: it leaves what
// is there.
func (d *decoder) mismatch(n *node, want kind) {
	if n.kind == kindNull || n.kind == kindBad {
		return
	}
	if d.engine.facts().yajl {
		d.add(Warning, CodeType, n.at, "", "crun ignores a value that is %s, where %s must stand", article(n.kind), article(want))
		return
	}
	hint := ""
	if want == kindArray && n.kind != kindObject {
		hint = "put it in square brackets"
	}
	d.unreadable(CodeType, n.at, hint, "%v where %s must stand", n.kind, article(want))
}

func article(k kind) string {
	if k == kindNull {
		return k.String()
	}
	if k == kindArray || k == kindObject {
		return "an " + k.String()
	}
	return "a " + k.String()
}

func (d *decoder) text(n *node, into *Text) {
	if n.kind == kindString {
		into.Value = n.text
	} else {
		d.mismatch(n, kindString)
	}
	into.At = n.at
}

// path is text, but crun tells an empty string from none.
func (d *decoder) path(n *node, into *Text) {
	if !d.skips(n, kindString) {
		d.text(n, into)
	}
}

// comment reads the comment of a rule: a key that OCI has not, but whose loss
// nobody minds.
func (d *decoder) comment(n *node, into *Text) {
	d.foreign(n, into, d.engine.facts().includes)
}

// common reads an errno by name. Whether an engine that ignores it thereby
// changes the profile depends on the number beside it: see checkErrno.
func (d *decoder) common(n *node, into *Text) {
	d.foreign(n, into, d.engine.facts().errnoNames)
}

// foreign reads a string that does not have to be one where the engine does
// not read it.
func (d *decoder) foreign(n *node, into *Text, read bool) {
	if !read {
		d.silent++
		defer func() { d.silent-- }()
	}
	d.text(n, into)
}

// number reads an unsigned number of 64 bits, exactly.
func (d *decoder) number(n *node, into *Number) {
	into.At = n.at
	if d.skips(n, kindNumber) {
		return
	}
	if n.kind == kindString {
		hint := ""
		if v, err := strconv.ParseUint(n.text, 0, 64); err == nil {
			hint = "write " + strconv.FormatUint(v, 10)
		}
		d.unreadable(CodeType, n.at, hint, "the string %s where a number must stand", quote(n.text))
		return
	}
	if n.kind != kindNumber {
		d.mismatch(n, kindNumber)
		return
	}
	text, negative := n.text, false
	if d.engine.facts().yajl { // strtoull(3)
		text, negative = strings.CutPrefix(n.text, "-")
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if negative {
		v = -v
	}
	if err != nil {
		d.unreadable(CodeNumber, n.at, numberHint(n.text), "%s is not a whole number from 0 to 18446744073709551615", quoteNumber(n.text))
		return
	}
	into.Value = v
}

// number32 is number for a value of which crun takes 32 bits.
func (d *decoder) number32(n *node, into *Number) {
	if d.number(n, into); d.engine.facts().yajl && into.Value > math.MaxUint32 {
		d.unreadable(CodeNumber, n.at, "", "%s is not a whole number from 0 to 4294967295, which is all that crun takes here", quoteNumber(n.text))
	}
}

// numberHint says how the number that was perhaps meant is written.
func numberHint(text string) string {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && v < 0 {
		return "the argument register that holds it is " + strconv.FormatUint(uint64(v), 10) +
			", or " + strconv.FormatUint(uint64(uint32(v)), 10) + " where it holds an int"
	}
	if strings.ContainsAny(text, ".eE") {
		return "write it without a fraction and exponent"
	}
	return ""
}

func quoteNumber(text string) string {
	const most = 40
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// minKernel reads a version as Docker does: two decimal numbers below 256,
// not both zero, or the empty string.
func (d *decoder) minKernel(n *node, into *MinKernel) {
	d.text(n, &into.Text)
	if n.kind != kindString || n.text == "" {
		return
	}
	v, ok := parseMinKernel(n.text)
	if !ok {
		d.unreadable(CodeKernelVersion, n.at, `write two numbers from 0 to 255 as in "4.8"`, "minKernel %s is not a kernel version", quote(n.text))
		return
	}
	into.Version = v
}

func parseMinKernel(s string) (seccomp.Version, bool) {
	major, minor, ok := strings.Cut(s, ".")
	a, errA := strconv.ParseUint(major, 10, 8)
	b, errB := strconv.ParseUint(minor, 10, 8)
	k := seccomp.Version{Major: int(a), Minor: int(b)}
	return k, ok && errA == nil && errB == nil && k != (seccomp.Version{})
}
