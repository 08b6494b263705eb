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
	doc := map[string]any{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []any{markRule(markCalls[0], "SCMP_ACT_ERRNO", mark)}}
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

func addMark(doc map[string]any, mark uint64) error {
	rules, _ := doc["syscalls"].([]any)
	var named []any
	for _, rule := range rules {
		if rule, ok := rule.(map[string]any); ok {
			names, _ := rule["names"].([]any)
			named = append(append(named, names...), rule["name"])
		}
	}
	action := "SCMP_ACT_ALLOW"
	if doc["defaultAction"] == action {
		action = "SCMP_ACT_ERRNO"
	}
	for _, call := range markCalls {
		if !slices.Contains(named, any(call)) {
			doc["syscalls"] = append(rules, markRule(call, action, mark))
			return nil
		}
	}
	return fmt.Errorf("%w: %v", ErrNoMark, markCalls)
}

func markRule(call, action string, mark uint64) map[string]any {
	return map[string]any{
		"names": []string{call}, "action": action,
		"args": []any{map[string]any{"index": markArgument, "value": mark, "op": "SCMP_CMP_EQ"}},
	}
}

// CheckPrivileged is an error for a privileged container: engines install no
// filter there, whatever profile is named.
func (c *Command) CheckPrivileged() error {
	if !c.Privileged {
		return nil
	}
	return fmt.Errorf("%s runs containers with --privileged without any filter, whatever profile is named", c.Engine)
}
