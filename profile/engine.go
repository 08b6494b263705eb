package profile

import (
	"fmt"
	"strings"
)

// Engine is a program that reads profiles and hands what it makes of them to
// a container runtime. The same file can mean different things to different
// engines, and to different versions of one: each value is one way of reading.
type Engine uint8

// The engines, each as its newest version reads. Sources:
// github.com/moby/profiles/seccomp (Docker), go.podman.io/common/pkg/seccomp
// (Podman, CRI-O, Buildah), containerd's contrib/seccomp, and runtime-spec's
// config-linux.md.
const (
	// Docker knows includes, excludes, archMap and name.
	Docker Engine = iota
	// Podman knows what Docker knows but minKernel, and errno by name.
	Podman
	// CRIO reads as Podman does.
	CRIO
	// Containerd, which Kubernetes mostly runs on, takes the file for an OCI
	// object: all that Docker added is dropped without a word.
	Containerd
	// OCI is a runtime that is given its config.json by hand.
	OCI
)

// Docker as older versions read: each is called by a branch in which that was
// so. Source: the history of profiles/seccomp in github.com/moby/moby.
const (
	// Docker28 has no name for a machine of LoongArch: 27.3 and later up to
	// 29.4.2, and 25.0 from 25.0.7.
	Docker28 Engine = OCI + 1 + iota
	// Docker23 has no name for a machine of RISC-V either: 23.0 to 27.2.
	Docker23
	// Docker2010 knows of the OCI object only the actions, architectures,
	// names, arguments and errnoRet: defaultErrnoRet, flags, listenerPath and
	// listenerMetadata are dropped without a word. 20.10 from 20.10.10.
	Docker2010
	// Docker20100 does not know errnoRet either. 20.10.0 to 20.10.9.
	Docker20100
	// Docker1903 reads as Docker20100 does. 19.03.
	Docker1903
	// OCICrun is OCI as crun reads a config.json, which Go's JSON has not
	// passed through: keys in the right case only, the first of two equal
	// ones, and no value of another type than it wants.
	OCICrun
	numEngines
)

// reading is what an engine reads, and how.
type reading struct {
	name string
	when spans // the releases of Docker that read so

	includes   bool // includes, excludes, archMap, name, comment
	minKernel  bool
	errnoRet   bool // the errnoRet of a rule
	object     bool // defaultErrnoRet, flags, listenerPath, listenerMetadata
	errnoNames bool // errno and defaultErrno
	// nameFirst: a rule with name and names is refused even where the rule
	// is then left out.
	nameFirst bool
	// keepFlags: an empty list of flags reaches the runtime as such. The
	// others write config.json by Go types that leave an empty list out.
	keepFlags bool
	// yajl: read by crun's own code (libocispec), and not by Go's JSON.
	yajl bool
	// bothSay is how the engine begins the message that two keys exclude each
	// other, and bothEnd how that goes on.
	bothSay, bothEnd string

	machines
}

var engines = [numEngines]reading{
	Docker: {name: "docker", when: since("29.4.2"), includes: true, minKernel: true, errnoRet: true, object: true,
		nameFirst: true, bothSay: "both ", bothEnd: "are", machines: mobyLoongArch},
	Docker28: {name: "docker-28", when: since("25.0.7-26.0,27.3-29.4.2"), includes: true, minKernel: true, errnoRet: true, object: true,
		nameFirst: true, bothSay: "both ", bothEnd: "are", machines: mobyRISCV},
	Docker23: {name: "docker-23", when: since("23.0-25.0.7,26.0-27.3"), includes: true, minKernel: true, errnoRet: true, object: true,
		nameFirst: true, bothSay: "both ", bothEnd: "are", machines: mobyMachines},
	Docker2010:  {name: "docker-20.10", when: since("20.10.10-23.0"), includes: true, minKernel: true, errnoRet: true, bothEnd: "were", machines: mobyMachines},
	Docker20100: {name: "docker-20.10.0", when: since("20.10-20.10.10"), includes: true, minKernel: true, bothEnd: "were", machines: mobyMachines},
	Docker1903:  {name: "docker-19.03", when: since("19.03-20.10"), includes: true, minKernel: true, bothEnd: "were", machines: mobyMachines},
	Podman:      {name: "podman", includes: true, errnoRet: true, object: true, errnoNames: true, bothEnd: "were", machines: commonMachines},
	CRIO:        {name: "cri-o", includes: true, errnoRet: true, object: true, errnoNames: true, bothEnd: "were", machines: commonMachines},
	Containerd:  {name: "containerd", errnoRet: true, object: true},
	OCI:         {name: "oci", errnoRet: true, object: true, keepFlags: true},
	OCICrun:     {name: "crun", errnoRet: true, object: true, keepFlags: true, yajl: true},
}

