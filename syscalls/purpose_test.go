package syscalls

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/callgate/callgate/internal/need"
)

func TestPurpose(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"openat", "files"}, {"fgetxattr", "xattr"}, {"pwritev2", "io"},
		{"epoll_wait", "events"}, {"io_uring_setup", "aio"}, {"mmap2", "memory"},
		{"clone3", "processes"}, {"futex_time64", "processes"}, {"rt_sigreturn", "signals"},
		{"clock_nanosleep_time64", "time"}, {"sched_yield", "resources"},
		{"socketcall", "network"}, {"shmat", "ipc"}, {"setuid32", "credentials"},
		{"seccomp", "confinement"}, {"uname", "information"}, {"arch_prctl", "hardware"},
		{"keyctl", "keys"}, {"unshare", "mounts"}, {"ptrace", "tracing"},
		{"swapon", "administration"}, {"kexec_load", "kernel"}, {"tuxcall", "obsolete"},
		{"no_such_call", ""}, {"", ""},
	} {
		if got := Purpose(c.name); got != c.want {
			t.Errorf("Purpose(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPurposes(t *testing.T) {
	groups, members := Purposes(), map[string]int{}
	for _, name := range Names() {
		p := Purpose(name)
		if !slices.Contains(groups, p) {
			t.Errorf("Purpose(%q) = %q, which Purposes does not list", name, p)
		}
		members[p]++
	}
	for _, g := range groups {
		text := PurposeText(g)
		if members[g] == 0 || text == "" || len(text) > 70 || strings.ContainsAny(text, "\n\t") || strings.HasSuffix(text, ".") {
			t.Errorf("group %q has %d calls and the text %q", g, members[g], text)
		}
	}
	if len(members) != len(groups) {
		t.Errorf("%d groups, %d listed", len(members), len(groups))
	}
	if got := PurposeText("quux"); got != "" {
		t.Errorf("text of no group: %q", got)
	}
	groups[0] = "quux"
	if Purposes()[0] == "quux" {
		t.Error("a caller can change the table")
	}
}

// TestPurposeOfTwins checks that the forms of one call stand together: those
// for 64-bit times and file sizes, 32-bit user ids, directories, and flags.
func TestPurposeOfTwins(t *testing.T) {
	compared := 0
	for _, name := range Names() {
		for _, suffix := range []string{"_time64", "64", "32", "at", "2", "1"} {
			twin, ok := strings.CutSuffix(name, suffix)
			if !ok || !Known(twin) {
				continue
			}
			compared++
			if a, b := Purpose(name), Purpose(twin); a != b && a != "obsolete" && b != "obsolete" {
				t.Errorf("%s is in %s, %s in %s", name, a, twin, b)
			}
		}
	}
	if compared < 70 {
		t.Errorf("compared only %d pairs", compared)
	}
}

// TestPurposeOfSystemd compares the groups with the sets of systemd, where a
// set is about one purpose: all its calls are in one group, or obsolete.
func TestPurposeOfSystemd(t *testing.T) {
	sets := systemdSets(t)
	for set, group := range map[string]string{
		"@aio": "aio", "@chown": "files", "@clock": "time", "@io-event": "events",
		"@keyring": "keys", "@memlock": "memory", "@module": "kernel", "@mount": "mounts",
		"@network-io": "network", "@pkey": "memory", "@reboot": "kernel",
		"@setuid": "credentials", "@signal": "signals", "@swap": "administration",
		"@sync": "io", "@timer": "time",
	} {
		if len(sets[set]) == 0 {
			t.Errorf("no set %s", set)
		}
		for _, name := range sets[set] {
			want := group
			if set == "@sync" && name == "msync" {
				want = "memory" // what it writes is mapped
			}
			if got := Purpose(name); got != want && got != "obsolete" {
				t.Errorf("%s of %s is in %s, want %s", name, set, got, want)
			}
		}
	}
}

// systemdSets reads the output of "systemd-analyze syscall-filter": the names
// of a set stand indented below the set.
func systemdSets(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(need.Data(t, "systemd"), "syscall-filter-v252.txt"))
	if err != nil {
		t.Fatal(err)
	}
	sets, set := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		word := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "@"):
			set = word
		case word != "" && !strings.HasPrefix(word, "#") && !strings.HasPrefix(word, "@"):
			sets[set] = append(sets[set], word)
		}
	}
	return sets
}

// TestObsolete checks that the kernel has no trace event, and so no code, for
// a call that is called obsolete.
func TestObsolete(t *testing.T) {
	events := need.Path(t, "tracefs", "/sys/kernel/tracing/events/syscalls")
	if _, err := os.Stat(filepath.Join(events, "sys_enter_file_getattr")); err != nil {
		t.Skip("the running kernel is older than 6.17, and may have calls that newer ones lack")
	}
	for _, name := range Names() {
		if Purpose(name) != "obsolete" {
			continue
		}
		if _, err := os.Stat(filepath.Join(events, "sys_enter_"+name)); err == nil {
			t.Errorf("%s is obsolete, but the running kernel has code for it", name)
		}
	}
}
