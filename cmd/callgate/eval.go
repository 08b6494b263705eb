package main

import (
	"github.com/spf13/cobra"
)

func newEval(t *terminal) *cobra.Command {
	var env envFlags
	cmd := &cobra.Command{
		Use:     "eval POLICY",
		GroupID: groupPolicy,
		Short:   "Give a policy's verdicts on many calls, as JSON lines",
		Long: `Give a policy's verdicts on many calls. Each line of standard input is a call:

  {"arch":"x86_64","syscall":"socket","args":[40,1,0]}

and each line of the output its verdict, in the form in which the kernel acts
on it:

  {"action":"ERRNO","data":1,"ret":327681}

A call is named by "syscall" or numbered by "nr", which is the number as a
filter sees it (with bit 30 on x32). "arch" is a name or an AUDIT_ARCH number,
and the ABI of --arch where it is left out; "ip" is the instruction pointer.
Arguments are numbers up to 2^64-1, or strings, decimal or hexadecimal; those
left out are 0. Empty lines are passed over. At the first line that cannot be
read eval stops and names it.`,
		Example: `  echo '{"syscall":"socket","args":[40,1,0]}' | callgate eval docker:default
  callgate eval web.bpf < calls.jsonl`,
		Args: arguments("POLICY"),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] == "-" {
				return usagef("name a file", "eval reads calls from stdin, so the policy cannot be there")
			}
			src, err := env.open(t, args[0])
			if err != nil {
				return err
			}
			verdict, err := src.Verdict()
			t.diagnose(src.Diagnostics)
			if err != nil {
				return err
			}
			return answer(t.in, t.out, env.arch.abi, verdict)
		},
	}
	env.register(cmd)
	env.registerReading(cmd, false)
	return cmd
}
