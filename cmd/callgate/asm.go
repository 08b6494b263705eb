package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/internal/source"
)

func newAsm(t *terminal) *cobra.Command {
	var arch archFlag
	var output string
	cmd := &cobra.Command{
		Use:     "asm FILE",
		GroupID: groupFilter,
		Short:   "Make a raw filter of text",
		Long: `Make a raw filter of the text that "callgate disasm" prints: an array of struct
sock_filter in the byte order of the ABI of --arch. FILE is "-" for standard
input. Any program is assembled, also one that the kernel would refuse, with a
warning that says why.

  ld arch             load the architecture (nr: the number, [16]: a word)
  jeq #0xc000003e, 3  go on at the label 3 if it is that, else here
  jset #1, yes, no    go to yes if bit 0 is set, to no if not
  3: ret ALLOW        answer, at the label 3, which is a name or a number
  ret ERRNO(EPERM)    a semicolon starts a comment`,
		Example: `  callgate asm web.asm -o web.bpf
  callgate disasm web.bpf | callgate asm - | cmp - web.bpf`,
		Args: arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := source.ReadFile(args[0], t.in)
			if err != nil {
				return err
			}
			if source.IsRaw(text) {
				return &source.Error{Name: source.FileName(args[0]), Err: errors.New("this is a raw filter, or no text at all"),
					Advice: "callgate disasm makes text of a raw filter"}
			}
			program, err := bpf.Assemble(string(text))
			if err == nil && len(program) == 0 {
				err = errors.New("no instructions")
			}
			if err != nil {
				return &source.Error{Name: source.FileName(args[0]), Err: err, Advice: "see: callgate asm --help"}
			}
			if err := program.Verify(); err != nil {
				t.warn("the kernel would refuse this filter: %v", err)
			}
			return t.write(output, bpf.Encode(program, arch.abi.ByteOrder()), true)
		},
	}
	arch.register(cmd)
	outputFlag(cmd, &output)
	return cmd
}
