package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/callgate/callgate/internal/source"
)

// This file writes the files that -o names.
//
// A file is replaced whole or not at all: the data goes to a new file beside
// it, which takes the name when all of it is written. So a full disk leaves the
// old file as it was, also where that is the one that the command has read.
// What is no regular file (a pipe, a device) is written to in place, and so is
// a file in a directory that takes no new one.

// errInPlace says that a file cannot be replaced by another.
var errInPlace = errors.New("not replaceable")

// writeFile writes data to the file of the given name.
func writeFile(name string, data []byte) error {
	err := replaceFile(name, data)
	if errors.Is(err, errInPlace) {
		err = os.WriteFile(name, data, 0o666)
	}
	if err == nil {
		return nil
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err // the path may be that of the new file
	}
	err = fmt.Errorf("cannot write %s: %w", source.Printable(name), err)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR) {
		return usage(err, "name a file in a directory that exists")
	}
	return &failure{status: statusMachine, err: err, hint: roomHint(err, "")}
}

// roomHint is what to do about an error of writing a file, where it is one of
// the file system; otherwise is the hint for any other.
func roomHint(err error, otherwise string) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on the file system, or name a file on another"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only: name a file on another"
	case errors.Is(err, syscall.EFBIG):
		return "the limit of the size of files (ulimit -f) is too low"
	}
	return otherwise
}

// resolved is the file that name leads to, through symbolic links, be it there
// or not.
func resolved(name string) string {
	const mostLinks = 40 // as in the kernel
	for range mostLinks {
		if target, err := filepath.EvalSymlinks(name); err == nil {
			return target
		}
		link, err := os.Readlink(name)
		if err != nil {
			break
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(name), link)
		}
		name = link
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		return filepath.Join(dir, filepath.Base(name))
	}
	return name
}

// replaceFile puts a new file with the data in the place of a regular file, or
// of none.
func replaceFile(name string, data []byte) (err error) {
	target, old, err := replaceable(name)
	if err != nil {
		return err
	}
	f, err := createBeside(target)
	if err != nil {
		return errInPlace
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil && old != nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// replaceable is the file that name leads to, and what is there now, nil for
// nothing. The names of /dev and /proc are descriptors of some process, whose
// file is not to be exchanged behind its back.
func replaceable(name string) (target string, old fs.FileInfo, err error) {
	if strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/") {
		return "", nil, errInPlace
	}
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	target, err = filepath.EvalSymlinks(name)
	if err != nil {
		return "", nil, errInPlace
	}
	old, err = os.Stat(target)
	if err != nil || !old.Mode().IsRegular() || old.Mode().Perm()&0o200 == 0 {
		return "", nil, errInPlace
	}
	return target, old, nil
}

// createBeside makes an empty file in the directory of target, with the
// permissions that the user gives to new files.
func createBeside(target string) (*os.File, error) {
	for {
		name := fmt.Sprintf("%s.%08x.tmp", target, rand.Uint32())
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
