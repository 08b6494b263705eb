package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(t *terminal) *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "version",
		GroupID: groupFacts,
		Short:   "Print the version of callgate",
		Example: `  callgate version
  callgate version --format json`,
		Args: arguments(""),
		RunE: func(*cobra.Command, []string) error {
			if format == formatJSON {
				return t.json(build())
			}
			t.printf("callgate %s\n", version())
			return nil
		},
	}
	format.register(cmd)
	return cmd
}

// buildInfo is what the Go linker knows of the program.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func build() buildInfo {
	b := buildInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func version() string {
	b := build()
	return b.Version + " (" + b.Go + ", " + b.Platform + ")"
}
