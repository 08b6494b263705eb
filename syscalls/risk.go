package syscalls

import (
	"slices"
	"strings"
)

// The classes of risk: what a profile gives away with a call.
const (
	RiskKernel    = "kernel"    // brings code into the kernel, or brings much of the kernel's code into reach
	RiskEscape    = "escape"    // leads out of the files and namespaces of a container
	RiskHost      = "host"      // changes or shows what all containers of a machine share
	RiskHardware  = "hardware"  // gives direct access to devices
	RiskProcesses = "processes" // reads or steers other processes
	RiskBypass    = "bypass"    // does what rules on other calls are there to stop
)

// Risk says why a call is worth a second look where a profile allows it,
// whatever its arguments, on one line and without a full stop: what it can do,
// and after "needs" the capability without which it cannot. ok is false for
// the others, and for unknown names. That is no promise of harmlessness: a call
// that nearly every program makes, and that is dangerous with some arguments
// only (clone, socket, ioctl, prctl, mmap), is not here, since a rule on its
// arguments is the answer to it.
//
// The facts are those of section 2 of the man-pages and of capabilities(7).
func Risk(name string) (why string, ok bool) {
	r, ok := findRisk(name)
	return r.why, ok
}

// RiskClass is the class of the risk that [Risk] tells, one of the constants
// above; "" where it tells none.
func RiskClass(name string) string {
	r, _ := findRisk(name)
	return r.class
}

func findRisk(name string) (risk, bool) {
	i, ok := slices.BinarySearchFunc(risks[:], name, func(r risk, name string) int {
		return strings.Compare(r.name, name)
	})
	if !ok {
		return risk{}, false
	}
	return risks[i], true
}

// risk is why one call is worth a second look.
type risk struct{ name, class, why string }

