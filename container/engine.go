package container

import "strings"

// Engine is a program that starts containers.
type Engine uint8

const (
	// Unknown is an engine that does not show by the name of its cgroups: with
	// the cgroupfs driver, a Kubernetes node may have any.
	Unknown Engine = iota
	Docker
	Podman
	Nerdctl
	// Containerd is containerd as Kubernetes uses it; its command is crictl.
	Containerd
	// CRIO is CRI-O; its command is crictl.
	CRIO
	Runc
	Crun
)

var engineNames = [...]string{"unknown", "docker", "podman", "nerdctl", "containerd", "cri-o", "runc", "crun"}

// String is the name of e in lower case, as in "docker".
func (e Engine) String() string {
	if int(e) < len(engineNames) {
		return engineNames[e]
	}
	return engineNames[Unknown]
}

// OCI reports whether e is a runtime that is given a bundle instead of an
// image.
func (e Engine) OCI() bool { return e == Runc || e == Crun }

// EngineOf is the engine whose command line begins with a program of that
// name, which is without its folder; Unknown for any other.
func EngineOf(program string) Engine {
	switch program {
	case "docker":
		return Docker
	case "podman", "podman-remote":
		return Podman
	case "nerdctl":
		return Nerdctl
	case "runc":
		return Runc
	case "crun":
		return Crun
	}
	return Unknown
}

// quoted is a list of words as an error message shows it.
func quoted(words []string) string { return strings.Join(words, " ") }