// containerdCode is how containerd's own profile is made, which is no file.
var containerdCode = reading{name: "containerd", includes: true, minKernel: true, errnoRet: true, object: true, machines: containerdMachines}

// since are spans of the table above.
func since(text string) spans {
	s, ok := parseSpans(text)
	if !ok {
		panic("profile: bad spans " + text)
	}
	return s
}

// Engines lists the engines, each in its newest version.
func Engines() []Engine { return []Engine{Docker, Podman, CRIO, Containerd, OCI} }

// Readings lists every way of reading: the engines, and the older versions of
// Docker that read otherwise, the newest first. OCICrun, which is a matter of the
// runtime, is not among them.
func Readings() []Engine {
	return append(Engines(), Docker28, Docker23, Docker2010, Docker20100, Docker1903)
}

// aliases are other names of engines. Kubernetes mostly means containerd.
var aliases = map[string]Engine{
	"docker": Docker, "moby": Docker,
	"podman": Podman, "buildah": Podman, "containers": Podman,
	"cri-o": CRIO, "crio": CRIO,
	"containerd": Containerd, "kubernetes": Containerd, "k8s": Containerd, "nerdctl": Containerd, "ctr": Containerd,
	"oci": OCI,
}

// ParseEngine reads the name of an engine in any case: docker, podman, cri-o,
// containerd or oci. kubernetes and nerdctl are containerd, moby is docker,
// buildah is podman.
//
// A version may follow, as in docker-20.10.24 or docker-28; parts that are
// left out are the last ones. Of Docker it selects the reading that the
// version has. Those before 19.03 are an error, those that are newer than what
// is known read as the newest does. All versions of the others are taken to
// read alike.
func ParseEngine(s string) (Engine, error) {
	name, version := strings.ToLower(s), ""
	if i := versionAt(name); i > 0 {
		name, version = name[:i-1], name[i:]
	}
	e, ok := aliases[name]
	if !ok {
		return 0, fmt.Errorf("unknown engine %s: want docker, podman, cri-o, containerd or oci", quote(s))
	}
	if version == "" {
		return e, nil
	}
	r, ok := parseRelease(version, latest)
	if !ok {
		return 0, fmt.Errorf("engine %s: %s is no version: want numbers as in docker-20.10.24", quote(s), quote(version))
	}
	return e.at(r, s)
}

// versionAt is where the version in the name of an engine begins: behind the
// first hyphen that a number follows, which may have a v before it. It is 0
// where there is none.
func versionAt(name string) int {
	for i := 1; i < len(name); i++ {
		if digits := strings.TrimPrefix(name[i:], "v"); name[i-1] == '-' && digits != "" && digits[0] >= '0' && digits[0] <= '9' {
			return i
		}
	}
	return 0
}

// at is e as it reads in a release.
func (e Engine) at(r release, name string) (Engine, error) {
	if e != Docker {
		return e, nil
	}
	for old, reading := range engines {
		if reading.when.has(r) {
			return Engine(old), nil
		}
	}
	return 0, fmt.Errorf("engine %s: nothing is known of Docker before 19.03", quote(name))
}

// Caps are the capabilities that e gives a container by default.
func (e Engine) Caps() Capabilities {
	switch e {
	case Podman:
		return PodmanCaps
	case CRIO:
		return CRIOCaps
	}
	return DockerCaps
}

func (e Engine) facts() reading {
	if e >= numEngines {
		return reading{name: fmt.Sprintf("Engine(%d)", uint8(e))}
	}
	return engines[e]
}

// String is the name of e, as in docker or docker-20.10, which [ParseEngine]
// reads.
func (e Engine) String() string { return e.facts().name }

// both is the message of the engine that two keys are given that exclude each
// other, for those who know it from a log.
func (r reading) both(one, other string) string {
	return fmt.Sprintf("both %q and %q are given: %s says %q", one, other, r.name,
		fmt.Sprintf("%s'%s' and '%s' %s specified in the seccomp profile", r.bothSay, one, other, r.bothEnd))
}
