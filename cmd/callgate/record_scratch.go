package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// scratch is a directory for what a container is started with. It is locked as
// long as callgate lives: one that can be locked was left behind by a recording
// that was killed, and the next one removes it.
type scratch struct {
	dir  string
	lock *os.File
}

// scratchPattern are the names of such directories.
const scratchPattern = "callgate-record-*"

// newScratch makes one, and removes those that were left behind.
func newScratch() (*scratch, error) {
	removeScratches(os.TempDir())
	for {
		dir, err := os.MkdirTemp("", scratchPattern)
		if err != nil {
			return nil, err
		}
		f, err := lockScratch(dir)
		if err == nil {
			return &scratch{dir, f}, nil
		}
		// Another recording may have taken it for one that was left.
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
}

// close removes the directory.
func (s *scratch) close() error { return errors.Join(os.RemoveAll(s.dir), s.lock.Close()) }

// removeScratches removes the directories of this user in temp that are nobody's
// any more.
func removeScratches(temp string) {
	dirs, _ := filepath.Glob(filepath.Join(temp, scratchPattern))
	for _, dir := range dirs {
		if f, err := lockScratch(dir); err == nil {
			_ = os.RemoveAll(dir)
			f.Close()
		}
	}
}

// lockScratch locks a directory of this user. The error matches
// syscall.EWOULDBLOCK where it is locked, and fs.ErrNotExist where it is gone.
func lockScratch(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
			err = fs.ErrPermission
		}
	}
	if err == nil {
		err = lock(f)
	}
	if err == nil {
		_, err = os.Lstat(dir) // it may have been removed before it was locked
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
