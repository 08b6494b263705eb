package notify_test

import (
	"os"
	"testing"

	"github.com/callgate/callgate/internal/need"
	"github.com/callgate/callgate/observe/internal/recordertest"
	"github.com/callgate/callgate/observe/notify"
	"github.com/callgate/callgate/tracee"
)

// killedArgument makes this program a recorder that is killed.
const killedArgument = "record-and-be-killed"

func TestMain(m *testing.M) {
	if status, ok := notify.Helper(os.Args); ok {
		os.Exit(status)
	}
	if len(os.Args) > 2 && os.Args[1] == killedArgument {
		recordertest.RunKilled(start, os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

var start recordertest.Start = func(c tracee.Command, arguments bool) (recordertest.Recorder, error) {
	r, err := notify.Start(c, notify.Options{Arguments: arguments})
	if err != nil { // no pointer that is nil in an interface
		return nil, err
	}
	return r, nil
}

func TestRecorder(t *testing.T) {
	need.Unfiltered(t)
	t.Run("Children", start.Children)
	t.Run("Many", start.Many)
	t.Run("OtherABI", start.OtherABI)
	t.Run("Executables", start.Executables)
	t.Run("Status", start.Status)
	t.Run("Signals", start.Signals)
	t.Run("Unprivileged", start.Unprivileged)
	t.Run("Arguments", start.Arguments)
	t.Run("Close", start.Close)
	t.Run("Snapshots", start.Snapshots)
	t.Run("Killed", func(t *testing.T) { recordertest.Killed(t, killedArgument) })
}

func BenchmarkDD(b *testing.B) { start.DD(b, 200_000) }

func BenchmarkRedis(b *testing.B) { start.Redis(b) }

func BenchmarkFind(b *testing.B) { start.Find(b) }

func BenchmarkBuild(b *testing.B) { start.Build(b) }
