package profile

import (
	"fmt"
	"math/bits"
	"strings"
)

// Capabilities is a set of capabilities: bit n stands for the capability
// number n of linux/capability.h.
type Capabilities uint64

// capabilityNames are the capabilities of Linux 5.9 and later in the order
// of their numbers (linux/capability.h; there are no newer ones in 6.18).
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
	"CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// AllCaps is the set of all capabilities, which a privileged container has.
const AllCaps Capabilities = 1<<len(capabilityNames) - 1

// DockerCaps are the 14 capabilities that Docker gives a container
// (github.com/moby/moby, oci/caps/defaults.go): CHOWN, DAC_OVERRIDE, FOWNER,
// FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW,
// SYS_CHROOT, MKNOD, AUDIT_WRITE and SETFCAP.
const DockerCaps Capabilities = 1<<0 | 1<<1 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 |
	1<<8 | 1<<10 | 1<<13 | 1<<18 | 1<<27 | 1<<29 | 1<<31

// PodmanCaps are the 11 capabilities that Podman gives a container
// (containers.conf(5), default_capabilities): Docker's without MKNOD,
// NET_RAW and AUDIT_WRITE.
const PodmanCaps = DockerCaps &^ (1<<13 | 1<<27 | 1<<29)

// CRIOCaps are the 9 capabilities that CRI-O gives a container (crio.conf(5),
// default_capabilities): Podman's without SYS_CHROOT and SETFCAP.
const CRIOCaps = PodmanCaps &^ (1<<18 | 1<<31)

// ParseCapability reads the name of a capability as --cap-add takes it: in
// any case, with or without CAP_ before it.
func ParseCapability(s string) (Capabilities, error) {
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "CAP_") {
		name = "CAP_" + name
	}
	if c := capability(name); c != 0 {
		return c, nil
	}
	return 0, fmt.Errorf("unknown capability %s%s", quote(s), didYouMean(name, "CAP_", capabilityNames[:]))
}

// capability is the set of the one capability of exactly that name, empty
// where there is none.
func capability(name string) Capabilities {
	for i, n := range capabilityNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// Has reports whether c contains the capability of exactly that name, as in
// CAP_SYS_ADMIN. Engines compare names in that way.
func (c Capabilities) Has(name string) bool { return c&capability(name) != 0 }

// Adjust is c changed by the options --cap-add and --cap-drop, as Docker
// combines them. The order of options does not matter: with ALL added, what
// is dropped is missing from all capabilities; with ALL dropped, what is
// added is all there is; otherwise drops come first, so that a capability
// that is both dropped and added is there.
func (c Capabilities) Adjust(add, drop []string) (Capabilities, error) {
	added, err := parseCapabilities("cap-add", add)
	if err != nil {
		return 0, err
	}
	dropped, err := parseCapabilities("cap-drop", drop)
	if err != nil {
		return 0, err
	}
	if added&everything != 0 {
		return AllCaps &^ dropped, nil
	}
	if dropped&everything != 0 {
		return added, nil
	}
	return c&^dropped | added, nil
}

// everything is the bit that stands for the word ALL, which is not the same
// as the list of all capabilities: "--cap-add ALL --cap-drop ALL" leaves all.
const everything Capabilities = 1 << 63

func parseCapabilities(option string, names []string) (Capabilities, error) {
	var set Capabilities
	for _, n := range names {
		if strings.EqualFold(n, "ALL") {
			set |= everything
			continue
		}
		one, err := ParseCapability(n)
		if err != nil {
			return 0, fmt.Errorf("--%s: %w", option, err)
		}
		set |= one
	}
	return set, nil
}

// Names are the names of the capabilities in c, as in CAP_SYS_ADMIN, in the
// order of their numbers.
func (c Capabilities) Names() []string {
	names := make([]string, 0, bits.OnesCount64(uint64(c)))
	for i, n := range capabilityNames {
		if c&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// String is the names with commas between them.
func (c Capabilities) String() string { return strings.Join(c.Names(), ",") }
