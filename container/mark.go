package container

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A mark is a random number that one profile carries and no other, and with it
// the filters that runtimes make of the profile: a rule compares the last
// argument of a call with it that no kernel since 3.1 has code for, and so
// changes nothing.

// markCalls are calls that kernels have no code for any more, or never had.
// Only the first has a number on every ABI.
var markCalls = []string{"nfsservctl", "afs_syscall", "getpmsg", "putpmsg", "security", "tuxcall", "vserver"}

// markArgument is the argument that the mark is compared with. The calls never
// had that many.
const markArgument = 5

// architectures are those whose programs a machine runs, by GOARCH, as profiles
// name them. A filter kills what comes through another.
var architectures = map[string][]string{
	"amd64":    {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"},
	"386":      {"SCMP_ARCH_X86"},
	"arm64":    {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"},
	"arm":      {"SCMP_ARCH_ARM"},
	"loong64":  {"SCMP_ARCH_LOONGARCH64"},
	"mips64":   {"SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPS"},
	"mips64le": {"SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_MIPSEL"},
	"ppc64le":  {"SCMP_ARCH_PPC64LE"},
	"riscv64":  {"SCMP_ARCH_RISCV64"},
	"s390x":    {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"},
}

// AllowAll is a profile that allows every call on a machine of a GOARCH, and
// carries a mark.
func AllowAll(goarch string, mark uint64) []byte {
	doc := map[string]any{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []any{markRule(markCalls[0], "SCMP_CMP_EQ", mark, otherThan("SCMP_ACT_ALLOW"))}}
	if archs := architectures[goarch]; archs != nil {
		doc["architectures"] = archs
	}
	data, err := json.Marshal(doc)
	if err != nil {
		panic(err) // strings and numbers can be written
	}
	return data
}

// ErrNoMark is matched by the error of Marked for a profile that cannot carry
// one.
var ErrNoMark = errors.New("the profile has rules on all calls that could carry a mark")

// Marked is a profile of Docker or of OCI that carries a mark, and otherwise
// says what it said.
func Marked(profile []byte, mark uint64) ([]byte, error) {
	var doc map[string]any
	if err := decode(profile, &doc); err != nil {
		return nil, err
	}
	if err := addMark(doc, mark); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// decode reads one JSON value, whose numbers stay as they are written.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}

// addMark adds a rule for a call that the profile does not name. Where it names
// all of them it splits the rule that one is in: with the mark the call gets
// another action. That makes two rules, because runtimes leave out those that do
// what the default does, and which do is not for us to say: Docker before 23.0
// does not read the default's errno.
func addMark(doc map[string]any, mark uint64) error {
	rules, _ := doc["syscalls"].([]any)
	for _, call := range markCalls {
		if len(rulesOn(rules, call)) == 0 {
			doc["syscalls"] = append(rules, markRule(call, "SCMP_CMP_EQ", mark, otherThan(doc["defaultAction"])))
			return nil
		}
	}
	for _, call := range markCalls {
		on := rulesOn(rules, call)
		if len(on) != 1 || !plain(on[0]) {
			continue
		}
		on[0]["names"] = slices.DeleteFunc(on[0]["names"].([]any), func(name any) bool { return name == call })
		doc["syscalls"] = append(rules,
			markRule(call, "SCMP_CMP_EQ", mark, otherThan(on[0]["action"])),
			markRule(call, "SCMP_CMP_NE", mark, on[0]))
		return nil
	}
	return fmt.Errorf("%w: %v", ErrNoMark, markCalls)
}

// otherThan is a rule that does something else.
func otherThan(action any) map[string]any {
	if action == "SCMP_ACT_ALLOW" {
		return map[string]any{"action": "SCMP_ACT_ERRNO"}
	}
	return map[string]any{"action": "SCMP_ACT_ALLOW"}
}

// rulesOn are the rules that name a call.
func rulesOn(rules []any, call string) []map[string]any {
	var on []map[string]any
	for _, r := range rules {
		r, _ := r.(map[string]any)
		if names, _ := r["names"].([]any); slices.Contains(names, any(call)) || r["name"] == call {
			on = append(on, r)
		}
	}
	return on
}

// plain reports whether a rule is a list of names, of which it can lose one,
// and holds whatever their arguments are and for everybody.
func plain(rule map[string]any) bool {
	names, _ := rule["names"].([]any)
	for _, key := range []string{"name", "args", "includes", "excludes"} {
		if list, ok := rule[key].([]any); rule[key] != nil && !(ok && len(list) == 0) {
			return false
		}
	}
	return len(names) > 1
}

// markRule is a rule on a call with the mark, or on it with anything but the
// mark, that does what another does.
func markRule(call, op string, mark uint64, like map[string]any) map[string]any {
	rule := map[string]any{
		"names": []string{call}, "action": like["action"],
		"args": []any{map[string]any{"index": markArgument, "value": mark, "op": op}},
	}
	if errno, ok := like["errnoRet"]; ok {
		rule["errnoRet"] = errno
	}
	return rule
}
