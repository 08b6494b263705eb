package main

import (
	"bytes"
	"fmt"
	"slices"
)

// purpose is a group of calls that do the same sort of thing.
type purpose struct{ name, text string }

// purposes are the groups, in the order in which a profile lists them: what
// nearly every program needs first, what few may have last. Each call is in
// one. The text goes beside the name in a comment: it fits on one line.
var purposes = []purpose{
	{"files", "files and directories by name, and what is known of them"},
	{"xattr", "extended attributes of files"},
	{"io", "reading and writing, and open descriptors"},
	{"events", "waiting for descriptors, and notices of changed files"},
	{"aio", "asynchronous input and output"},
	{"memory", "the memory of the process"},
	{"processes", "processes and threads: start, end, wait, identity"},
	{"signals", "signals: send, handle, wait"},
	{"time", "clocks, timers and sleep"},
	{"resources", "processors, priorities, limits and usage"},
	{"network", "sockets"},
	{"ipc", "System V and POSIX message queues, semaphores, shared memory"},
	{"credentials", "user and group ids, capabilities"},
	{"confinement", "filters and security modules, for the process itself"},
	{"information", "what system this is, and random numbers"},
	{"hardware", "what one architecture has of its own, and access to devices"},
	{"keys", "the kernel's key rings"},
	{"mounts", "mounts, roots and namespaces"},
	{"tracing", "a look into other processes, and into the kernel"},
	{"administration", "host name, swap, quotas, accounting, the kernel's log"},
	{"kernel", "kernel modules, another kernel, restart"},
	{"obsolete", "no code behind the number in current kernels"},
}

// parsePurpose is the place of a group among purposes.
func parsePurpose(s string) (int, error) {
	i := slices.IndexFunc(purposes, func(p purpose) bool { return p.name == s })
	if i < 0 {
		return 0, fmt.Errorf("unknown purpose %q: add it to purpose.go, or take one that is there", s)
	}
	return i, nil
}

func emitPurposes(b *bytes.Buffer, calls []call) {
	fmt.Fprint(b, "\n// purposes are the groups of calls, in the order of a profile.\nvar purposes = [...]purpose{\n")
	for _, p := range purposes {
		fmt.Fprintf(b, "{%q, %q},\n", p.name, p.text)
	}
	fmt.Fprint(b, "}\n")
	list(b, "is the place of each call's group in purposes.", "purposeOf", "[numNames]uint8", calls, func(c call) string {
		return decimal(c.purpose)
	})
}
