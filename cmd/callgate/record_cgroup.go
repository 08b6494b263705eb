package main

import (
	"os"
	"path/filepath"
	"strings"
)

// cgroupRoot is where cgroups are mounted: those of version 2, or the
// hierarchies of version 1, each below a directory of its own.
const cgroupRoot = "/sys/fs/cgroup"

// cgroupHint says which path would do where one is not that of a cgroup: people
// name cgroups as /proc/PID/cgroup does, and as on a machine with the other
// version.
func cgroupHint(root, path string) string {
	rel := strings.TrimPrefix(filepath.Clean("/"+path), root)
	hierarchies := []string{"", "pids", "unified"}
	if all, err := filepath.Glob(filepath.Join(root, "*")); err == nil {
		for _, dir := range all {
			hierarchies = append(hierarchies, filepath.Base(dir))
		}
	}
	for _, h := range hierarchies {
		if dir := filepath.Join(root, h, rel); isCgroup(dir) && (h == "" || isCgroup(filepath.Join(root, h))) {
			return "did you mean: --cgroup " + dir
		}
	}
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return "want a path as in " + root + "/system.slice/nginx.service; /proc/PID/cgroup has that behind " + root
	}
	return "cgroups are of version 1 here: want a path of one hierarchy, as in " + root + "/pids/docker/ID; /proc/PID/cgroup has that behind " + root + "/pids"
}

// isCgroup reports whether a directory is that of a cgroup.
func isCgroup(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cgroup.procs"))
	return err == nil
}