// risks are in byte order of the names.
var risks = [...]risk{
	{"acct", RiskHost, "lets the kernel log every process that ends to a file; needs CAP_SYS_PACCT"},
	{"add_key", RiskKernel, "puts keys into the kernel, whose key rings all containers of one user namespace share"},
	{"adjtimex", RiskHost, "tunes the clock of the whole machine; needs CAP_SYS_TIME, but not to read it"},
	{"bpf", RiskKernel, "loads programs into the kernel, which see and change its memory; most need CAP_BPF or CAP_SYS_ADMIN"},
	{"chroot", RiskEscape, "changes the root directory, and so can leave an earlier chroot; needs CAP_SYS_CHROOT"},
	{"clock_adjtime", RiskHost, "tunes the clock of the whole machine; needs CAP_SYS_TIME, but not to read it"},
	{"clock_adjtime64", RiskHost, "tunes the clock of the whole machine; needs CAP_SYS_TIME, but not to read it"},
	{"clock_settime", RiskHost, "sets the clock of the whole machine; needs CAP_SYS_TIME"},
	{"clock_settime64", RiskHost, "sets the clock of the whole machine; needs CAP_SYS_TIME"},
	{"clone3", RiskBypass, "makes new namespaces by flags in memory, where no filter sees them; with ENOSYS, libc takes clone"},
	{"delete_module", RiskKernel, "unloads drivers from the running kernel; needs CAP_SYS_MODULE"},
	{"fanotify_init", RiskHost, "watches and holds up the file accesses of a whole file system; most of it needs CAP_SYS_ADMIN"},
	{"finit_module", RiskKernel, "loads code into the kernel from a file; needs CAP_SYS_MODULE"},
	{"fsconfig", RiskEscape, "sets what a new mount will be, a part of mount; needs CAP_SYS_ADMIN, which a user namespace gives"},
	{"fsmount", RiskEscape, "makes a mount, a part of mount; needs CAP_SYS_ADMIN, which a user namespace gives"},
	{"fsopen", RiskEscape, "begins a mount, a part of mount; needs CAP_SYS_ADMIN, which a user namespace gives"},
	{"fspick", RiskEscape, "begins to change a mounted file system, a part of mount; needs CAP_SYS_ADMIN"},
	{"init_module", RiskKernel, "loads code into the kernel; needs CAP_SYS_MODULE"},
	{"io_uring_enter", RiskBypass, "opens, connects, reads and writes without a call that a filter sees"},
	{"io_uring_register", RiskBypass, "prepares operations that open, connect, read and write unseen by a filter"},
	{"io_uring_setup", RiskBypass, "makes a queue of operations (open, connect, read, write) that no filter sees"},
	{"ioperm", RiskHardware, "opens the I/O ports of the machine to the program; needs CAP_SYS_RAWIO"},
	{"iopl", RiskHardware, "opens the I/O ports of the machine to the program; needs CAP_SYS_RAWIO"},
	{"kcmp", RiskProcesses, "tells which of their open files and memory two other processes share"},
	{"kexec_file_load", RiskKernel, "loads another kernel to be booted next; needs CAP_SYS_BOOT"},
	{"kexec_load", RiskKernel, "loads another kernel to be booted next; needs CAP_SYS_BOOT"},
	{"keyctl", RiskKernel, "works on the kernel's key rings, which all containers of one user namespace share"},
	{"mbind", RiskProcesses, "moves memory between nodes, with CAP_SYS_NICE also what other processes share"},
	{"migrate_pages", RiskProcesses, "moves the memory of other processes between nodes"},
	{"mknod", RiskHardware, "makes device files, which the device cgroup alone then guards; needs CAP_MKNOD, but not for a fifo"},
	{"mknodat", RiskHardware, "makes device files, which the device cgroup alone then guards; needs CAP_MKNOD, but not for a fifo"},
	{"modify_ldt", RiskKernel, "sets up segments of x86 that hardly a program uses, and so reaches rarely tried code of the kernel"},
	{"mount", RiskEscape, "mounts file systems; needs CAP_SYS_ADMIN, which a user namespace gives for some of them"},
	{"mount_setattr", RiskEscape, "makes read-only mounts writable; needs CAP_SYS_ADMIN, which a user namespace gives for its own"},
	{"move_mount", RiskEscape, "puts a mount in its place, a part of mount; needs CAP_SYS_ADMIN, which a user namespace gives"},
	{"move_pages", RiskProcesses, "moves the memory of other processes between nodes, and tells where it lies"},
	{"open_by_handle_at", RiskEscape, "opens any file of a file system, also outside of the root directory; needs CAP_DAC_READ_SEARCH"},
	{"open_tree", RiskEscape, "copies a tree of mounts, as a bind mount does; needs CAP_SYS_ADMIN for that"},
	{"open_tree_attr", RiskEscape, "copies a tree of mounts and changes what they forbid; needs CAP_SYS_ADMIN for that"},
	{"pciconfig_iobase", RiskHardware, "tells where the buses of the machine lie in its memory"},
	{"pciconfig_read", RiskHardware, "reads the configuration of PCI devices; needs CAP_SYS_ADMIN"},
	{"pciconfig_write", RiskHardware, "writes the configuration of PCI devices; needs CAP_SYS_ADMIN"},
	{"perf_event_open", RiskKernel, "measures other processes and the kernel, by a large part of its code; for the kernel needs CAP_PERFMON"},
	{"personality", RiskBypass, "turns off address randomization, and makes readable mappings executable, past rules on mmap"},
	{"pidfd_getfd", RiskProcesses, "takes open files and sockets out of other processes that the caller may trace"},
	{"pivot_root", RiskEscape, "exchanges the root of the mount namespace; needs CAP_SYS_ADMIN, which a user namespace gives"},
	{"process_madvise", RiskProcesses, "pages out the memory of other processes; needs CAP_SYS_NICE, but not for its own"},
	{"process_vm_readv", RiskProcesses, "reads the memory of other processes that the caller may trace"},
	{"process_vm_writev", RiskProcesses, "writes the memory of other processes that the caller may trace"},
	{"ptrace", RiskProcesses, "reads and steers other processes; before Linux 4.8 a tracer also changes calls behind the filter"},
	{"quotactl", RiskHost, "changes the disk quotas of the host's file systems; most of it needs CAP_SYS_ADMIN"},
	{"quotactl_fd", RiskHost, "changes the disk quotas of the host's file systems; most of it needs CAP_SYS_ADMIN"},
	{"reboot", RiskHost, "restarts or stops the machine, in a pid namespace only that; needs CAP_SYS_BOOT"},
	{"request_key", RiskKernel, "lets the kernel start a program of the host to make a key"},
	{"rtas", RiskHardware, "calls the firmware of the machine; needs CAP_SYS_ADMIN"},
	{"s390_pci_mmio_read", RiskHardware, "reads the memory of PCI devices that the program has mapped"},
	{"s390_pci_mmio_write", RiskHardware, "writes the memory of PCI devices that the program has mapped"},
	{"setdomainname", RiskHost, "renames the machine, or its own UTS namespace; needs CAP_SYS_ADMIN"},
	{"sethostname", RiskHost, "renames the machine, or its own UTS namespace; needs CAP_SYS_ADMIN"},
	{"setns", RiskEscape, "enters other namespaces, the host's where it gets hold of one; needs CAP_SYS_ADMIN"},
	{"settimeofday", RiskHost, "sets the clock of the whole machine; needs CAP_SYS_TIME"},
	{"socketcall", RiskBypass, "makes socket calls with arguments in memory, past rules on the family of a socket"},
	{"stime", RiskHost, "sets the clock of the whole machine; needs CAP_SYS_TIME"},
	{"swapoff", RiskHost, "takes swap space from the whole machine; needs CAP_SYS_ADMIN"},
	{"swapon", RiskHost, "gives swap space to the whole machine, where memory of others goes; needs CAP_SYS_ADMIN"},
	{"syslog", RiskHost, "reads and clears the kernel's log; needs CAP_SYSLOG, but to read it only where dmesg is restricted"},
	{"umount", RiskEscape, "uncovers what mounts hide, as over parts of /proc; needs CAP_SYS_ADMIN"},
	{"umount2", RiskEscape, "uncovers what mounts hide, as over parts of /proc; needs CAP_SYS_ADMIN"},
	{"unshare", RiskEscape, "makes new namespaces; one for users gives every capability inside, and so reaches more of the kernel"},
	{"userfaultfd", RiskKernel, "holds up the kernel while it copies memory, and so wins races in it; by default since 5.11 needs CAP_SYS_PTRACE"},
	{"vhangup", RiskHost, "hangs up a terminal under all who use it; needs CAP_SYS_TTY_CONFIG"},
	{"vm86", RiskKernel, "runs 16-bit code of x86, and so reaches rarely tried code of the kernel"},
	{"vm86old", RiskKernel, "runs 16-bit code of x86, and so reaches rarely tried code of the kernel"},
}
