package profile_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/arbitrary"
)

// TestRandomParity compares us with moby on documents that look like
// profiles, with a mistake here and there.
func TestRandomParity(t *testing.T) {
	r := arbitrary.New(2)
	for range 2000 {
		d := documents{r}
		checkParity(t, []byte(d.object(d.profile, 5)))
	}
}

// documents writes random documents.
type documents struct{ *rand.Rand }

// pick is one of the words, which are separated by spaces; in one of some
// hundred cases it is something that has no place there.
func (d documents) pick(words string) string {
	if d.IntN(250) == 0 {
		words = `null {} [] 5 -1 1.5 "x" true [null] "" "\ud800"`
	}
	list := strings.Fields(words)
	return list[d.IntN(len(list))]
}

// object has up to n members.
func (d documents) object(member func() string, n int) string {
	members := make([]string, 1+d.IntN(n))
	for i := range members {
		members[i] = member()
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (d documents) array(elem func() string) string {
	elems := make([]string, d.IntN(4))
	for i := range elems {
		elems[i] = elem()
	}
	return "[" + strings.Join(elems, ",") + "]"
}

func (d documents) key(k string) string {
	if d.IntN(40) == 0 {
		k = strings.ToUpper(k)
	}
	return `"` + k + `":`
}

func (d documents) profile() string {
	switch k := d.pick("defaultAction defaultAction defaultErrnoRet architectures archMap flags listenerPath syscalls syscalls syscalls extra"); k {
	case "defaultAction":
		return d.key(k) + d.pick(`"SCMP_ACT_ERRNO" "SCMP_ACT_ALLOW" "SCMP_ACT_KILL"`)
	case "defaultErrnoRet":
		return d.key(k) + d.pick("0 1 38 null 4095")
	case "architectures":
		return d.key(k) + d.array(d.arch)
	case "archMap":
		return d.key(k) + d.array(func() string {
			return `{"architecture":` + d.arch() + `,"subArchitectures":` + d.array(d.arch) + "}"
		})
	case "flags":
		return d.key(k) + d.array(func() string { return d.pick(`"SECCOMP_FILTER_FLAG_LOG" "SECCOMP_FILTER_FLAG_TSYNC"`) })
	case "syscalls":
		return d.key(k) + d.array(func() string { return d.object(d.rule, 5) })
	default:
		return d.key(strings.Trim(k, `"`)) + d.pick(`"/x" "" {} null`)
	}
}

func (d documents) arch() string {
	return d.pick(`"SCMP_ARCH_X86_64" "SCMP_ARCH_X86_64" "SCMP_ARCH_X86" "SCMP_ARCH_AARCH64" "SCMP_ARCH_X32"`)
}

func (d documents) rule() string {
	switch k := d.pick("name names names action action errnoRet args comment includes excludes"); k {
	case "names":
		return d.key(k) + d.array(func() string { return d.pick(`"read" "write" "mkdir" "nosuch"`) })
	case "action":
		return d.key(k) + d.pick(`"SCMP_ACT_ALLOW" "SCMP_ACT_ERRNO" "SCMP_ACT_LOG" "SCMP_ACT_TRACE"`)
	case "errnoRet":
		return d.key(k) + d.pick("0 1 2 null 4094")
	case "args":
		return d.key(k) + d.array(func() string { return d.object(d.arg, 4) })
	case "includes", "excludes":
		return d.key(k) + d.object(d.filter, 3)
	default:
		return d.key(strings.Trim(k, `"`)) + d.pick(`"read" "" null`)
	}
}

func (d documents) arg() string {
	k := d.pick("index value valueTwo op")
	switch k {
	case "op":
		return d.key(k) + d.pick(`"SCMP_CMP_EQ" "SCMP_CMP_MASKED_EQ" "SCMP_CMP_GT"`)
	case "index": // 32 bits on a machine of 32 bits
		return d.key(k) + d.pick("0 1 5 6 4294967295 null")
	}
	return d.key(strings.Trim(k, `"`)) + d.pick("0 1 5 18446744073709551615 9007199254740993 null")
}

func (d documents) filter() string {
	switch k := d.pick("caps arches minKernel"); k {
	case "caps":
		return d.key(k) + d.array(func() string { return d.pick(`"CAP_CHOWN" "CAP_SYS_ADMIN" "CHOWN" "CAP_KILL"`) })
	case "arches":
		return d.key(k) + d.array(func() string { return d.pick(`"amd64" "arm64" "x86" "s390x"`) })
	default:
		return d.key(strings.Trim(k, `"`)) + d.pick(`"3.10" "4.8" "" null "255.0" "0.0" "x"`)
	}
}
