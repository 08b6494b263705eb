package kernel

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/sys"
	"github.com/callgate/callgate/seccomp"
)

// noSuchID is a notification that no listener has.
const noSuchID = ^uint64(0)

// notifyFeatures asks a real listener, on a thread made for it: an unknown
// request is EINVAL, a known one for a notification that is not there is
// ENOENT.
func notifyFeatures() []Feature {
	var list []Feature
	add := func(name string, since seccomp.Version, errno unix.Errno) {
		if errno == unix.ENOENT {
			errno = 0
		}
		list = append(list, Feature{"notification", name, since, answer(name, errno, since, unix.EINVAL, unix.ENOSYS, unix.ENOTTY)})
	}
	_, sizes := sys.GetNotifSizes()
	add("SECCOMP_GET_NOTIF_SIZES", version(5, 0), sizes)
	onOwnThread(func() {
		fd, err := install(bpf.Program{bpf.Ret(seccomp.Allow)}, InstallOptions{Flags: NewListener, NoNewPrivs: true})
		if err != nil {
			for _, f := range []struct {
				name  string
				since seccomp.Version
			}{{nameContinue, version(5, 5)}, {nameAddFD, version(5, 9)}, {nameAddFDSend, version(5, 14)}, {nameSyncWakeUp, version(6, 6)}} {
				list = append(list, Feature{"notification", f.name, f.since, err})
			}
			return
		}
		defer unix.Close(fd)
		_, errno := sys.NotifAdd(fd, sys.NotifAddFD{ID: noSuchID, SrcFD: uint32(fd)})
		_, errnoSend := sys.NotifAdd(fd, sys.NotifAddFD{ID: noSuchID, SrcFD: uint32(fd), Flags: unix.SECCOMP_ADDFD_FLAG_SEND})
		resp := sys.NotifResp{ID: noSuchID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		add(nameContinue, version(5, 5), sys.NotifSend(fd, 0, resp))
		add(nameAddFD, version(5, 9), errno)
		add(nameAddFDSend, version(5, 14), errnoSend)
		add(nameSyncWakeUp, version(6, 6), sys.NotifSetFlags(fd, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP))
	})
	return list
}

const (
	nameContinue   = "SECCOMP_USER_NOTIF_FLAG_CONTINUE"
	nameAddFD      = "SECCOMP_IOCTL_NOTIF_ADDFD"
	nameAddFDSend  = "SECCOMP_ADDFD_FLAG_SEND"
	nameSyncWakeUp = "SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP"
)

// onOwnThread runs f on a thread that ends when f returns. The first thread
// of a process cannot end before the others, so f never runs there.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		onOwnThread(f) // while this one holds the first thread
	}()
	<-done
}
