package main

import "github.com/spf13/cobra"

const about = `Callgate says what a seccomp profile means, proves that the filter it compiles
is that meaning and nothing else, and runs a command under it.

A POLICY is named by
  web.json          a profile, or an OCI config.json; "-" is standard input
  docker:default    a profile that is built into an engine, the newest one; that
                    of a version is docker:20.10 or podman:4.3
  unconfined        everything allowed
  web.bpf           a raw filter; the text of one, or of a policy, will do, too

What a profile means depends on --engine, --arch, --cap-add, --cap-drop and
--kernel: by default it is what a plain "docker run" makes of it here, and of a
built-in profile what its own engine does.

The exit status is 0 for yes, 1 where the answer is no (denied, different), 2
for a command line or input that cannot be used, 3 where this machine cannot
do it. A verb that runs a command ends with the command's own status, or as
docker run does: 125 where callgate itself failed, 126 where the command cannot
be executed, 127 where there is none.`

// The groups of verbs in the help text.
const (
	groupRun    = "run"
	groupPolicy = "policy"
	groupFilter = "filter"
	groupFacts  = "facts"
)

func groups() []*cobra.Group {
	return []*cobra.Group{
		{ID: groupRun, Title: "Commands:"},
		{ID: groupPolicy, Title: "Policies:"},
		{ID: groupFilter, Title: "Filters:"},
		{ID: groupFacts, Title: "Facts:"},
	}
}

// usageTemplate is cobra's, without what is said once in callgate's own help.
const usageTemplate = `Usage:
  {{.UseLine}}
{{- if .HasExample}}

Examples:
{{.Example}}
{{- end}}
{{- range $group := .Groups}}
{{- $first := true}}
{{- range $.Commands}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
{{- if $first}}

{{$group.Title}}{{$first = false}}{{end}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{- end}}
{{- if and .HasAvailableSubCommands (not .HasParent)}}

Use "callgate VERB --help" for a verb, and "callgate completion --help" for
completion in a shell.
{{- else if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{- end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}
{{- end}}
`
