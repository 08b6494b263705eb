package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/syscalls"
)

func newDisasm(t *terminal) *cobra.Command {
	var arch archFlag
	var raw bool
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "disasm FILE",
		GroupID: groupFilter,
		Short:   "Print a raw filter as text",
		Long: `Print a raw filter, an array of struct sock_filter in the byte order of the ABI
of --arch, as text that "callgate asm" reads back to the same bytes. FILE is
"-" for standard input. A filter that the kernel would refuse is printed too,
with a warning that says why.`,
		Example: `  callgate disasm web.bpf
  callgate compile docker:default --emit raw | callgate disasm -`,
		Args: arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := readProgram(t, args[0], arch)
			if err != nil {
				return err
			}
			if err := program.Verify(); err != nil {
				t.warn("the kernel would refuse this filter: %v", err)
			}
			if format == formatJSON {
				return t.write("", emitJSON(program), false)
			}
			return bpf.Listing{Syscall: syscalls.Name, ABI: arch.abi, Raw: raw}.Write(t.out, program)
		},
	}
	arch.register(cmd)
	format.register(cmd)
	cmd.Flags().BoolVar(&raw, "raw", false, "show the fields of each instruction")
	return cmd
}

// readProgram reads a raw filter.
func readProgram(t *terminal, name string, arch archFlag) (bpf.Program, error) {
	data, err := source.ReadFile(name, t.in)
	name = source.FileName(name)
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, &source.Error{Name: name, Err: errors.New("the file is empty")}
	case !source.IsRaw(data):
		return nil, &source.Error{Name: name, Err: errors.New("this is text, not a raw filter"),
			Advice: "make a filter of a profile with callgate compile, and of a listing with callgate asm"}
	}
	return source.Decode(name, data, arch.abi.ByteOrder())
}
