package observe

import (
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

// interesting are the arguments by which a profile can narrow a call, and
// which have few values in any one program: what is asked of a call that does
// many things, and the flags that decide what it makes. They are kept as one
// tuple, because one without the other says less: SO_REUSEADDR means nothing
// without its level. Pointers, sizes, descriptors and ids of processes are
// never among them: a filter cannot look behind the first, and the others
// differ from run to run.
var interesting = map[string][]int{
	"arch_prctl":         {0},
	"bpf":                {0},
	"clock_adjtime":      {0},
	"clock_settime":      {0},
	"clone":              {0},
	"epoll_create1":      {0},
	"eventfd2":           {1},
	"fadvise64":          {3},
	"fallocate":          {1},
	"fanotify_init":      {0},
	"fcntl":              {1},
	"fcntl64":            {1},
	"flock":              {1},
	"fsconfig":           {1},
	"futex":              {1},
	"getpriority":        {0},
	"getrandom":          {2},
	"getsockopt":         {1, 2},
	"inotify_init1":      {0},
	"io_uring_register":  {1},
	"ioctl":              {1},
	"ioprio_set":         {0},
	"ipc":                {0},
	"kcmp":               {2},
	"keyctl":             {0},
	"kill":               {1},
	"landlock_add_rule":  {1},
	"lseek":              {2},
	"madvise":            {2},
	"memfd_create":       {1},
	"membarrier":         {0, 1},
	"mmap":               {2, 3},
	"mmap2":              {2, 3},
	"mprotect":           {2},
	"mremap":             {3},
	"msgctl":             {1},
	"mount":              {3},
	"move_mount":         {4},
	"msync":              {2},
	"open_tree":          {2},
	"perf_event_open":    {4},
	"personality":        {0},
	"pidfd_open":         {1},
	"pidfd_send_signal":  {1},
	"pipe2":              {1},
	"pkey_mprotect":      {2},
	"prctl":              {0},
	"prlimit64":          {1},
	"process_madvise":    {3},
	"ptrace":             {0},
	"quotactl":           {0},
	"reboot":             {0, 1, 2},
	"renameat2":          {4},
	"rseq":               {2},
	"rt_sigprocmask":     {0},
	"sched_setscheduler": {1},
	"seccomp":            {0, 1},
	"semctl":             {2},
	"setns":              {1},
	"setpriority":        {0},
	"setrlimit":          {0},
	"setsockopt":         {1, 2},
	"shmctl":             {1},
	"shmget":             {2},
	"shutdown":           {1},
	"signalfd4":          {3},
	"socket":             {0, 1},
	"socketcall":         {0},
	"socketpair":         {0, 1},
	"splice":             {5},
	"sync_file_range":    {3},
	"syslog":             {0},
	"tgkill":             {2},
	"timerfd_create":     {0, 1},
	"timer_create":       {0},
	"tkill":              {1},
	"umount2":            {1},
	"unlinkat":           {2},
	"unshare":            {0},
	"userfaultfd":        {0},
	"vmsplice":           {3},
	"waitid":             {0},
}

// Interesting returns the arguments of a call whose values, taken together, a
// profile can use to narrow it: register indexes in ascending order, at most
// three and never a pointer; nil where there are none.
func Interesting(abi seccomp.ABI, nr uint32) []int {
	name, _ := syscalls.Name(abi, nr)
	if name == "clone" && (abi == seccomp.S390 || abi == seccomp.S390X) {
		return []int{1} // the stack comes first there (CONFIG_CLONE_BACKWARDS2)
	}
	kept := interesting[name]
	if len(kept) > 0 && kept[len(kept)-1] >= len(syscalls.Registers(abi, name)) {
		return nil // the old mmap, which has all of them in memory
	}
	return kept
}
