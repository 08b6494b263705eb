package syscalls

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/seccomp"
)

func TestArgs(t *testing.T) {
	for _, c := range []struct {
		name string
		want []Arg
	}{
		{"openat", []Arg{
			{"dfd", "int", Int32},
			{"filename", "const char *", Pointer},
			{"flags", "int", Int32},
			{"mode", "umode_t", UInt16},
		}},
		{"execve", []Arg{
			{"filename", "const char *", Pointer},
			{"argv", "const char *const *", Pointer},
			{"envp", "const char *const *", Pointer},
		}},
		{"pread64", []Arg{
			{"fd", "unsigned int", UInt32},
			{"buf", "char *", Pointer},
			{"count", "size_t", Size},
			{"pos", "loff_t", Wide},
		}},
		{"landlock_add_rule", []Arg{
			{"ruleset_fd", "const int", Int32},
			{"rule_type", "const enum landlock_rule_type", UInt32},
			{"rule_attr", "const void *const", Pointer},
			{"flags", "const __u32", UInt32},
		}},
		{"capget", []Arg{
			{"header", "cap_user_header_t", Pointer},
			{"dataptr", "cap_user_data_t", Pointer},
		}},
		{"getpid", []Arg{}},
		{"getuid32", []Arg{}},
		{"tuxcall", nil}, // never had code
		{"no_such_call", nil},
	} {
		if got := Args(c.name); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Args(%q) = %#v, want %#v", c.name, got, c.want)
		}
	}
}

// TestArgsAreCopies checks that a caller cannot change the table.
func TestArgsAreCopies(t *testing.T) {
	Args("read")[0] = Arg{}
	if got := Args("read")[0].Name; got != "fd" {
		t.Errorf("first argument of read is now %q", got)
	}
}

func TestArgsOfAll(t *testing.T) {
	for _, name := range Names() {
		args := Args(name)
		if len(args) > 6 {
			t.Errorf("%s has %d arguments, a filter sees 6", name, len(args))
		}
		for i, a := range args {
			if a.Name == "" || a.Type == "" || strings.HasPrefix(a.Kind.String(), "Kind(") {
				t.Errorf("%s: argument %d is %+v", name, i, a)
			}
			if pointer := strings.Contains(a.Type, "*"); pointer && a.Kind != Pointer {
				t.Errorf("%s: argument %d is %+v", name, i, a)
			}
		}
	}
}

func TestKind(t *testing.T) {
	for _, c := range []struct {
		kind             Kind
		text             string
		x86, x86_64, x32 int
		signed           bool
	}{
		{Int32, "int32", 32, 32, 32, true},
		{UInt32, "uint32", 32, 32, 32, false},
		{UInt16, "uint16", 16, 16, 16, false},
		{Long, "long", 32, 64, 64, true},
		{ULong, "ulong", 32, 64, 64, false},
		{Size, "size", 32, 64, 64, false},
		{Pointer, "pointer", 32, 64, 64, false},
		{Wide, "wide", 32, 64, 64, false},
		{WideLow, "wide low", 32, 32, 32, false},
		{WideHigh, "wide high", 32, 32, 32, false},
		{Unused, "unused", 0, 0, 0, false},
		{0, "Kind(0)", 32, 64, 64, false},
		{99, "Kind(99)", 32, 64, 64, false},
	} {
		got := [3]int{c.kind.Bits(seccomp.X86), c.kind.Bits(seccomp.X86_64), c.kind.Bits(seccomp.X32)}
		if want := [3]int{c.x86, c.x86_64, c.x32}; got != want || c.kind.String() != c.text || c.kind.Signed() != c.signed {
			t.Errorf("%v: bits %v, signed %v, want %s, %v, %v", c.kind, got, c.kind.Signed(), c.text, want, c.signed)
		}
	}
}

var (
	traceField = regexp.MustCompile(`field:(.*?)(\w+);\s*offset:(\d+);`)
	// traceNames maps the kernel's names of entry points to those of calls.
	traceNames = map[string]string{"newfstat": "fstat", "newstat": "stat", "newlstat": "lstat", "newuname": "uname", "sendfile64": "sendfile", "umount": "umount2"}
)

// TestTracing compares the arguments with what the running kernel says of its
// own system calls: names and types on the kernel that the table was made
// from, the number of arguments on any other, since prototypes get renamed.
func TestTracing(t *testing.T) {
	events := need.Path(t, "tracefs", "/sys/kernel/tracing/events/syscalls")
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	same := strings.HasPrefix(string(release), "6.18.") && runtime.GOARCH == "amd64"
	files, err := filepath.Glob(filepath.Join(events, "sys_enter_*", "format"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(filepath.Base(filepath.Dir(file)), "sys_enter_")
		if n, ok := traceNames[name]; ok {
			name = n
		}
		if !Known(name) {
			t.Logf("the running kernel has %s, the table does not", name)
			continue
		}
		want, got := traceArgs(t, file), Args(name)
		if len(got) != len(want) || same && !reflect.DeepEqual(got, want) {
			t.Errorf("Args(%q) = %v, the kernel says %v", name, got, want)
		}
	}
	if len(files) < 200 {
		t.Errorf("compared only %d calls", len(files))
	}
}

// traceArgs reads the arguments of a call from its trace event. The fields
// before offset 16 are those of every event. Kinds are taken from Args of the
// same call: the event does not tell them.
func traceArgs(t *testing.T, file string) []Arg {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	args := []Arg{}
	for _, m := range traceField.FindAllStringSubmatch(string(text), -1) {
		if len(m[3]) == 1 || m[3] < "16" {
			continue
		}
		ctype := strings.ReplaceAll(strings.TrimSpace(m[1]), "* *", "**")
		args = append(args, Arg{Name: m[2], Type: ctype, Kind: kindIn(t, ctype)})
	}
	return args
}

// kindIn is the kind that the table gives to a C type anywhere.
func kindIn(t *testing.T, ctype string) Kind {
	t.Helper()
	for _, a := range argTable {
		if a.Type == ctype {
			return a.Kind
		}
	}
	return 0
}
