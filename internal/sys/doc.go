// Package sys holds the raw system calls that the packages kernel and tracee
// make, and is the only place of theirs that needs unsafe. A function here is
// one system call: it judges nothing, retries nothing and returns the errno.
package sys
